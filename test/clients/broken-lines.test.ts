import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { clientRegistry } from '../../src/registry/client.ts'
import { freshRepo, inPieces, randomBlob, testContext } from '../suite/content.ts'
import { type CuttingProxy, startCuttingProxy } from '../testbed/cutting-proxy.ts'
import { type Docker, startDocker } from '../testbed/docker.ts'
import { expectedOutput, writeContext } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import type { LoggedRequest, RegistryServer } from '../testbed/server.ts'
import { countRequests, requestsOf, startTarget, TARGET_IS_PEER } from '../testbed/target.ts'
import { type TempFolder, tempFolder } from '../testbed/temp.ts'

setDefaultTimeout(120_000)

const MiB = 1 << 20

const isBlobPull = ({ method, path }: LoggedRequest) => method === 'GET' && path.includes('/blobs/')

test.skipIf(TARGET_IS_PEER)('B7: our client resumes a cut upload at the true offset', async () => {
  await using registry = await startTarget()
  await using line = await startCuttingProxy(registry.host)
  const client = clientRegistry({ base: `http://${line.host}` })
  const context = testContext()
  const repo = freshRepo('broken')
  const { bytes, digest } = randomBlob(24 * MiB)
  const { id } = await client.openUpload(context, repo)
  const cut = line.cut({ method: 'PATCH', path: '/blobs/uploads/', after: 9 * MiB, way: 'up' })
  const broken = expect(client.appendUpload(context, repo, id, inPieces(bytes, MiB))).rejects.toThrow()
  await cut
  await broken
  // The server keeps what arrived, and says so once it has noticed the end of the line.
  await registry.daemon.waitForLine((text) => text.includes('"method":"PATCH"'))

  const { offset } = await client.statUpload(context, repo, id)
  expect(offset).toBeGreaterThan(0)
  expect(offset).toBeLessThan(bytes.length)
  const rest = bytes.subarray(offset)
  const whole = await client.appendUpload(context, repo, id, inPieces(rest, MiB), offset)
  expect(whole.offset).toBe(bytes.length)
  expect(await client.commitUpload(context, repo, id, digest)).toEqual({ digest, size: bytes.length })
})

describeNeeding({ programs: ['docker', 'dockerd', 'busybox'], root: true }, 'docker on broken lines', () => {
  const stack = new AsyncDisposableStack()
  let registry: RegistryServer
  let line: CuttingProxy
  let engine: Docker
  let folder: TempFolder

  beforeAll(async () => {
    folder = stack.use(await tempFolder())
    registry = stack.use(await startTarget())
    line = stack.use(await startCuttingProxy(registry.host))
    engine = stack.use(await startDocker())
  })
  afterAll(() => stack.disposeAsync())

  async function build(name: string, size: number): Promise<{ image: string; output: string }> {
    const plan = { greeting: name, layers: [size] }
    await writeContext(join(folder.path, name), plan)
    const image = `${line.host}/broken/${name}:1`
    await engine.docker('build', '--network=none', '--quiet', '--tag', image, join(folder.path, name))
    return { image, output: expectedOutput(plan) }
  }

  async function forget(image: string): Promise<void> {
    await engine.docker('rmi', '--force', image)
    await engine.docker('image', 'prune', '--all', '--force')
  }

  const runImage = (image: string) => engine.docker('run', '--rm', '--network=none', image)

  test('C1: a push that is cut in the middle of a layer is completed by docker itself', async () => {
    const { image, output } = await build('push', 24 * MiB)
    const cut = line.cut({ method: 'PATCH', path: '/blobs/uploads/', after: 9 * MiB, way: 'up' })
    await engine.docker('push', image)
    await cut
    await forget(image)
    await engine.docker('pull', image)
    expect(await runImage(image)).toBe(output)
  })

  test('C1: a pull that is cut in the middle of a layer goes on where it stopped', async () => {
    const { image, output } = await build('pull', 24 * MiB)
    await engine.docker('push', image)
    await forget(image)
    const cut = line.cut({ method: 'GET', path: '/blobs/', after: 9 * MiB, way: 'down' })
    const requests = await requestsOf(registry, () => engine.docker('pull', image))
    await cut
    expect(countRequests(requests, 'GET', 206)).toBeGreaterThan(0)
    expect(await runImage(image)).toBe(output)
  })

  test.skipIf(TARGET_IS_PEER)('a pull under way survives a stop of the server', async () => {
    const { image, output } = await build('stop', 64 * MiB)
    await engine.docker('push', image)
    await forget(image)
    const held = line.hold({ method: 'GET', path: '/blobs/', after: 4 * MiB, way: 'down' })
    const before = (await registry.requests()).length
    const pull = engine.docker('pull', image)
    const goOn = await held
    // The configuration and three layers: after that docker has no request left to make.
    const asked = async () => (await registry.requests()).slice(before).filter(isBlobPull).length
    while ((await asked()) < 4);
    registry.daemon.kill('SIGTERM')
    await registry.daemon.waitForLine((text) => text.includes('stopping once requests'))
    goOn()
    await pull
    expect(await registry.daemon.exited).toBe(0)
    expect(await runImage(image)).toBe(output)
  })
})
