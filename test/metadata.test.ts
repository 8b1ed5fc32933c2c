import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import pg from 'pg'
import { memoryMetadata } from '../src/store/meta/memory.ts'
import { openPostgres } from '../src/store/meta/postgres.ts'
import { openSqlite } from '../src/store/meta/sqlite.ts'
import type { MetadataUnderTest } from './suite/metadata/fixture.ts'
import { metadataSuite } from './suite/metadata.ts'
import { describeNeeding } from './testbed/needs.ts'
import { startPostgres } from './testbed/postgres.ts'
import { tempFolder } from './testbed/temp.ts'

metadataSuite('memory', async () => ({ store: memoryMetadata(), async dispose() {} }), { hasSql: false })

metadataSuite(
  'SQLite',
  async (): Promise<MetadataUnderTest> => {
    const folder = await tempFolder()
    const path = join(folder.path, 'berth.db')
    const store = await openSqlite(path)
    const database = new Database(path)
    database.run('PRAGMA busy_timeout = 5000')
    return {
      store,
      sql: async (text) => database.query(text).all(),
      async dispose() {
        database.close()
        await store.close()
        await folder[Symbol.asyncDispose]()
      },
    }
  },
  { hasSql: true },
)

describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () => {
  metadataSuite(
    'PostgreSQL',
    async (): Promise<MetadataUnderTest> => {
      const cluster = await startPostgres()
      const store = await openPostgres(cluster.url)
      const client = new pg.Client({ connectionString: cluster.url })
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
    },
    { hasSql: true },
  )
})
