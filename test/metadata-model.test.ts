import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import fc from 'fast-check'
import pg from 'pg'
import { memoryMetadata } from '../src/store/meta/memory.ts'
import { openPostgres } from '../src/store/meta/postgres.ts'
import { openSqlite } from '../src/store/meta/sqlite.ts'
import { audit } from './suite/metadata/audit.ts'
import { history, type ModelStore, World } from './suite/metadata/model.ts'
import { describeNeeding } from './testbed/needs.ts'
import { startPostgres } from './testbed/postgres.ts'
import { tempFolder } from './testbed/temp.ts'

interface Opened {
  readonly store: ModelStore
  sql(text: string): Promise<unknown[]>
}

/** Histories tried on each database; a failure prints the seed that repeats it. */
const RUNS = Number(process.env.BERTH_MODEL_RUNS ?? 150)

/** Any history leaves the database as it leaves the model, and every invariant standing. */
function modelCase(name: string, open: (owned: AsyncDisposableStack) => Promise<Opened>) {
  describe(`the model and ${name}`, () => {
    const owned = new AsyncDisposableStack()
    let database: Opened
    beforeAll(async () => {
      database = await open(owned)
    }, 60_000)
    afterAll(() => owned.disposeAsync(), 60_000)

    test('answer alike, look alike, and keep the invariants', async () => {
      const stores = [memoryMetadata(), database.store] as const
      let runs = 0
      await fc.assert(
        fc.asyncProperty(history, async ({ manifests, steps }) => {
          const world = new World(`m${++runs}-${randomBytes(3).toString('hex')}`, manifests)
          try {
            for (const step of steps) {
              const [model, real] = await world.take(stores, step)
              expect(real as object).toEqual(model as object)
            }
            expect(await world.observe(stores[1])).toEqual((await world.observe(stores[0])) as object)
            expect(await audit(database.sql)).toEqual([])
            const [model, real] = [await world.collectAll(stores[0]), await world.collectAll(stores[1])]
            expect(real).toEqual(model)
            const { manifests, links, blobs } = real.done
            expect(real.preview).toMatchObject({ manifests, links, blobs, complete: true })
            expect(await world.observe(stores[1])).toEqual((await world.observe(stores[0])) as object)
            expect(await audit(database.sql)).toEqual([])
          } finally {
            for (const store of stores) await world.clear(store)
          }
        }),
        { numRuns: RUNS },
      )
    }, 300_000)
  })
}

modelCase('SQLite', async (owned) => {
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
  modelCase('PostgreSQL', async (owned) => {
    const cluster = owned.use(await startPostgres())
    const store = await openPostgres(cluster.url)
    owned.defer(() => store.close())
    const client = new pg.Client({ connectionString: cluster.url })
    await client.connect()
    owned.defer(() => client.end())
    return { store, sql: async (text) => (await client.query(text)).rows }
  })
})
