import type { Visible } from '../../../core/access.ts'
import { VISIBILITIES } from '../account-codes.ts'
import { inStatement, type ListStatement, type Reader, type Value } from '../driver.ts'
import { ALL_NAMES, intersectionOf, isOneName, type NameRange, Patterns } from './name-ranges.ts'

/** What a reader may see, ready to be asked about many names. */
export class Sight {
  readonly everything: boolean
  readonly #granted: Patterns
  readonly #within: Patterns | undefined

  constructor(visible: Visible) {
    this.everything = visible === 'everything'
    this.#granted = new Patterns(visible === 'everything' ? [] : visible.granted)
    this.#within =
      visible === 'everything' || visible.within === undefined ? undefined : new Patterns(visible.within)
  }

  /** Whether a repository of the name may be seen. */
  sees(name: string, isPublic: boolean): boolean {
    if (this.everything) return true
    if (!isPublic && !this.#granted.fits(name)) return false
    return this.#within?.fits(name) ?? true
  }

  /** Where to look for those that are seen by a grant. */
  grantedIn(space: NameRange): NameRange[] {
    return this.everything ? [space] : intersectionOf(this.#granted.ranges, this.publicIn(space))
  }

  /** Where to look for those that are seen since they are public. */
  publicIn(space: NameRange): NameRange[] {
    return this.#within === undefined ? [space] : intersectionOf(this.#within.ranges, [space])
  }
}

/** What is read of each repository. */
export interface Selection {
  readonly published: { readonly statements: RangeStatements; readonly isPublic: boolean }[]
  readonly all: { readonly statements: RangeStatements; readonly isPublic: boolean }[]
  /** Values of the columns, before those of the ranges. */
  readonly fixed: number
}

interface RangeStatements {
  readonly range: string
  readonly names: ListStatement
}

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
  const source = (condition: string, isPublic: boolean) => ({ statements: select(condition), isPublic })
  return {
    published: [source('listed = 1', false), source(`${PUBLIC} AND listed = 1`, true)],
    all: [
      source('deleted_at IS NULL', false),
      source(`${PUBLIC} AND listed = 1`, true),
      source(`${PUBLIC} AND listed = 0 AND deleted_at IS NULL`, true),
    ],
    fixed,
  }
}

/** Rows read by one statement at most, and names looked up by one. */
const MAX_PIECE = 1_000
const MAX_NAMES = 256

interface Named {
  readonly name: string
}

/** The rows of some ranges in order, read piece by piece. */
class Source<Row extends Named> {
  readonly isPublic: boolean
  readonly #tx: Reader
  readonly #statements: RangeStatements
  readonly #fixed: readonly Value[]
  readonly #ranges: readonly NameRange[]
  #range = 0
  #from: string | undefined
  #piece: number
  #rows: Row[] = []
  #at = 0

  constructor(
    tx: Reader,
    source: Selection['published'][number],
    fixed: readonly Value[],
    ranges: readonly NameRange[],
    piece: number,
  ) {
    this.isPublic = source.isPublic
    this.#tx = tx
    this.#statements = source.statements
    this.#fixed = fixed
    this.#ranges = ranges
    this.#piece = Math.min(Math.max(piece, 1), MAX_PIECE)
  }

  /** The row that is next, without taking it. */
  async peek(): Promise<Row | undefined> {
    while (this.#at === this.#rows.length && this.#range < this.#ranges.length) {
      this.#rows = await this.#read()
      this.#at = 0
    }
    return this.#rows[this.#at]
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
  /** Also those that were never pushed to. */
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
 * The visible repositories of a space, by name. The work follows what may be seen, and not what there is: grants are ranges of names,
 * public ones stand in an index of their own (SE-7). Every name comes once.
 */
export async function* walkVisible<Row extends Named>(
  tx: Reader,
  columns: Selection,
  walk: Walk,
): AsyncGenerator<Row> {
  const { sight, space = ALL_NAMES, wanted, fixed = [], only, looks = Number.POSITIVE_INFINITY } = walk
  const sources = (walk.unpublished ? columns.all : columns.published)
    .filter(({ isPublic }) => !(isPublic && sight.everything) && only !== (isPublic ? 'granted' : 'public'))
    .map((source) => {
      const ranges = source.isPublic ? sight.publicIn(space) : sight.grantedIn(space)
      return new Source<Row>(tx, source, fixed, ranges, wanted)
    })
  for (let looked = 1; looked <= looks; looked++) {
    let first: Row | undefined
    let isPublic = false
    for (const source of sources) {
      const row = await source.peek()
      if (row === undefined || (first !== undefined && row.name > first.name)) continue
      if (row.name !== first?.name) isPublic = false
      first = row
      isPublic ||= source.isPublic
    }
    if (first === undefined) return
    for (const source of sources) if ((await source.peek())?.name === first.name) source.take()
    if (sight.sees(first.name, isPublic)) yield first
    if (looked % TURN === 0) await new Promise((resolve) => setImmediate(resolve))
  }
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
