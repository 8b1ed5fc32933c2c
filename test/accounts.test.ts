import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import pg from 'pg'
import { openPostgres } from '../src/store/meta/postgres.ts'
import { openSqlite } from '../src/store/meta/sqlite.ts'
import { accountSuite } from './suite/accounts.ts'
import { describeNeeding } from './testbed/needs.ts'
import { startPostgres } from './testbed/postgres.ts'
import { tempFolder } from './testbed/temp.ts'

accountSuite('SQLite', async () => {
  const folder = await tempFolder()
  const path = join(folder.path, 'berth.db')
  const store = await openSqlite(path)
  const database = new Database(path)
  database.run('PRAGMA busy_timeout = 5000')
  return {
    store,
    sql: async (text) => database.query(text).all() as Record<string, unknown>[],
    async dispose() {
      database.close()
      await store.close()
      await folder[Symbol.asyncDispose]()
    },
  }
})

const INT8 = 20

describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () => {
  accountSuite('PostgreSQL', async () => {
    const cluster = await startPostgres({ settings: { deadlock_timeout: '100ms' } })
    const store = await openPostgres(cluster.url)
    const types = { getTypeParser: (oid: number) => (oid === INT8 ? Number : pg.types.getTypeParser(oid)) }
    const client = new pg.Client({ connectionString: cluster.url, types: types as never })
    await client.connect()
    return {
      store,
      sql: async (text) => (await client.query(text)).rows,
      async dispose() {
        await client.end()
        await store.close()
        await cluster[Symbol.asyncDispose]()
      },
    }
  })
})
