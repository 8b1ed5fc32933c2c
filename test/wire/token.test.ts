import { describe, expect, test } from 'bun:test'
import { refuse } from '../../src/core/errors.ts'
import { type Answer, type Asked, send } from './exchange.ts'
import { get, head, post } from './fixtures.ts'
import { handlerOver, jsonOf } from './stub.ts'
import { basic, bearer, guardedHandler, stubAuth } from './stub-auth.ts'

/** The token end-point (PROTOCOL 10.2), in the forms of the clients. */

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const PATHS = ['/token', '/v2/token', '/v2/auth', '/service/token', '/oauth2/token']

/** A handler, and what was asked of those who make tokens. */
function endpoint(limits = {}) {
  const calls: unknown[][] = []
  const handler = guardedHandler(stubAuth({ calls }), limits)
  const ask = async (asked: Asked): Promise<Answer> => {
    const answer = await send(handler, asked)
    if (answer === undefined) throw new Error(`no answer to ${asked.path}`)
    return answer
  }
  const submit = (fields: string | Record<string, string>, headers: Record<string, string> = FORM) =>
    ask(post('/token', Buffer.from(new URLSearchParams(fields).toString()), headers))
  return { ask, submit, calls }
}

const scope = (name: string, ...actions: string[]) => ({ type: 'repository', name, actions })
const ALICE = { username: 'alice', password: 'secret of alice' }

describe('GET', () => {
  test('answers as every client reads it', async () => {
    const { ask } = endpoint()
    const answer = await ask(get('/token?service=berth.test&scope=repository:acme/web:pull', basic('alice')))
    expect(answer.status).toBe(200)
    expect(jsonOf(answer)).toEqual({
      token: 'a registry token',
      access_token: 'a registry token',
      token_type: 'Bearer',
      expires_in: 300,
      issued_at: '2026-01-02T03:04:05.678Z',
      scope: 'repository:acme/web:pull',
    })
    expect(answer.headers).toMatchObject({
      'Content-Type': 'application/json',
      'Content-Length': String(answer.body?.byteLength),
      'Cache-Control': 'no-store',
    })
  })

  test.each(PATHS)('at %s', async (path) => {
    const { ask, calls } = endpoint()
    expect((await ask(get(`${path}?scope=repository:a/b:pull`))).status).toBe(200)
    expect(calls).toEqual([['issue', 'anonymous', [scope('a/b', 'pull')], { offline: false }]])
  })

  test('docker login: a check without a scope is written down', async () => {
    const { ask, calls } = endpoint()
    const query = 'account=alice&client_id=docker&offline_token=true&service=berth.test'
    const answer = await ask(get(`/token?${query}`, basic('alice')))
    expect(jsonOf(answer).refresh_token).toBe('a refresh token')
    expect(calls).toEqual([
      ['issue', 'alice', [], { offline: true, client: 'docker' }],
      ['signedIn', 'alice', 'token'],
    ])
  })

  test('scopes repeated, separated by blanks, or both', async () => {
    const { ask, calls } = endpoint()
    await ask(get('/token?scope=repository:a/a:pull&scope=repository:b/b:pull,push+repository:c/c:pull'))
    await ask(get('/token?scope=repository%3Ahost%3A5000%2Fa%2Fa%3Apull%20nonsense'))
    expect(calls.map(([, , scopes]) => scopes)).toEqual([
      [scope('a/a', 'pull'), scope('b/b', 'pull', 'push'), scope('c/c', 'pull')],
      [scope('host:5000/a/a', 'pull')],
    ])
  })

  test('an empty Basic is nobody’s, as containers/image sends it', async () => {
    const { ask, calls } = endpoint()
    expect((await ask(get('/token', { Authorization: 'Basic Og==' }))).status).toBe(200)
    expect(calls).toEqual([['issue', 'anonymous', [], { offline: false }]])
  })

  test('a token that is a login may come as Bearer', async () => {
    const { ask, calls } = endpoint()
    expect((await ask(get('/token?scope=repository:a/b:pull', bearer('bob')))).status).toBe(200)
    expect(calls[0]?.[1]).toBe('bob')
  })

  test.each(['alice-for-the-catalogue', 'nobody'])(
    'the registry token %s gives no further one',
    async (token) => {
      const { ask, calls } = endpoint()
      const answer = await ask(get('/token?scope=repository:a/b:push', bearer(token)))
      expect(answer.status).toBe(401)
      expect(calls).toEqual([])
    },
  )

  test('a wrong password is 401 with the errors that docker shows', async () => {
    const { ask, calls } = endpoint()
    const answer = await ask(get('/token', basic('alice', 'wrong')))
    expect(answer.status).toBe(401)
    expect(jsonOf(answer)).toEqual({
      errors: [{ code: 'UNAUTHORIZED', message: 'these credentials are not good' }],
    })
    expect(answer.headers).toMatchObject({
      'WWW-Authenticate': 'Basic realm="berth.test",charset="UTF-8"',
      'Cache-Control': 'no-store',
    })
    expect(calls).toEqual([])
  })

  test('too many failures are 429 with the seconds to wait', async () => {
    const answer = await endpoint().ask(get('/token', basic('stormy')))
    expect([answer.status, answer.headers['Retry-After']]).toEqual([429, '7'])
    expect(jsonOf(answer)).toEqual({
      errors: [{ code: 'TOOMANYREQUESTS', message: 'too many failed logins; wait' }],
    })
  })

  test('several Authorization headers are none', async () => {
    const asked = get('/token', { Authorization: `${basic('alice').Authorization}, Basic Og==` })
    expect((await endpoint().ask(asked)).status).toBe(400)
  })

  test('a query that is not UTF-8 is refused', async () => {
    expect((await endpoint().ask(get('/token?scope=%ff'))).status).toBe(400)
  })
})

