import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { MAX_NETWORKS, MAX_SCOPES } from '../../src/api/contract/common.ts'
import { MAX_CREDENTIALS } from '../../src/api/handlers/credentials.ts'
import { keyIdOf, lookupOfKeyFile, readKeyFile } from '../../src/auth/key-file.ts'
import { secretKind } from '../../src/auth/secrets.ts'
import { CAUSE, DAY, NOW, OPERATES, ORIGIN, openApi, PASSWORD, type Proof, type TestApi } from './fixture.ts'

let api: TestApi
let alice: Proof
let bob: Proof
beforeAll(async () => {
  api = await openApi()
  alice = await api.user('alice')
  bob = await api.user('bob')
})
afterAll(() => api[Symbol.asyncDispose]())

const path = { user: 'alice' }
const READ = [{ pattern: 'acme/*', verbs: ['read'] }]
const later = new Date(NOW + DAY).toISOString()
const who = async (as: Proof, address?: string) =>
  (await api.call('GET /session', { as, ...(address && { address }) })).status

describe('a personal access token', () => {
  const make = (body: object, as = alice) =>
    api.call('POST /users/{user}/tokens', { as, path, body: { ...body } })
  const list = async (as = alice) => (await api.call('GET /users/{user}/tokens', { as, path })).result.items
  const revoke = (id: number, as = alice) =>
    api.call('DELETE /users/{user}/tokens/{id}', { as, path: { user: 'alice', id: String(id) } })

  test('is shown once, listed without its secret, used and revoked', async () => {
    const { status, result } = await make({
      name: 'ci',
      scopes: READ,
      expiresAt: later,
      networks: ['203.0.113.0/24'],
    })
    expect(status).toBe(201)
    expect(secretKind(result.secret)).toBe('token')
    const { secret, ...shown } = result
    expect(shown).toMatchObject({
      name: 'ci',
      scopes: [{ pattern: 'acme/*', verbs: ['pull'] }],
      networks: ['203.0.113.0/24'],
      expiresAt: later,
      lastUsed: null,
    })
    expect(await list()).toContainEqual(shown)
    expect(JSON.stringify(await list())).not.toContain(secret)
    const token = { authorization: `Bearer ${secret}` }
    expect(await who(token)).toBe(200)
    expect(await who({ authorization: `Basic ${btoa(`alice:${secret}`)}` })).toBe(200)
    expect(await who(token, '198.51.100.1')).toBe(401)
    expect((await revoke(result.id)).status).toBe(204)
    expect(await who(token)).toBe(401)
    expect((await revoke(result.id)).status).toBe(404)
  })
  test('says verbs with what they bring, and bundles as verbs', async () => {
    const scopes = [
      { pattern: 'a/*', verbs: ['write'] },
      { pattern: 'b/**', verbs: ['admin'] },
      { pattern: 'c/c', verbs: ['delete'] },
    ]
    const { result } = await make({ name: 'verbs', scopes })
    expect(result.scopes.map(({ verbs }) => verbs)).toEqual([
      ['pull', 'push', 'create-tag'],
      ['pull', 'push', 'create-tag', 'delete', 'admin'],
      ['pull', 'delete'],
    ])
  })
  test('cannot be had twice by one name', async () => {
    const body = { name: 'once', scopes: READ }
    expect((await make(body)).status).toBe(201)
    const { status, detail } = await make(body)
    expect([status, detail]).toEqual([409, expect.stringContaining('shown once')])
    expect((await list()).filter(({ name }) => name === 'once')).toHaveLength(1)
  })
  test.each([
    [{ scopes: [] }, 'scopes'],
    [{ scopes: undefined }, 'scopes'],
    [{ scopes: [{ pattern: 'ACME/*', verbs: ['read'] }] }, 'scopes.0.pattern'],
    [{ scopes: [{ pattern: 'a/*', verbs: ['fly'] }] }, 'scopes.0.verbs.0'],
    [{ scopes: [{ pattern: 'a/*', verbs: [] }] }, 'scopes.0.verbs'],
    [{ networks: ['10.0.0.0/33'] }, 'networks.0'],
    [{ networks: ['10.0.0.1', 'localhost'] }, 'networks.1'],
    [{ expiresAt: new Date(NOW).toISOString() }, 'expiresAt'],
    [{ expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ account: 'bob' }, 'account'],
    [{ kind: 'password' }, 'kind'],
  ])('is not made of %j', async (wrong, at) => {
    const { status, problem } = await make({ name: 'wrong', scopes: READ, ...wrong })
    expect([status, problem.errors?.[0]?.at]).toEqual([400, at])
    expect((await list()).some(({ name }) => name === 'wrong')).toBe(false)
  })
  test('ends with its time', async () => {
    const { result } = await make({ name: 'short', scopes: READ, expiresAt: later })
    const token = { authorization: `Bearer ${result.secret}` }
    api.clock.time = NOW + DAY - 1
    expect(await who(token)).toBe(200)
    api.clock.time = NOW + DAY
    expect(await who(token)).toBe(401)
    api.clock.time = NOW
  })
  test('is its user’s: no other user lists, makes or revokes it, and no narrowed token does', async () => {
    const { id } = (await make({ name: 'mine', scopes: READ })).result
    const narrow = await api.token('alice', { scopes: [{ pattern: '**', verbs: 15 }] })
    for (const as of [bob, narrow]) {
      expect((await make({ name: 'theirs', scopes: READ }, as)).status).toBe(403)
      expect((await revoke(id, as)).status).toBe(403)
      expect((await api.call('GET /users/{user}/tokens', { as, path })).status).toBe(403)
    }
    // By its number below another user it is not to be had either.
    const asking = { as: bob, path: { user: 'bob', id: String(id) } }
    expect((await api.call('DELETE /users/{user}/tokens/{id}', asking)).status).toBe(404)
    expect(
      (
        await api.call('DELETE /users/{user}/sessions/{id}', {
          ...asking,
          as: alice,
          path: { user: 'alice', id: String(id) },
        })
      ).status,
    ).toBe(404)
    expect((await list()).some((token) => token.id === id)).toBe(true)
  })
  test.each(['0', '-1', '1e3', 'x', '99999999999999999999', '1 OR 1=1'])('has no number %j', async (id) => {
    const asking = { as: alice, path: { user: 'alice', id } }
    expect((await api.call('DELETE /users/{user}/tokens/{id}', asking)).status).toBe(404)
  })
  test('is made for a user, and not for an organisation or a robot', async () => {
    await api.call('POST /organisations', { as: OPERATES, body: { name: 'acme', owner: 'bob' } })
    for (const user of ['acme', 'nobody', 'acme+ci']) {
      const asking = { as: OPERATES, path: { user }, body: { name: 'x', scopes: READ as never } }
      expect((await api.call('POST /users/{user}/tokens', asking)).status).toBe(404)
    }
  })
})

