import { VERBS } from '../../../core/verbs.ts'
import type { Reader } from '../driver.ts'
import { type Grantee, patternsGranted } from './grantee.ts'
import { intersectionOf, type NameRange, Patterns, rangeOf, unionOf } from './name-ranges.ts'
import { namespaceOf } from './names.ts'
import { STAGES } from './stages.ts'

/** Where to look for repositories, told piece by piece: in order, without overlaps. */
export interface Ranges {
  /** The next few; none at the end. */
  next(): Promise<readonly NameRange[]>
  /** Whether a name that was found where `next` told last fits; of a repository that nothing was pushed to, for who may push to it. */
  fits(name: string, published: boolean): boolean
}

/** Ranges that are known from the start. */
export function fixedRanges(ranges: readonly NameRange[], fits: (name: string) => boolean): Ranges {
  let rest = ranges
  return {
    async next() {
      const told = rest
      rest = []
      return told
    },
    fits,
  }
}

/** Any of them lets push something. */
const PUSHES = VERBS.push | VERBS['create-tag'] | VERBS.admin

const namesWhere = (condition: string) => `SELECT pattern FROM access_grant
  WHERE subject_kind = $1 AND subject_id = $2 AND wild = 0 AND ${condition} AND pattern >= $3 AND pattern < $4
  ORDER BY pattern LIMIT $5`
const PUBLISHED_NAMES = namesWhere(`stage = ${STAGES.published}`)
/** What others began to push, or made and left empty, is not for those who only pull: /v2 does not show it either. */
const MADE_NAMES = namesWhere(`stage = ${STAGES.made} AND (verbs & ${PUSHES}) <> 0`)

/** Names looked at in one go, of all together and of each whose grants count. */
const MAX_WANTED = 256
const MIN_PIECE = 4

/** The names of repositories that are granted as such. What is granted ahead, on names that no repository has, is not looked at. */
export class GrantedNames implements Ranges {
  readonly #tx: Reader
  readonly #spaces: readonly NameRange[]
  /** One index range each: a statement, and whose. */
  readonly #streams: readonly (readonly [sql: string, subject: Grantee['subjects'][number]])[]
  readonly #piece: number
  #space = 0
  #from: string | undefined

  constructor(
    tx: Reader,
    { subjects }: Grantee,
    spaces: readonly NameRange[],
    { unpublished, wanted }: { readonly unpublished: boolean; readonly wanted: number },
  ) {
    this.#tx = tx
    this.#spaces = spaces
    const statements = unpublished ? [MADE_NAMES, PUBLISHED_NAMES] : [PUBLISHED_NAMES]
    this.#streams = subjects.flatMap((subject) => statements.map((sql) => [sql, subject] as const))
    this.#piece = Math.max(MIN_PIECE, Math.ceil(Math.min(wanted, MAX_WANTED) / this.#streams.length))
  }

  async next(): Promise<readonly NameRange[]> {
    for (;;) {
      const space = this.#spaces[this.#space]
      if (space === undefined) return []
      const names = await this.#read(space)
      if (names.length > 0) return names.map(rangeOf)
    }
  }

  fits(): boolean {
    return true
  }

  /** What each has next, up to where all of them are known. */
  async #read({ from, to }: NameRange): Promise<string[]> {
    const names = new Set<string>()
    let end = to
    for (const [sql, subject] of this.#streams) {
      const values = [...subject, this.#from ?? from, end, this.#piece]
      const rows = await this.#tx.all<{ pattern: string }>(sql, values)
      for (const { pattern } of rows) names.add(pattern)
      const last = rows.at(-1)
      if (last !== undefined && rows.length === this.#piece) end = rangeOf(last.pattern).to
    }
    this.#from = end === to ? undefined : end
    if (end === to) this.#space++
    return [...names].filter((name) => name < end).sort()
  }
}

const FIRST = `SELECT pattern FROM access_grant
  WHERE subject_kind = $1 AND subject_id = $2 AND wild = 1 AND stage = 0 AND pattern >= $3 ORDER BY pattern LIMIT 1`
const LISTED = `SELECT name FROM repo WHERE listed = 1 AND name >= $1 AND name < $2 ORDER BY name LIMIT 1`
const STANDING = `SELECT name FROM repo WHERE deleted_at IS NULL AND name >= $1 AND name < $2 ORDER BY name LIMIT 1`

/** Stands right behind the slash, and so behind every name of a namespace. */
const BEHIND_SLASH = '0'

/**
 * Where the patterns that are granted lie, namespace by namespace – a pattern reaches beyond none –, of which those are passed over in which
 * there is nothing to be seen.
 */
export class GrantedPatterns implements Ranges {
  readonly #tx: Reader
  readonly #grantee: Grantee
  readonly #spaces: readonly NameRange[]
  readonly #unpublished: boolean
  #space = 0
  #from: string | undefined
  #patterns = new Patterns([])
  #pushing = new Patterns([])

  constructor(tx: Reader, grantee: Grantee, spaces: readonly NameRange[], unpublished: boolean) {
    this.#tx = tx
    this.#grantee = grantee
    this.#spaces = spaces
    this.#unpublished = unpublished
  }

  async next(): Promise<readonly NameRange[]> {
    for (;;) {
      const space = this.#spaces[this.#space]
      if (space === undefined) return []
      const from = this.#from ?? space.from
      const pattern = await this.#first(from.slice(0, from.indexOf('/') + 1) || from)
      // Nor is there any for the spaces behind.
      if (pattern === undefined) return []
      const namespace = namespaceOf(pattern)
      const start = `${namespace}/`
      const name = await this.#nameFrom(from > start ? from : start, space.to)
      if (name === undefined) {
        this.#space++
        this.#from = undefined
      } else if (!name.startsWith(start)) {
        this.#from = name
      } else {
        this.#from = namespace + BEHIND_SLASH
        const to = space.to < this.#from ? space.to : this.#from
        const patterns = await patternsGranted(this.#tx, this.#grantee, [namespace])
        this.#patterns = new Patterns(patterns)
        if (this.#unpublished)
          this.#pushing = new Patterns(await patternsGranted(this.#tx, this.#grantee, [namespace], PUSHES))
        const ranges = intersectionOf(unionOf(patterns.map(rangeOf)), [{ from: name, to }])
        if (ranges.length > 0) return ranges
      }
    }
  }

  fits(name: string, published: boolean): boolean {
    return (published ? this.#patterns : this.#pushing).fits(name)
  }

  /** The first pattern from a text on. */
  async #first(from: string): Promise<string | undefined> {
    let first: string | undefined
    for (const subject of this.#grantee.subjects) {
      const pattern = (await this.#tx.get<{ pattern: string }>(FIRST, [...subject, from]))?.pattern
      if (pattern !== undefined && (first === undefined || pattern < first)) first = pattern
    }
    return first
  }

  /** The first repository in a range. */
  async #nameFrom(from: string, to: string): Promise<string | undefined> {
    if (from >= to) return undefined
    const seek = this.#unpublished ? STANDING : LISTED
    return (await this.#tx.get<{ name: string }>(seek, [from, to]))?.name
  }
}
