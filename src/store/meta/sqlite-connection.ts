import { Database, type SQLQueryBindings, type Statement } from 'bun:sqlite'
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { refuse } from '../../core/errors.ts'
import { makePrivateFile } from '../private-files.ts'
import type { Dialect, Tx, Value } from './driver.ts'
import { MIGRATIONS, type Migration, migrate } from './migrate.ts'

/** How long a connection waits for another process's lock, in ms. */
const BUSY_TIMEOUT = 5_000

/** Pages the writer keeps, in KiB. */
const WRITE_CACHE_KIB = 16 * 1024

/** Below this many free bytes an I/O error of the database means that the disk is full. */
const DISK_FULL = 1024 * 1024

/** File systems whose locks SQLite cannot rely on (statfs f_type). */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB',
}

export const sqliteDialect: Dialect = {
  alone: true,
  search: {
    inName: matching('name'),
    inDescription: matching('description'),
    // A phrase between quotes is looked for as it is; trigrams of it must follow each other.
    pattern: (term) => `"${term.replaceAll('"', '""')}"`,
  },
}

function matching(column: string): string {
  return `SELECT r.id, r.name, r.visibility FROM repo_${column}_search s JOIN repo r ON r.id = s.rowid
    WHERE s.${column} MATCH $1 AND r.listed = 1 LIMIT $2`
}

/** Opens the database file; a new one is for this user alone. Throws on a file system of the network. */
export function openDatabase(path: string, mode: 'write' | 'write-without-sync' | 'read'): Database {
  const type = NETWORK_FILE_SYSTEMS[statfsSync(dirname(path)).type]
  if (type !== undefined) {
    throw new Error(
      `${path} lies on ${type}, whose locks SQLite cannot rely on: use a local disk for the data directory, or PostgreSQL`,
    )
  }
  if (mode !== 'read') makePrivateFile(path)
  const database = new Database(path, mode === 'read' ? { readonly: true } : { create: true })
  // First of all: two processes that open one file at once meet SQLITE_BUSY_RECOVERY otherwise.
  database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`)
  if (mode !== 'read') {
    database.run('PRAGMA journal_mode = WAL')
    // NORMAL cannot damage the file either, but a commit may not survive a power cut.
    database.run(`PRAGMA synchronous = ${mode === 'write' ? 'FULL' : 'NORMAL'}`)
    database.run('PRAGMA foreign_keys = ON')
    // Digests come in random order: the indexes over them touch other pages with every row.
    database.run(`PRAGMA cache_size = -${WRITE_CACHE_KIB}`)
  }
  return database
}

/** Brings the file's schema forward, or leaves it as it was. Throws for a file of a newer program. */
export async function migrateSqlite(
  database: Database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  database.run('BEGIN IMMEDIATE')
  try {
    await migrate(
      {
        dialect: 'sqlite',
        exec: (sql) => database.run(sql),
        version() {
          using statement = database.prepare('SELECT max(version) AS version FROM schema_migration')
          return (statement.get() as { version: number | null }).version ?? 0
        },
        record: ({ version, name }, at) =>
          database.run('INSERT INTO schema_migration (version, name, applied_at) VALUES (?, ?, ?)', [
            version,
            name,
            at,
          ]),
      },
      migrations,
    )
    database.run('COMMIT')
  } catch (error) {
    if (database.inTransaction) database.run('ROLLBACK')
    throw error
  }
}

/** Commands and queries over one connection, every statement prepared once. */
export function sqliteTx(database: Database): Tx {
  const statements = new Map<string, Statement<unknown, SQLQueryBindings[]>>()
  const prepare = (sql: string) => {
    let statement = statements.get(sql)
    if (statement === undefined)
      statements.set(sql, (statement = database.prepare<unknown, SQLQueryBindings[]>(toSqlite(sql))))
    return statement
  }
  return {
    get<Row>(sql: string, values: readonly Value[]) {
      return (prepare(sql).get(...(values as Value[])) as Row | null) ?? undefined
    },
    all<Row>(sql: string, values: readonly Value[]) {
      return prepare(sql).all(...(values as Value[])) as Row[]
    },
    run(sql, values) {
      return prepare(sql).run(...(values as Value[])).changes
    },
    insert(sql, values) {
      const { changes, lastInsertRowid } = prepare(sql).run(...(values as Value[]))
      return changes === 0 ? undefined : Number(lastInsertRowid)
    },
  }
}

const LOCK_CLAUSE = /\s+FOR (?:NO KEY UPDATE|UPDATE|KEY SHARE|SHARE)(?: OF \w+)?(?: SKIP LOCKED)?\s*$/

/** PostgreSQL's placeholders become SQLite's; row locks go, since there is one writer. */
function toSqlite(sql: string): string {
  return sql.replace(LOCK_CLAUSE, '').replace(/\$(\d+)/g, '?$1')
}

/** What an error of SQLite means to a client: the disk is full, the database cannot be reached, or a bug. */
export function sqliteError(error: unknown, path: string): unknown {
  const code = (error as { code?: unknown } | undefined)?.code
  if (typeof code !== 'string') return error
  const full = () =>
    refuse('storage-full', 'the disk of the metadata database is full: free some space and try again')
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') return full()
  if (code.startsWith('SQLITE_IOERR') && freeBytes(path) < DISK_FULL) return full()
  if (/^(SQLITE_(BUSY|LOCKED|IOERR|CANTOPEN|READONLY|CORRUPT|NOTADB|PROTOCOL)|EIO$|EROFS$)/.test(code)) {
    return Object.assign(
      refuse('unavailable', 'the metadata database cannot be used now; try again later', { retryAfter: 5 }),
      { cause: error },
    )
  }
  return error
}

function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(dirname(path))
    return bavail * bsize
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
