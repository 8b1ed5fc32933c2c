import { createHmac, randomBytes } from 'node:crypto'
import { refuse } from '../core/errors.ts'
import { addressGroup } from './networks.ts'
import { Recent } from './recent.ts'

/** How many pairs and how many addresses are remembered. */
const REMEMBERED = 10_000
/** Delays double from the first, in ms. */
const FIRST_DELAY = 1000
const LONGEST_DELAY = 60_000
/** Failures past the limit that are remembered: by then the delay is the longest. */
const PAST_LIMIT = 8
/** Characters of a name: longer ones are no account's, and memory is bounded. */
const MAX_NAME = 160

export interface ThrottleLimits {
  /** Wrong passwords of one account from one address, and failures of one address, before there is a delay. */
  readonly loginFailures: number
  readonly addressFailures: number
  /** How long a failure counts, in ms. */
  readonly window: number
}

/** Who wants in, with what. */
export interface Claim {
  /** Whom it says it is; `''` where it does not say. */
  readonly name: string
  readonly secret: string
  /**
   * Whether people choose such secrets. Others are looked at first, which is one look-up, and only those that are wrong are slowed down,
   * by their address alone: nobody guesses one, and many who share an alias, or say no name, would wait for each other's dead tokens.
   */
  readonly guessable: boolean
}

/** One attempt to log in that was let through. */
export interface Attempt {
  /** Of a password: the account and the address. */
  readonly pair: string | undefined
  readonly address: string
  /** Stands for the name and the secret. */
  readonly mark: number
}

interface Failure {
  readonly at: number
  readonly mark: number
}

interface Failures {
  /** Oldest first. */
  readonly failures: Failure[]
  /** Secrets being checked right now, and by how many. */
  readonly pending: Map<number, number>
}

/**
 * Slows down guessing: after so many wrong passwords of an account from an address, or so many failures of an address, further attempts must
 * wait, twice as long after each failure – never for good, and nobody can lock out an account from elsewhere. The same wrong secret again is the same failure:
 * containerd sends one twice, and a forgotten node sends it all night.
 */
export class LoginThrottle {
  readonly #limits: ThrottleLimits
  readonly #key = randomBytes(32)
  readonly #pairs = new Recent<string, Failures>(REMEMBERED)
  readonly #addresses = new Recent<string, Failures>(REMEMBERED)

  constructor(limits: ThrottleLimits) {
    this.#limits = limits
  }

  /**
   * Lets an attempt through, or refuses `too-many-attempts` before its secret is looked at: an attempt with a password. Attempts with
   * several of a pair at once count while they run, or many guesses would get in before the first one has failed. `now` in ms.
   */
  admit({ name, secret, guessable }: Claim, address: string, now: number): Attempt {
    const group = addressGroup(address)
    const mark = createHmac('sha256', this.#key).update(`${name}\0${secret}`).digest().readUIntBE(0, 6)
    if (!guessable) return { pair: undefined, address: group, mark }
    const pair = `${name.slice(0, MAX_NAME)}\n${group}`
    const { loginFailures, addressFailures } = this.#limits
    const ofPair = this.#pairs.get(pair)
    const wait = Math.max(
      this.#wait(ofPair, loginFailures, now),
      this.#wait(this.#addresses.get(group), addressFailures, now),
    )
    if (wait > 0) throw tooMany(wait)
    this.#reserve(pair, ofPair, mark)
    return { pair, address: group, mark }
  }

  /** The secret was wrong. Refuses `too-many-attempts`, and counts nothing, where nobody guesses such secrets and the address must wait. */
  failed(attempt: Attempt, now: number): void {
    const { pair, address, mark } = attempt
    const { loginFailures, addressFailures } = this.#limits
    if (pair === undefined) {
      const wait = this.#wait(this.#addresses.get(address), addressFailures, now)
      if (wait > 0) throw tooMany(wait)
    } else {
      this.#count(this.#pairs, pair, mark, loginFailures, now)
    }
    this.#count(this.#addresses, address, mark, addressFailures, now)
    this.#release(attempt)
  }

  /** The password was right: the account's failures from there are forgotten – not the address's, or a login of one's own would clear them. */
  succeeded(attempt: Attempt): void {
    this.#release(attempt)
    const { pair } = attempt
    const kept = pair === undefined ? undefined : this.#pairs.get(pair)
    if (pair === undefined || kept === undefined) return
    kept.failures.length = 0
    if (kept.pending.size === 0) this.#pairs.delete(pair)
  }

  /** Neither: it was not checked. */
  abandoned(attempt: Attempt): void {
    this.#release(attempt)
  }

  /** Milliseconds until the next attempt. */
  #wait(kept: Failures | undefined, limit: number, now: number): number {
    if (kept === undefined) return 0
    this.#forget(kept, now)
    const past = kept.failures.length - limit
    const last = kept.failures.at(-1)
    if (past < 0 || last === undefined) return 0
    return last.at + Math.min(FIRST_DELAY * 2 ** past, LONGEST_DELAY) - now
  }

  #forget(kept: Failures, now: number): void {
    const { failures } = kept
    let old = 0
    while (old < failures.length && (failures[old] as Failure).at + this.#limits.window <= now) old++
    if (old > 0) failures.splice(0, old)
  }

  #reserve(pair: string, known: Failures | undefined, mark: number): void {
    const kept: Failures = known ?? { failures: [], pending: new Map() }
    const others = kept.pending.has(mark) ? 0 : kept.pending.size
    // One at a time is always let through.
    if (others > 0 && others >= this.#limits.loginFailures - kept.failures.length) throw tooMany(FIRST_DELAY)
    kept.pending.set(mark, (kept.pending.get(mark) ?? 0) + 1)
    if (known === undefined) this.#pairs.set(pair, kept)
  }

  #release({ pair, mark }: Attempt): void {
    if (pair === undefined) return
    const kept = this.#pairs.get(pair)
    const running = kept?.pending.get(mark)
    if (kept === undefined || running === undefined) return
    if (running > 1) kept.pending.set(mark, running - 1)
    else kept.pending.delete(mark)
    if (kept.pending.size === 0 && kept.failures.length === 0) this.#pairs.delete(pair)
  }

  #count(all: Recent<string, Failures>, key: string, mark: number, limit: number, now: number): void {
    const kept: Failures = all.get(key) ?? { failures: [], pending: new Map() }
    this.#forget(kept, now)
    if (kept.failures.some((failure) => failure.mark === mark)) return
    kept.failures.push({ at: now, mark })
    if (kept.failures.length > limit + PAST_LIMIT) kept.failures.shift()
    all.set(key, kept)
  }
}

function tooMany(wait: number) {
  const seconds = Math.ceil(wait / 1000)
  return refuse(
    'too-many-attempts',
    `too many logins failed; try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}`,
    { retryAfter: seconds },
  )
}
