import pg from 'pg'
import { isRefusal, refuse } from '../../core/errors.ts'
import type { Dialect, Tx, Value } from './driver.ts'

/** Each wait for the database ends after this, in ms: for a connection, and for a statement. */
const TRY_TIMEOUT = 10_000

/** Longer than the server's own limit, so that it strikes only when the server is not heard any more. */
const SILENCE_TIMEOUT = TRY_TIMEOUT + 2_000

export function postgresDialect(alone: boolean): Dialect {
  return { alone, search: { inName: IN_NAME, inDescription: IN_DESCRIPTION, pattern: likePattern } }
}

const IN_NAME = 'SELECT id, name, visibility FROM repo WHERE listed = 1 AND name LIKE $1 LIMIT $2'
const IN_DESCRIPTION = `SELECT id, name, visibility FROM repo
  WHERE listed = 1 AND description <> '' AND lower(description) LIKE $1 LIMIT $2`

function likePattern(term: string): string {
  return `%${term.replace(/[\\%_]/g, '\\$&')}%`
}

/** Planned at each call: how often a pattern occurs decides whether the index or a scan finds the first thousand sooner. */
const UNNAMED: ReadonlySet<string> = new Set([IN_NAME, IN_DESCRIPTION])

const INT8 = 20

/** bigint as a number: ids, sizes and times stay below 2^53. */
const types = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}

export function createPool(url: string, size: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: size,
    types,
    connectionTimeoutMillis: TRY_TIMEOUT,
    statement_timeout: TRY_TIMEOUT,
    query_timeout: SILENCE_TIMEOUT,
    idle_in_transaction_session_timeout: SILENCE_TIMEOUT,
    keepAlive: true,
    application_name: 'berth',
  })
  // A connection that breaks while idle leaves the pool by itself; who needs one next opens another.
  pool.on('error', () => {})
  return pool
}

/** The connection broke or the database is not to be reached; what was under way did or did not happen. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
  /** It had served before: it may have died long ago, and another one may do. */
  hadServed = false
}

/** SQLSTATEs of a server that is stopping, starting, full of connections, a standby, or too slow. */
const UNAVAILABLE = /^(08|53[2-4]|57P|57014|25006)/

/** Statements under names, so that each connection prepares a text once. */
export class Statements {
  readonly #names = new Map<string, string>()

  query(text: string, values: readonly Value[]): pg.QueryConfig {
    if (UNNAMED.has(text)) return { text, values: values as Value[] }
    let name = this.#names.get(text)
    if (name === undefined) this.#names.set(text, (name = `berth_${this.#names.size}`))
    return { name, text, values: values as Value[] }
  }
}

/** Commands and queries over a connection. What is not an error of the server's is one of the connection. */
export function postgresTx(client: pg.ClientBase, statements: Statements): Tx {
  const query = async (sql: string, values: readonly Value[]) => {
    try {
      return await client.query(statements.query(sql, values))
    } catch (error) {
      throw connectionError(error)
    }
  }
  return {
    async get<Row>(sql: string, values: readonly Value[]) {
      return (await query(sql, values)).rows[0] as Row | undefined
    },
    async all<Row>(sql: string, values: readonly Value[]) {
      return (await query(sql, values)).rows as Row[]
    },
    async run(sql, values) {
      return (await query(sql, values)).rowCount ?? 0
    },
    async insert(sql, values) {
      return (await query(`${sql} RETURNING id`, values)).rows[0]?.id as number | undefined
    },
  }
}

/** Tells errors of the connection from those the server answered with. */
export function connectionError(error: unknown): unknown {
  if (error instanceof ConnectionLost || isRefusal(error)) return error
  const state = sqlState(error)
  if (state !== undefined && !UNAVAILABLE.test(state)) return error
  return new ConnectionLost(error instanceof Error ? error.message : String(error), { cause: error })
}

export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

const DISK_FULL = '53100'

/** What an error of the database means to a client. */
export function postgresError(error: unknown): unknown {
  const code = sqlState(error) ?? (error as { code?: unknown } | undefined)?.code
  if (code === DISK_FULL || code === 'ENOSPC') {
    return refuse('storage-full', 'the disk of the metadata database is full: free some space and try again')
  }
  if (!(error instanceof ConnectionLost)) return error
  const told = refuse('unavailable', 'the metadata database cannot be reached now; try again soon', {
    retryAfter: 5,
  })
  return Object.assign(told, { cause: error })
}
