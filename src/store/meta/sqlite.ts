import type { Database } from 'bun:sqlite'
import { refuse } from '../../core/errors.ts'
import type { RunCommand } from './commands.ts'
import { CommitMark } from './commit-mark.ts'
import type { Tx } from './driver.ts'
import { metadataStore } from './facade.ts'
import { cachedReads } from './read-cache.ts'
import { openDatabase, sqliteDialect, sqliteError, sqliteTx } from './sqlite-connection.ts'
import type { MetadataStore } from './store.ts'
import { type Call, type FromWorker, fromWire, type ToWorker } from './wire.ts'

export interface SqliteOptions {
  /** How many commands may wait for the writer before further ones are refused. */
  readonly maxWaiting?: number
  /** Commits do not wait for the disk: the last ones may be lost when the power fails. */
  readonly unsafeNoFsync?: boolean
  /** Memory for answers of the hot reads. */
  readonly readCacheBytes?: number
}

const MAX_WAITING = 10_000
const READ_CACHE_BYTES = 16 * 1024 * 1024

/**
 * Opens (and creates, and migrates) the metadata database in a file. Commands go to a worker thread, which owns the only write
 * connection; queries run here on a read-only one. Commands refuse `storage-full` and `unavailable`.
 */
export async function openSqlite(path: string, options: SqliteOptions = {}): Promise<MetadataStore> {
  const writer = new WriterThread(options.maxWaiting ?? MAX_WAITING)
  await writer.open(path, !options.unsafeNoFsync)
  const database = openDatabase(path, 'read')
  const store = metadataStore(reading(database, path), sqliteDialect, writer.run)
  return {
    ...store,
    ...cachedReads(store, writer.mark, options.readCacheBytes ?? READ_CACHE_BYTES),
    async check() {
      database.query('SELECT 1').get()
      await writer.run('ping', undefined)
    },
    async close() {
      await writer.close()
      database.close(true)
    },
  }
}

/** The read connection, its errors told in our terms. */
function reading(database: Database, path: string): Tx {
  const tx = sqliteTx(database)
  const told = <T>(query: () => T): T => {
    try {
      return query()
    } catch (error) {
      throw sqliteError(error, path)
    }
  }
  return {
    get: (sql, values) => told(() => tx.get(sql, values)),
    all: (sql, values) => told(() => tx.all(sql, values)),
    run: (sql, values) => told(() => tx.run(sql, values)),
  }
}

/** Transactions posted and not answered: one that runs, and one that it finds waiting when it has committed. */
const MAX_UNDER_WAY = 2

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/** The other end of sqlite-worker.ts: posts the commands of one tick as one message and hands the answers back. */
class WriterThread {
  readonly #worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url))
  readonly #waiting = new Map<number, Waiting>()
  readonly #maxWaiting: number
  readonly mark = new CommitMark()
  #calls: Call[] = []
  #underWay = 0
  #lastId = 0
  /** Set once nothing more can be done: what every further command is told. */
  #ended: Error | undefined
  #opened = Promise.withResolvers<void>()
  #drained: (() => void) | undefined
  #closed = Promise.withResolvers<void>()

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) => this.#receive(event.data)
    this.#worker.onerror = (event) => this.#die(event.message)
    this.#worker.addEventListener('close', () => this.#die('it ended'))
  }

  /** Resolves when the database is open and migrated; rejects with the reason why not. */
  async open(path: string, durable: boolean): Promise<void> {
    this.#post({ type: 'open', path, durable, mark: this.mark.buffer })
    try {
      await this.#opened.promise
    } catch (error) {
      this.#worker.terminate()
      throw error
    }
  }

  readonly run: RunCommand = (name, args) =>
    new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      if (this.#waiting.size >= this.#maxWaiting) {
        const message = `${this.#waiting.size} commands wait for the metadata database already; try again later`
        return reject(refuse('unavailable', message, { retryAfter: 1 }))
      }
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve, reject })
      this.#calls.push({ id, name, args })
      if (this.#calls.length === 1) queueMicrotask(() => this.#flush())
    })

  /** Posts what was gathered, as one transaction, unless the thread has enough to do; then it gathers further. */
  #flush() {
    if (this.#calls.length === 0 || this.#underWay === MAX_UNDER_WAY) return
    const calls = this.#calls
    this.#calls = []
    this.#underWay++
    this.#post({ type: 'calls', calls })
  }

  /** Lets what waits finish, then closes the database and ends the thread. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return await this.#closed.promise
    this.#ended = refuse('unavailable', 'the metadata database is closed', { retryAfter: 5 })
    if (this.#waiting.size > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
    this.#post({ type: 'close' })
    await this.#closed.promise
    this.#worker.terminate()
  }

  #post(message: ToWorker) {
    this.#worker.postMessage(message)
  }

  #receive(message: FromWorker) {
    if (message.type === 'answers') {
      this.#underWay--
      this.#flush()
      for (const { id, value, error } of message.answers) {
        const waiting = this.#waiting.get(id)
        this.#waiting.delete(id)
        if (error === undefined) waiting?.resolve(value as never)
        else waiting?.reject(fromWire(error))
      }
      if (this.#waiting.size === 0) this.#drained?.()
    } else if (message.type === 'opened') this.#opened.resolve()
    else if (message.type === 'failed') this.#opened.reject(fromWire(message.error))
    else this.#closed.resolve()
  }

  /** The thread is gone: nothing that waits can be known to have happened, nothing more can. */
  #die(why: string) {
    this.#ended ??= refuse(
      'unavailable',
      `the writer of the metadata database has failed (${why}); restart Berth`,
      {
        retryAfter: 5,
      },
    )
    this.#opened.reject(this.#ended)
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
    this.#drained?.()
    this.#closed.resolve()
  }
}
