import type { Clock } from '../core/clock.ts'
import type { Digest } from '../core/digest.ts'
import type { RepoName, Tag } from '../core/names.ts'
import type { Use } from '../store/meta/lifecycle-store.ts'

/** What was done with a manifest: it was got, looked at, or asked who refers to it. */
export type UseKind = 'pull' | 'look' | 'referrers'

export interface LedgerOptions {
  readonly clock: Clock
  /** Entries at most, those being written included: one for each repository and tag or digest. */
  readonly maxEntries: number
}

const DAY = 86_400_000
/** How long a tag is taken to have led to what was then asked for by digest, in ms. */
const LED_FOR = 5_000

type Entry = { -readonly [Field in keyof Use]: Use[Field] }

/**
 * Adds up in memory what is used, until it is taken to be written down. Noting is two look-ups. It never grows beyond its bound: then it
 * goes on counting what it has, and counts apart what it has no room for.
 */
export class UseLedger {
  readonly #clock: Clock
  readonly #maxEntries: number
  #repos = new Map<RepoName, Map<string, Entry>>()
  #size = 0
  #writing = 0
  /** What was noted on days before. */
  #before: Entry[] = []
  #day = 0
  readonly #half: number
  #onHalf: (() => void) | undefined
  /** Since the start: uses of each kind, and those there was no room for. */
  readonly counted: Record<UseKind, number> = { pull: 0, look: 0, referrers: 0 }
  #dropped = 0

  constructor({ clock, maxEntries }: LedgerOptions) {
    this.#clock = clock
    this.#maxEntries = maxEntries
    this.#half = Math.ceil(maxEntries / 2)
  }

  /** Entries held. */
  get size(): number {
    return this.#size + this.#writing
  }

  /** Uses that are not and will not be written down. */
  get dropped(): number {
    return this.#dropped
  }

  /** Whether half of the room is taken by what is not being written. */
  get isHalf(): boolean {
    return this.#size >= this.#half
  }

  /** Is told when half of the room is taken: time to write. */
  set onHalf(told: (() => void) | undefined) {
    this.#onHalf = told
  }

  /** Notes one use of a manifest. `tag`: undefined where it was asked for by digest. */
  note(kind: UseKind, repo: RepoName, tag: Tag | undefined, digest: Digest): void {
    const now = this.#clock.now()
    const day = Math.floor(now / DAY)
    if (day !== this.#day) this.#turn(day)
    this.counted[kind]++
    let entries = this.#repos.get(repo)
    if (entries === undefined) this.#repos.set(repo, (entries = new Map()))
    const key = tag === undefined ? digest : `${tag}@${digest}`
    let entry = entries.get(key)
    let isHalf = false
    if (entry === undefined) {
      if (this.size >= this.#maxEntries) {
        if (entries.size === 0) this.#repos.delete(repo)
        this.#dropped++
        return
      }
      entry = { repo, day, tag, digest, pulls: 0, looks: 0, referrers: 0, pulledAt: 0, lookedAt: 0 }
      entries.set(key, entry)
      isHalf = ++this.#size === this.#half
    }
    if (kind === 'pull') {
      entry.pulls++
      entry.pulledAt = now
    } else if (kind === 'look') {
      entry.looks++
      entry.lookedAt = now
    } else entry.referrers++
    // Last: who is told may take it at once.
    if (isHalf) this.#onHalf?.()
  }

  /** Uses of one UTC day are apart from those of the next. */
  #turn(day: number): void {
    for (const entries of this.#repos.values()) for (const entry of entries.values()) this.#before.push(entry)
    this.#repos = new Map()
    this.#day = day
  }

  /**
   * Takes what was noted, repository by repository, to be written down; one has to say `settle` then. Tags that were asked for last stay
   * behind without a count: what they led to may be asked for next.
   */
  take(): readonly Use[] {
    const taken: Use[] = this.#before
    const repos = this.#repos
    this.#before = []
    this.#repos = new Map()
    this.#size = 0
    const since = this.#clock.now() - LED_FOR
    const led: Entry[] = []
    for (const entries of repos.values()) {
      const noted = [...entries.values()]
      const used = noted.filter(isUsed)
      // Without a count they matter only beside what was asked for by digest.
      if (used.some(({ tag }) => tag === undefined)) taken.push(...noted)
      else taken.push(...used)
      for (const entry of noted)
        if (entry.tag !== undefined && Math.max(entry.pulledAt, entry.lookedAt) >= since) led.push(entry)
    }
    this.#writing += taken.length
    for (const entry of led) this.#keep(entry)
    return taken
  }

  /** Most of the room is left for those who come. */
  #keep({ repo, tag, digest, ...entry }: Entry): void {
    if (this.#size * 8 >= this.#maxEntries || this.size >= this.#maxEntries) return
    let entries = this.#repos.get(repo)
    if (entries === undefined) this.#repos.set(repo, (entries = new Map()))
    const kept = { ...entry, repo, tag, digest, pulls: 0, looks: 0, referrers: 0 }
    entries.set(`${tag}@${digest}`, kept)
    this.#size++
  }

  /** Says what became of so many that were taken: those that are lost are counted. */
  settle(uses: readonly Use[], outcome: 'written' | 'lost'): void {
    this.#writing -= uses.length
    if (outcome === 'lost')
      for (const { pulls, looks, referrers } of uses) this.#dropped += pulls + looks + referrers
  }
}

function isUsed({ pulls, looks, referrers }: Use): boolean {
  return pulls + looks + referrers > 0
}
