import type { Visible } from '../../../core/access.ts'
import { VISIBILITIES } from '../account-codes.ts'
import { inStatement, type ListStatement, type Reader, type Value } from '../driver.ts'
import { fixedRanges, GrantedNames, GrantedPatterns, type Ranges } from './granted-ranges.ts'
import { type Grantee, granteeOf, namesGranted, patternsGranted } from './grantee.ts'
import { ALL_NAMES, intersectionOf, isOneName, type NameRange, Patterns } from './name-ranges.ts'
import { namespaceOf } from './names.ts'

/** What a reader may see, ready to be asked about many names. */
export class Sight {
  readonly everything: boolean
  readonly #granted: Patterns
  readonly #within: Patterns | undefined
  readonly #account: { readonly account: number | undefined } | undefined
  #grantee: Promise<Grantee> | undefined

  constructor(visible: Visible) {
    const bounds = visible === 'everything' ? undefined : visible
    this.everything = bounds === undefined
    this.#granted = new Patterns(bounds?.granted ?? [])
    this.#within = bounds?.within && new Patterns(bounds.within)
    this.#account = bounds?.grantee
  }

  /** Whether a name lies within the reader's bounds. */
  holds(name: string): boolean {
    return this.#within?.fits(name) ?? true
  }

  /** Those of some rows that may be seen. */
  async seen<Row extends Named>(
    tx: Reader,
    rows: readonly Row[],
    isPublic: (row: Row) => boolean,
  ): Promise<Row[]> {
    if (this.everything) return [...rows]
    const grantee = await this.grantee(tx)
    const seen: Row[] = []
    for (let at = 0; at < rows.length; at += MAX_NAMES) {
      const held = rows.slice(at, at + MAX_NAMES).filter(({ name }) => this.holds(name))
      const plain = (row: Row) => isPublic(row) || this.#granted.fits(row.name)
      const asked = grantee === undefined ? [] : held.filter((row) => !plain(row)).map(({ name }) => name)
      const granted =
        grantee === undefined || asked.length === 0
          ? undefined
          : new Patterns([
              ...(await namesGranted(tx, grantee, asked)),
              ...(await patternsGranted(tx, grantee, [...new Set(asked.map(namespaceOf))])),
            ])
      seen.push(...held.filter((row) => plain(row) || granted?.fits(row.name)))
    }
    return seen
  }

