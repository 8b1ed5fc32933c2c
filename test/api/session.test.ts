import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { MAX_SESSIONS } from '../../src/api/handlers/session.ts'
import type { LocalAuthenticator } from '../../src/auth/authenticator.ts'
import { newSecret, secretKind } from '../../src/auth/secrets.ts'
import { VERBS } from '../../src/core/verbs.ts'
import {
  CAUSE,
  cookieOf,
  NOBODY,
  NOW,
  ORIGIN,
  openApi,
  PASSWORD,
  type Proof,
  type TestApi,
} from './fixture.ts'

let api: TestApi
let alice: Proof
let root: Proof
beforeAll(async () => {
  api = await openApi({ loginFailures: '3', sessionSeconds: '3600' })
  alice = await api.user('alice')
  root = await api.user('root1', { administrator: true })
})
afterAll(() => api[Symbol.asyncDispose]())

const who = async (as: Proof) => (await api.call('GET /session', { as })).result.name
const signIn = (body: { username: string; password: string }, asking = {}) =>
  api.call('POST /session', { body, ...asking })

test('who is asking is told what its token is limited to', async () => {
  const scopes = [{ pattern: 'alice/*', verbs: VERBS.pull }]
  const me = async (as: Proof) => (await api.call('GET /session', { as })).result
  expect(await me(await api.token('alice', { scopes }))).toMatchObject({
    name: 'alice',
    scopes: [{ pattern: 'alice/*', verbs: ['pull'] }],
  })
  expect(await me(await api.signIn('alice'))).not.toHaveProperty('scopes')
})

