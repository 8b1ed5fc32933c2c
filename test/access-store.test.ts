import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe } from 'bun:test'
import { join } from 'node:path'
import pg from 'pg'
import { openPostgres } from '../src/store/meta/postgres.ts'
import { openSqlite } from '../src/store/meta/sqlite.ts'
import { factCases } from './suite/access/facts.ts'
import type { DatabaseUnderTest } from './suite/access/fixture.ts'
import { grantCases } from './suite/access/grants.ts'
import { recordCases } from './suite/access/records.ts'
import { repositoryCases } from './suite/access/repositories.ts'
import { visibleCases } from './suite/access/visible.ts'
import { describeNeeding } from './testbed/needs.ts'
import { startPostgres } from './testbed/postgres.ts'
import { tempFolder } from './testbed/temp.ts'

function accessSuite(name: string, make: () => Promise<DatabaseUnderTest>) {
  describe(`access: ${name}`, () => {
    let made: DatabaseUnderTest
    beforeAll(async () => {
      made = await make()
    }, 60_000)
    afterAll(async () => {
      await made?.dispose()
    }, 60_000)
    factCases(() => made)
    grantCases(() => made)
    repositoryCases(() => made)
    visibleCases(() => made)
    recordCases(() => made)
  })
}

accessSuite('SQLite', async () => {
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
})

describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () => {
  accessSuite('PostgreSQL', async () => {
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
  })
})
