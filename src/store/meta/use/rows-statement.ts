import type { Tx, Value } from '../driver.ts'

/** How many rows are written by one statement: one, or up to so many. */
const TOGETHER = 64

type Type = 'bigint' | 'text'

/**
 * A statement over rows, which it names `use`. The last row is repeated where a text is for more of them, so the statement must not mind
 * duplicates. Few texts, so that the caches of prepared statements stay small.
 */
export class RowsStatement {
  readonly #columns: number
  readonly #one: string
  readonly #many: string

  /** `columns`: names and types. `text`: what stands behind `WITH use (…) AS (…)`. */
  constructor(columns: Readonly<Record<string, Type>>, text: string) {
    const types = Object.values(columns)
    this.#columns = types.length
    const statementFor = (count: number) => {
      const rows = Array.from({ length: count }, (_, row) => {
        const values = types.map((type, at) => `CAST($${row * types.length + at + 1} AS ${type})`)
        return `(${values.join(', ')})`
      })
      return `WITH use (${Object.keys(columns).join(', ')}) AS (VALUES ${rows.join(', ')}) ${text}`
    }
    this.#one = statementFor(1)
    this.#many = statementFor(TOGETHER)
  }

  /** Runs it over all rows for its effect. */
  async run(tx: Tx, rows: readonly (readonly Value[])[]): Promise<void> {
    for (let at = 0; at < rows.length; at += TOGETHER) {
      const values = rows.slice(at, at + TOGETHER).flat()
      if (values.length === this.#columns) {
        await tx.run(this.#one, values)
        continue
      }
      const last = values.slice(-this.#columns)
      while (values.length < TOGETHER * this.#columns) values.push(...last)
      await tx.run(this.#many, values)
    }
  }
}
