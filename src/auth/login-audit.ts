import type { Clock } from '../core/clock.ts'
import type { Actor, Call } from '../core/context.ts'
import type { AccessStore, Cause } from '../store/meta/access-store.ts'
import { addressGroup } from './networks.ts'
import { Recent } from './recent.ts'

/** One row of refusals for an account, an address and a reason within so many ms, so that a flood cannot fill the disk. */
const REFUSALS_EVERY = 60_000
const REMEMBERED = 10_000

/** Why a login was refused: for whoever reads the audit, never for whoever was refused. */
export type LoginRefusal = 'unknown' | 'wrong' | 'expired' | 'disabled' | 'address' | 'name'

/** The rows of logins. */
export class LoginAudit {
  readonly #store: Pick<AccessStore, 'writeAudit'>
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #refused = new Recent<string, { readonly since: number; repeated: number }>(REMEMBERED)
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
    await this.#store.writeAudit(
      {
        action: 'login',
        target: actor.name,
        namespace: namespaceOf(actor.name),
        result: 'done',
        detail: { door },
      },
      { ...this.#cause(call, actor.name), account: actor.account, credential: actor.credential },
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
    const written = this.#store
      .writeAudit(
        {
          action: 'login',
          target: account ?? '-',
          ...(account !== undefined && { namespace: namespaceOf(account) }),
          result: 'refused',
          detail: { door, reason, ...(repeated > 0 && { repeated }) },
        },
        this.#cause(call, 'anonymous'),
      )
      .catch(this.#onError)
      .finally(() => this.#writing.delete(written))
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

/** An account's own namespace; a robot's owner's. */
function namespaceOf(account: string): string {
  return account.split('+', 1)[0] as string
}
