import type { Call } from '../core/context.ts'
import type { AccountStore, LastUse } from '../store/meta/account-store.ts'

/** Credentials whose last use is kept in memory until it is written; beyond, the newest are not noted. */
const MAX_NOTED = 10_000
/** Characters of a User-Agent that are kept. */
const MAX_AGENT = 200

/** Gathers when and from where credentials were used, so that a login writes nothing: a crash forgets the last moments. */
export class LastUsed {
  readonly #store: Pick<AccountStore, 'touchCredentials'>
  readonly #interval: number
  readonly #onError: (error: unknown) => void
  #noted = new Map<number, LastUse & { readonly credential: number }>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #writing: Promise<void> = Promise.resolve()

  /** `interval`: ms between two writes. */
  constructor(
    store: Pick<AccountStore, 'touchCredentials'>,
    { interval, onError }: { readonly interval: number; readonly onError: (error: unknown) => void },
  ) {
    this.#store = store
    this.#interval = interval
    this.#onError = onError
  }

  /** Notes a use, to be written within the interval. */
  note(credential: number, call: Call, now: number): void {
    if (this.#noted.size >= MAX_NOTED && !this.#noted.has(credential)) return
    this.#noted.set(credential, {
      credential,
      at: now,
      address: call.address,
      agent: call.agent.slice(0, MAX_AGENT),
    })
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => void this.flush(), this.#interval)
    this.#timer.unref()
  }

  /** Writes what was noted, after what is being written. Never fails: a use that is not written is reported and forgotten. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#noted.size > 0) {
      const uses = [...this.#noted.values()]
      this.#noted = new Map()
      this.#writing = this.#writing
        .then(() => this.#store.touchCredentials(uses))
        .catch((error) => this.#onError(error))
    }
    return this.#writing
  }
}
