import type pg from 'pg'
import { refuse } from '../../core/errors.ts'
import { failpoint } from '../../core/failpoint.ts'
import { COMMANDS, type CommandName, type RunCommand } from './commands.ts'
import { type Dialect, NeedsToBeAlone, type Reader, type Tx, type Value } from './driver.ts'
import { metadataStore } from './facade.ts'
import { MIGRATIONS, type Migration, migrate } from './migrate.ts'
import {
  ConnectionLost,
  connectionError,
  createPool,
  postgresDialect,
  postgresError,
  postgresTx,
  Statements,
  sqlState,
} from './postgres-connection.ts'
import type { Store } from './store.ts'

export interface PostgresOptions {
  /** Connections at most. */
  readonly pool?: number
  /** How many calls may wait for a connection before further ones are refused. */
  readonly maxWaiting?: number
  /** An empty database is refused, not filled. */
  readonly existing?: boolean
}

const POOL = 10
const MAX_WAITING = 1_000

/** How often a command is repeated that the database rolled back in favour of another. */
const MAX_RETRIES = 5
const SERIALIZATION_FAILURE = '40001'
const DEADLOCK = '40P01'
const FOREIGN_KEY = '23503'

/** "bert": the advisory lock that one migrating process holds. */
const MIGRATION_LOCK = 0x62657274

type AnyCommand = (tx: Tx, dialect: Dialect, args: unknown) => Promise<unknown>

/**
 * Opens (and migrates) the metadata in a PostgreSQL database; any number of processes may share it that
 * share the storage of the blobs, too. Every call refuses
 * `unavailable` when the database cannot be reached or too many wait, commands also `storage-full`. Throws when it cannot be
 * reached at the start, was used by a newer program, or is empty where it must not be.
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Store> {
  const connections = new Connections(
    createPool(url, options.pool ?? POOL),
    options.maxWaiting ?? MAX_WAITING,
  )
  try {
    await connections.use(async (tx, client) => {
      if (options.existing) await refuseEmpty(tx)
      await migratePostgres(tx, client)
    })
  } catch (error) {
    await connections.close()
    if (!(error instanceof ConnectionLost)) throw error
    throw new Error(`the PostgreSQL database cannot be reached: ${error.message}`, { cause: error })
  }
  const reader = pooledReader(connections)
  const run = ((name, args) => runCommand(connections, name, args)) as RunCommand
  return {
    ...metadataStore(reader, postgresDialect(false), run),
    async check() {
      await reader.get('SELECT 1', [])
    },
    close: () => connections.close(),
  }
}

/** The pool, with a bound on who waits for it and an end that lets everyone finish. */
class Connections {
  readonly #pool: pg.Pool
  readonly #maxWaiting: number
  readonly #statements = new Statements()
  readonly #served = new WeakSet<pg.PoolClient>()
  #users = 0
  #closed: Promise<void> | undefined
  #unused: (() => void) | undefined

  constructor(pool: pg.Pool, maxWaiting: number) {
    this.#pool = pool
    this.#maxWaiting = maxWaiting
  }

