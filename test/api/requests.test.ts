import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Problem } from '../../src/api/contract/common.ts'
import type { Endpoint } from '../../src/api/contract/contract.ts'
import { contextOf } from '../../src/core/context.ts'
import { parseRepoName } from '../../src/core/names.ts'
import { image, pushed } from '../suite/metadata/fixture.ts'
import { apiOver, CAUSE, callFrom, NOBODY, OPERATES, openApi, type Proof, type TestApi } from './fixture.ts'
import {
  ENDPOINTS,
  type Json,
  methodOf,
  NAMES,
  objectsIn,
  sampleBody,
  sendAny,
  urlOf,
  WITH_BODY,
  withMember,
} from './samples.ts'

let api: TestApi
let alice: Proof
beforeAll(async () => {
  api = await openApi({ maxApiBody: '4096' })
  alice = await api.user('alice')
  await api.call('POST /organisations', { as: alice, body: { name: 'acme' } })
  await pushed(api.store, parseRepoName('acme/web'), image())
})
afterAll(() => api[Symbol.asyncDispose]())

const send = (endpoint: Endpoint, text: string | undefined, as: Proof, query = '') =>
  sendAny(api, endpoint, text, as, NAMES, query)
const problemOf = async (response: Response) => Problem.parse(await response.json())

describe('a body', () => {
  const MEMBERS: readonly [string, Json][] = [
    ['administrator2', true],
    ['id', 1],
    ['version', 1],
    ['__proto__', { administrator: true }],
    ['constructor', {}],
    ['toString', 'x'],
  ]
  for (const [endpoint, route] of WITH_BODY) {
    test(`of ${endpoint} has no member that is not listed (mass assignment)`, async () => {
      const body = sampleBody(route)
      for (const at of objectsIn(body)) {
        for (const [member, value] of MEMBERS) {
          const response = await send(endpoint, withMember(body, at, member, value), OPERATES)
          const { status, errors = [] } = await problemOf(response)
          const where = [...at, member].join('.')
          expect([where, status, errors.map((error) => error.at)]).toEqual([
            where,
            400,
            expect.arrayContaining([where]),
          ])
        }
      }
    })
    test(`of ${endpoint} is JSON that is said to be JSON, of some size`, async () => {
      const json = JSON.stringify(sampleBody(route))
      const raw = (headers: Record<string, string>, body: string) =>
        api.send(urlOf(endpoint), { method: methodOf(endpoint), headers, body }, { as: OPERATES })
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/json-patch+json',
        '',
      ])
        expect([type, (await raw({ 'Content-Type': type }, json)).status]).toEqual([type, 415])
      const type = { 'Content-Type': 'application/json; charset=utf-8' }
      for (const text of ['{', '[]', '"x"', '1', 'null', `${json}x`, '{"a":1,}'])
        expect([text, (await raw(type, text)).status]).toEqual([text, 400])
      expect((await raw(type, `${json}${' '.repeat(4096)}`)).status).toBe(413)
      expect((await raw(type, `{"x":"${'x'.repeat(5000)}"}`)).status).toBe(413)
    })
  }

  test('is looked at by nobody who may not', async () => {
    for (const [endpoint, { access }] of WITH_BODY) {
      if (access.kind === 'anyone') continue
      const response = await send(endpoint, '{"nonsense":', NOBODY)
      expect([endpoint, response.status, response.headers.get('WWW-Authenticate')]).toEqual([
        endpoint,
        401,
        expect.stringMatching(/^Bearer/),
      ])
    }
  })
  test('has no text with the character NUL', async () => {
    const response = await send('PATCH /users/{user}', '{"displayName":"a\\u0000b"}', alice)
    const { status, errors } = await problemOf(response)
    expect([status, errors?.[0]?.at]).toEqual([400, 'displayName'])
  })
  test('comes in parts as well as at once, and is cut where it is too long', async () => {
    const parts = (count: number) =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"displayName":"'))
          for (let i = 0; i < count; i++) controller.enqueue(new TextEncoder().encode('é'.repeat(50)))
          controller.enqueue(new TextEncoder().encode('"}'))
          controller.close()
        },
      })
    const ask = (count: number) =>
      api.send(
        '/api/v1/users/alice',
        { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: parts(count) },
        { as: alice },
      )
    expect(((await (await ask(2)).json()) as { displayName: string }).displayName).toBe('é'.repeat(100))
    expect((await ask(1000)).status).toBe(413)
  })
})

