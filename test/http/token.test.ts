import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { ask as askRaw, RawConnection, request } from './raw.ts'

/** The token end-point over the real server, as clients use it (PROTOCOL 10.1–10.3). */

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const CONTAINERD = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' }

interface Token {
  readonly token: string
  readonly access_token: string
  readonly expires_in: number
  readonly issued_at: string
  readonly scope: string
  readonly refresh_token?: string
}

const stack = new AsyncDisposableStack()
let berth: BerthServer
/** Gives refresh tokens. */
let offline: BerthServer
beforeAll(async () => {
  berth = stack.use(await startBerth({ accounts: true }))
  offline = stack.use(await startBerth({ accounts: true, env: { BERTH_REFRESH_TOKENS: 'true' } }))
})
afterAll(() => stack.disposeAsync())

const basic = (name: string, secret: string) => ({
  Authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`,
})
const bearer = ({ token }: Token) => ({ Authorization: `Bearer ${token}` })
const asAdmin = (server = berth) => basic(server.admin.name, server.admin.password)

const ask = (path: string, headers: Record<string, string> = {}, server = berth) =>
  fetch(server.url + path, { headers })

async function tokenBy(query: string, headers: Record<string, string> = {}, server = berth): Promise<Token> {
  const response = await ask(`/token?${query}`, headers, server)
  expect(response.status).toBe(200)
  return (await response.json()) as Token
}

const submit = (
  fields: string | Record<string, string>,
  { headers = FORM, server = berth, path = '/token' } = {},
) => fetch(server.url + path, { method: 'POST', headers, body: new URLSearchParams(fields).toString() })

/** What a token says it is for. */
function accessOf({ token }: Token): { name: string; actions: string[] }[] {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString())
  return claims.access.map(({ name, actions }: { name: string; actions: string[] }) => ({ name, actions }))
}

describe('docker login', () => {
  test('challenge, token, and with it the base', async () => {
    const challenge = await ask('/v2/')
    expect(challenge.status).toBe(401)
    expect(challenge.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
    const header = challenge.headers.get('www-authenticate') ?? ''
    const { realm = '', service = '' } = Object.fromEntries(
      [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    )
    expect(header).toBe(`Bearer realm="${berth.url}/token",service="${service}"`)
    const query = new URLSearchParams({
      account: 'admin',
      client_id: 'docker',
      offline_token: 'true',
      service,
    })
    const answer = await fetch(`${realm}?${query}`, { headers: asAdmin() })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const token = (await answer.json()) as Token
    expect(token.access_token).toBe(token.token)
    expect(token.expires_in).toBe(300)
    expect(token.issued_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/)
    expect(Math.abs(Date.parse(token.issued_at) - Date.now())).toBeLessThan(60_000)
    // Many clients could not use one; who wants them switches them on.
    expect(token.refresh_token).toBeUndefined()
    expect((await ask('/v2/', bearer(token))).status).toBe(200)
  })

  test('a wrong password and an unknown user are told the same', async () => {
    const answers: unknown[][] = []
    for (const headers of [basic('admin', 'wrong'), basic('nobody-here', 'wrong')]) {
      const answer = await ask('/token?account=x&client_id=docker', headers)
      answers.push([answer.status, answer.headers.get('www-authenticate'), await answer.text()])
    }
    expect(answers[0]).toEqual(answers[1])
    expect(answers[0]?.[0]).toBe(401)
    expect(JSON.parse(String(answers[0]?.[2])).errors[0].code).toBe('UNAUTHORIZED')
  })

  test('Basic is taken where it is sent', async () => {
    expect((await ask('/v2/', asAdmin())).status).toBe(200)
    const wrong = await ask('/v2/', basic('admin', 'wrong'))
    expect(wrong.status).toBe(401)
    expect(wrong.headers.get('www-authenticate')).toStartWith('Bearer ')
  })
})

describe('what a token is for', () => {
  test('asked ∩ allowed, by repeated scopes and by blanks, in one spelling', async () => {
    const query =
      'scope=repository:admin/a:pull,push&scope=repository:hello:pull+repository:admin/b:*&scope=nonsense&scope=x:y:z'
    const token = await tokenBy(query, asAdmin())
    expect(accessOf(token)).toEqual([
      { name: 'admin/a', actions: ['pull', 'push'] },
      { name: 'library/hello', actions: ['pull'] },
      { name: 'admin/b', actions: ['pull', 'push', 'delete', '*'] },
    ])
    expect(token.scope).toStartWith('repository:admin/a:pull,push repository:')
  })

  test('nobody gets a token for nothing, also by an empty Basic, and the base takes it', async () => {
    for (const headers of [{}, { Authorization: 'Basic Og==' }]) {
      const token = await tokenBy('scope=repository:admin/a:pull,push', headers as Record<string, string>)
      expect(accessOf(token)).toEqual([])
      expect((await ask('/v2/', bearer(token))).status).toBe(200)
      const refused = await ask('/v2/admin/a/tags/list', bearer(token))
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
    }
  })

  test('an upper bound: what it is not for needs another one', async () => {
    const token = await tokenBy('scope=repository:admin/a:pull', asAdmin())
    const refused = await ask('/v2/admin/other/tags/list', bearer(token))
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toMatch(
      /,scope="repository:admin\/other:pull",error="insufficient_scope",error_description="[^"\\]+"$/,
    )
    // A token that leaked is not changed into another one.
    expect((await ask('/token?scope=repository:admin/a:push', bearer(token))).status).toBe(401)
  })

  test('a stranger is told of what is private and of what is not there alike', async () => {
    const token = await tokenBy('scope=repository:admin/there:pull,push', asAdmin())
    const opened = await fetch(`${berth.url}/v2/admin/there/blobs/uploads/`, {
      method: 'POST',
      headers: bearer(token),
    })
    expect(opened.status).toBe(202)
    const answer = async (name: string) => {
      const response = await ask(`/v2/admin/${name}/manifests/latest`)
      const told = `${response.headers.get('www-authenticate')} ${await response.text()}`
      return [response.status, told.replaceAll(name, 'NAME')]
    }
    expect(await answer('there')).toEqual(await answer('gone'))
    expect((await answer('there'))[0]).toBe(401)
  })

  test('the catalogue is for who signs in', async () => {
    const first = await ask('/v2/_catalog')
    expect(first.headers.get('www-authenticate')).toContain('scope="registry:catalog:*"')
    const token = await tokenBy('scope=registry:catalog:*', asAdmin())
    expect((await ask('/v2/_catalog', bearer(token))).status).toBe(200)
    expect((await ask('/v1/search?q=x')).status).toBe(200)
  })
})

describe('POST', () => {
  const password = () => ({ grant_type: 'password', username: 'admin', password: berth.admin.password })

  test.each(['/token', '/v2/token', '/v2/auth', '/service/token', '/oauth2/token'])('at %s', async (path) => {
    const answer = await submit({ ...password(), scope: 'repository:admin/a:pull' }, { path })
    expect(answer.status).toBe(200)
    expect(accessOf((await answer.json()) as Token)).toEqual([{ name: 'admin/a', actions: ['pull'] }])
  })

  test('containerd falls back to GET where its password is wrong, and fails there too', async () => {
    const form = { ...password(), password: 'wrong', client_id: 'containerd-client', service: 'berth' }
    const answer = await submit(form, { headers: CONTAINERD })
    expect(answer.status).toBe(401)
    const told = (await answer.json()) as { error: string; errors: { code: string }[] }
    expect([told.error, told.errors[0]?.code]).toEqual(['invalid_grant', 'UNAUTHORIZED'])
    expect((await submit(password(), { headers: CONTAINERD })).status).toBe(200)
  })

  test('what it does not know it says in the words of OAuth', async () => {
    for (const form of [{ grant_type: 'authorization_code' }, {}] as Record<string, string>[]) {
      const answer = await submit(form)
      expect(answer.status).toBe(400)
      expect(Object.keys((await answer.json()) as object)).toEqual(['error', 'error_description', 'errors'])
    }
    expect((await submit(password(), { headers: { 'Content-Type': 'application/json' } })).status).toBe(415)
  })

  test('refresh tokens, where they are switched on', async () => {
    const plain = await tokenBy('', asAdmin(offline), offline)
    expect(plain.refresh_token).toBeUndefined()
    const { refresh_token = '' } = await tokenBy(
      'offline_token=true&client_id=docker',
      asAdmin(offline),
      offline,
    )
    expect(refresh_token).toStartWith('berth_ref_')
    // As dockerd and containers/image use it: the latter repeats its scopes.
    const form = `grant_type=refresh_token&refresh_token=${refresh_token}&scope=repository:admin/a:pull&scope=repository:admin/b:pull,push`
    const answer = await submit(form, { server: offline })
    expect(answer.status).toBe(200)
    const token = (await answer.json()) as Token
    expect(accessOf(token)).toHaveLength(2)
    expect((await ask('/v2/', bearer(token), offline)).status).toBe(200)
    const wrong = `${refresh_token.slice(0, -1)}${refresh_token.endsWith('0') ? '1' : '0'}`
    const refused = await submit({ grant_type: 'refresh_token', refresh_token: wrong }, { server: offline })
    expect(refused.status).toBe(401)
  })
})

describe('what is no request for a token', () => {
  test.each(['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'])('%s', async (method) => {
    const answer = await fetch(`${berth.url}/token`, { method })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST'])
  })

  test('a form beyond 64 KiB, announced or not, is not read', async () => {
    const headers = ['Content-Type: application/x-www-form-urlencoded']
    const announced = await askRaw(
      berth.host,
      request('POST', '/token', [...headers, 'Content-Length: 10000000000']),
      'POST',
    )
    expect([announced?.status, announced?.headers.get('connection')]).toEqual([413, 'close'])
    await using connection = await RawConnection.connect(berth.host)
    await connection.send(request('POST', '/token', [...headers, 'Transfer-Encoding: chunked']))
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    for (let sent = 0; sent <= 64 * 1024; sent += 0x4000) await connection.send(chunk)
    expect((await connection.answer('POST'))?.status).toBe(413)
  })

  test('two Authorization headers', async () => {
    const { Authorization } = asAdmin()
    for (const path of ['/token', '/v2/', '/v2/admin/a/tags/list']) {
      const lines = [`Authorization: ${Authorization}`, 'Authorization: Basic Og==']
      expect((await askRaw(berth.host, request('GET', path, lines)))?.status).toBe(400)
    }
  })

  test.each(['Basic', 'Basic ', 'Bearer', 'Bearer x.y.z', 'Basic !!!', 'Digest x', 'x'])(
    'the header %p',
    async (Authorization) => {
      expect((await ask('/token', { Authorization })).status).toBe(401)
      const base = await ask('/v2/', { Authorization })
      expect(base.status).toBe(401)
      expect(base.headers.get('www-authenticate')).toStartWith(`Bearer realm="${berth.url}/token"`)
    },
  )
})

test('the keys that verify tokens are published, without their private halves', async () => {
  const answer = await ask('/.well-known/jwks.json')
  expect(answer.headers.get('content-type')).toBe('application/jwk-set+json')
  const { keys } = (await answer.json()) as { keys: Record<string, string>[] }
  expect(keys.length).toBeGreaterThan(0)
  const { token } = await tokenBy('')
  const { kid, alg } = JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString())
  expect(alg).toBe('EdDSA')
  expect(keys.map((key) => key.kid)).toContain(kid)
  for (const key of keys) expect(key.d).toBeUndefined()
})
