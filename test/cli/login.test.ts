import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { startDocker } from '../testbed/docker.ts'
import { writeContext } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { programPath } from '../testbed/programs.ts'
import { tryRun } from '../testbed/run.ts'
import { type Person, person } from './command.ts'
import { pushImage } from './content.ts'

setDefaultTimeout(120_000)

const PASSWORD = 'correct horse battery'

describe('berth login', () => {
  const stack = new AsyncDisposableStack()
  let server: BerthServer
  let operator: Person
  let who: Person
  let key: string
  beforeAll(async () => {
    server = stack.use(await startBerth({ accounts: true }))
    await pushImage(server, 'admin/hello', ['latest'])
    operator = stack.use(await person({ BERTH_DATA: server.data }))
    who = stack.use(await person())
    key = join(operator.path, 'key.json')
    await operator.run(['robot', 'add', 'admin+ci'])
    await operator.run(['grant', 'add', 'admin+ci', 'admin/*', 'write'])
    await operator.run(['key', 'add', 'build', '--account', 'admin+ci', '--out', key])
  })
  afterAll(() => stack.disposeAsync())

  const stored = () => {
    const { auths } = JSON.parse(readFileSync(who.dockerConfig, 'utf8'))
    return Buffer.from(auths[server.host].auth, 'base64').toString()
  }

  test('with a key stores a token, says until when, and the private key goes nowhere', async () => {
    writeFileSync(who.dockerConfig, JSON.stringify({ psFormat: 'x', auths: { 'h:1': { auth: 'eDp5' } } }))
    const { code, stdout, stderr } = await who.berth(['login', server.host, '--key', key])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toMatch(/logged in to \S+ as admin\+ci until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC/)
    expect(stored()).toMatch(/^oauth2accesstoken:[\w-]+\.[\w-]+\.[\w-]+$/)
    const content = JSON.parse(readFileSync(who.dockerConfig, 'utf8'))
    expect(content).toMatchObject({ psFormat: 'x', auths: { 'h:1': { auth: 'eDp5' } } })
    expect(readFileSync(who.dockerConfig, 'utf8')).not.toContain(JSON.parse(readFileSync(key, 'utf8')).key_id)
    expect(await who.json(['whoami', '--server', server.host])).toMatchObject({
      kind: 'robot',
      name: 'admin+ci',
    })
    const token = await fetch(`${server.url}/token?scope=repository:admin/hello:pull`, {
      headers: { Authorization: `Basic ${Buffer.from(stored()).toString('base64')}` },
    })
    expect(token.status).toBe(200)
    const out = await who.berth(['logout', server.host])
    expect(out).toEqual({ code: 0, stdout: '', stderr: `logged out of ${server.host}\n` })
    expect(JSON.parse(readFileSync(who.dockerConfig, 'utf8'))).toEqual({
      psFormat: 'x',
      auths: { 'h:1': { auth: 'eDp5' } },
    })
    expect((await who.berth(['logout', server.host, '-q'])).stderr).toBe('')
  })

  test('with the private half of a key whose public half was registered', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const [open, own] = [join(who.path, 'public.pem'), join(who.path, 'private.pem')]
    writeFileSync(open, publicKey.export({ type: 'spki', format: 'pem' }))
    writeFileSync(own, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    await operator.run(['key', 'add', 'own', '--account', 'admin+ci', '--public-key', open])
    const { code, stderr } = await who.berth(['login', server.host, '--key', own, '--account', 'admin+ci'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('as admin+ci until') })
    expect(stored()).toMatch(/^oauth2accesstoken:/)
    for (const [file, account, says, ends] of [
      [own, [], 'does not say whose key', 2],
      [own, ['--account', 'admin'], '', 1],
      [open, ['--account', 'admin+ci'], 'is no key file', 1],
      [key, ['--account', 'admin'], 'is a key of admin+ci', 2],
    ] as const) {
      const wrong = await who.berth(['login', server.host, '--key', file, ...account])
      expect({ file, account, code: wrong.code }).toEqual({ file, account, code: ends })
      expect(wrong.stderr).toContain(says)
      expect(wrong.stderr).not.toContain('PRIVATE KEY')
    }
    const shown = await operator.run(['robot', 'show', 'admin+ci'])
    expect(shown).toMatch(/^secrets: +\d+ \(never ends\)$/m)
    expect(shown).toMatch(/^keys: .*\d+ own \(never ends\)/m)
    expect(shown).toMatch(/^grants in admin: +admin\/\*:pull,push,create-tag$/m)
  })

  test('with a password, a token or a robot’s secret', async () => {
    await operator.run(['user', 'add', 'alice', '--password-stdin'], { input: PASSWORD })
    const pat = await operator.run(['token', 'add', 't', '--user', 'alice', '--scope', '**:read', '-q'])
    const secret = await operator.run(['robot', 'rotate', 'admin+ci', '-q'])
    for (const [name, input] of [
      ['alice', PASSWORD],
      ['alice', pat],
      ['admin+ci', secret],
    ] as const) {
      const args = ['login', server.host, '-u', name, '--password-stdin', '-q']
      expect(await who.berth(args, { input })).toEqual({ code: 0, stdout: '', stderr: '' })
      expect(stored()).toBe(`${name}:${input.trim()}`)
    }
    const before = stored()
    const wrong = await who.berth(['login', server.host, '-u', 'alice', '--password-stdin'], {
      input: 'canary',
    })
    expect({ code: wrong.code, stdout: wrong.stdout }).toEqual({ code: 1, stdout: '' })
    expect(wrong.stderr).not.toContain('canary')
    expect(stored()).toBe(before)
  })

  test('with a key that was revoked, or is none, stores nothing', async () => {
    const other = join(operator.path, 'other.json')
    const made = ['key', 'add', 'other', '--account', 'admin+ci', '--out', other]
    const { id } = await operator.json<{ id: number }>(made)
    await who.run(['login', server.host, '--key', other])
    const before = readFileSync(who.dockerConfig, 'utf8')
    await operator.run(['key', 'revoke', `${id}`, '--account', 'admin+ci'])
    writeFileSync(join(who.path, 'none.json'), '{"private_key":"canary"}')
    for (const [file, says] of [
      [other, ''],
      [join(who.path, 'none.json'), 'is no key file'],
      [join(who.path, 'absent.json'), 'there is no file'],
    ] as const) {
      const { code, stderr } = await who.berth(['login', server.host, '--key', file])
      expect(code).toBe(1)
      expect(stderr).toContain(says)
      expect(stderr).not.toMatch(/canary|PRIVATE KEY|\.ts:/)
    }
    expect(readFileSync(who.dockerConfig, 'utf8')).toBe(before)
  })

  test('sends nothing over plain HTTP to another machine', async () => {
    const asked: string[] = []
    using tricky = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch(request) {
        asked.push(`${request.method} ${new URL(request.url).pathname}`)
        const challenge = 'Bearer realm="http://192.0.2.1/token",service="x"'
        return new Response('', { status: 401, headers: { 'WWW-Authenticate': challenge } })
      },
    })
    const local = `127.0.0.1:${tricky.port}`
    const { code, stderr } = await who.berth(['login', local, '--key', key])
    expect(code).toBe(1)
    expect(stderr).toContain('http://192.0.2.1')
    expect(asked).toEqual(['GET /v2/'])
    const remote = await who.berth(['login', 'http://192.0.2.1', '--key', key])
    expect(remote.code).toBe(2)
    expect(remote.stderr).toContain('--insecure')
  })

  test('to a registry that asks nobody stores nothing', async () => {
    await using open = await startBerth()
    const before = readFileSync(who.dockerConfig, 'utf8')
    const { code, stderr } = await who.berth(['login', open.host, '--key', key])
    expect(code).toBe(0)
    expect(stderr).toContain('asks nobody to log in')
    expect(readFileSync(who.dockerConfig, 'utf8')).toBe(before)
  })

  test('with a key signs for the server that was named or that the key is from, and for no other', async () => {
    let asked = 0
    using other = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch() {
        asked++
        return new Response('{}')
      },
    })
    using mallory = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () =>
        new Response(null, {
          status: 401,
          headers: { 'WWW-Authenticate': `Bearer realm="${other.url.origin}/token",service="x"` },
        }),
    })
    const told = await who.berth(['login', mallory.url.host, '--key', key])
    expect([told.code, told.stderr]).toEqual([1, expect.stringContaining('nor where the key is from')])
    expect(asked).toBe(0)
  })

  test('told wrongly', async () => {
    for (const args of [
      [],
      [server.host],
      [server.host, '--key', key, '-u', 'alice'],
      [server.host, '-u', 'alice'],
      ['https://h/path', '-u', 'alice', '--password-stdin'],
    ]) {
      expect({ args, code: (await who.berth(['login', ...args])).code }).toEqual({ args, code: 2 })
    }
  })

  describeNeeding({ programs: ['skopeo'] }, 'and skopeo', () => {
    test('pulls with what it stored, and after logout no more', async () => {
      const inspect = () =>
        tryRun(
          [
            programPath('skopeo'),
            'inspect',
            '--raw',
            '--tls-verify=false',
            '--authfile',
            who.dockerConfig,
            `docker://${server.host}/admin/hello`,
          ],
          { env: { ...who.env } },
        )
      await who.run(['login', server.host, '--key', key])
      expect(await inspect()).toMatchObject({ code: 0, stderr: '' })
      await who.run(['logout', server.host])
      expect((await inspect()).code).not.toBe(0)
    })
  })

  describeNeeding({ programs: ['docker', 'dockerd', 'busybox'], root: true }, 'and docker', () => {
    test('push and pull with what it stored, and after logout no more', async () => {
      await using engine = await startDocker()
      const docker = (...args: string[]) => engine.tryDocker('--config', dirname(who.dockerConfig), ...args)
      const image = `${server.host}/admin/built:1`
      await writeContext(join(who.path, 'context'), { greeting: 'hello' })
      await engine.docker('build', '--network=none', '--quiet', '--tag', image, join(who.path, 'context'))
      expect((await docker('push', image)).code).not.toBe(0)
      await who.run(['login', server.host, '--key', key])
      expect(await docker('push', image)).toMatchObject({ code: 0 })
      await engine.docker('rmi', '--force', image)
      expect(await docker('pull', image)).toMatchObject({ code: 0 })
      await engine.docker('rmi', '--force', image)
      await who.run(['logout', server.host])
      expect((await docker('pull', image)).code).not.toBe(0)
    })
  })
})