describe('what is wrong with the input', () => {
  test.each([
    ['POST /invitations', { days: 100 }, 'days: must be at most 90'],
    ['POST /invitations', { days: 0 }, 'days: must be at least 1'],
    ['POST /invitations', { days: 1.5 }, 'days: must be a whole number'],
    ['POST /invitations', { days: '3' }, 'days: must be a number'],
    ['POST /users', {}, 'name: is missing'],
    ['POST /users', { name: 7 }, 'name: must be a text'],
    ['POST /users', { name: 'zoe', password: '' }, 'password: must not be empty'],
    ['POST /users', { name: 'zoe', displayName: 'x'.repeat(1001) }, 'must have at most 1000 characters'],
    ['POST /users', { name: 'zoe', email: 'x' }, 'email: is no e-mail address'],
    ['POST /users', { name: 'zoe', administrator: 'yes' }, 'administrator: must be true or false'],
    ['POST /repositories', { name: 'a/b', visibility: 'x' }, 'visibility: must be one of public, private'],
  ] as const)('of %s is said in plain words', async (endpoint, body, says) => {
    const { status, detail } = await problemOf(await send(endpoint, JSON.stringify(body), OPERATES))
    expect([status, detail]).toEqual([400, expect.stringContaining(says)])
    expect(detail).not.toMatch(/expected|Invalid|Too (big|small)/)
  })
})

describe('a query', () => {
  test.each([
    ['?nonsense=1', 'nonsense'],
    ['?limit=1&limit=2', 'limit'],
    ['?limit=1&__proto__=x', '__proto__'],
    ['?constructor=1', 'constructor'],
    ['?filter=%00', 'filter'],
    ['?after=%00', 'after'],
    [`?after=${'x'.repeat(513)}`, 'after'],
  ])('%s is refused', async (query, at) => {
    const { status, errors } = await problemOf(await send('GET /users', undefined, alice, query))
    expect([status, errors?.[0]?.at]).toEqual([400, at])
  })
  test('of what takes none is refused, too', async () => {
    expect((await send('GET /users/{user}', undefined, alice, '?fields=email')).status).toBe(400)
  })
})

describe('a path', () => {
  test('has the methods of the contract, and says so', async () => {
    const paths = new Map<string, string[]>()
    for (const [endpoint] of ENDPOINTS)
      paths.set(urlOf(endpoint), [...(paths.get(urlOf(endpoint)) ?? []), methodOf(endpoint)])
    for (const [path, methods] of paths) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
        if (methods.includes(method) || (method === 'HEAD' && methods.includes('GET'))) continue
        const response = await api.send(path, { method }, { as: alice })
        const allow = (response.headers.get('Allow') ?? '').split(', ').filter((each) => each !== 'HEAD')
        expect([method, path, response.status, allow.sort()]).toEqual([
          method,
          path,
          405,
          [...methods].sort(),
        ])
      }
    }
  })
  test.each([
    '/api',
    '/api/',
    '/api/v1/nonsense',
    '/api/v2',
    '/api/v1/users/a/b/c',
    '/api/v1x',
    '/api/v1/repositories/a/b/-/x',
    '/api/v1//users',
  ])('%s holds nothing', async (path) => {
    const response = await api.send(path, {}, { as: alice })
    expect([response.status, response.headers.get('Content-Type')]).toEqual([404, 'application/problem+json'])
    expect((await problemOf(response)).type).toBe('urn:berth:problem:route-unknown')
  })
  test.each([
    ['/api/v1/repositories/acme/web', 200],
    ['/api/v1/repositories/acme%2Fweb', 200],
    ['/api/v1/repositories/acme/web/', 200],
    ['/api/v1/repositories/acme/web/-/tags', 200],
    ['/api/v1/repositories/acme%2fweb/-/tags/', 200],
    ['/api/v1/repositories/acme/web/-/tags/none', 404],
    ['/api/v1/repositories/acme%252Fweb', 400],
    ['/api/v1/repositories/acme//web', 400],
    ['/api/v1/repositories/ACME/web', 400],
    ['/api/v1/repositories/acme/web%00', 404],
    ['/api/v1/repositories/%2e%2e%2fusers', 400],
    ['/api/v1/repositories/acme/web/-/', 400],
    ['/api/v1/users/%00', 404],
    ['/api/v1/users/%ff', 404],
    ['/api/v1/users/%', 404],
  ])('%s names a repository or does not', async (path, status) => {
    const response = await api.send(path, {}, { as: OPERATES })
    expect([path, response.status]).toEqual([path, status])
  })
  test('is answered to HEAD as to GET, without the body', async () => {
    for (const path of ['/api/v1/users/alice', '/api/v1/users/nobody', '/api/v1/nothing']) {
      const [get, head] = [
        await api.send(path, {}, { as: alice }),
        await api.send(path, { method: 'HEAD' }, { as: alice }),
      ]
      expect(head.status).toBe(get.status)
      expect(await head.text()).toBe('')
      const length = String((await get.arrayBuffer()).byteLength)
      expect([...head.headers].sort()).toEqual([...get.headers, ['content-length', length]].sort() as never)
    }
  })
})

