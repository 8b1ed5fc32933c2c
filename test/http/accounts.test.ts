import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openSqlite } from '../../src/store/meta/sqlite.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { describeNeeding, type Needs } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { run } from '../testbed/run.ts'
import { tempFolder } from '../testbed/temp.ts'
import { ask as askRaw, RawConnection, request } from './raw.ts'

/** What the edge does for accounts and for the management API. */

const LIMIT = 5000
/** Of who shows nothing. */
const STRANGERS = 3000

let berth: BerthServer
beforeAll(async () => {
  berth = await startBerth({
    accounts: true,
    env: {
      BERTH_MAX_API_BODY: String(LIMIT),
      BERTH_MAX_STRANGER_BODY: String(STRANGERS),
      BERTH_TRUSTED_PROXIES: '127.0.0.0/8',
    },
  })
})
afterAll(() => berth[Symbol.asyncDispose]())

const authorization = () =>
  `Basic ${Buffer.from(`${berth.admin.name}:${berth.admin.password}`).toString('base64')}`

test('the access log names the account, and no secret', async () => {
  const answer = await fetch(`${berth.url}/v2/a/b/manifests/none`, {
    headers: { Authorization: authorization() },
  })
  expect(answer.status).toBe(404)
  const id = answer.headers.get('x-request-id')
  const line = JSON.parse(await berth.daemon.waitForLine((each) => each.includes(`"id":"${id}"`)))
  expect(line).toMatchObject({ account: 'admin', client: '127.0.0.1', status: 404, route: 'manifest' })
  const stranger = await fetch(`${berth.url}/v2/`)
  const other = `"id":"${stranger.headers.get('x-request-id')}"`
  expect(JSON.parse(await berth.daemon.waitForLine((each) => each.includes(other)))).not.toHaveProperty(
    'account',
  )
  expect(berth.daemon.lines.join()).not.toContain(berth.admin.password)
  expect(berth.daemon.lines.join()).not.toContain(authorization().slice(6))
})

test('the realm is where clients are, as a trusted proxy tells', async () => {
  const answer = await askRaw(
    berth.host,
    request('GET', '/v2/', [
      'Host: inside:5000',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: registry.example.com',
    ]),
  )
  expect(answer?.headers.get('www-authenticate')).toStartWith(
    'Bearer realm="https://registry.example.com/token",',
  )
})

test('what breaks where rights are read is a refusal, and told to the operator by the request’s number', async () => {
  await using broken = await startBerth({ accounts: true, mayLogErrors: true })
  const { name, password } = broken.admin
  const signedIn = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
  const ask = (path: string) => fetch(broken.url + path, { headers: { Authorization: signedIn } })
  expect((await ask('/v2/a/b/tags/list')).status).toBe(404)
  using database = new Database(join(broken.data, 'berth.db'))
  // The server may be writing down who came.
  database.run('PRAGMA busy_timeout = 10000')
  // Names that were not asked for yet: what is known of the others stands while the server itself writes nothing.
  for (const path of ['/v2/a/c/tags/list', '/api/v1/users', '/v2/repositories/a/d']) {
    database.run('ALTER TABLE member RENAME TO member_away')
    const answer = await ask(path)
    database.run('ALTER TABLE member_away RENAME TO member')
    const told = await answer.text()
    expect([path, answer.status, told]).toEqual([path, 503, expect.stringContaining('try again later')])
    expect(told).not.toContain('member')
    expect(answer.headers.get('retry-after')).toBe('5')
    const id = `"${answer.headers.get('x-request-id')}"`
    const line = await broken.daemon.waitForLine((each) => each.includes(id) && each.includes('member'))
    expect(JSON.parse(line)).toMatchObject({ level: 'error' })
  }
  expect((await ask('/v2/a/b/tags/list')).status).toBe(404)
})

test('a proxy that nobody trusts is told of once, with what to say', async () => {
  await using plain = await startBerth({ accounts: true })
  const ask = (scheme: string) =>
    fetch(`${plain.url}/v2/`, { headers: { 'X-Forwarded-Proto': scheme, 'X-Forwarded-For': '192.0.2.1' } })
  const told = () => plain.daemon.lines.filter((line) => line.includes('no trusted proxy'))
  await ask('http')
  expect(told()).toEqual([])
  for (const answer of [await ask('https'), await ask('https')])
    expect(answer.headers.get('www-authenticate')).toStartWith('Bearer realm="http://')
  await plain.requests()
  expect(told()).toHaveLength(1)
  expect(JSON.parse(told()[0] as string)).toMatchObject({ level: 'warn' })
  for (const word of ['--public-url', '--trusted-proxies 127.0.0.1']) expect(told()[0]).toContain(word)
})

