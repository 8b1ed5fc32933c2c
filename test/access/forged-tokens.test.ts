import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { keyOf, part, signed, signedByHmac } from '../auth/forge.ts'
import { forgedHeaders, forgedPayloads, type Good } from '../auth/forgeries.ts'
import { seed } from './content.ts'
import { basic, registryToken, type World } from './world.ts'
import { onWorlds, type Sql, sqliteOf, startSeeded } from './worlds.ts'

/*
 * Tokens as an attacker writes them, sent to a running server by every door that takes tokens (SE-3). Each is 401, none breaks anything; and
 * what is good for one purpose is good for no other.
 */

const ATTACKER = generateKeyPairSync('ed25519').privateKey
const REPO = 'acme/private'

interface Door {
  readonly what: string
  readonly path: string
  readonly headers: (token: string) => Record<string, string>
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
const DOORS: readonly Door[] = [
  { what: 'the base', path: '/v2/', headers: bearer },
  { what: 'a manifest', path: `/v2/${REPO}/manifests/latest`, headers: bearer },
  { what: 'a public manifest', path: '/v2/acme/public/manifests/latest', headers: bearer },
  { what: 'the catalogue', path: '/v2/_catalog', headers: bearer },
  { what: 'the search', path: '/v1/search?q=acme', headers: bearer },
  { what: 'the token end-point', path: '/token', headers: bearer },
  { what: 'the API', path: '/api/v1/users', headers: bearer },
  { what: 'the session', path: '/api/v1/session', headers: bearer },
  { what: 'a path of Docker Hub', path: `/v2/repositories/${REPO}/`, headers: bearer },
  {
    what: 'a path of Docker Hub, by its own word',
    path: `/v2/repositories/${REPO}/`,
    headers: (token) => ({ Authorization: `JWT ${token}` }),
  },
  {
    what: 'a login by a token',
    path: '/token',
    headers: (token) => basic(['oauth2accesstoken', token]),
  },
]

describe('forged tokens', () => {
  const owned = new AsyncDisposableStack()
  let world: World
  let sql: Sql
  let good: Good
  let key: KeyObject
  beforeAll(async () => {
    // Wrong logins are what this is about, and all of them come from one address.
    world = owned.use(
      await startSeeded({ env: { BERTH_ADDRESS_FAILURES: '100000', BERTH_LOGIN_FAILURES: '100000' } }),
    )
    sql = sqliteOf(world, owned)
    const token = await registryToken(world.server.url, world.logins.reader, `repository:${REPO}:pull`)
    const [header = '', claims = ''] = token.split('.')
    const read = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString())
    good = { header: read(header), claims: read(claims) }
    const [row] = await sql('SELECT private_key FROM signing_key')
    key = keyOf(row?.private_key as string)
  }, 60_000)
  afterAll(() => owned.disposeAsync(), 60_000)

  async function expectNobodyIn(token: string) {
    for (const { what, path, headers } of DOORS) {
      const response = await fetch(`${world.server.url}${path}`, { headers: headers(token) })
      const text = await response.text()
      expect([what, response.status]).toEqual([what, 401])
      expect(response.headers.get('www-authenticate')).toMatch(/^(?:Bearer|Basic)/)
      if (token.length > 20) expect(text).not.toContain(token)
    }
  }

  test('the same claims by the server’s own key are good: what follows fails for its own reasons', async () => {
    const token = signed(good.header, good.claims, key)
    const response = await fetch(`${world.server.url}/v2/${REPO}/manifests/latest`, {
      headers: bearer(token),
    })
    expect(response.status).toBe(200)
    const { exp: _, access: _access, ...login } = good.claims
    const inside = signed(good.header, { ...login, exp: good.claims.exp, use: 'login' }, key)
    expect((await fetch(`${world.server.url}/api/v1/users`, { headers: bearer(inside) })).status).toBe(200)
  })

  test('alg none, with a signature and without', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      const input = `${part({ ...good.header, alg })}.${part(good.claims)}`
      await expectNobodyIn(`${input}.`)
      await expectNobodyIn(`${input}.AA`)
      await expectNobodyIn(input)
    }
  })

  test('HMAC with the public key, in every form it is published in', async () => {
    const jwks = (await (await fetch(`${world.server.url}/.well-known/jwks.json`)).json()) as {
      keys: { kid: string; x: string; d?: string }[]
    }
    const [jwk] = jwks.keys
    if (jwk === undefined) throw new Error('no key is published')
    expect(jwk.d).toBeUndefined()
    const published = createPublicKey(key)
    const secrets = [
      JSON.stringify(jwk),
      JSON.stringify(jwks),
      jwk.x,
      Buffer.from(jwk.x, 'base64url'),
      published.export({ type: 'spki', format: 'pem' }) as string,
      published.export({ type: 'spki', format: 'der' }),
      '',
    ]
    for (const secret of secrets)
      for (const alg of ['HS256', 'EdDSA'])
        await expectNobodyIn(signedByHmac({ ...good.header, alg }, good.claims, secret))
  })

  test('the right header, by another key', () => expectNobodyIn(signed(good.header, good.claims, ATTACKER)))

  test.each(forgedHeaders(ATTACKER))('a header with %s', async (_, forge) => {
    const header = forge(good.header)
    await expectNobodyIn(signed(header, good.claims, ATTACKER))
    // A signature that is good does not make a header good.
    await expectNobodyIn(signed(header, good.claims, key))
  })

  const now = Math.floor(Date.now() / 1000)
  test.each([
    // Of those there are, the ones in time are for a clock that stands still.
    ...forgedPayloads().filter(([what]) => !/^(?:nbf|iat|exp) \d{10}$/.test(what)),
    ['exp that is past', (claims: Good['claims']) => ({ ...claims, exp: now - 3600 })],
    ['nbf that is to come', (claims: Good['claims']) => ({ ...claims, nbf: now + 3600 })],
    ['iat that is to come', (claims: Good['claims']) => ({ ...claims, iat: now + 3600 })],
  ] as [string, (claims: Good['claims']) => unknown][])('claims with %s', async (_, forge) => {
    await expectNobodyIn(signed(good.header, forge(good.claims), key))
  })

  test('a signature that is changed, cut, moved, or missing', async () => {
    const [header = '', claims = '', signature = ''] = signed(good.header, good.claims, key).split('.')
    const bytes = Buffer.from(signature, 'base64url')
    const flipped = Buffer.from(bytes)
    flipped[63] = (flipped[63] ?? 0) ^ 0x80
    for (const token of [
      `${header}.${claims}.${flipped.toString('base64url')}`,
      `${header}.${claims}.${bytes.subarray(0, 63).toString('base64url')}`,
      `${header}.${claims}.${Buffer.concat([bytes, bytes]).toString('base64url')}`,
      `${header}.${claims}.${signature}=`,
      `${header}.${claims}.${Buffer.alloc(64).toString('base64url')}`,
      `${header}.${claims}.`,
      `${header}.${claims}`,
      `${header}.${claims}.${signature}.${signature}`,
      `${header}.${part({ ...good.claims, sub: 'account:1' })}.${signature}`,
      `${header}=.${claims}.${signature}`,
      `.${claims}.${signature}`,
      '..',
      '.',
      'A'.repeat(9000),
    ])
      await expectNobodyIn(token)
  })

  test('claims of the server’s own form for accounts and credentials that are not there, or not together', async () => {
    for (const change of [
      { sub: 'account:999999' },
      { cid: 999_999 },
      { sub: 'account:1', cid: good.claims.cid },
      { cid: 1 },
    ]) {
      await expectNobodyIn(signed(good.header, { ...good.claims, ...change }, key))
      const { access: _, ...rest } = good.claims
      await expectNobodyIn(signed(good.header, { ...rest, ...change, use: 'login' }, key))
    }
  })

  test('tokens of another installation', async () => {
    await using other = await startSeeded()
    const theirs = await registryToken(other.server.url, other.logins.reader, `repository:${REPO}:pull`)
    const there = await fetch(`${other.server.url}/v2/${REPO}/manifests/latest`, { headers: bearer(theirs) })
    expect(there.status).toBe(200)
    await expectNobodyIn(theirs)
    const login = await fetch(`${other.server.url}/v2/users/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: 'rita', password: other.logins.reader?.[1] }),
    })
    await expectNobodyIn(((await login.json()) as { token: string }).token)
  })
})

onWorlds('tokens are good for one purpose', (world, sql) => {
  const url = () => world().server.url
  const status = async (path: string, headers: Record<string, string>, init: RequestInit = {}) =>
    (await fetch(`${url()}${path}`, { ...init, headers: { ...headers, ...(init.headers as object) } })).status

  test('a registry token gives no further token, and signs nobody in', async () => {
    const token = await registryToken(url(), world().logins['site administrator'], `repository:${REPO}:*`)
    expect(await status('/token', bearer(token))).toBe(401)
    for (const name of ['oauth2accesstoken', '$oauthtoken', 'AWS', 'admin', '<token>'])
      expect([name, await status('/token', basic([name, token]))]).toEqual([name, 401])
  })

  test('a registry token does nothing in the API that it was not issued for, whoever has it', async () => {
    const token = await registryToken(url(), world().logins['site administrator'], `repository:${REPO}:pull`)
    for (const path of [
      '/api/v1/audit',
      '/api/v1/invitations',
      '/api/v1/users/admin/tokens',
      '/api/v1/users/admin/keys',
      '/api/v1/namespaces/acme/grants',
      '/api/v1/organisations/acme/members',
    ])
      expect([path, await status(path, bearer(token))]).toEqual([path, 403])
    const post = async (path: string, method: string, body: object) =>
      status(path, bearer(token), {
        method,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
    expect(await post('/api/v1/users', 'POST', { name: 'made1' })).toBe(403)
    expect(await post('/api/v1/users/admin/password', 'PUT', { password: 'taken over by a token' })).toBe(403)
    expect(
      await post('/api/v1/users/admin/tokens', 'POST', {
        name: 'more',
        scopes: [{ pattern: '**', verbs: ['admin'] }],
      }),
    ).toBe(403)
    expect(await post(`/api/v1/repositories/${REPO}`, 'PATCH', { visibility: 'public' })).toBe(401)
    expect(await post(`/v2/repositories/${REPO}/`, 'PATCH', { is_private: false })).toBe(401)
    expect(await post('/api/v1/repositories', 'POST', { name: 'acme/by-token' })).toBe(401)
    expect(await status('/api/v1/repositories/acme/public/-/tags', bearer(token))).toBe(401)
    // Not even with everything there is on one repository.
    const all = await registryToken(url(), world().logins.admin, `repository:${REPO}:*`)
    expect(await status('/api/v1/users/adam/tokens', bearer(all))).toBe(403)
  })

  test('a session’s secret is a cookie of the API and nothing else', async () => {
    const [username, password] = world().logins.reader ?? ['', '']
    const signIn = await fetch(`${url()}/api/v1/session`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: url() },
      body: JSON.stringify({ username, password }),
    })
    const cookie = (signIn.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    const secret = cookie.slice('berth_session='.length)
    expect(secret).toStartWith('berth_ses_')
    expect(await status('/api/v1/users/rita/tokens', { Cookie: cookie })).toBe(200)
    for (const path of ['/v2/', '/v2/_catalog', `/v2/${REPO}/manifests/latest`])
      expect([path, await status(path, { Cookie: cookie })]).toEqual([path, 401])
    const { access } = JSON.parse(
      Buffer.from(
        (
          (await (
            await fetch(`${url()}/token?scope=repository:${REPO}:pull`, { headers: { Cookie: cookie } })
          ).json()) as { token: string }
        ).token.split('.')[1] ?? '',
        'base64url',
      ).toString(),
    )
    expect(access).toEqual([])
    for (const headers of [
      bearer(secret),
      ...['rita', 'oauth2accesstoken', '$oauthtoken'].map((name) => basic([name, secret])),
    ])
      for (const path of ['/v2/', '/token', '/api/v1/session'])
        expect([path, await status(path, headers)]).toEqual([path, 401])
  })

  test('a login token is no registry token, and a registry token no cookie', async () => {
    const [username, password] = world().logins.reader ?? ['', '']
    const response = await fetch(`${url()}/v2/users/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username, password }),
    })
    const { token } = (await response.json()) as { token: string }
    // It stands for its account, and so may do what that may – and says nothing of a scope.
    expect(await status('/api/v1/users/rita/tokens', bearer(token))).toBe(200)
    expect(await status('/api/v1/users/will/tokens', bearer(token))).toBe(403)
    for (const secret of [token, await registryToken(url(), world().logins.reader, undefined)]) {
      const { kind } = (await (
        await fetch(`${url()}/api/v1/session`, { headers: { Cookie: `berth_session=${secret}` } })
      ).json()) as { kind: string }
      expect(kind).toBe('anonymous')
    }
    // Nobody else can log in by it, whatever they say their name is.
    for (const name of ['will', 'admin', 'acme+ci', '_json_key'])
      expect([name, await status('/token', basic([name, token]))]).toEqual([name, 401])
    expect(await status('/token', basic(['rita', token]))).toBe(200)
  })

  test('a token for a repository that was deleted is none for the next one of its name', async () => {
    await seed(world(), 'acme/reborn')
    const path = '/v2/acme/reborn/manifests/latest'
    const token = bearer(
      await registryToken(url(), world().logins.writer, 'repository:acme/reborn:pull,push'),
    )
    expect(await status(path, token)).toBe(200)
    // Nothing deletes a repository yet: out of the way, as a deletion would have it.
    await sql("UPDATE repo SET name = 'acme/reborn-gone' WHERE name = 'acme/reborn'")
    await seed(world(), 'acme/reborn')
    const answer = await fetch(`${url()}${path}`, { headers: token })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
    expect(await status('/v2/acme/reborn/blobs/uploads/', token, { method: 'POST' })).toBe(401)
    const fresh = bearer(await registryToken(url(), world().logins.writer, 'repository:acme/reborn:pull'))
    expect(await status(path, fresh)).toBe(200)
  })

  test('a narrow token says which repositories it is for, and no other is read by it', async () => {
    const token = bearer(await registryToken(url(), world().logins.reader, 'repository:acme/public:pull'))
    expect(await status('/v2/acme/public/manifests/latest', token)).toBe(200)
    expect(await status(`/v2/${REPO}/manifests/latest`, token)).toBe(401)
    expect(await status('/v2/_catalog', token)).toBe(401)
    const push = bearer(
      await registryToken(url(), world().logins.reader, `repository:${REPO}:pull,push,delete,*`),
    )
    expect(await status(`/v2/${REPO}/blobs/uploads/`, push, { method: 'POST' })).toBe(403)
    expect(await status(`/v2/${REPO}/manifests/latest`, push, { method: 'DELETE' })).toBe(403)
  })
})
