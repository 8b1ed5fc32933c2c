import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import pg from 'pg'
import { openPostgres } from '../src/store/meta/postgres.ts'
import { postgresDialect, postgresTx, Statements } from '../src/store/meta/postgres-connection.ts'
import { migrateSqlite, openDatabase, sqliteDialect, sqliteTx } from '../src/store/meta/sqlite-connection.ts'
import { type Bench, type Explored, explore, type Process } from './suite/interleavings/explore.ts'
import {
  type Breakage,
  collector,
  deleter,
  findBroken,
  findLeak,
  type PusherOptions,
  pusher,
  REPOS,
  reaper,
  sweeper,
} from './suite/interleavings/processes.ts'
import { describeNeeding } from './testbed/needs.ts'
import { startPostgres } from './testbed/postgres.ts'
import { tempFolder } from './testbed/temp.ts'

/*
 * The model of collection over the real commands: two pushers, a deleter, the collector (G1, G2, G3), the reaper and the sweeper, in every
 * order in which they can take their steps, within the bounds of each test. What a manifest lists is stored, in every state of every order.
 */

setDefaultTimeout(170_000)

interface World {
  readonly pushers: readonly Pick<PusherOptions, 'way' | 'repo' | 'tries'>[]
  readonly collections: number
  readonly reapings: number
  readonly deletes?: boolean
  readonly breakage?: Breakage
}

const [HERE, THERE] = REPOS as [(typeof REPOS)[0], (typeof REPOS)[0]]

async function run(bench: Bench, title: string, world: World): Promise<Explored> {
  const { pushers, collections, reapings, deletes, breakage } = world
  const processes: Process<never>[] = [
    ...pushers.map((options, at) => pusher({ ...options, name: 'pq'[at] as string, breakage })),
    ...(deletes ? [deleter(HERE)] : []),
    collector(collections, breakage),
    reaper(reapings, breakage),
    sweeper(),
  ]
  const explored = await explore(
    bench,
    processes,
    (facts, stored) => findBroken(facts, stored, breakage),
    breakage === undefined ? findLeak : async () => undefined,
  )
  const { states, interleavings } = explored
  const end = explored.broken === undefined ? `${interleavings.toLocaleString('en')} interleavings` : 'broken'
  console.log(`${title}: ${states} states, ${end}`)
  return explored
}

const pieces = { way: 'pieces', repo: HERE, tries: 2 } as const
const once = { ...pieces, tries: 1 } as const

function breakages(bench: () => Bench): void {
  test.each(['storage-first', 'place-by-digest'] as const)(
    '%s is found to lose content',
    async (breakage) => {
      const world = { pushers: [pieces, once], collections: 1, reapings: 1, breakage }
      expect((await run(bench(), breakage, world)).broken).toContain('is listed, and not stored')
    },
  )
}

describe('every order on SQLite', () => {
  const owned = new AsyncDisposableStack()
  let bench: Bench
  beforeAll(async () => {
    const folder = owned.use(await tempFolder())
    const database = openDatabase(join(folder.path, 'berth.db'), 'write-without-sync')
    owned.defer(() => database.close())
    await migrateSqlite(database)
    bench = { tx: sqliteTx(database), dialect: sqliteDialect, execute: (sql) => database.run(sql) }
  })
  afterAll(() => owned.disposeAsync())

  const WORLDS: Readonly<Record<string, World>> = {
    'two that upload to one repository': { pushers: [pieces, once], collections: 1, reapings: 1 },
    'two, of which one finds the bytes stored': {
      pushers: [once, { ...once, way: 'whole', repo: THERE, tries: 2 }],
      ...{ collections: 1, reapings: 1 },
    },
    'two, of which one mounts': {
      pushers: [once, { ...once, way: 'mount', repo: THERE, tries: 2 }],
      ...{ collections: 1, reapings: 1 },
    },
    'two, a deleter, and two collections': {
      pushers: [once, once],
      ...{ collections: 2, reapings: 2, deletes: true },
    },
  }
  test.each(Object.entries(WORLDS))('%s', async (title, world) => {
    const { broken, states } = await run(bench, title, world)
    expect(broken).toBeUndefined()
    expect(states).toBeGreaterThan(1000)
  })
  breakages(() => bench)
})

describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'every order on PostgreSQL', () => {
  const owned = new AsyncDisposableStack()
  let bench: Bench
  beforeAll(async () => {
    const cluster = owned.use(await startPostgres())
    await (await openPostgres(cluster.url)).close()
    const client = new pg.Client({ connectionString: cluster.url, types: NUMBERS })
    await client.connect()
    owned.defer(() => client.end())
    bench = {
      ...{ tx: postgresTx(client, new Statements()), dialect: postgresDialect(false) },
      execute: (sql) => client.query(sql),
    }
  }, 60_000)
  afterAll(() => owned.disposeAsync(), 60_000)

  test('two that upload to one repository', async () => {
    const world = { pushers: [once, once], collections: 1, reapings: 1 }
    const { broken, states } = await run(bench, 'two on PostgreSQL', world)
    expect(broken).toBeUndefined()
    expect(states).toBeGreaterThan(1000)
  })
  breakages(() => bench)
})

const INT8 = 20
const NUMBERS = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}