describe('signing in', () => {
  test('gives a cookie that no script reads and no other site sends', async () => {
    const { status, headers, result } = await signIn({ username: 'alice', password: PASSWORD })
    expect([status, result.kind, result.name, result.administrator]).toEqual([200, 'user', 'alice', false])
    const [pair = '', ...attributes] = (headers.get('Set-Cookie') ?? '').split('; ')
    expect(secretKind(pair.replace('__Host-berth_session=', ''))).toBe('session')
    expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=3600', 'Path=/', 'SameSite=Lax', 'Secure'])
  })

  test('gives a cookie that plain HTTP carries where there is no TLS', async () => {
    const origin = 'http://localhost:5000'
    const response = await api.send(
      '/api/v1/session',
      {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ username: 'alice', password: PASSWORD }),
      },
      { origin },
    )
    expect(response.headers.get('Set-Cookie')).toMatch(
      /^berth_session=\w+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
    )
    const cookie = cookieOf(response.headers) as string
    // Each is taken by its own name alone: over TLS nobody else can have set that one.
    const name = async (where: string, header: string) => {
      const asked = await api.send('/api/v1/session', { headers: { Cookie: header } }, { origin: where })
      return ((await asked.json()) as { name?: string }).name
    }
    for (const [where, own, other] of [
      [origin, 'berth_session', '__Host-berth_session'],
      [ORIGIN, '__Host-berth_session', 'berth_session'],
    ] as const) {
      expect(await name(where, `${own}=${cookie}`)).toBe('alice')
      expect(await name(where, `${other}=${cookie}`)).toBeUndefined()
      expect(await name(where, `${other}=x; ${own}=${cookie}`)).toBe('alice')
    }
  })

  test('never takes the secret that the browser brought (session fixation), and ends that session', async () => {
    const mallory = await api.user('mallory').then(() => api.signIn('mallory'))
    const { headers } = await signIn({ username: 'alice', password: PASSWORD }, { as: mallory })
    const cookie = cookieOf(headers) as string
    expect(cookie).not.toBe(mallory.cookie)
    expect(await who({ cookie })).toBe('alice')
    expect(await who(mallory)).toBeUndefined()
  })

  test('takes nothing that was made up for a session', async () => {
    for (const cookie of ['berth_ses_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '', 'x', '%00']) {
      const { headers } = await signIn({ username: 'alice', password: PASSWORD }, { as: { cookie } })
      expect(cookieOf(headers)).not.toBe(cookie)
      expect(await who({ cookie })).toBeUndefined()
    }
  })

  test('is by the password of a user alone', async () => {
    const secret = (alice.authorization ?? '').replace('Bearer ', '')
    for (const username of ['alice', 'oauth2accesstoken', '$oauthtoken', 'AWS']) {
      const { status, headers, detail } = await signIn({ username, password: secret })
      expect([username, status, cookieOf(headers)]).toEqual([username, 403, undefined])
      expect(detail).toContain('password of a user')
      expect(detail).not.toContain(secret)
    }
  })

  test('says the same to a wrong password and to an unknown user, and slows down guessing', async () => {
    const wrong = await signIn({ username: 'alice', password: 'wrong 1' }, { address: '198.51.100.1' })
    const unknown = await signIn({ username: 'nobody', password: 'wrong 1' }, { address: '198.51.100.1' })
    expect(wrong.status).toBe(401)
    expect(wrong.headers.get('WWW-Authenticate')).toBe('Bearer')
    expect({ ...wrong.problem, requestId: '' }).toEqual({ ...unknown.problem, requestId: '' })
    const statuses: number[] = []
    let last = wrong
    for (let i = 2; i < 7; i++) {
      last = await signIn({ username: 'alice', password: `wrong ${i}` }, { address: '198.51.100.1' })
      statuses.push(last.status)
    }
    expect(statuses).toEqual([401, 401, 429, 429, 429])
    expect(Number(last.headers.get('Retry-After'))).toBeGreaterThan(0)
  })

  test('is written down, and not the password', async () => {
    await signIn({ username: 'alice', password: PASSWORD })
    const { items } = await api.store.listAudit({ action: 'login' }, { limit: 1 })
    expect(items[0]).toMatchObject({
      actor: 'alice',
      target: 'alice',
      result: 'done',
      address: '203.0.113.7',
    })
    expect(JSON.stringify(items)).not.toContain(PASSWORD)
    expect(items[0]?.credential).toBe(
      (await api.store.listCredentials('alice', ['session']))[0]?.id as number,
    )
  })

  test('by what comes along with requests is written down once an hour', async () => {
    await api.user('rosa')
    const as = { authorization: `Basic ${btoa(`rosa:${PASSWORD}`)}` }
    for (let at = 0; at < 3; at++) expect(await who(as)).toBe('rosa')
    await (api.auth.authenticator as LocalAuthenticator).close()
    const { items } = await api.store.listAudit({ action: 'login', namespace: 'rosa' }, { limit: 9 })
    expect(items.map(({ actor, detail }) => [actor, detail])).toEqual([['rosa', '{"door":"request"}']])
  })
})

