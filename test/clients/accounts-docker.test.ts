import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { apiAs, startWorld, type World } from '../access/world.ts'
import { type CuttingProxy, startCuttingProxy } from '../testbed/cutting-proxy.ts'
import { type Docker, startDocker } from '../testbed/docker.ts'
import { writeContext } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { countRequests, requestsOf } from '../testbed/target.ts'
import { type TempFolder, tempFolder } from '../testbed/temp.ts'

setDefaultTimeout(120_000)

/** Clients take a token for good for as long as this at least, in ms. */
const SHORTEST_BELIEVED = 60_000

describeNeeding({ programs: ['docker', 'dockerd', 'busybox'], root: true }, 'docker with accounts', () => {
  const stack = new AsyncDisposableStack()
  let world: World
  let line: CuttingProxy
  let engine: Docker
  let folder: TempFolder
  let host: string

  beforeAll(async () => {
    folder = stack.use(await tempFolder())
    world = stack.use(await startWorld({ env: { BERTH_TOKEN_SECONDS: '60' } }))
    line = stack.use(await startCuttingProxy(world.server.host))
    engine = stack.use(await startDocker())
    host = world.server.host
  })
  afterAll(() => stack.disposeAsync())

  const login = (name: string, secret: string, at = host) =>
    engine.docker('login', '--username', name, '--password', secret, at)
  const logout = () => engine.docker('logout', host)
  const loginOf = (actor: keyof World['logins']) => world.logins[actor] as readonly [string, string]

  async function build(name: string, size = 50_000, at = host): Promise<string> {
    const context = join(folder.path, name.replaceAll(/\W/g, '-'))
    await writeContext(context, { greeting: name, layers: [size] })
    const image = `${at}/${name}`
    await engine.docker('build', '--network=none', '--quiet', '--tag', image, context)
    return image
  }

  /** Everything the engine knows of an image goes, so that a pull asks for all of it. */
  async function forget(image: string): Promise<void> {
    await engine.docker('rmi', '--force', image)
    await engine.docker('image', 'prune', '--all', '--force')
  }

  /** What docker says when a pull fails. */
  async function pullFailure(image: string): Promise<string> {
    const { code, stderr } = await engine.tryDocker('pull', image)
    expect(code).not.toBe(0)
    return stderr
  }

  test('C1: log in with a password, push, log out; nobody else may pull', async () => {
    const image = await build('rita/mine:1')
    const before = await engine.tryDocker('push', image)
    expect(before.code).not.toBe(0)
    expect(before.stderr).toContain('denied')

    expect(await login(...loginOf('reader'))).toContain('Login Succeeded')
    await engine.docker('push', image)
    await forget(image)
    await engine.docker('pull', image)
    await forget(image)
    await logout()
    expect(await pullFailure(image)).toContain('pull access denied')
  })

  test('a wrong password is refused in words', async () => {
    const { code, stderr } = await engine.tryDocker('login', '-u', 'rita', '-p', 'not this one', host)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/unauthorized/i)
    expect(stderr).not.toContain('not this one')
  })

  test('SE-2: another’s private repository fails exactly like an absent one', async () => {
    await login(...loginOf('reader'))
    const image = await build('rita/secret:1')
    await engine.docker('push', image)
    await forget(image)
    await login(...loginOf('other user'))
    const forbidden = await pullFailure(image)
    const absent = await pullFailure(`${host}/rita/nothing:1`)
    expect(forbidden.replaceAll('secret', 'nothing')).toBe(absent)
    expect(forbidden).toContain('pull access denied')
  })

  test('a read-only token pulls; its push is denied with the reason; revoked, it pulls no more', async () => {
    const adam = apiAs(world.server.url, loginOf('admin'))
    const { id, secret } = await adam.call('POST /users/{user}/tokens', {
      path: { user: 'adam' },
      body: { name: 'only reading', scopes: [{ pattern: 'acme/**', verbs: ['read'] }] },
    })
    const image = await build('acme/read-only:1')
    await login(...loginOf('admin'))
    await engine.docker('push', image)

    await login('adam', secret)
    await engine.docker('pull', image)
    const other = `${host}/acme/read-only:2`
    await engine.docker('tag', image, other)
    const { code, stderr } = await engine.tryDocker('push', other)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/denied: .*token/)
    expect(stderr).toContain('push')

    await adam.call('DELETE /users/{user}/tokens/{id}', { path: { user: 'adam', id: String(id) } })
    await pullFailure(image)
    const again = await engine.tryDocker('login', '-u', 'adam', '-p', secret, host)
    expect(again.code).not.toBe(0)
  })

  test('who may only make tags moves none', async () => {
    await login(...loginOf('team member'))
    const first = await build('acme/tags:1', 1000)
    await engine.docker('push', first)
    await engine.docker('push', first)
    const second = await build('acme/tags-again:1', 2000)
    await engine.docker('tag', second, first)
    const { code, stderr } = await engine.tryDocker('push', first)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/denied: .*move/)
  })

  test('a robot pushes, under its name and under Harbor’s', async () => {
    const [name, secret] = loginOf('robot')
    const image = await build('acme/by-robot:1')
    await login(name, secret)
    await engine.docker('push', image)
    await logout()
    await login('robot$acme+ci', secret)
    await forget(image)
    await engine.docker('pull', image)
  })

  test('a key file is a password, as it is and in base64', async () => {
    const { file } = await world.api.call('POST /namespaces/{namespace}/robots/{robot}/keys', {
      path: { namespace: 'acme', robot: 'ci' },
      body: { name: 'docker' },
    })
    const image = await build('acme/by-key:1')
    await login('_json_key', file as string)
    await engine.docker('push', image)
    await logout()
    await login('_json_key_base64', Buffer.from(file as string).toString('base64'))
    await forget(image)
    await engine.docker('pull', image)
  })

  test('anyone pulls what is public, without a login', async () => {
    await login(...loginOf('admin'))
    const image = await build('acme/open:1')
    await engine.docker('push', image)
    await forget(image)
    await logout()
    await pullFailure(image)
    await world.api.call('PATCH /repositories/{repository}', {
      path: { repository: 'acme/open' },
      body: { visibility: 'public' },
    })
    await engine.docker('pull', image)
  })

  test('B15: what one may not read is uploaded, not mounted', async () => {
    await login(...loginOf('reader'))
    const image = await build('rita/origin:1', 70_000)
    await engine.docker('push', image)
    await login(...loginOf('other user'))
    const copy = `${host}/otto/copy:1`
    await engine.docker('tag', image, copy)
    const requests = await requestsOf(world.server, () => engine.docker('push', copy))
    expect(countRequests(requests, 'POST', 201)).toBe(0)
    expect(countRequests(requests, 'PATCH', 202)).toBeGreaterThan(0)
  })

  test('a push goes on when its token ends while a slow layer is under way', async () => {
    const at = line.host
    await login(...loginOf('admin'), at)
    const image = await build('acme/slow:1', 3 << 20, at)
    const held = line.hold({ method: 'PATCH', path: '/v2/acme/slow/', after: 1 << 20, way: 'up' })
    const pushed = engine.docker('push', image)
    const goOn = await held
    await Bun.sleep(SHORTEST_BELIEVED + 5_000)
    goOn()
    await pushed
    await forget(image)
    await engine.docker('pull', image)
  }, 180_000)
})
