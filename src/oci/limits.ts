/** The bounds of the protocol layer. */
export interface WireLimits {
  /** Bytes of a pushed manifest (M7); above: 413. */
  readonly maxManifestBytes: number
  /** Different `tag=` parameters of one push (M9); above: 414. */
  readonly maxTagParameters: number
  /** Ranges of one request (P7); above: 400. */
  readonly maxRanges: number
  /** How many times its own size the ranges of one request may ask of a blob; above: 400. */
  readonly maxRangeFactor: number
  /** The largest `n` of a list; above it is clamped (T4). */
  readonly maxPage: number
  /** `n` of the catalogue when none is asked for (T5). */
  readonly catalogPage: number
  /** Names read at once for a list without `n`; a longer one is streamed (T3). */
  readonly streamPage: number
  /** Bytes of descriptors in one page of referrers; clients stop reading at 4 MiB (R4). */
  readonly referrersPageBytes: number
  /** `n` of a search when none is asked for, and its largest. */
  readonly searchPage: number
  readonly maxSearchPage: number
  /** Characters of a search term; above: 400. */
  readonly maxSearchTerm: number
  /** Characters of path and query; above: 414. */
  readonly maxUrlLength: number
  /** Bytes of a form that asks for a token; above: 413. */
  readonly maxTokenBody: number
  /** Bytes of an announced body that may be left unread without closing the connection. */
  readonly maxUnreadBody: number
}
