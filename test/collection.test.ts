import { Database } from 'bun:sqlite'
import { afterAll, afterEach, beforeAll, describe, expect } from 'bun:test'
import { join } from 'node:path'
import pg from 'pg'
import { openPostgres } from '../src/store/meta/postgres.ts'
import { openSqlite } from '../src/store/meta/sqlite.ts'
import { type CollectionUnderTest, collectAll, speak } from './suite/collection/fixture.ts'
import { jobCases } from './suite/collection/jobs.ts'
import { previewCases } from './suite/collection/previews.ts'
import { ruleCases } from './suite/collection/rules.ts'
import { stormCases } from './suite/collection/storm.ts'
import { undoCases } from './suite/collection/undo.ts'
import { audit } from './suite/metadata/audit.ts'
import { DAY, NOW } from './suite/metadata/fixture.ts'
import { describeNeeding } from './testbed/needs.ts'
import { startPostgres } from './testbed/postgres.ts'
import { tempFolder } from './testbed/temp.ts'

function collectionSuite(
  name: 'sqlite' | 'postgres',
  open: (owned: AsyncDisposableStack) => Promise<CollectionUnderTest>,
) {
  describe(`collection: ${name}`, () => {
    const owned = new AsyncDisposableStack()
    let made: CollectionUnderTest
    beforeAll(async () => {
      made = await open(owned)
      speak(name)
    }, 60_000)
    afterAll(() => owned.disposeAsync(), 60_000)
    /** Every invariant holds behind each test, and the next one finds the queues empty. */
    afterEach(async () => {
      expect(await audit(made.sql)).toEqual([])
      await collectAll(made.store, { now: NOW + 1_000 * DAY })
      await made.sql('DELETE FROM tag_event')
      expect(await audit(made.sql)).toEqual([])
    })
    ruleCases(() => made)
    jobCases(() => made)
    previewCases(() => made)
    stormCases(() => made)
    undoCases(() => made)
  })
}

collectionSuite('sqlite', async (owned) => {
  const folder = owned.use(await tempFolder())
  const path = join(folder.path, 'berth.db')
  const store = await openSqlite(path)
  owned.defer(() => store.close())
  const database = new Database(path)
  database.run('PRAGMA busy_timeout = 5000')
  owned.defer(() => database.close())
  return { store, sql: async (text) => database.query(text).all() }
})

describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () => {
  collectionSuite('postgres', async (owned) => {
    const cluster = owned.use(await startPostgres())
    const store = await openPostgres(cluster.url)
    owned.defer(() => store.close())
    const client = new pg.Client({ connectionString: cluster.url })
    await client.connect()
    owned.defer(() => client.end())
    return { store, sql: async (text) => (await client.query(text)).rows }
  })
})
