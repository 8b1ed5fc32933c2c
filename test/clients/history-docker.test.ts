import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { apiAs, startWorld, type World } from '../access/world.ts'
import { type Docker, startDocker } from '../testbed/docker.ts'
import { writeContext } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { type TempFolder, tempFolder } from '../testbed/temp.ts'

setDefaultTimeout(120_000)

describeNeeding({ programs: ['docker', 'dockerd', 'busybox'], root: true }, 'docker and the past', () => {
  const stack = new AsyncDisposableStack()
  let world: World
  let engine: Docker
  let folder: TempFolder
  let host: string

  beforeAll(async () => {
    folder = stack.use(await tempFolder())
    world = stack.use(await startWorld())
    engine = stack.use(await startDocker())
    host = world.server.host
    const [name, secret] = world.logins.admin as readonly [string, string]
    await engine.docker('login', '--username', name, '--password', secret, host)
  })
  afterAll(() => stack.disposeAsync())

  const adam = () => apiAs(world.server.url, world.logins.admin as readonly [string, string])

  /** An image whose greeting is its own; its id. */
  async function build(name: string, greeting: string): Promise<string> {
    const context = join(folder.path, greeting.replaceAll(/\W/g, '-'))
    await writeContext(context, { greeting, layers: [10_000] })
    await engine.docker('build', '--network=none', '--quiet', '--tag', `${host}/${name}`, context)
    return idOf(name)
  }
  const idOf = async (name: string) =>
    (await engine.docker('image', 'inspect', '--format', '{{.Id}}', `${host}/${name}`)).trim()
  async function forget(name: string): Promise<void> {
    await engine.docker('rmi', '--force', `${host}/${name}`)
    await engine.docker('image', 'prune', '--all', '--force')
  }

  test('an image that was overwritten is restored, and pulled as it was', async () => {
    const first = await build('acme/app:1', 'the first')
    await engine.docker('push', `${host}/acme/app:1`)
    const second = await build('acme/app:1', 'the second')
    expect(second).not.toBe(first)
    await engine.docker('push', `${host}/acme/app:1`)
    const path = { repository: 'acme/app', tag: '1' }
    const history = await adam().call('GET /repositories/{repository}/-/tags/{tag}/history', { path })
    const [moved, made] = history.items
    expect(moved).toMatchObject({ kind: 'push', from: made?.to, actor: 'adam', restorable: true })
    expect(moved?.agent).toMatch(/docker|containerd/i)
    await adam().call('POST /repositories/{repository}/-/tags/{tag}/restore', {
      path,
      body: { event: moved?.id as number },
    })
    await forget('acme/app:1')
    await engine.docker('pull', `${host}/acme/app:1`)
    expect(await idOf('acme/app:1')).toBe(first)
  })

  test('a push that would move an immutable tag is denied, with the reason', async () => {
    await build('acme/fixed:v1', 'fixed')
    await engine.docker('push', `${host}/acme/fixed:v1`)
    await adam().call('PUT /repositories/{repository}/-/immutable-tags', {
      path: { repository: 'acme/fixed' },
      body: { patterns: ['v*'] },
    })
    await engine.docker('push', `${host}/acme/fixed:v1`)
    await build('acme/fixed:v1', 'not so fixed')
    const { code, stderr } = await engine.tryDocker('push', `${host}/acme/fixed:v1`)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/denied: tag v1 of acme\/fixed is immutable and stays at sha256:/)
    expect(stderr).toContain('push under a new tag')
    await engine.docker('tag', `${host}/acme/fixed:v1`, `${host}/acme/fixed:v2`)
    await engine.docker('push', `${host}/acme/fixed:v2`)
  })

  test('a renamed repository is pulled from and pushed to by its old name', async () => {
    const id = await build('acme/before:1', 'to be renamed')
    await engine.docker('push', `${host}/acme/before:1`)
    await adam().call('POST /repositories/{repository}/-/rename', {
      path: { repository: 'acme/before' },
      body: { to: 'acme/after' },
    })
    await forget('acme/before:1')
    await engine.docker('pull', `${host}/acme/before:1`)
    expect(await idOf('acme/before:1')).toBe(id)
    const next = await build('acme/before:2', 'pushed by the old name')
    await engine.docker('push', `${host}/acme/before:2`)
    await forget('acme/before:2')
    await engine.docker('pull', `${host}/acme/after:2`)
    expect(await idOf('acme/after:2')).toBe(next)
  })

  test('a deleted repository is pulled again once it is restored', async () => {
    await build('acme/lost:1', 'lost and found')
    await engine.docker('push', `${host}/acme/lost:1`)
    await forget('acme/lost:1')
    await adam().call('DELETE /repositories/{repository}', { path: { repository: 'acme/lost' } })
    expect((await engine.tryDocker('pull', `${host}/acme/lost:1`)).code).not.toBe(0)
    const path = { namespace: 'acme' }
    const { items } = await world.api.call('GET /namespaces/{namespace}/deleted-repositories', { path })
    await world.api.call('POST /namespaces/{namespace}/deleted-repositories/{id}/restore', {
      path: { ...path, id: String(items[0]?.id) },
      body: {},
    })
    await engine.docker('pull', `${host}/acme/lost:1`)
  })
})
