import type { Database } from 'bun:sqlite'
import { loadAccess } from './access/facts.ts'
import type { Reader } from './driver.ts'
import { metadataStore } from './facade.ts'
import { cachedReads, type HotReads } from './read-cache.ts'
import { openDatabase, sqliteDialect, sqliteError, sqliteTx } from './sqlite-connection.ts'
import { WriterThread } from './sqlite-writer.ts'
import type { Store } from './store.ts'

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
export async function openSqlite(path: string, options: SqliteOptions = {}): Promise<Store> {
  const writer = new WriterThread(options.maxWaiting ?? MAX_WAITING)
  await writer.open(path, !options.unsafeNoFsync)
  const database = openDatabase(path, 'read')
  const reader = reading(database, path)
  const store = metadataStore(reader, sqliteDialect, writer.run)
  const hot: HotReads = {
    ...store,
    loadAccess: (account, credential, repo, former) => loadAccess(reader, account, credential, repo, former),
  }
  return {
    ...store,
    ...cachedReads(hot, writer.mark, options.readCacheBytes ?? READ_CACHE_BYTES),
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
function reading(database: Database, path: string): Reader {
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
  }
}
