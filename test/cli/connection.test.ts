import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { operatorFile } from '../../src/operator-file.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { tryRun } from '../testbed/run.ts'
import { tempFolder } from '../testbed/temp.ts'
import { type Person, person } from './command.ts'

setDefaultTimeout(60_000)

const auth = (name: string, secret: string) => ({ auth: Buffer.from(`${name}:${secret}`).toString('base64') })

describe('a command reaches a registry by its address', () => {
  const stack = new AsyncDisposableStack()
  let server: BerthServer
  let operator: Person
  let who: Person
  let token: string
  beforeAll(async () => {
    server = stack.use(
      await startBerth({ accounts: true, env: { BERTH_SERVER: 'x.example.com', BERTH_TOKEN: 'x' } }),
    )
    operator = stack.use(await person({ BERTH_DATA: server.data }))
    who = stack.use(await person({ BERTH_SERVER: server.url }))
    await operator.run(['user', 'add', 'alice', '--password-stdin'], { input: 'correct horse battery' })
    await operator.run(['repo', 'add', 'alice/private'])
    await operator.run(['repo', 'add', 'admin/private'])
    token = (await operator.run(['token', 'add', 't', '--user', 'alice', '--scope', 'alice/*:read'])).trim()
  })
  afterAll(() => stack.disposeAsync())

  const names = async (env: Record<string, string>, args: readonly string[] = []) =>
    (await who.json<{ items: { name: string }[] }>(['repo', 'list', ...args], { env })).items.map(
      (r) => r.name,
    )
  const dockerKnows = (content: object) => writeFileSync(who.dockerConfig, JSON.stringify(content))

  test('the server finds nothing strange in the variables of commands', () =>
    expect(server.daemon.lines.filter((line) => line.includes('there is no option'))).toEqual([]))

  test('with BERTH_TOKEN', async () => {
    expect(await names({ BERTH_TOKEN: ` ${token}\n` })).toEqual(['alice/private'])
    expect(await who.json(['whoami'], { env: { BERTH_TOKEN: token } })).toMatchObject({ name: 'alice' })
    expect(await who.run(['whoami'], { env: { BERTH_TOKEN: token } })).toMatch(
      /^limited to: +alice\/\*:pull$/m,
    )
    // A token that is narrowed makes no further ones.
    const { code, stderr } = await who.berth(['token', 'list'], { env: { BERTH_TOKEN: token } })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^berth: /)
  })

  test('with what docker logs in with', async () => {
    dockerKnows({ auths: { [server.host]: auth('alice', 'correct horse battery') } })
    expect(await names({})).toEqual(['alice/private'])
    // Whole rights: the account’s own.
    const made = await who.run(['token', 'add', 'own', '--scope', '**:pull', '-q'])
    expect(made).toMatch(/^berth_pat_/)
    // The token comes before it.
    dockerKnows({ auths: { [server.host]: auth('alice', 'wrong') } })
    expect(await names({ BERTH_TOKEN: token })).toEqual(['alice/private'])
    // A flag before the variable.
    dockerKnows({ auths: { [server.host]: auth('admin', server.admin.password) } })
    const env = { BERTH_SERVER: 'https://nowhere.invalid' }
    expect(await names(env, ['--server', server.host])).toContain('admin/private')
    // A data directory that is named before the server of the variable.
    expect(await who.json(['whoami', '--data', server.data])).toMatchObject({ kind: 'operator' })
  })

  test('that takes the credential for none, and says whose it was', async () => {
    dockerKnows({ auths: { [server.host]: auth('alice', 'canary') } })
    for (const [env, says] of [
      [{}, 'what docker logs in with'],
      [{ BERTH_TOKEN: 'berth_pat_canary' }, 'BERTH_TOKEN'],
    ] as const) {
      const { code, stdout, stderr } = await who.berth(['user', 'list'], { env })
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toContain(says)
      expect(stderr).not.toContain('canary')
    }
    dockerKnows({})
    const { code, stderr } = await who.berth(['user', 'list'])
    expect(code).toBe(1)
    expect(stderr).toContain('docker login')
    expect(await names({})).toEqual([])
    dockerKnows({ auths: { [server.host]: { identitytoken: 'canary' } } })
    const refresh = await who.berth(['user', 'list'])
    expect(refresh.code).toBe(1)
    expect(refresh.stderr).toContain('BERTH_TOKEN')
    expect(refresh.stderr).not.toContain('canary')
  })

  test('told wrongly', async () => {
    for (const [args, env, says] of [
      [['--data', 'x'], { BERTH_SERVER: '' }, 'nothing lies in'],
      [['--server', 'h', '--data', 'x'], {}, 'say one of them'],
      [[], { BERTH_SERVER: '', BERTH_TOKEN: 'canary' }, '--server'],
      [[], { BERTH_TOKEN: 'can ary' }, 'no token'],
      [['--server', 'http://192.0.2.1'], {}, '--insecure'],
      [['--server', 'a b'], {}, 'is no server'],
    ] as [string[], Record<string, string>, string][]) {
      const { code, stdout, stderr } = await who.berth(['user', 'list', ...args], { env })
      expect({ says, code, stdout }).toEqual({ says, code: says === 'nothing lies in' ? 1 : 2, stdout: '' })
      expect(stderr).toContain(says)
      expect(stderr).not.toMatch(/canary|can ary|\.ts:/)
    }
  })

  test('and who changes the password is told that docker keeps the old one', async () => {
    await operator.run(['user', 'add', 'rosa', '--password-stdin'], { input: 'correct horse battery' })
    dockerKnows({ auths: { [server.host]: auth('rosa', 'correct horse battery') } })
    const input = 'correct horse battery\nanother horse battery\n'
    const { code, stderr } = await who.berth(['user', 'password', '--password-stdin'], { input })
    expect(code).toBe(0)
    expect(stderr).toContain(`log in again: berth login ${server.host} -u rosa`)
    dockerKnows({})
  })

  test('that is another machine over plain HTTP with --insecure alone, where it speaks no TLS', async () => {
    // Not taken for this machine by its name, and yet it is.
    const other = `0.0.0.0:${server.host.split(':')[1]}`
    const env = { BERTH_TOKEN: token }
    const without = await who.berth(['whoami', '--server', other], { env })
    expect({ code: without.code, stdout: without.stdout }).toEqual({ code: 1, stdout: '' })
    expect(await who.json(['whoami', '--server', other, '--insecure'], { env })).toMatchObject({
      name: 'alice',
    })
    const login = ['login', other, '-u', 'alice', '--password-stdin', '--insecure']
    expect(await who.berth(login, { input: 'correct horse battery' })).toMatchObject({ code: 0 })
    dockerKnows({})
  })

  test('that speaks TLS is said to, where it was taken for this machine without', async () => {
    using page = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () =>
        new Response('<html>The plain HTTP request was sent to HTTPS port</html>', { status: 400 }),
    })
    using silent = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: { data: (socket) => void socket.terminate() },
    })
    for (const port of [page.port, silent.port]) {
      for (const args of [
        ['whoami', '--server', `localhost:${port}`],
        ['login', `localhost:${port}`, '-u', 'alice', '--password-stdin'],
      ]) {
        const { code, stdout, stderr } = await who.berth(args, { input: 'canary' })
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
        expect(stderr).toContain(`try https://localhost:${port}`)
        // Neither a page, nor what the runtime advises programmers.
        expect(stderr).not.toMatch(/<html|verbose/)
      }
    }
  })

  test('that is none of ours, or sends elsewhere, or is not there', async () => {
    const asked: string[] = []
    using other = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch(request) {
        asked.push(request.headers.get('authorization') ?? '')
        return new Response('<h1>not found</h1>', { status: 404 })
      },
    })
    using sender = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () => Response.redirect(`http://127.0.0.1:${other.port}/`, 307),
    })
    const env = { BERTH_TOKEN: token }
    const at = (port: number | undefined) =>
      who.berth(['user', 'list', '--server', `127.0.0.1:${port}`], { env })
    const sent = await at(sender.port)
    expect(sent.code).toBe(1)
    expect(sent.stderr).toContain(`sends on to http://127.0.0.1:${other.port}`)
    expect(asked).toEqual([])
    const strange = await at(other.port)
    expect(strange.code).toBe(1)
    expect(strange.stderr).toContain('no management API')
    await other.stop(true)
    const nobody = await at(other.port)
    expect(nobody).toMatchObject({ code: 1, stdout: '' })
    expect(nobody.stderr).toContain('nobody listens there')
  })

  test('whose words steer no terminal', async () => {
    const evil = '\x1b]0;x\x07\x9b31m\r'
    using other = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch({ method, url }) {
        if (method === 'POST') return Response.json({ id: 1, secret: `s${evil}`, expiresAt: evil })
        if (url.includes('/users/')) return Response.json({ detail: `no${evil}` }, { status: 404 })
        return Response.json({ items: [{ name: `alice${evil}`, displayName: evil, createdAt: evil }] })
      },
    })
    const at = ['--server', `127.0.0.1:${other.port}`]
    for (const args of [
      ['user', 'list'],
      ['user', 'show', 'alice'],
      ['token', 'add', 't', '--user', 'alice', '--scope', '**:read'],
      ['user', 'list', '--json'],
    ]) {
      const { stdout, stderr } = await who.berth([...args, ...at])
      expect(stdout + stderr).toMatch(/alice|no/)
      expect(stdout + stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/)
      if (!args.includes('--json')) expect(stdout + stderr).not.toMatch(/[\x80-\x9f]/)
    }
  })

  test('and ends a browser’s session', async () => {
    const signedIn = await fetch(`${server.url}/api/v1/session`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: 'alice', password: 'correct horse battery' }),
    })
    const headers = { Cookie: signedIn.headers.get('set-cookie')?.split(';')[0] ?? '' }
    const me = async () => (await (await fetch(`${server.url}/api/v1/session`, { headers })).json()) as object
    expect(await me()).toMatchObject({ name: 'alice' })
    const { items } = await operator.json<{ items: { id: number }[] }>(['user', 'sessions', 'alice'])
    expect(items).toHaveLength(1)
    await operator.run(['user', 'end-session', 'alice', `${items[0]?.id}`])
    expect(await me()).not.toMatchObject({ name: 'alice' })
    expect((await operator.run(['user', 'sessions', 'alice'])).split('\n')).toHaveLength(2)
  })

  test('and can be piped into a reader that leaves early', async () => {
    const script = `"$0" user list | head -n 1; echo "\${PIPESTATUS[0]}"`
    const berth = join(import.meta.dirname, '../../bin/berth')
    const { stdout, stderr } = await tryRun(['bash', '-c', script, berth], { env: { ...operator.env } })
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^NAME .*\n0\n$/)
  })
})

