import type { MaybePromise } from '../core/access.ts'
import type { Clock } from '../core/clock.ts'
import type { RepoName } from '../core/names.ts'
import type { HistoryStore } from '../store/meta/lifecycle-store.ts'

/** Names that are kept in memory; of more, some go without the remark. */
export const MAX_FORMER_NAMES = 5_000

/**
 * Knows which names are former ones, so that whoever uses one can be told the present one. Requests ask it without asking the database: the
 * names are read now and then while there are requests, and a remark that comes late, or not at all, is all that can go wrong. What is told is
 * looked up at that moment.
 */
export class FormerNames {
  readonly #store: Pick<HistoryStore, 'listAliases' | 'findAlias'>
  readonly #clock: Clock
  readonly #refresh: number
  #names: ReadonlySet<RepoName> = new Set()
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  /** `refresh`: ms between two looks at all names. */
  constructor(store: Pick<HistoryStore, 'listAliases' | 'findAlias'>, clock: Clock, refresh: number) {
    this.#store = store
    this.#clock = clock
    this.#refresh = refresh
  }

  /** Reads the names; one that fails leaves those there are. */
  read(): Promise<void> {
    this.#reading ??= this.#store
      .listAliases(MAX_FORMER_NAMES)
      .then((aliases) => {
        this.#names = new Set(aliases.map(({ name }) => name))
      })
      .catch(() => {})
      .finally(() => {
        this.#readAt = this.#clock.now()
        this.#reading = undefined
      })
    return this.#reading
  }

  /** What the repository is called now; undefined where that is its name, as far as is known. */
  presentName(name: RepoName): MaybePromise<RepoName | undefined> {
    if (this.#reading === undefined && this.#clock.now() - this.#readAt >= this.#refresh) void this.read()
    return this.#names.has(name) ? this.#store.findAlias(name).catch(() => undefined) : undefined
  }
}
