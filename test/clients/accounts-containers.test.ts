import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { startWorld, type World } from '../access/world.ts'
import { type ContainerTools, containerTools } from '../testbed/containers.ts'
import { writeContext } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'

setDefaultTimeout(120_000)

describeNeeding(
  { programs: ['podman', 'skopeo', 'buildah', 'busybox'], root: true },
  'podman, skopeo and buildah with accounts',
  () => {
    const stack = new AsyncDisposableStack()
    let world: World
    let tools: ContainerTools
    let host: string

    beforeAll(async () => {
      world = stack.use(await startWorld())
      tools = stack.use(await containerTools())
      host = world.server.host
    })
    afterAll(() => stack.disposeAsync())

    const PLAIN = '--tls-verify=false'
    const loginOf = (actor: keyof World['logins']) => world.logins[actor] as readonly [string, string]
    const creds = (actor: keyof World['logins']) => loginOf(actor).join(':')

    async function build(name: string): Promise<string> {
      const context = join(tools.path, name)
      await writeContext(context, { greeting: name, layers: [10_000] })
      await tools.buildah('bud', '--tag', `localhost/${name}`, context)
      return `localhost/${name}`
    }

    test('C4: podman logs in, pushes, pulls, searches and logs out', async () => {
      const image = await build('podman-login')
      const remote = `${host}/acme/podman:1`
      const denied = await tools.attempt('podman', 'push', PLAIN, image, remote)
      expect(denied.code).not.toBe(0)

      const [name, secret] = loginOf('writer')
      expect(await tools.podman('login', PLAIN, '-u', name, '-p', secret, host)).toContain('Login Succeeded')
      await tools.podman('push', PLAIN, image, remote)
      await tools.podman('rmi', '--force', image)
      await tools.podman('pull', PLAIN, remote)
      expect(await tools.podman('search', PLAIN, `${host}/podman`)).toContain('acme/podman')
      await tools.podman('logout', host)
      await tools.podman('rmi', '--force', remote)
      expect((await tools.attempt('podman', 'pull', PLAIN, remote)).code).not.toBe(0)
    })

    test('C4: skopeo with the credentials of robots, tokens and strangers', async () => {
      const image = await build('skopeo-login')
      const remote = `docker://${host}/acme/skopeo:1`
      const storage = `containers-storage:${image}`
      const push = (who: keyof World['logins']) =>
        tools.attempt(
          'skopeo',
          'copy',
          '--dest-tls-verify=false',
          '--dest-creds',
          creds(who),
          storage,
          remote,
        )
      expect((await push('other user')).stderr).toMatch(/denied|unauthorized|Forbidden/)
      const reading = await push('scoped token')
      expect(reading.code).not.toBe(0)
      expect(reading.stderr).toMatch(/denied/)
      expect((await push('robot')).stderr).not.toContain('denied')
      expect((await push('robot')).code).toBe(0)
      const inspect = (who: keyof World['logins'], name = remote) =>
        tools.attempt('skopeo', 'inspect', PLAIN, '--creds', creds(who), name)
      expect((await inspect('scoped token')).code).toBe(0)
      const forbidden = await inspect('other user')
      const absent = await inspect('other user', `docker://${host}/acme/nothing:1`)
      expect(forbidden.code).not.toBe(0)
      const plain = (text: string) => text.replaceAll(/time="[^"]*"/g, '').replaceAll('nothing', 'skopeo')
      expect(plain(forbidden.stderr)).toBe(plain(absent.stderr))
      const listed = await tools.skopeo(
        'list-tags',
        PLAIN,
        '--creds',
        creds('reader'),
        `docker://${host}/acme/skopeo`,
      )
      expect(JSON.parse(listed).Tags).toEqual(['1'])
      await tools.skopeo('delete', PLAIN, '--creds', creds('admin'), remote)
      expect((await inspect('scoped token')).code).not.toBe(0)
    })

    test('C4: buildah pushes and pulls with a login of its own', async () => {
      const image = await build('buildah-login')
      const [name, secret] = loginOf('robot')
      await tools.buildah('login', PLAIN, '-u', name, '-p', secret, host)
      await tools.buildah('push', PLAIN, image, `docker://${host}/acme/buildah:1`)
      await tools.buildah('rmi', '--force', image)
      await tools.buildah('pull', PLAIN, `${host}/acme/buildah:1`)
      await tools.buildah('logout', host)
    })

    test('public repositories need no login', async () => {
      await world.api.call('POST /repositories', { body: { name: 'acme/open', visibility: 'public' } })
      const image = await build('public-login')
      await tools.skopeo(
        'copy',
        '--dest-tls-verify=false',
        '--dest-creds',
        creds('writer'),
        `containers-storage:${image}`,
        `docker://${host}/acme/open:1`,
      )
      await tools.podman('pull', PLAIN, `${host}/acme/open:1`)
      await tools.skopeo('inspect', PLAIN, `docker://${host}/acme/open:1`)
      expect(await tools.podman('search', PLAIN, `${host}/open`)).toContain('acme/open')
      expect(await tools.podman('search', PLAIN, `${host}/skopeo`)).not.toContain('acme/skopeo')
    })
  },
)