test('B22 a stranger’s upload is refused before its body, and the connection ends', async () => {
  await using connection = await RawConnection.connect(berth.host)
  await connection.send(
    request('PATCH', `/v2/a/b/blobs/uploads/${crypto.randomUUID()}`, ['Content-Length: 1000000']),
  )
  const answer = await connection.answer('PATCH')
  expect([answer?.status, answer?.headers.get('connection')]).toEqual([401, 'close'])
  expect(answer?.headers.get('www-authenticate')).toContain('scope="repository:a/b:pull,push"')
})

describe('the management API', () => {
  const post = (body: string, headers: readonly string[] = []) =>
    askRaw(
      berth.host,
      request(
        'POST',
        '/api/v1/nothing-here',
        [`Content-Length: ${body.length}`, 'Content-Type: application/json', ...headers],
        body,
      ),
      'POST',
    )

  test('answers with a request id, and is logged as such', async () => {
    const answer = await fetch(`${berth.url}/api/v1/nothing-here`)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toStartWith('application/problem+json')
    const id = answer.headers.get('x-request-id')
    const line = JSON.parse(await berth.daemon.waitForLine((each) => each.includes(`"id":"${id}"`)))
    expect(line).toMatchObject({ route: 'api', status: 404, path: '/api/v1/nothing-here' })
    expect(await (await fetch(`${berth.url}/metrics`)).text()).toContain('route="api"')
  })

  test.each<[who: string, header: () => string[], limit: number]>([
    ['with a login', () => [`Authorization: ${authorization()}`], LIMIT],
    ['with a session', () => ['Cookie: a=b; berth_session=x'], LIMIT],
    ['with a session over TLS', () => ['Cookie: __Host-berth_session=x'], LIMIT],
    ['of a stranger', () => [], STRANGERS],
    ['of a stranger with some cookie', () => ['Cookie: theme=dark'], STRANGERS],
  ])('a body %s of exactly the limit is read, one byte more is not', async (_, header, limit) => {
    expect((await post('x'.repeat(limit), header()))?.status).not.toBe(413)
    const refused = await post('x'.repeat(limit + 1), header())
    expect([refused?.status, refused?.headers.get('connection')]).toEqual([413, 'close'])
    const problem = JSON.parse(refused?.body.toString() ?? '')
    expect(problem).toMatchObject({ status: 413, requestId: refused?.headers.get('x-request-id') })
  })

  test('a body that breaks off is nothing of the API’s', async () => {
    await using connection = await RawConnection.connect(berth.host)
    await connection.send(request('POST', '/api/v1/nothing-here', ['Content-Length: 100'], 'x'))
    connection.reset()
    expect((await fetch(`${berth.url}/livez`)).status).toBe(200)
  })

  test('paths of nobody’s stay so', async () => {
    for (const path of [
      '/',
      '/apix',
      '/joined',
      '/resetting',
      '/v2/user/x',
      '/v2/users/x',
      '/v2/auth/x',
      '/v2/a/b/c',
    ]) {
      const answer = await fetch(berth.url + path)
      expect([path, answer.status]).toEqual([path, 404])
      expect(((await answer.json()) as { errors: object[] }).errors).toHaveLength(1)
    }
  })

  test('pages and paths of Docker Hub are its own', async () => {
    for (const path of [
      '/join',
      '/reset',
      '/v2/users/login',
      '/v2/auth/token',
      '/v2/repositories',
      '/v2/repositories/admin/',
    ]) {
      const answer = await fetch(berth.url + path)
      const line = `"id":"${answer.headers.get('x-request-id')}"`
      expect([path, JSON.parse(await berth.daemon.waitForLine((each) => each.includes(line))).route]).toEqual(
        [path, 'api'],
      )
    }
    const login = await fetch(`${berth.url}/v2/users/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: berth.admin.name, password: berth.admin.password }),
    })
    expect([login.status, await login.json()]).toEqual([200, { token: expect.any(String) }])
  })

  test('a repository may be named like a path of it', async () => {
    for (const name of [
      'users',
      'repositories',
      'users/login',
      'repositories/a/b',
      'token',
      'auth',
      'api/v1',
    ]) {
      const answer = await fetch(`${berth.url}/v2/${name}/tags/list`)
      expect([name, answer.status]).toEqual([name, 401])
      expect(answer.headers.get('www-authenticate')).toContain(`scope="repository:${name}:pull"`)
    }
  })
})

describe('who runs the server', () => {
  test('is let in to the API by a file of the data directory, and nowhere else', async () => {
    await using server = await startBerth({ accounts: true })
    const path = join(server.data, 'operator.json')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const { address, token } = JSON.parse(readFileSync(path, 'utf8'))
    expect(address).toBe(server.host)
    const headers = { Authorization: `Bearer ${token}` }
    const session = await fetch(`${server.url}/api/v1/session`, { headers })
    expect(await session.json()).toMatchObject({ kind: 'operator' })
    for (const each of ['/v2/', '/token', '/v2/_catalog'])
      expect((await fetch(server.url + each, { headers })).status).toBe(401)
    expect(server.daemon.lines.join()).not.toContain(token)
    await server.daemon.stop()
    expect(existsSync(path)).toBe(false)
  })
})

describe('a server with accounts', () => {
  const server = (env: Record<string, string>) =>
    startBerth({ accounts: true, env: { BERTH_REFRESH_TOKENS: 'true', ...env } })

  const login = async ({ url, admin }: BerthServer) => {
    const Authorization = `Basic ${Buffer.from(`${admin.name}:${admin.password}`).toString('base64')}`
    expect((await fetch(`${url}/token?offline_token=true`, { headers: { Authorization } })).status).toBe(200)
  }

  test('writes down at its end what credentials were used for', async () => {
    await using berth = await server({ BERTH_LAST_USED_SECONDS: '1000' })
    await login(berth)
    expect(await berth.daemon.stop()).toBe(0)
    const store = await openSqlite(join(berth.data, 'berth.db'))
    try {
      const [password] = await store.listCredentials('admin', ['password'])
      expect(password?.lastUsed?.address).toBe('127.0.0.1')
    } finally {
      await store.close()
    }
  })

  test('sweeps what is over', async () => {
    await using berth = await server({ BERTH_SWEEP_SECONDS: '0.05', BERTH_REFRESH_TOKEN_SECONDS: '0' })
    await login(berth)
    await berth.daemon.waitForLine((line) => line.includes('swept credentials'))
    expect(await berth.daemon.stop()).toBe(0)
  })
})

const DATABASES: Record<'SQLite' | 'PostgreSQL', Needs> = {
  SQLite: {},
  PostgreSQL: { programs: ['initdb', 'postgres'], root: true },
}

for (const [database, needs] of Object.entries(DATABASES)) {
  describeNeeding(needs, `another start over ${database}`, () => {
    test('knows the administrator and the keys of the one before', async () => {
      await using stack = new AsyncDisposableStack()
      const data = join(stack.use(await tempFolder()).path, 'data')
      const env: Record<string, string> = {}
      if (database === 'PostgreSQL') env.BERTH_DATABASE_URL = stack.use(await startPostgres()).url
      const ask = async (url: string, path: string, Authorization: string) =>
        fetch(url + path, { headers: { Authorization } })

      let first: string
      let token: string
      {
        await using berth = await startBerth({ accounts: true, data, env })
        first = `Basic ${Buffer.from(`admin:${berth.admin.password}`).toString('base64')}`
        const scope = 'repository:admin/app:pull,push'
        const issued = await ask(berth.url, `/token?scope=${scope}`, first)
        token = ((await issued.json()) as { token: string }).token
        const path = '/v2/admin/app/blobs/uploads/'
        const headers = { Authorization: `Bearer ${token}` }
        expect((await fetch(berth.url + path, { method: 'POST', headers })).status).toBe(202)
      }
      // With another password: it is for the first start only.
      await using berth = await startBerth({ accounts: true, data, env })
      expect((await ask(berth.url, '/v2/', first)).status).toBe(200)
      expect((await ask(berth.url, '/v2/', `Bearer ${token}`)).status).toBe(200)
      const second = `Basic ${Buffer.from(`admin:${berth.admin.password}`).toString('base64')}`
      expect((await ask(berth.url, '/v2/', second)).status).toBe(401)
    }, 60_000)
  })
}

describe('what is loaded', () => {
  const loaded = async (auth: string) => {
    await using folder = await tempFolder()
    const program = join(import.meta.dirname, 'loaded-parts.ts')
    return JSON.parse(await run([process.execPath, program, join(folder.path, 'data'), auth]))
  }

  test('with accounts each part with the first request for it', async () => {
    expect(await loaded('accounts')).toEqual({
      start: ['accounts'],
      '/v2/': ['accounts'],
      '/token': ['accounts', 'jose'],
      '/api/v1/session': ['accounts', 'api', 'hono', 'jose', 'zod'],
    })
  })

  test('without accounts nothing of it, ever', async () => {
    expect(await loaded('none')).toEqual({ start: [], '/v2/': [], '/token': [], '/api/v1/session': [] })
  })
})
