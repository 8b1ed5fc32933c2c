import { createHmac, randomBytes } from 'node:crypto'
import { nobodysVerifier, type PasswordHasher } from './password-hash.ts'
import { Recent } from './recent.ts'

/** How long the outcome of a check is remembered, in ms, and how many are. */
const REMEMBERED_FOR = 60_000
const REMEMBERED = 10_000

/**
 * Checks passwords. The same password for the same account is checked once, however many ask at once, and its outcome remembered for a
 * minute (RS-8): clients without tokens send it with every request. What is remembered is bound to the stored hash, so a changed password
 * ends at once, and to a key of this process, so memory holds nothing to try passwords on elsewhere.
 */
export class PasswordCheck {
  readonly #hasher: PasswordHasher
  readonly #key = randomBytes(32)
  readonly #nobody = nobodysVerifier()
  /** Apart, so that a flood of wrong ones does not push out the right ones. Values: until when. */
  readonly #right = new Recent<string, number>(REMEMBERED)
  readonly #wrong = new Recent<string, number>(REMEMBERED)
  readonly #running = new Map<string, Promise<boolean>>()

  constructor(hasher: PasswordHasher) {
    this.#hasher = hasher
  }

  /**
   * Whether it is the password; `verifier` undefined: there is no such user or it has none, which takes the same work (SE-15). Refuses
   * as the hasher does, when too many wait to be checked.
   */
  async check(name: string, password: string, verifier: string | undefined, now: number): Promise<boolean> {
    const tried = verifier ?? this.#nobody
    const key = createHmac('sha256', this.#key).update(`${name}\0${tried}\0${password}`).digest('base64')
    if (now < (this.#right.get(key) ?? 0)) return true
    if (now < (this.#wrong.get(key) ?? 0)) return false
    const running = this.#running.get(key)
    if (running !== undefined) return running
    const check = this.#hasher.verify(password, tried)
    this.#running.set(key, check)
    try {
      const right = await check
      const outcomes = right ? this.#right : this.#wrong
      outcomes.set(key, now + REMEMBERED_FOR)
      return right
    } finally {
      this.#running.delete(key)
    }
  }
}
