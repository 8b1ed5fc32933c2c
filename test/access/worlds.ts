import { afterAll, beforeAll, describe } from 'bun:test'
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

/** Runs the cases against a server on each database. */
export function onWorlds(title: string, cases: (world: () => World) => void, options: BerthOptions = {}) {
  const on = (name: string, start: (owned: AsyncDisposableStack) => Promise<World>) =>
    describe(`${title}: ${name}`, () => {
      const owned = new AsyncDisposableStack()
      let world: World
      beforeAll(async () => {
        world = await start(owned)
      }, 60_000)
      afterAll(() => owned.disposeAsync(), 60_000)
      cases(() => world)
    })
  on('SQLite', async (owned) => owned.use(await startSeeded(options)))
  describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () =>
    on('PostgreSQL', async (owned) => {
      const cluster = owned.use(await startPostgres())
      const env = { ...options.env, BERTH_DATABASE_URL: cluster.url }
      return owned.use(await startSeeded({ ...options, env }))
    }),
  )
}
