import { writeSync } from 'node:fs'

/** A column of a table: its title, and what stands there. */
export type Column<T> = readonly [title: string, cell: (item: T) => string]

export interface OutputOptions {
  /** Results as the API gave them. */
  readonly json?: boolean
  /** No remarks. */
  readonly quiet?: boolean
}

/**
 * Where a command's result goes. Standard output has the result and nothing else, so that it can be piped: JSON, a table, or a secret
 * alone. Remarks for the person go to standard error.
 */
export class Output {
  readonly json: boolean
  readonly #quiet: boolean

  constructor({ json = false, quiet = false }: OutputOptions) {
    this.json = json
    this.#quiet = quiet
  }

  /** A list: `{ items }` for programs, a table for people. */
  list<T>(items: readonly T[], columns: readonly Column<T>[]): void {
    if (this.json) this.#print({ items })
    else print(table(items, columns))
  }

  /** A list for a spreadsheet (RFC 4180): titles in small letters, then a line for each. */
  csv<T>(items: readonly T[], columns: readonly Column<T>[]): void {
    const lines = [
      columns.map(([title]) => title.toLowerCase()),
      ...items.map((item) => columns.map(([, cell]) => quoted(cell(item)))),
    ]
    print(lines.map((cells) => `${cells.join(',')}\r\n`).join(''))
  }

  /** One thing: the object for programs, `name: value` lines for people. Fields without a value are left out. */
  one<T>(item: T, fields: readonly Column<T>[]): void {
    if (this.json) {
      this.#print(item)
      return
    }
    const shown = fields.map(([name, cell]) => [name, printable(cell(item))] as const)
    const width = Math.max(...shown.map(([name]) => name.length)) + 2
    const lines = shown.filter(([, value]) => value !== '')
    print(lines.map(([name, value]) => `${`${name}:`.padEnd(width)}${value}\n`).join(''))
  }

  /** A thing that was made with a secret, which is shown this once: the secret alone, and the remark beside it. */
  secret(item: object, secret: string, remark: string): void {
    if (this.json) this.#print(item)
    else {
      this.note(remark)
      print(`${secret.replace(/\n$/, '').split('\n').map(printable).join('\n')}\n`)
    }
  }

  /** What was done, where there is nothing to show but that; programs get what the API answered, if anything. */
  done(remark: string, item?: unknown): void {
    if (!this.json) this.note(remark)
    else if (item !== undefined) this.#print(item)
  }

  /** A remark for the person. */
  note(remark: string): void {
    if (!this.#quiet && !this.json) writeAll(2, `${printable(remark)}\n`)
  }

  #print(item: unknown): void {
    print(`${JSON.stringify(item, null, 2)}\n`)
  }
}

/** Columns as wide as what stands in them, the last one open. */
function table<T>(items: readonly T[], columns: readonly Column<T>[]): string {
  const rows = [
    columns.map(([title]) => title),
    ...items.map((item) => columns.map(([, cell]) => printable(cell(item)))),
  ]
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => (row[at] as string).length)))
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] as number))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('')
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

/** Names and descriptions are others' words: none of them may steer a terminal. */
function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
}

function print(text: string): void {
  writeAll(1, text)
}

/** All of it, now: the program may end right after. A reader that has gone (`| head`) has seen enough. */
export function writeAll(fd: number, text: string): void {
  let rest: Uint8Array = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

/** A moment for people, in UTC, to the minute. */
export function when(time: string | null | undefined, otherwise = ''): string {
  return time ? `${time.slice(0, 16).replace('T', ' ')} UTC` : otherwise
}

/** When, from where and by what a credential was used last. */
export function lastUse(
  use: { readonly at: string; readonly address: string; readonly agent: string } | null,
): string {
  return use === null ? 'never' : [when(use.at), use.address, use.agent].filter(Boolean).join(', ')
}

/** Scopes of a credential, as its maker writes them. */
export function scopesText(
  scopes: readonly { readonly pattern: string; readonly verbs: readonly string[] }[],
): string {
  return scopes.map(({ pattern, verbs }) => `${pattern}:${verbs.join(',')}`).join(' ')
}

/** Bytes for people. */
export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let at = 0
  let rest = size
  for (; rest >= 1000 && at < units.length - 1; at++) rest /= 1000
  return `${at === 0 ? rest : rest.toFixed(1)} ${units[at]}`
}