describe('a command on a data directory', () => {
  test('without anything in it makes nothing, and says what to do', async () => {
    await using who = await person()
    const { code, stdout, stderr } = await who.berth(['user', 'list'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    for (const word of ['--data', '--server', 'berth serve', join(who.path, 'data')]) {
      expect(stderr).toContain(word)
    }
    expect(existsSync(join(who.path, 'data'))).toBe(false)
    mkdirSync(join(who.path, 'data'))
    expect((await who.berth(['user', 'list'])).code).toBe(1)
  })

  test('lets its server go on, gets the links right, and goes on itself when that stops or is killed', async () => {
    await using folder = await tempFolder()
    const data = join(folder.path, 'data')
    await using who = await person({ BERTH_DATA: data })
    const file = operatorFile(data)
    let first: string | undefined
    {
      await using server = await startBerth({ accounts: true, data })
      first = file.read()?.token
      const link = await who.run(['user', 'invite', '-q'])
      expect(link).toStartWith(`http://localhost:${server.host.split(':')[1]}/`)
      expect((await server.requests()).some(({ path }) => path.startsWith('/api/v1/invitations'))).toBe(true)
      // What lets the operator in lets nobody in elsewhere.
      const headers = { Authorization: `Bearer ${first}` }
      expect((await fetch(`${server.url}/v2/`, { headers })).status).toBe(401)
      expect((await fetch(`${server.url}/v2/_catalog`, { headers })).status).toBe(401)
      expect((await fetch(`${server.url}/token`, { headers })).status).toBe(401)
    }
    expect(existsSync(file.path)).toBe(false)
    await who.run(['user', 'add', 'alice', '--password-stdin'], { input: 'correct horse battery' })

    let killed: string | undefined
    {
      await using server = await startBerth({ accounts: true, data, mayLogErrors: true })
      killed = file.read()?.token
      expect(killed).not.toBe(first)
      server.daemon.kill('SIGKILL')
      await server.daemon.exited
    }
    // The file is there still; nobody answers to it.
    expect(file.read()?.token).toBe(killed)
    expect(await who.run(['user', 'list'])).toContain('alice')

    // Somebody else has the port: what lies there is shown the old token, and believed nothing.
    await using other = await startBerth({ accounts: true })
    writeFileSync(file.path, JSON.stringify({ address: other.host, token: killed }))
    expect(await who.run(['user', 'list'])).toContain('alice')
    await using again = await startBerth({ accounts: true, data })
    expect(file.read()).toMatchObject({ address: again.host })
    expect(await who.run(['user', 'list'])).toContain('alice')
  })

  test('waits for another command', async () => {
    await using folder = await tempFolder()
    const data = join(folder.path, 'data')
    await using who = await person({ BERTH_DATA: data })
    {
      await using _ = await startBerth({ accounts: true, data })
    }
    const both = await Promise.all(
      ['one', 'two'].map((name) => who.berth(['user', 'add', name, '--link', '-q'])),
    )
    expect(both.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ])
    // A link begins with the address that the server will have.
    expect(both[0]?.stdout).toStartWith('http://localhost:5000/')
    for (const args of [
      ['user', 'invite'],
      ['user', 'reset-link', 'one'],
      ['key', 'add', 'k', '--account', 'one'],
    ]) {
      const guessed = await who.berth(args)
      expect(guessed.stdout).toContain('http://localhost:5000/')
      expect(guessed.stderr).toContain('http://localhost:5000, which is a guess')
      expect(guessed.stderr).toContain('BERTH_PUBLIC_URL')
      const quiet = args.map((word) => (word === 'k' ? 'another' : word))
      expect((await who.berth([...quiet, '-q'])).stderr).toBe('')
    }
    const env = { BERTH_PUBLIC_URL: 'https://registry.example.com' }
    const known = await who.berth(['user', 'invite'], { env })
    expect(known.stdout).toStartWith('https://registry.example.com/')
    expect(known.stderr).not.toContain('guess')
    // A flag goes before a variable, also before one that names a database.
    const elsewhere = { BERTH_DATABASE_URL: 'postgres://127.0.0.1:1/none', BERTH_DATA: '' }
    expect(await who.run(['user', 'list', '--data', data], { env: elsewhere })).toContain('one')
    expect((await who.berth(['user', 'list'], { env: { ...elsewhere, BERTH_DATA: data } })).code).toBe(1)
    const listed = await who.run(['user', 'list'])
    for (const name of ['one', 'two']) expect(listed).toContain(name)
  })

  test('on which a server without accounts runs says so', async () => {
    await using server = await startBerth()
    await using who = await person({ BERTH_DATA: server.data })
    const { code, stdout, stderr } = await who.berth(['user', 'list'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('--auth none')
    const asked = await who.berth(['user', 'list', '--server', server.url])
    expect(asked.code).toBe(1)
    expect(asked.stderr).toContain('--auth none')
    expect(stderr).toContain(`at ${server.host}) runs without accounts (--auth none)`)
  })

  test('that another user may not look into says that, not that nothing is there', async () => {
    await using folder = await tempFolder()
    const data = join(folder.path, 'data')
    await using _ = await startBerth({ accounts: true, data })
    await using who = await person({ BERTH_DATA: data })
    const root = process.getuid?.() === 0
    chmodSync(folder.path, 0o755)
    if (!root) chmodSync(data, 0)
    const berth = join(import.meta.dirname, '../../bin/berth')
    const other = root ? ['setpriv', '--reuid=65534', '--clear-groups'] : []
    const { code, stdout, stderr } = await tryRun([...other, berth, 'user', 'list'], {
      cwd: '/',
      env: { ...who.env },
    })
    chmodSync(data, 0o700)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('is closed to this user')
  })

  test('whose metadata is elsewhere says how to name that', async () => {
    await using folder = await tempFolder()
    mkdirSync(join(folder.path, 'blobs'))
    await using who = await person({ BERTH_DATA: folder.path })
    const { code, stdout, stderr } = await who.berth(['user', 'list'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('--database-url or BERTH_DATABASE_URL')
    expect(existsSync(join(folder.path, 'berth.db'))).toBe(false)
  })
})

describeNeeding({ programs: ['initdb', 'postgres', 'setpriv'] }, 'a command on a PostgreSQL database', () => {
  test('that holds no registry begins none, and says what to do', async () => {
    await using cluster = await startPostgres()
    await using who = await person({ BERTH_DATABASE_URL: cluster.url })
    for (let i = 0; i < 2; i++) {
      const { code, stdout, stderr } = await who.berth(['user', 'list'])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toContain('holds no registry')
      expect(stderr).toContain('berth serve')
    }
    await using _ = await startBerth({ accounts: true, env: { BERTH_DATABASE_URL: cluster.url } })
    expect(await who.run(['user', 'list'])).toContain('admin')
  })
})
