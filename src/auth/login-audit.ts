import type { Clock } from '../core/clock.ts'
import type { AccountActor, Actor, Call } from '../core/context.ts'
import type { AccessStore, Cause } from '../store/meta/access-store.ts'
import { addressGroup } from './networks.ts'
import { Recent } from './recent.ts'

/** One row of refusals for an account, an address and a reason within so many ms, so that a flood cannot fill the disk. */
const REFUSALS_EVERY = 60_000
/** One row of what is used for request after request, for a credential and an address within so many ms. */
const USES_EVERY = 3_600_000
const REMEMBERED = 10_000

/** Why a login was refused: for whoever reads the audit, never for whoever was refused. */
export type LoginRefusal = 'unknown' | 'wrong' | 'expired' | 'disabled' | 'address' | 'name'

/** The rows of logins. */
export class LoginAudit {
  readonly #store: Pick<AccessStore, 'writeAudit'>
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #refused = new Recent<string, { readonly since: number; repeated: number }>(REMEMBERED)
  readonly #used = new Recent<string, number>(REMEMBERED)
  readonly #writing = new Set<Promise<void>>()

  constructor(
    store: Pick<AccessStore, 'writeAudit'>,
    { clock, onError }: { readonly clock: Clock; readonly onError: (error: unknown) => void },
  ) {
    this.#store = store
    this.#clock = clock
    this.#onError = onError
  }

  /** Someone is in. Fails with the store: a login that cannot be written down is none. */
  async done(call: Call, actor: Actor, door: string): Promise<void> {
    if (actor.kind !== 'account') return
    await this.#in(call, actor, door)
    this.#used.set(useKey(call, actor), this.#clock.now())
  }

  /** Someone is in again with what came along. Not waited for: it is the way of scripts, and an hour may pass between two rows. */
  used(call: Call, actor: AccountActor, door: string): void {
    const key = useKey(call, actor)
    const now = this.#clock.now()
    const last = this.#used.get(key)
    if (last !== undefined && now < last + USES_EVERY) return
    this.#used.set(key, now)
    this.#write(
      this.#in(call, actor, door).catch((error) => {
        this.#used.delete(key)
        throw error
      }),
    )
  }

  #in(call: Call, { name, account, credential }: AccountActor, door: string): Promise<void> {
    const namespace = namespaceOf(name)
    return this.#store.writeAudit(
      { action: 'login', target: name, namespace, result: 'done', detail: { door } },
      { ...this.#cause(call, name), account, credential },
    )
  }

  /**
   * Someone is not in. `account`: whose login it was, where there is such an account; a name that is nobody's is not written, since people
   * type passwords there. Not waited for: how long it takes would tell which accounts there are (SE-15).
   */
  refused(call: Call, refusal: { account: string | undefined; door: string; reason: LoginRefusal }): void {
    const { account, door, reason } = refusal
    const now = this.#clock.now()
    const key = `${account ?? ''}\n${reason}\n${addressGroup(call.address)}`
    const last = this.#refused.get(key)
    if (last !== undefined && now < last.since + REFUSALS_EVERY) {
      last.repeated++
      return
    }
    this.#refused.set(key, { since: now, repeated: 0 })
    const repeated = last?.repeated ?? 0
    this.#write(
      this.#store.writeAudit(
        {
          action: 'login',
          target: account ?? '-',
          ...(account !== undefined && { namespace: namespaceOf(account) }),
          result: 'refused',
          detail: { door, reason, ...(repeated > 0 && { repeated }) },
        },
        this.#cause(call, 'anonymous'),
      ),
    )
  }

  /** Sees a row through that nobody waits for. */
  #write(row: Promise<void>): void {
    const written = row.catch(this.#onError).finally(() => this.#writing.delete(written))
    this.#writing.add(written)
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await Promise.all(this.#writing)
  }

  #cause(call: Call, actor: string): Cause {
    const { address, agent, requestId } = call
    return { now: this.#clock.now(), actor, address, agent, requestId }
  }
}

function useKey(call: Call, { credential }: AccountActor): string {
  return `${credential}\n${addressGroup(call.address)}`
}

/** An account's own namespace; a robot's owner's. */
function namespaceOf(account: string): string {
  return account.split('+', 1)[0] as string
}