describe('a key', () => {
  const make = (body: object, as = alice) =>
    api.call('POST /users/{user}/keys', { as, path, body: { ...body } })
  const list = async () => (await api.call('GET /users/{user}/keys', { as: alice, path })).result.items
  const pem = (type: 'ed25519' | 'x25519', half: 'publicKey' | 'privateKey' = 'publicKey') => {
    const pair = generateKeyPairSync(type as 'ed25519')
    return half === 'publicKey'
      ? (pair.publicKey.export({ type: 'spki', format: 'pem' }) as string)
      : (pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
  }

  test('is made with a file that is shown once, lets its bearer in, and is revoked', async () => {
    const { status, result } = await make({ name: 'laptop', expiresAt: later })
    expect(status).toBe(201)
    const file = readKeyFile(result.file ?? '')
    expect(file).toMatchObject({ account: 'alice', key_id: result.keyId, token_url: `${ORIGIN}/token` })
    expect(keyIdOf(lookupOfKeyFile(file as never) as Uint8Array)).toBe(result.keyId)
    const { file: _, ...shown } = result
    expect(await list()).toContainEqual(shown)
    const login = { authorization: `Basic ${btoa(`_json_key:${result.file}`)}` }
    expect(await who(login)).toBe(200)
    const asking = { as: alice, path: { user: 'alice', id: String(result.id) } }
    expect((await api.call('DELETE /users/{user}/keys/{id}', asking)).status).toBe(204)
    expect(await who(login)).toBe(401)
    expect((await api.call('DELETE /users/{user}/keys/{id}', asking)).status).toBe(404)
  })
  test('of which the public half was given has no file, and is the same the second time', async () => {
    const body = { name: 'own', publicKey: pem('ed25519') }
    const first = await make(body)
    expect([first.status, first.result.file]).toEqual([201, undefined])
    const again = await make(body)
    expect([again.status, again.result]).toEqual([200, first.result])
    // Neither by another name, nor another half by this one, nor for somebody else.
    const twin = await make({ ...body, name: 'other' })
    expect([twin.status, twin.detail]).toEqual([409, expect.stringContaining('registered already, as own')])
    expect((await make({ ...body, publicKey: pem('ed25519') })).status).toBe(409)
    expect((await make({ ...body, expiresAt: later })).status).toBe(409)
    const stolen = await api.call('POST /users/{user}/keys', { as: bob, path: { user: 'bob' }, body })
    expect([stolen.status, stolen.detail]).toEqual([409, expect.stringContaining('registered already')])
    expect(stolen.detail).not.toContain('secret')
    expect((await list()).filter(({ keyId }) => keyId === first.result.keyId)).toHaveLength(1)
  })
  test.each([
    ['no PEM', 'ssh-ed25519 AAAA'],
    ['another kind', pem('x25519')],
    ['the private half', pem('ed25519', 'privateKey')],
    ['nothing', ''],
  ])('is not made of %s', async (_, publicKey) => {
    const { status, problem } = await make({ name: 'wrong', publicKey })
    expect([status, problem.errors?.[0]?.at]).toEqual([400, 'publicKey'])
    expect(JSON.stringify(problem)).not.toContain(publicKey.split('\n')[1] || '\n')
  })
})

describe('what lasts', () => {
  let root: Proof
  beforeAll(async () => {
    root = await api.user('lasting-root', { administrator: true })
  })
  const everything = [{ pattern: '**', verbs: ['admin'] }] as never
  /** Each way to make something to sign in with, for a user `name`. */
  const waysOf = (as: Proof, name: string, at: number) => {
    const [user, namespace] = [{ user: name }, { namespace: name }]
    const robot = { ...namespace, robot: 'lasting' }
    return [
      api.call('POST /users/{user}/tokens', { as, path: user, body: { name: `t${at}`, scopes: everything } }),
      api.call('POST /users/{user}/keys', { as, path: user, body: { name: `k${at}` } }),
      api.call('POST /namespaces/{namespace}/robots', { as, path: namespace, body: { name: `r${at}` } }),
      api.call('POST /namespaces/{namespace}/robots/{robot}/secrets', { as, path: robot }),
      api.call('POST /namespaces/{namespace}/robots/{robot}/keys', {
        as,
        path: robot,
        body: { name: `k${at}` },
      }),
      api.call('POST /users/{user}/password-reset', { as, path: user }),
      api.call('POST /invitations', { as }),
      api.call('POST /users', {
        as,
        body: { name: `lasting-${name}-${at}`, password: 'a password of theirs' },
      }),
    ]
  }

  test('is made by what lasts itself and is good from everywhere alone', async () => {
    const name = 'lasting-root'
    const path = { namespace: name }
    await api.call('POST /namespaces/{namespace}/robots', { as: root, path, body: { name: 'lasting' } })
    const ends = await api.token(name, { expiresAt: NOW + DAY })
    const bound = await api.token(name, { networks: ['203.0.113.0/24'] })
    for (const [at, [as, why]] of (
      [
        [ends, `ends at ${later}`],
        [bound, 'is good from 203.0.113.0/24 alone'],
      ] as const
    ).entries()) {
      for (const { status, detail } of await Promise.all(waysOf(as, name, at))) {
        expect([status, detail]).toEqual([403, expect.stringContaining(why)])
        expect(detail).toContain('has no end and no networks')
      }
      // What is no secret it may do.
      expect((await api.call('POST /users', { as, body: { name: `lasting-none-${at}` } })).status).toBe(201)
    }
    const basic = { authorization: `Basic ${btoa(`${name}:${PASSWORD}`)}` }
    for (const [at, as] of [root, await api.signIn(name), basic].entries())
      for (const { status } of await Promise.all(waysOf(as, name, at + 2))) expect(status).toBe(201)
  })

  test('is no owner’s to make either with what does not', async () => {
    const as = await api.token('bob', { expiresAt: NOW + DAY })
    const path = { organisation: 'acme' }
    const { status, detail } = await api.call('POST /organisations/{organisation}/invitations', { as, path })
    expect([status, detail]).toEqual([403, expect.stringContaining(`ends at ${later}`)])
  })
})

test('there is an end to how many one may have', async () => {
  const as = await api.user('hoarder')
  for (let i = 1; i < MAX_CREDENTIALS; i++) {
    const credential = { kind: 'token', name: `t${i}`, lookup: Buffer.from(`t${i}`) } as const
    await api.store.createCredential({ account: 'hoarder', credential }, CAUSE)
  }
  const asking = { as, path: { user: 'hoarder' }, body: { name: 'one more', scopes: READ } }
  const { status, detail } = await api.call('POST /users/{user}/tokens', asking)
  expect([status, detail]).toEqual([409, expect.stringContaining('revoke')])
  const [newest] = await api.store.listCredentials('hoarder', ['token'])
  const remove = { account: 'hoarder', kinds: ['token'], id: newest?.id as number } as const
  await api.store.deleteCredential(remove, CAUSE)
  expect((await api.call('POST /users/{user}/tokens', asking)).status).toBe(201)
})

test('a token has so many scopes and networks at most', async () => {
  const as = await api.user('bounded')
  const make = (name: string, scopes: number, networks: number) =>
    api.call('POST /users/{user}/tokens', {
      as,
      path: { user: 'bounded' },
      body: {
        name,
        scopes: Array.from({ length: scopes }, (_, at) => ({ pattern: `bounded/r${at}`, verbs: ['read'] })),
        networks: Array.from({ length: networks }, (_, at) => `192.0.2.${at}`),
      },
    })
  expect((await make('most', MAX_SCOPES, MAX_NETWORKS)).status).toBe(201)
  const scopes = await make('more scopes', MAX_SCOPES + 1, 1)
  expect([scopes.status, scopes.problem.errors?.[0]?.at]).toEqual([400, 'scopes'])
  const networks = await make('more networks', 1, MAX_NETWORKS + 1)
  expect([networks.status, networks.problem.errors?.[0]?.at]).toEqual([400, 'networks'])
})