describe('who calls', () => {
  test('by a bad credential is told so wherever it calls', async () => {
    for (const authorization of [
      'Bearer x',
      'Basic !',
      'Basic YTpi',
      'Digest x',
      '',
      `Bearer berth_pat_${'x'.repeat(46)}`,
    ]) {
      const response = await api.send('/api/v1/session', { headers: { Authorization: authorization } })
      expect([authorization, response.status, response.headers.get('WWW-Authenticate')]).toEqual([
        authorization,
        401,
        expect.stringMatching(/^Bearer/),
      ])
    }
  })
  test('is told what a robot may not', async () => {
    const { result } = await api.call('POST /namespaces/{namespace}/robots', {
      as: alice,
      path: { namespace: 'acme' },
      body: { name: 'ci' },
    })
    const robot = { authorization: `Bearer ${result.secret}` }
    expect((await api.call('GET /session', { as: robot })).result).toMatchObject({
      kind: 'robot',
      name: 'acme+ci',
    })
    expect((await api.call('GET /organisations', { as: robot })).status).toBe(200)
    for (const [endpoint, { access }] of ENDPOINTS) {
      if (!['user', 'self', 'administrator', 'owner', 'member'].includes(access.kind)) continue
      const response = await send(endpoint, undefined, robot)
      expect([endpoint, response.status]).toEqual([endpoint, 403])
    }
  })
  test('with a token for the registry is no owner of anything; with one of a login it is', async () => {
    const { authenticator, tokens } = api.auth
    const call = callFrom()
    const ctx = contextOf(call, await authenticator.authenticate(call, alice.authorization as string))
    const scope = { type: 'repository', name: 'acme/web', actions: ['*'] }
    const registry = { authorization: `Bearer ${(await tokens.issue(ctx, [scope])).token}` }
    const login = { authorization: `Bearer ${(await tokens.login(ctx)).token}` }
    for (const as of [registry, login])
      expect((await api.call('GET /session', { as })).result).toMatchObject({ kind: 'user', name: 'alice' })
    for (const endpoint of ['GET /users/{user}/tokens', 'GET /organisations/{organisation}'] as const) {
      expect([endpoint, (await send(endpoint, undefined, registry)).status]).toEqual([endpoint, 403])
      expect([endpoint, (await send(endpoint, undefined, login)).status]).toEqual([endpoint, 200])
    }
    // But it makes nothing that outlives it, not even for an administrator.
    await api.store.updateAccount({ name: 'alice', administrator: true }, CAUSE)
    const lasting = ENDPOINTS.filter(([, route]) => route.lasting)
    expect(lasting.map(([endpoint]) => endpoint)).toContain('POST /users/{user}/tokens')
    for (const [endpoint] of lasting) {
      const response = await send(endpoint, undefined, login)
      expect([endpoint, response.status]).toEqual([endpoint, 403])
      expect(await response.text()).toContain('may make nothing to sign in with that lives on')
      expect([endpoint, (await send(endpoint, undefined, alice)).status]).not.toEqual([endpoint, 403])
    }
    await api.store.updateAccount({ name: 'alice', administrator: false }, CAUSE)
    // Nor is one that stands for a token good where the token is not.
    const bound = await api.token('alice', { networks: ['203.0.113.7'] })
    const held = contextOf(call, await authenticator.authenticate(call, bound.authorization as string))
    const elsewhere = { as: { authorization: `Bearer ${(await tokens.issue(held, [scope])).token}` } }
    expect((await api.call('GET /session', elsewhere)).status).toBe(200)
    expect((await api.call('GET /session', { ...elsewhere, address: '198.51.100.1' })).status).toBe(401)
    // Both end with the credential that they came from.
    const path = { user: 'alice' }
    const { items } = (await api.call('GET /users/{user}/tokens', { as: alice, path })).result
    const fresh = await api.token('alice')
    for (const { id } of items)
      await api.call('DELETE /users/{user}/tokens/{id}', { as: fresh, path: { ...path, id: String(id) } })
    for (const as of [registry, login]) expect((await api.call('GET /session', { as })).status).toBe(401)
    alice = fresh
  })
  test('is nobody after the account is gone, whatever it does', async () => {
    const gone = await api.user('gone')
    await api.call('DELETE /users/{user}', { as: gone, path: { user: 'gone' } })
    for (const [endpoint] of ENDPOINTS)
      expect([endpoint, (await send(endpoint, undefined, gone)).status]).toEqual([endpoint, 401])
  })
})

test('what breaks inside is told to the operator, and to the client only by its number', async () => {
  const { store, log } = api
  const broken = {
    ...store,
    listAccounts: async () => Promise.reject(new Error('canary: the disk is on fire')),
  }
  await using other = apiOver(broken)
  const response = await other.send('/api/v1/users', {}, { as: alice })
  const problem = await problemOf(response)
  expect([response.status, problem.type]).toEqual([500, 'urn:berth:problem:failed'])
  expect(JSON.stringify(problem)).not.toContain('canary')
  const line = other.log.find((each) => each.includes('canary')) ?? ''
  expect(line).toContain(problem.requestId)
  expect(log.some((each) => each.includes('canary'))).toBe(false)
})
