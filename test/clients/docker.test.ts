import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { type Docker, startDocker } from '../testbed/docker.ts'
import { expectedOutput, type ImagePlan, writeContext } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import type { RegistryServer } from '../testbed/server.ts'
import { countRequests, requestsOf, startTarget, TARGET_IS_PEER } from '../testbed/target.ts'
import { type TempFolder, tempFolder } from '../testbed/temp.ts'

setDefaultTimeout(120_000)

describeNeeding({ programs: ['docker', 'dockerd', 'busybox'], root: true }, 'docker', () => {
  const stack = new AsyncDisposableStack()
  let registry: RegistryServer
  let engine: Docker
  let folder: TempFolder

  beforeAll(async () => {
    folder = stack.use(await tempFolder())
    registry = stack.use(await startTarget())
    engine = stack.use(await startDocker())
  })
  afterAll(() => stack.disposeAsync())

  /** Builds an image under `HOST/name` and returns that name. */
  async function build(name: string, plan: ImagePlan): Promise<string> {
    const context = join(folder.path, name.replaceAll(/\W/g, '-'))
    await writeContext(context, plan)
    const image = `${registry.host}/${name}`
    await engine.docker('build', '--network=none', '--quiet', '--tag', image, context)
    return image
  }

  /** Removes an image from the engine with everything that only it used. */
  async function forget(...images: string[]): Promise<void> {
    await engine.docker('rmi', '--force', ...images)
    await engine.docker('image', 'prune', '--all', '--force')
  }

  const runImage = (image: string) => engine.docker('run', '--rm', '--network=none', image)

  test('C1: build, push, remove, pull and run, with layers of 0 B, 1 B and 3 MiB', async () => {
    const plan = { greeting: 'round-trip', layers: [0, 1, 3 << 20] }
    const image = await build('team/round-trip:1', plan)
    expect(await runImage(image)).toBe(expectedOutput(plan))
    await engine.docker('push', image)
    await forget(image)
    await engine.docker('pull', image)
    expect(await runImage(image)).toBe(expectedOutput(plan))
  })

  test('C1: pull by digest', async () => {
    const image = await build('team/by-digest:1', { greeting: 'by-digest' })
    const pushed = await engine.docker('push', image)
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1]
    await forget(image)
    const pinned = `${registry.host}/team/by-digest@${digest}`
    await engine.docker('pull', pinned)
    expect(await runImage(pinned)).toBe('by-digest\n')
  })

  test('C1: a push again uploads nothing', async () => {
    const image = await build('team/again:1', { greeting: 'again', layers: [1000, 2000] })
    const first = await requestsOf(registry, () => engine.docker('push', image))
    expect(countRequests(first, 'PATCH')).toBeGreaterThan(0)
    const again = await requestsOf(registry, () => engine.docker('push', image))
    expect(countRequests(again, 'PATCH')).toBe(0)
    expect(countRequests(again, 'POST')).toBe(0)
    expect(countRequests(again, 'PUT')).toBe(1)
  })

  test('B15: layers of another repository are mounted, not sent', async () => {
    const image = await build('team/origin:1', { greeting: 'mounted', layers: [50_000, 60_000] })
    await engine.docker('push', image)
    const other = `${registry.host}/elsewhere/copy:1`
    await engine.docker('tag', image, other)
    let output = ''
    const requests = await requestsOf(registry, async () => {
      output = await engine.docker('push', other)
    })
    // busybox, its links, and the two files; docker never mounts the configuration, so that is sent.
    expect(output.match(/Mounted from team\/origin/g)).toHaveLength(4)
    expect(countRequests(requests, 'POST', 201)).toBe(4)
    expect(countRequests(requests, 'PATCH')).toBe(1)
    await forget(image, other)
    await engine.docker('pull', other)
    expect(await runImage(other)).toContain('mounted\n')
  })

  test('C1: a manifest list of two platforms', async () => {
    const here = await build('multi/image:amd64', { greeting: 'for-amd64' })
    const there = await build('multi/image:arm64', { greeting: 'for-arm64' })
    await engine.docker('push', here)
    await engine.docker('push', there)
    const list = `${registry.host}/multi/image:both`
    await engine.docker('manifest', 'create', '--insecure', list, here, there)
    await engine.docker('manifest', 'annotate', '--arch=arm64', list, there)
    await engine.docker('manifest', 'push', '--insecure', list)
    const shown = JSON.parse(await engine.docker('manifest', 'inspect', '--insecure', list))
    expect(
      shown.manifests.map(({ platform }: { platform: { architecture: string } }) => platform.architecture),
    ).toEqual(['amd64', 'arm64'])
    await forget(here, there)
    await engine.docker('pull', '--platform=linux/amd64', list)
    expect(await runImage(list)).toBe('for-amd64\n')
  })

  test.skipIf(TARGET_IS_PEER)('G5: a one-part name is library/name, both ways', async () => {
    const short = await build('hello:1', { greeting: 'hello' })
    const long = `${registry.host}/library/hello:1`
    await engine.docker('push', short)
    await forget(short)
    await engine.docker('pull', long)
    expect(await runImage(long)).toBe('hello\n')

    const library = await build('library/goodbye:1', { greeting: 'goodbye' })
    await engine.docker('push', library)
    await forget(library)
    await engine.docker('pull', `${registry.host}/goodbye:1`)
    expect(await runImage(`${registry.host}/goodbye:1`)).toBe('goodbye\n')
  })

  test.skipIf(TARGET_IS_PEER)('10.4: docker search finds what was pushed', async () => {
    await engine.docker('push', await build('search/needle:1', { greeting: 'needle' }))
    await engine.docker('push', await build('search/haystack:1', { greeting: 'haystack' }))
    const found = await engine.docker('search', '--format={{.Name}}', `${registry.host}/needle`)
    expect(found.trim().split('\n').join()).toMatch(/(^|\/)search\/needle$/)
    const nothing = await engine.docker('search', '--format={{.Name}}', `${registry.host}/no-such-thing`)
    expect(nothing.trim()).toBe('')
  })

  test('a tag that is not there is said to be not there', async () => {
    const { code, stderr } = await engine.tryDocker('pull', `${registry.host}/team/absent:1`)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/not found|manifest unknown/)
  })
})