  /** Whose grants are to be looked up; undefined: nobody's. */
  async grantee(tx: Reader): Promise<Grantee | undefined> {
    if (this.#account === undefined) return undefined
    this.#grantee ??= granteeOf(tx, this.#account.account)
    return this.#grantee
  }

  /** Where to look for those that are seen since they fit what is known from the start. */
  knownIn(space: NameRange): Ranges {
    const ranges = this.everything ? [space] : intersectionOf(this.#granted.ranges, this.spacesIn(space))
    return fixedRanges(ranges, (name) => this.everything || this.#granted.fits(name))
  }

  /** What of a space lies within the reader's bounds, more or less. */
  spacesIn(space: NameRange): NameRange[] {
    return this.#within === undefined ? [space] : intersectionOf(this.#within.ranges, [space])
  }
}

/** What is read of each repository. */
export interface Selection {
  readonly published: Statements
  readonly all: Statements
  /** Values of the columns, before those of the ranges. */
  readonly fixed: number
}

interface RangeStatements {
  readonly range: string
  readonly names: ListStatement
}

interface Statements {
  readonly granted: RangeStatements
  /** Of public ones. What nothing was pushed to is not for everyone, whatever it will be: /v2 does not show it either. */
  readonly open: RangeStatements
}

const LISTED = 'listed = 1'
const STANDING = 'deleted_at IS NULL'
const PUBLIC = `visibility = ${VISIBILITIES.public}`

/** Prepares the statements for columns (`name` always comes first), of which the values `$1…$fixed` are bound by the caller. */
export function selection(columns: string, fixed = 0): Selection {
  const select = (condition: string): RangeStatements => {
    const base = `SELECT name, ${columns} FROM repo WHERE ${condition}`
    return {
      range: `${base} AND name >= $${fixed + 1} AND name < $${fixed + 2} ORDER BY name LIMIT $${fixed + 3}`,
      names: inStatement(fixed, (list) => `${base} AND name IN ${list} ORDER BY name`),
    }
  }
  const open = select(`${PUBLIC} AND ${LISTED}`)
  return { published: { granted: select(LISTED), open }, all: { granted: select(STANDING), open }, fixed }
}

/** Rows read by one statement at most, and names looked up by one. */
const MAX_PIECE = 1_000
const MAX_NAMES = 256

interface Named {
  readonly name: string
  /** null: nothing was pushed to it. There where such are asked for. */
  readonly publishedAt?: number | null
}

/** The rows of some ranges in order, read piece by piece. */
class Source<Row extends Named> {
  readonly #tx: Reader
  readonly #statements: RangeStatements
  readonly #fixed: readonly Value[]
  readonly #places: Ranges
  #ranges: readonly NameRange[] = []
  #range = 0
  #from: string | undefined
  #piece: number
  #rows: Row[] = []
  #at = 0

  constructor(
    tx: Reader,
    statements: RangeStatements,
    fixed: readonly Value[],
    places: Ranges,
    piece: number,
  ) {
    this.#tx = tx
    this.#statements = statements
    this.#fixed = fixed
    this.#places = places
    this.#piece = Math.min(Math.max(piece, 1), MAX_PIECE)
  }

  /** The row that is next, without taking it. */
  async peek(): Promise<Row | undefined> {
    while (this.#at === this.#rows.length) {
      if (this.#range === this.#ranges.length) {
        this.#ranges = await this.#places.next()
        this.#range = 0
        if (this.#ranges.length === 0) return undefined
      }
      this.#rows = await this.#read()
      this.#at = 0
    }
    return this.#rows[this.#at]
  }

  /** Whether the row that is next may be seen by what brought it here. */
  shows({ name, publishedAt }: Row): boolean {
    return this.#places.fits(name, publishedAt !== null)
  }

  take(): void {
    this.#at++
  }

  async #read(): Promise<Row[]> {
    const range = this.#ranges[this.#range] as NameRange
    if (isOneName(range)) {
      const names: string[] = []
      for (; names.length < MAX_NAMES; this.#range++) {
        const next = this.#ranges[this.#range]
        if (next === undefined || !isOneName(next)) break
        names.push(next.from)
      }
      const { names: statement } = this.#statements
      return await this.#tx.all<Row>(statement.text(names.length), statement.values(this.#fixed, names))
    }
    const piece = this.#piece
    this.#piece = Math.min(2 * piece, MAX_PIECE)
    const rows = await this.#tx.all<Row>(this.#statements.range, [
      ...this.#fixed,
      this.#from ?? range.from,
      range.to,
      piece,
    ])
    if (rows.length === piece) {
      this.#from = `${(rows.at(-1) as Row).name}!`
    } else {
      this.#range++
      this.#from = undefined
    }
    return rows
  }
}

/** What is walked through. */
export interface Walk {
  readonly sight: Sight
  readonly space?: NameRange
  /** Also those that were never pushed to, for who owns them or may push to them; `publishedAt` is among the columns. */
  readonly unpublished?: boolean
  /** How many rows will be wanted. */
  readonly wanted: number
  readonly fixed?: readonly Value[]
  /** Only those seen by a grant, or only public ones. */
  readonly only?: 'granted' | 'public'
  /** How many names are looked at, seen or not, before the walk ends. */
  readonly looks?: number
}

/** How many names are looked at before others get their turn. */
const TURN = 5_000

/**
 * The visible repositories of a space, by name. The work follows what may be seen, and not what there is: grants are ranges of names, read
 * from where the page begins and no further than it goes, and public ones stand in an index of their own (SE-7). Every name comes once.
 */
export async function* walkVisible<Row extends Named>(
  tx: Reader,
  columns: Selection,
  walk: Walk,
): AsyncGenerator<Row> {
  const { sight, space = ALL_NAMES, looks = Number.POSITIVE_INFINITY } = walk
  const sources = await sourcesOf<Row>(tx, columns, { ...walk, space })
  for (let looked = 1; looked <= looks; looked++) {
    let first: Row | undefined
    let isSeen = false
    for (const source of sources) {
      const row = await source.peek()
      if (row === undefined || (first !== undefined && row.name > first.name)) continue
      if (row.name !== first?.name) isSeen = false
      first = row
      isSeen ||= source.shows(row)
    }
    if (first === undefined) return
    for (const source of sources) if ((await source.peek())?.name === first.name) source.take()
    if (isSeen && sight.holds(first.name)) yield first
    if (looked % TURN === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

async function sourcesOf<Row extends Named>(
  tx: Reader,
  columns: Selection,
  { sight, space, unpublished = false, wanted, fixed = [], only }: Walk & { readonly space: NameRange },
): Promise<Source<Row>[]> {
  const { granted, open } = unpublished ? columns.all : columns.published
  const source = (statements: RangeStatements, places: Ranges) =>
    new Source<Row>(tx, statements, fixed, places, wanted)
  const sources: Source<Row>[] = []
  const spaces = sight.spacesIn(space)
  if (only !== 'public') {
    sources.push(source(granted, sight.knownIn(space)))
    const grantee = await sight.grantee(tx)
    if (grantee !== undefined) {
      sources.push(source(granted, new GrantedPatterns(tx, grantee, spaces, unpublished)))
      sources.push(source(granted, new GrantedNames(tx, grantee, spaces, { unpublished, wanted })))
    }
  }
  if (only !== 'granted' && !sight.everything) {
    const everywhere = fixedRanges(spaces, () => true)
    sources.push(source(open, everywhere))
  }
  return sources
}

/** The first rows of a walk, and whether there are more. */
export async function pageOfVisible<Row extends Named>(
  tx: Reader,
  columns: Selection,
  walk: Walk & { readonly limit: number },
): Promise<{ readonly rows: Row[]; readonly more: boolean }> {
  const rows: Row[] = []
  for await (const row of walkVisible<Row>(tx, columns, walk)) {
    if (rows.length >= walk.limit) return { rows, more: true }
    rows.push(row)
  }
  return { rows, more: false }
}
