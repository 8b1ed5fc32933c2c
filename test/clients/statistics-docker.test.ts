import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { startWorld, type World } from '../access/world.ts'
import { type Docker, startDocker } from '../testbed/docker.ts'
import { writeContext } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { countRequests, requestsOf } from '../testbed/target.ts'
import { type TempFolder, tempFolder } from '../testbed/temp.ts'

setDefaultTimeout(120_000)

describeNeeding({ programs: ['docker', 'dockerd', 'busybox'], root: true }, 'what docker does', () => {
  const stack = new AsyncDisposableStack()
  let world: World
  let engine: Docker
  let folder: TempFolder

  beforeAll(async () => {
    folder = stack.use(await tempFolder())
    world = stack.use(await startWorld({ env: { BERTH_USES_SECONDS: '0.05' } }))
    engine = stack.use(await startDocker())
    await engine.docker(
      'login',
      '-u',
      'olga',
      '-p',
      (world.logins['organisation owner'] as readonly [string, string])[1],
      world.server.host,
    )
  })
  afterAll(() => stack.disposeAsync())

  const path = { repository: 'acme/counted' }
  const statistics = () => world.api.call('GET /repositories/{repository}/-/pulls', { path })
  /** The statistics once they add up to so much, or as they are after a while. */
  async function becomes(pulls: number, looks: number) {
    const until = Date.now() + 20_000
    let told = await statistics()
    while (told.totals.pulls + told.totals.looks < pulls + looks && Date.now() < until)
      told = await statistics()
    expect(told.totals).toEqual({ pulls, looks, referrers: 0 })
    return told
  }
  const manifestRequests = async (action: () => Promise<unknown>) =>
    (await requestsOf(world.server, action)).filter((request) => request.path.includes('/manifests/'))
  const forget = async (image: string) => {
    await engine.docker('rmi', '--force', image)
    await engine.docker('image', 'prune', '--all', '--force')
  }

  test('a pull is one, under its tag; its HEADs are looks; a push is none', async () => {
    const context = join(folder.path, 'counted')
    await writeContext(context, { greeting: 'counted', layers: [50_000] })
    const image = `${world.server.host}/acme/counted:v1`
    await engine.docker('build', '--network=none', '--quiet', '--tag', image, context)
    await engine.docker('push', image)
    await forget(image)
    const before = (await statistics()).totals
    expect(before.pulls).toBe(0)

    const requests = await manifestRequests(() => engine.docker('pull', image))
    const heads = countRequests(requests, 'HEAD', 200)
    const gets = countRequests(requests, 'GET', 200)
    expect(gets).toBeGreaterThan(0)
    const told = await becomes(1, before.looks + heads + gets - 1)
    expect(told.items.filter(({ pulls }) => pulls > 0).map(({ tag }) => tag)).toEqual(['v1'])

    const repository = await world.api.call('GET /repositories/{repository}', { path })
    expect(repository.pulls).toBe(1)
    const tag = await world.api.call('GET /repositories/{repository}/-/tags/{tag}', {
      path: { ...path, tag: 'v1' },
    })
    expect(tag.lastPulled).not.toBeNull()

    // What is there already is looked at, and not pulled.
    const again = await manifestRequests(() => engine.docker('pull', image))
    expect(countRequests(again, 'GET')).toBe(0)
    await becomes(1, before.looks + heads + gets - 1 + again.length)
  })
})