describe('POST', () => {
  test('containerd: a password, and a form that says its character set', async () => {
    const { submit, calls } = endpoint()
    const answer = await submit(
      {
        grant_type: 'password',
        service: 'berth.test',
        client_id: 'containerd-client',
        scope: 'repository:a/a:pull repository:b/b:pull,push',
        ...ALICE,
      },
      { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' },
    )
    expect(answer.status).toBe(200)
    expect(jsonOf(answer)).toMatchObject({ token: 'a registry token', access_token: 'a registry token' })
    expect(jsonOf(answer)).not.toHaveProperty('refresh_token')
    expect(calls).toEqual([
      [
        'issue',
        'alice',
        [scope('a/a', 'pull'), scope('b/b', 'pull', 'push')],
        { offline: false, client: 'containerd-client' },
      ],
    ])
  })

  test('containers/image: an identity token, and scopes repeated in the form', async () => {
    const { submit, calls } = endpoint()
    const answer = await submit(
      'grant_type=refresh_token&refresh_token=refresh+of+alice&client_id=containers/image&scope=repository:a/a:pull&scope=repository:b/b:pull',
    )
    expect(answer.status).toBe(200)
    expect(calls[0]?.slice(0, 3)).toEqual(['issue', 'alice', [scope('a/a', 'pull'), scope('b/b', 'pull')]])
  })

  test('offline: with a password a refresh token, with a refresh token the same one again', async () => {
    const { submit, calls } = endpoint()
    const first = await submit({ grant_type: 'password', access_type: 'offline', ...ALICE })
    expect(jsonOf(first).refresh_token).toBe('a refresh token')
    const again = await submit({
      grant_type: 'refresh_token',
      access_type: 'offline',
      refresh_token: 'refresh of alice',
    })
    expect(jsonOf(again).refresh_token).toBe('refresh of alice')
    expect(calls.filter(([what]) => what === 'issue').map((call) => call[3])).toEqual([
      { offline: true },
      { offline: false },
    ])
  })

  test('an assertion gives a token that stands for the login', async () => {
    const { submit, calls } = endpoint()
    const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    const answer = await submit({ grant_type, assertion: 'assertion of alice' })
    expect(jsonOf(answer)).toMatchObject({ access_token: 'a login token' })
    expect(calls).toEqual([['login', 'alice']])
  })

  const refused: [title: string, form: Record<string, string>, status: number, error: string][] = [
    ['a wrong password', { grant_type: 'password', username: 'alice', password: 'x' }, 401, 'invalid_grant'],
    ['an unknown user', { grant_type: 'password', username: 'eve', password: 'x' }, 401, 'invalid_grant'],
    ['a bad refresh token', { grant_type: 'refresh_token', refresh_token: 'x' }, 401, 'invalid_grant'],
    [
      'a bad assertion',
      { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: 'x' },
      401,
      'invalid_grant',
    ],
    [
      'too many failures',
      { grant_type: 'password', username: 'stormy', password: 'x' },
      429,
      'temporarily_unavailable',
    ],
    ['another grant type', { grant_type: 'authorization_code' }, 400, 'unsupported_grant_type'],
    ['no grant type', {}, 400, 'invalid_request'],
    ['no user', { grant_type: 'password', password: 'x' }, 400, 'invalid_request'],
    ['no password', { grant_type: 'password', username: 'alice' }, 400, 'invalid_request'],
    [
      'an empty password',
      { grant_type: 'password', username: 'alice', password: '' },
      400,
      'invalid_request',
    ],
    ['no refresh token', { grant_type: 'refresh_token' }, 400, 'invalid_request'],
    ['no assertion', { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' }, 400, 'invalid_request'],
  ]
  test.each(refused)(
    '%s is refused in the words of OAuth and of the registry',
    async (_, form, status, error) => {
      const { submit, calls } = endpoint()
      const answer = await submit(form)
      expect(answer.status).toBe(status)
      const told = jsonOf(answer) as { error: string; error_description: string; errors: object[] }
      expect(told.error).toBe(error)
      expect(told.error_description.length).toBeGreaterThan(10)
      expect(told.errors).toHaveLength(1)
      expect(answer.headers['Content-Length']).toBe(String(answer.body?.byteLength))
      expect(answer.headers['Cache-Control']).toBe('no-store')
      expect(answer.headers['WWW-Authenticate'] !== undefined).toBe(status === 401)
      expect(calls).toEqual([])
    },
  )

  test('a password is not repeated in what is answered', async () => {
    const answer = await endpoint().submit({ grant_type: 'canary', username: 'alice', password: 'canary-pw' })
    expect(Buffer.from(answer.body ?? '').toString()).not.toContain('canary-pw')
  })

  test.each([undefined, 'application/json', 'multipart/form-data; boundary=x', 'text/plain', ''])(
    'a form must be one: %p',
    async (type) => {
      const answer = await endpoint().submit(
        { grant_type: 'password', ...ALICE },
        type === undefined ? {} : { 'Content-Type': type },
      )
      expect(answer.status).toBe(415)
    },
  )

  test('a form of exactly the limit is read, one byte more is not', async () => {
    const form = Buffer.from(new URLSearchParams({ grant_type: 'password', ...ALICE }).toString())
    for (const chunked of [undefined, 16]) {
      const asked = { ...post('/token', form, FORM), ...(chunked !== undefined && { chunked }) }
      expect((await endpoint({ maxTokenBody: form.byteLength }).ask(asked)).status).toBe(200)
      const refused = await endpoint({ maxTokenBody: form.byteLength - 1 }).ask(asked)
      expect(refused.status).toBe(413)
    }
  })

  test('RS-7 a form without end is refused and the connection closed', async () => {
    const asked = { ...post('/token', Buffer.alloc(200_000, 'x'), FORM), chunked: 1000 }
    const answer = await endpoint().ask(asked)
    expect([answer.status, answer.close]).toEqual([413, true])
  })
})

test.each(['HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('%s gives no token', async (method) => {
  const { ask, calls } = endpoint()
  const answer = await ask({ method, path: '/token', headers: basic('alice') })
  expect([answer.status, answer.headers.Allow]).toEqual([405, 'GET, POST'])
  expect(calls).toEqual([])
})

test('the keys are for everyone', async () => {
  const { ask } = endpoint()
  const answer = await ask(get('/.well-known/jwks.json'))
  expect(jsonOf(answer)).toEqual({ keys: [{ kty: 'OKP', kid: 'one' }] })
  expect(answer.headers).toMatchObject({
    'Content-Type': 'application/jwk-set+json',
    'Cache-Control': 'public, max-age=300',
  })
  const { status, headers, body } = await ask(head('/.well-known/jwks.json'))
  expect({ status, headers, body }).toEqual({ status: 200, headers: answer.headers, body: null })
  expect((await ask(post('/.well-known/jwks.json'))).status).toBe(405)
})

test('without accounts there are no tokens', async () => {
  const handler = handlerOver({})
  for (const path of ['/token', '/service/token', '/oauth2/token', '/.well-known/jwks.json'])
    expect(await send(handler, get(path))).toBeUndefined()
  for (const path of ['/v2/token', '/v2/auth']) expect((await send(handler, get(path)))?.status).toBe(404)
})

test('a back end that is away is told as such', async () => {
  const authenticate = async () => {
    throw refuse('unavailable', 'the database does not answer')
  }
  const handler = guardedHandler(stubAuth(undefined, { authenticate }))
  const answer = await send(handler, get('/token', basic('alice')))
  expect([answer?.status, answer?.headers['Retry-After']]).toEqual([503, '5'])
})