describe('a session', () => {
  test('ends when one signs out', async () => {
    const session = await api.signIn('alice')
    expect(await who(session)).toBe('alice')
    const { status, headers } = await api.call('DELETE /session', { as: session })
    expect(status).toBe(204)
    expect(headers.get('Set-Cookie')).toBe(
      '__Host-berth_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure',
    )
    expect(await who(session)).toBeUndefined()
    expect((await api.call('GET /users', { as: session })).status).toBe(401)
  })

  test('is ended by nobody who signs out, and signing out twice is no mistake', async () => {
    expect((await api.call('DELETE /session')).status).toBe(204)
    // A token is no session: it lives on.
    expect((await api.call('DELETE /session', { as: alice })).status).toBe(204)
    expect(await who(alice)).toBe('alice')
  })

  test('ends with its time', async () => {
    const session = await api.signIn('alice')
    api.clock.time = NOW + 3_599_000
    expect(await who(session)).toBe('alice')
    api.clock.time = NOW + 3_600_000
    expect(await who(session)).toBeUndefined()
    // Whoever comes back with it signs in again.
    expect((await signIn({ username: 'alice', password: PASSWORD }, { as: session })).status).toBe(200)
    api.clock.time = NOW
  })

  test('ends when another one sets a new password, and not when its own does', async () => {
    await api.user('carla')
    const [here, elsewhere] = [await api.signIn('carla'), await api.signIn('carla')]
    const path = { user: 'carla' }
    const body = { password: 'another fine password', current: PASSWORD }
    expect((await api.call('PUT /users/{user}/password', { as: here, path, body })).status).toBe(204)
    expect(await who(here)).toBe('carla')
    expect(await who(elsewhere)).toBeUndefined()
    expect((await signIn({ username: 'carla', password: PASSWORD })).status).toBe(401)
    expect((await signIn({ username: 'carla', password: body.password })).status).toBe(200)
  })

  test('ends for good when its user is disabled', async () => {
    await api.user('dora')
    const session = await api.signIn('dora')
    const path = { user: 'dora' }
    const set = (disabled: boolean) => api.call('PATCH /users/{user}', { as: root, path, body: { disabled } })
    expect((await set(true)).result).toMatchObject({ disabled: true })
    expect(await who(session)).toBeUndefined()
    expect((await signIn({ username: 'dora', password: PASSWORD })).status).toBe(401)
    // One that was begun at the same moment.
    const { secret, lookup } = newSecret('session')
    const credential = { kind: 'session', name: 'late', lookup } as const
    await api.store.createCredential({ account: 'dora', credential }, CAUSE)
    await set(false)
    expect(await who({ cookie: secret })).toBeUndefined()
    expect(await who(session)).toBeUndefined()
    expect((await signIn({ username: 'dora', password: PASSWORD })).status).toBe(200)
  })

  test('is one of so many at most: with one more the oldest ends', async () => {
    await api.user('fritz')
    const sessions: Proof[] = []
    for (let at = 0; at < MAX_SESSIONS; at++) sessions.push(await api.signIn('fritz'))
    expect(await who(sessions[0] as Proof)).toBe('fritz')
    sessions.push(await api.signIn('fritz'))
    expect(await who(sessions[0] as Proof)).toBeUndefined()
    for (const session of sessions.slice(1)) expect(await who(session)).toBe('fritz')
  })

  test('of several cookies of the name is none: another site of the domain may have set one', async () => {
    const { cookie } = await api.signIn('alice')
    const ask = async (header: string) => {
      const response = await api.send('/api/v1/session', { headers: { Cookie: header } })
      return ((await response.json()) as { name?: string }).name
    }
    expect(await ask(`a=b; __Host-berth_session=${cookie}; c=d`)).toBe('alice')
    expect(await ask(`__Host-berth_session=${cookie}; __Host-berth_session=${cookie}`)).toBe('alice')
    expect(await ask(`__Host-berth_session=x; __Host-berth_session=${cookie}`)).toBeUndefined()
    expect(await ask(`x__Host-berth_session=${cookie}`)).toBeUndefined()
  })

  test('is listed, told from others and ended by its user', async () => {
    await api.user('erna')
    const [here, elsewhere] = [await api.signIn('erna'), await api.signIn('erna')]
    const path = { user: 'erna' }
    const { items } = (await api.call('GET /users/{user}/sessions', { as: here, path })).result
    expect(items.map(({ current }) => current).sort()).toEqual([false, true])
    const other = items.find(({ current }) => !current)
    const end = (id: string, as: Proof) =>
      api.call('DELETE /users/{user}/sessions/{id}', { as, path: { user: 'erna', id } })
    expect((await end(String(other?.id), alice)).status).toBe(403)
    expect((await end(String(other?.id), here)).status).toBe(204)
    expect((await end(String(other?.id), here)).status).toBe(404)
    expect(await who(elsewhere)).toBeUndefined()
    expect(await who(here)).toBe('erna')
    // By somebody else it leaves a row.
    const ended = async () =>
      (await api.store.listAudit({ action: 'session.delete', namespace: 'erna' }, { limit: 9 })).items
    expect(await ended()).toEqual([])
    const own = items.find(({ current }) => current)
    expect((await end(String(own?.id), root)).status).toBe(204)
    expect(await ended()).toMatchObject([{ actor: 'root1', target: 'erna' }])
    expect(await who(here)).toBeUndefined()
  })
})