  /** Lends a connection; one that broke is not used again. */
  async use<T>(work: (tx: Tx, client: pg.PoolClient) => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) {
      throw refuse('unavailable', 'the metadata database is closed', { retryAfter: 5 })
    }
    if (this.#pool.waitingCount >= this.#maxWaiting) {
      const message = `${this.#maxWaiting} calls wait for the metadata database already; try again later`
      throw refuse('unavailable', message, { retryAfter: 1 })
    }
    this.#users++
    let client: pg.PoolClient | undefined
    let lost: ConnectionLost | undefined
    let hadServed = false
    try {
      client = await this.#pool.connect()
      hadServed = this.#served.has(client)
      this.#served.add(client)
      return await work(postgresTx(client, this.#statements), client)
    } catch (error) {
      const told = client === undefined ? connectionError(error) : error
      if (told instanceof ConnectionLost) {
        lost = told
        lost.hadServed = hadServed
      }
      throw told
    } finally {
      client?.release(lost)
      if (--this.#users === 0) this.#unused?.()
    }
  }

  /** Waits for those under way, then closes every connection. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      if (this.#users > 0) await new Promise<void>((resolve) => (this.#unused = resolve))
      await this.#pool.end()
    })()
    return this.#closed
  }
}

/** Queries, each on a connection of the pool. */
function pooledReader(connections: Connections): Reader {
  const query = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    const since = performance.now()
    for (;;) {
      try {
        return await connections.use(work)
      } catch (error) {
        if (!mayReconnect(error, since)) throw postgresError(error)
      }
    }
  }
  return {
    get: <Row>(sql: string, values: readonly Value[]) =>
      query<Row | undefined>(async (tx) => await tx.get<Row>(sql, values)),
    all: <Row>(sql: string, values: readonly Value[]) =>
      query<Row[]>(async (tx) => await tx.all<Row>(sql, values)),
  }
}

/** How long after a call began another connection is still tried for it, in ms. */
const RECONNECT_FOR = 2_000

/** Whether a call met a connection that had died while it idled, as after a restart of the server: each is met once. */
function mayReconnect(error: unknown, since: number): boolean {
  return error instanceof ConnectionLost && error.hadServed && performance.now() - since < RECONNECT_FOR
}

async function runCommand(connections: Connections, name: CommandName, args: unknown): Promise<unknown> {
  const command = COMMANDS[name] as AnyCommand
  const since = performance.now()
  let alone = false
  for (let retries = 0; ; ) {
    const attempt = { committing: false }
    try {
      return await connections.use((tx) =>
        inTransaction(tx, attempt, () => command(tx, postgresDialect(alone), args)),
      )
    } catch (error) {
      if (error instanceof NeedsToBeAlone && !alone) {
        alone = true
      } else if (isPassing(error)) {
        if (++retries > MAX_RETRIES) {
          const message = 'the metadata database had to give way to other writers too often; try again'
          throw refuse('unavailable', message, { retryAfter: 1 })
        }
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5 * 2 ** retries))
      } else if (attempt.committing || !mayReconnect(error, since)) {
        // Once COMMIT was sent, nobody knows whether it has happened.
        throw postgresError(error)
      }
    }
  }
}

/**
 * Whether the same command may fare better at once: it lost against another one, or what it referenced went between its look
 * and its insert – then it will find it missing.
 */
function isPassing(error: unknown): boolean {
  const state = sqlState(error)
  return state === SERIALIZATION_FAILURE || state === DEADLOCK || state === FOREIGN_KEY
}

async function inTransaction<T>(
  tx: Tx,
  attempt: { committing: boolean },
  work: () => Promise<T>,
): Promise<T> {
  await tx.run('BEGIN ISOLATION LEVEL READ COMMITTED', [])
  try {
    await failpoint('tx.begun')
    const result = await work()
    await failpoint('tx.before-commit')
    attempt.committing = true
    await tx.run('COMMIT', [])
    await failpoint('tx.after-commit')
    return result
  } catch (error) {
    if (!(error instanceof ConnectionLost)) await tx.run('ROLLBACK', [])
    throw error
  }
}

async function refuseEmpty(tx: Tx): Promise<void> {
  const there = await tx.get<{ there: boolean }>(
    "SELECT to_regclass('schema_migration') IS NOT NULL AS there",
    [],
  )
  if (there?.there) return
  throw new Error(
    'the database at --database-url holds no registry: name the one that the server uses, or begin a new registry with berth serve --database-url',
  )
}

/** Brings the database's schema forward; of many processes that start at once, one does. */
export async function migratePostgres(
  tx: Tx,
  client: pg.ClientBase,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  await inTransaction(tx, { committing: false }, async () => {
    await client.query('SET LOCAL statement_timeout = 0')
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    await migrate(
      {
        dialect: 'postgres',
        exec: (sql) => client.query(sql),
        async version() {
          const { rows } = await client.query('SELECT max(version) AS version FROM schema_migration')
          return rows[0]?.version ?? 0
        },
        record: ({ version, name }, at) =>
          client.query('INSERT INTO schema_migration (version, name, applied_at) VALUES ($1, $2, $3)', [
            version,
            name,
            at,
          ]),
      },
      migrations,
    )
  })
}
