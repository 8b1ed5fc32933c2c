/** What a statement binds and returns; integers are below 2^53. */
export type Value = string | number | Uint8Array | null

export type MaybePromise<T> = T | Promise<T>

/**
 * A database, as queries see it. Values stand in `$1…$n`. SQLite answers at once, PostgreSQL by a promise: always await.
 */
export interface Reader {
  /** The first row. */
  get<Row>(sql: string, values: readonly Value[]): MaybePromise<Row | undefined>
  all<Row>(sql: string, values: readonly Value[]): MaybePromise<Row[]>
}

/** A transaction, as commands see it. */
export interface Tx extends Reader {
  /** How many rows were changed. */
  run(sql: string, values: readonly Value[]): MaybePromise<number>
  /** Inserts a row and gives its `id`; undefined where ON CONFLICT did nothing. */
  insert(sql: string, values: readonly Value[]): MaybePromise<number | undefined>
}

/**
 * Where the two databases differ and the text of a statement cannot hide it. Row locks need no mention here: statements carry
 * PostgreSQL's clauses (` FOR UPDATE`), which the SQLite driver cuts off, having one writer.
 */
export interface Dialect {
  /** No other writer runs beside this command: always so on SQLite, on PostgreSQL once the repository is locked for it. */
  readonly alone: boolean
  readonly search: SearchDialect
}

/** Substring search by trigrams; terms have at least three characters. */
export interface SearchDialect {
  /** Statements over published repositories, `$1` the pattern, `$2` the limit, rows of `{ id, name, visibility }` in any order. */
  readonly inName: string
  readonly inDescription: string
  /** The pattern that finds `term` literally. */
  pattern(term: string): string
}

/**
 * Thrown by a command which found that it must not run beside other writers of the repository. The PostgreSQL runner
 * repeats it with a dialect that says `alone`, and the repository's row is locked against all others from the start.
 */
export class NeedsToBeAlone extends Error {
  override readonly name = 'NeedsToBeAlone'
}

/** The most values one list has; longer ones are cut into several statements. */
export const MAX_LIST = 512

/** Up to here a list has its own text: most manifests are that small, and padding costs. */
const EXACT_LIST = 8

/** 1 … 8, 16 … 512: lists come in few sizes, so that the caches of prepared statements stay small. */
function padded(count: number): number {
  if (count <= EXACT_LIST) return count
  let size = EXACT_LIST
  while (size < count) size *= 2
  return size
}

/** A statement with a list of values at its end: its text for a length, and its values padded to that text. */
export interface ListStatement {
  text(count: number): string
  values(fixed: readonly Value[], list: readonly Value[]): Value[]
}

/**
 * Prepares `… IN (…)` or `VALUES (…),(…)`: `item` writes one element for the number of its placeholder, `fixed` is how many
 * placeholders come before. The last value is repeated into the padding, so the statement must not mind duplicates.
 */
export function listStatement(
  fixed: number,
  item: (placeholder: number) => string,
  text: (list: string) => string,
): ListStatement {
  const texts = new Map<number, string>()
  return {
    text(count) {
      const size = padded(count)
      let sql = texts.get(size)
      if (sql === undefined) {
        const items = Array.from({ length: size }, (_, at) => item(fixed + at + 1))
        texts.set(size, (sql = text(items.join(','))))
      }
      return sql
    },
    values(before, list) {
      const values = [...before, ...list]
      const last = list[list.length - 1] as Value
      for (let missing = padded(list.length) - list.length; missing > 0; missing--) values.push(last)
      return values
    },
  }
}

/** `… IN (…)` with `fixed` placeholders before the list. */
export function inStatement(fixed: number, text: (list: string) => string): ListStatement {
  return listStatement(
    fixed,
    (placeholder) => `$${placeholder}`,
    (list) => text(`(${list})`),
  )
}

/** Runs a list statement in pieces of at most MAX_LIST and gathers the rows. */
export async function allOf<Row>(
  tx: Reader,
  statement: ListStatement,
  fixed: readonly Value[],
  list: readonly Value[],
): Promise<Row[]> {
  if (list.length === 0) return []
  if (list.length <= MAX_LIST) {
    return await tx.all<Row>(statement.text(list.length), statement.values(fixed, list))
  }
  const rows: Row[] = []
  for (let at = 0; at < list.length; at += MAX_LIST) {
    const piece = list.slice(at, at + MAX_LIST)
    for (const row of await tx.all<Row>(statement.text(piece.length), statement.values(fixed, piece)))
      rows.push(row)
  }
  return rows
}

/** Runs a list statement in pieces of at most MAX_LIST for its effect. */
export async function runOver(
  tx: Tx,
  statement: ListStatement,
  fixed: readonly Value[],
  list: readonly Value[],
): Promise<void> {
  for (let at = 0; at < list.length; at += MAX_LIST) {
    const piece = list.length <= MAX_LIST ? list : list.slice(at, at + MAX_LIST)
    await tx.run(statement.text(piece.length), statement.values(fixed, piece))
  }
}