test('who nobody is, is told without a login', async () => {
  const { result } = await api.call('GET /session', { as: NOBODY })
  expect(result).toEqual({ kind: 'anonymous', administrator: false, organisations: [], signUp: 'invite' })
})

describe('a change that a browser asks for', () => {
  type Row = [name: string, headers: Record<string, string>, status: number]
  const OWN = { Origin: ORIGIN }
  const cookieRows: Row[] = [
    ['from a page of ours', OWN, 200],
    ['from a page of ours, as newer browsers say it', { ...OWN, 'Sec-Fetch-Site': 'same-origin' }, 200],
    ['without an origin, from a page of ours', { 'Sec-Fetch-Site': 'same-origin' }, 200],
    ['by the person at the browser', { 'Sec-Fetch-Site': 'none' }, 200],
    ['from another site', { Origin: 'https://evil.example' }, 403],
    ['from a name that begins like ours', { Origin: `${ORIGIN}.evil.example` }, 403],
    ['from another port', { Origin: `${ORIGIN}:8443` }, 403],
    ['from plain HTTP', { Origin: ORIGIN.replace('https', 'http') }, 403],
    ['from a page without an origin', { Origin: 'null' }, 403],
    [
      'from another site, which says otherwise',
      { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-origin' },
      403,
    ],
    ['from another site, without an origin', { 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['from a sister site', { 'Sec-Fetch-Site': 'same-site' }, 403],
  ]
  const ask = async (as: Proof, headers: Record<string, string>, method = 'PATCH') => {
    const init = {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      ...(method === 'PATCH' && { body: '{"displayName":"Alice"}' }),
    }
    const withCookie = as.cookie && { Cookie: `__Host-berth_session=${as.cookie}` }
    const response = await api.send(
      '/api/v1/users/alice',
      { ...init, headers: { ...init.headers, ...withCookie } },
      { as: as.authorization === undefined ? NOBODY : as },
    )
    return response.status
  }

  test.each(cookieRows)('with a cookie, %s', async (_, headers, status) =>
    expect(await ask(await api.signIn('alice'), headers)).toBe(status),
  )
  test('with a cookie, and nothing that says where from', async () =>
    expect(await ask(await api.signIn('alice'), {})).toBe(403))
  test.each(cookieRows)('with a remembered Basic login, %s', async (_, headers, status) => {
    const authorization = `Basic ${btoa(`alice:${PASSWORD}`)}`
    expect(await ask({ authorization }, headers)).toBe(status)
  })
  test('with a Basic login by a program', async () =>
    expect(await ask({ authorization: `Basic ${btoa(`alice:${PASSWORD}`)}` }, {})).toBe(200))
  test.each(cookieRows)('with a Bearer token, %s: no browser adds one by itself', async (_, headers) =>
    expect(await ask(alice, headers)).toBe(200),
  )
  test('reading is let through: the answer is for pages of ours alone', async () => {
    const session = await api.signIn('alice')
    expect(await ask(session, { Origin: 'https://evil.example' }, 'GET')).toBe(200)
    expect(await ask(session, { Origin: 'https://evil.example' }, 'HEAD')).toBe(200)
  })
  test('signing in and up from another site is refused: it would make the browser somebody else', async () => {
    for (const endpoint of ['session', 'signup']) {
      const response = await api.send(`/api/v1/${endpoint}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Origin: 'https://evil.example' },
        body: JSON.stringify({ username: 'alice', password: PASSWORD }),
      })
      expect(response.status).toBe(403)
      expect(response.headers.get('Set-Cookie')).toBeNull()
    }
  })
  test('a form of another site is no JSON', async () => {
    const session = await api.signIn('alice')
    for (const type of [
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain',
      'application/jsonx',
    ]) {
      expect(await ask(session, { ...OWN, 'Content-Type': type })).toBe(415)
    }
  })
  test('no answer lets other sites read it', async () => {
    const response = await api.send('/api/v1/session', { headers: { Origin: 'https://evil.example' } })
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
    const preflight = await api.send('/api/v1/session', {
      method: 'OPTIONS',
      headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'DELETE' },
    })
    expect(preflight.status).toBe(405)
  })
})
