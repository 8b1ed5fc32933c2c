import { refuse } from '../core/errors.ts'
import type { PasswordHasher } from './password-hash.ts'

export interface QueueLimits {
  /** Passwords that are hashed or checked at once. */
  readonly concurrency: number
  /** How many more may wait. */
  readonly maxWaiting: number
}

/**
 * A hasher with one queue for whatever hashes with it. A process has one of these, whichever door its passwords come by (RS-8). Refuses
 * `too-many-attempts` when too many wait.
 */
export function boundedHasher(hasher: PasswordHasher, limits: QueueLimits): PasswordHasher {
  const queue = new PasswordQueue(limits)
  return {
    hash: (password) => queue.run(() => hasher.hash(password)),
    verify: (password, verifier) => queue.run(() => hasher.verify(password, verifier)),
  }
}

/** Lets so many checks run at once and so many wait (RS-8): a check takes memory and a core, and anyone may ask for one. */
export class PasswordQueue {
  readonly #concurrency: number
  readonly #maxWaiting: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(options: QueueLimits) {
    this.#concurrency = options.concurrency
    this.#maxWaiting = options.maxWaiting
  }

  /** Runs the work when it is its turn. Refuses `too-many-attempts` when too many wait. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#concurrency) {
      if (this.#waiting.length >= this.#maxWaiting) {
        throw refuse(
          'too-many-attempts',
          `${this.#waiting.length} passwords wait to be checked; try again in a moment`,
          { retryAfter: 1 },
        )
      }
      // Whoever ends hands its place on, so the count stays as it is.
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
