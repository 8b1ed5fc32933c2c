import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe } from 'bun:test'
import { join } from 'node:path'
import pg from 'pg'
import type { BerthOptions } from '../testbed/berth.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { seed } from './content.ts'
import { startWorld, type World } from './world.ts'

/** Starts a world with `acme/private` and `acme/public`, which hold the same image. */
export async function startSeeded(options: BerthOptions = {}): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await startWorld(options))
  for (const repo of ['acme/private', 'acme/public']) await seed(world, repo)
  await world.api.call('PATCH /repositories/{repository}', {
    path: { repository: 'acme/public' },
    body: { visibility: 'public' },
  })
  stack.move()
  return world
}

/** Asks the database of a running server itself. */
export type Sql = (text: string) => Promise<Record<string, unknown>[]>

/** Asks the embedded database of a running server; open as long as the stack. */
export function sqliteOf(world: World, owned: AsyncDisposableStack): Sql {
  const database = new Database(join(world.server.data, 'berth.db'))
  owned.defer(() => database.close())
  database.run('PRAGMA busy_timeout = 5000')
  return async (text) => database.query(text).all() as Record<string, unknown>[]
}

interface Started {
  readonly world: World
  readonly sql: Sql
}

/** Runs the cases against a server on each database. */
export function onWorlds(
  title: string,
  cases: (world: () => World, sql: Sql) => void,
  options: BerthOptions = {},
) {
  const on = (name: string, start: (owned: AsyncDisposableStack) => Promise<Started>) =>
    describe(`${title}: ${name}`, () => {
      const owned = new AsyncDisposableStack()
      let started: Started
      beforeAll(async () => {
        started = await start(owned)
      }, 60_000)
      afterAll(() => owned.disposeAsync(), 60_000)
      cases(
        () => started.world,
        (text) => started.sql(text),
      )
    })
  on('SQLite', async (owned) => {
    const world = owned.use(await startSeeded(options))
    return { world, sql: sqliteOf(world, owned) }
  })
  describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () =>
    on('PostgreSQL', async (owned) => {
      const cluster = owned.use(await startPostgres())
      const env = { ...options.env, BERTH_DATABASE_URL: cluster.url }
      const world = owned.use(await startSeeded({ ...options, env }))
      const client = new pg.Client({ connectionString: cluster.url })
      await client.connect()
      owned.defer(() => client.end())
      return { world, sql: async (text) => (await client.query(text)).rows as Record<string, unknown>[] }
    }),
  )
}
