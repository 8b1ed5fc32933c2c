import { expect, test } from 'bun:test'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { apiAs, basic, registryToken } from './world.ts'
import { startSeeded } from './worlds.ts'

/*
 * The database goes away under a running server that has just served everybody: what cannot be decided is refused, whatever is remembered of
 * signatures, passwords and manifests (SE-17).
 */
describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'without its database', () => {
  test('nobody gets anything, and is told to come back', async () => {
    await using stack = new AsyncDisposableStack()
    const cluster = stack.use(await startPostgres())
    // What it logs of its database are errors, and they are not what is looked at.
    const world = stack.use(
      await startSeeded({
        mayLogErrors: true,
        env: { BERTH_DATABASE_URL: cluster.url, BERTH_SIGN_UP: 'open' },
      }),
    )
    const { url } = world.server
    const [name, password] = world.logins.reader ?? ['', '']
    const { secret } = await apiAs(url, [name, password]).call('POST /users/{user}/tokens', {
      path: { user: name },
      body: { name: 'pat', scopes: [{ pattern: '**', verbs: ['read'] }] },
    })
    const post = (path: string, body: unknown): [string, RequestInit] => [
      path,
      {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Origin: url },
        body: JSON.stringify(body),
      },
    ]
    const signIn = await fetch(`${url}/api/v1/session`, post('', { username: name, password })[1])
    const cookie = (signIn.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
    const scope = ['private', 'public'].map((repo) => `repository:acme/${repo}:pull`).join(' ')
    const logins: Record<string, Record<string, string>> = {
      'a registry token': bearer(await registryToken(url, [name, password], `${scope} registry:catalog:*`)),
      'an administrator’s': bearer(
        await registryToken(url, world.logins['site administrator'], `${scope} registry:catalog:*`),
      ),
      'a token of nobody': bearer(await registryToken(url, undefined, `${scope} registry:catalog:*`)),
      'a password': basic([name, password]),
      'a wrong password': basic([name, 'wrong']),
      'an administrator’s password': world.basic('site administrator'),
      'a personal access token': bearer(secret),
      'a robot': world.basic('robot'),
      nobody: {},
      'a cookie': { Cookie: cookie },
    }
    const doors = [
      '/v2/acme/private/manifests/latest',
      '/v2/acme/public/manifests/latest',
      '/v2/acme/private/tags/list',
      '/v2/_catalog',
      '/v1/search?q=acme',
      `/token?scope=${encodeURIComponent(scope)}`,
      '/api/v1/repositories',
      '/api/v1/repositories/acme/private',
      '/api/v1/users',
      '/api/v1/audit',
      '/v2/repositories/acme/private/',
      '/v2/repositories/acme/private/tags/',
    ]
    const asked = async (which: 'before' | 'after') => {
      const answers: [who: string, path: string, status: number][] = []
      for (const [who, headers] of Object.entries(logins)) {
        for (const path of doors) {
          const response = await fetch(`${url}${path}`, { headers })
          const text = await response.text()
          answers.push([who, path, response.status])
          if (which === 'after')
            expect(text).not.toMatch(/ECONNREFUSED|postgres|SELECT|password authentication/i)
          if (which === 'after' && response.status === 503)
            expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
        }
      }
      return answers
    }
    const before = await asked('before')
    expect(before.filter(([, , status]) => status === 200).length).toBeGreaterThan(50)
    expect(before.filter(([, , status]) => status >= 500)).toEqual([])

    await cluster[Symbol.asyncDispose]()
    const after = await asked('after')
    expect(after.filter(([, , status]) => status < 400)).toEqual([])
    // What needs no database to be refused is refused as before; all else is told that it is not its doing.
    const without = new Set(
      before.filter(([, , status]) => status === 401).map(([who, path]) => `${who} ${path}`),
    )
    const others = after.filter(([who, path, status]) => status !== 503 && !without.has(`${who} ${path}`))
    expect(others).toEqual([])
    expect(after.filter(([, , status]) => status === 503).length).toBeGreaterThan(80)
    for (const [path, init] of [
      post('/api/v1/session', { username: name, password }),
      post('/v2/users/login', { username: name, password }),
      post('/api/v1/signup', { username: 'newcomer', password }),
    ])
      expect([path, (await fetch(`${url}${path}`, init)).status]).toEqual([path, 503])
    for (const [path, method] of [
      ['/v2/acme/private/blobs/uploads/', 'POST'],
      ['/v2/acme/private/manifests/latest', 'DELETE'],
    ] as const)
      expect(
        (await fetch(`${url}${path}`, { method, headers: world.basic('site administrator') })).status,
      ).toBe(503)
  }, 120_000)
})
