import { afterAll, beforeAll, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { MAX_ROBOTS } from '../../src/api/handlers/robots.ts'
import { CAUSE, DAY, NOW, openApi, type Proof, type TestApi } from './fixture.ts'

let api: TestApi
let owner: Proof
const acme = { namespace: 'acme' } as const
const ci = { ...acme, robot: 'ci' } as const
let secret: string

beforeAll(async () => {
  api = await openApi()
  owner = await api.user('olga')
  await api.store.createOrganisation({ name: 'acme', owner: 'olga' }, CAUSE)
  const made = await api.call('POST /namespaces/{namespace}/robots', {
    as: owner,
    path: acme,
    body: { name: 'ci', description: 'builds' },
  })
  expect(made.status).toBe(201)
  secret = made.result.secret
})
afterAll(() => api[Symbol.asyncDispose]())

const nameOf = async (bearer: string) =>
  (await api.call('GET /session', { as: { authorization: `Bearer ${bearer}` } })).result?.name

test('a robot signs in by its first secret, which is shown once', async () => {
  expect(secret).toStartWith('berth_rob_')
  expect(await nameOf(secret)).toBe('acme+ci')
  const { items } = (await api.call('GET /namespaces/{namespace}/robots', { as: owner, path: acme })).result
  expect(items).toEqual([
    {
      name: 'acme+ci',
      description: 'builds',
      disabled: false,
      createdAt: new Date(NOW).toISOString(),
      version: 1,
    },
  ])
  const secrets = await api.call('GET /namespaces/{namespace}/robots/{robot}/secrets', {
    as: owner,
    path: ci,
  })
  expect(secrets.result.items).toHaveLength(1)
  expect(JSON.stringify(secrets.result)).not.toContain(secret.slice(10, 40))
  const { items: rows } = await api.store.listAudit({ namespace: 'acme' }, { limit: 100 })
  expect(rows.some(({ action }) => action === 'robot.create')).toBe(true)
  expect(JSON.stringify(rows)).not.toContain(secret.slice(10, 40))
})

test('is not made twice, nor by a name that is none, nor for nobody', async () => {
  const make = (name: string, namespace = 'acme') =>
    api.call('POST /namespaces/{namespace}/robots', {
      as: namespace === 'acme' ? owner : { operator: true },
      path: { namespace },
      body: { name },
    })
  expect((await make('ci')).status).toBe(409)
  expect((await make('acme+ci')).status).toBe(400)
  expect((await make('Bot')).status).toBe(400)
  expect((await make('bot', 'nobody')).status).toBe(404)
  expect((await make('bot', 'library')).status).toBe(404)
})

test('of two secrets both are good, and a third ends the first', async () => {
  const rotate = async () =>
    (await api.call('POST /namespaces/{namespace}/robots/{robot}/secrets', { as: owner, path: ci, body: {} }))
      .result.secret
  const second = await rotate()
  expect([await nameOf(secret), await nameOf(second)]).toEqual(['acme+ci', 'acme+ci'])
  const third = await rotate()
  expect([await nameOf(second), await nameOf(third)]).toEqual(['acme+ci', 'acme+ci'])
  expect(await nameOf(secret)).toBeUndefined()
  const list = () => api.call('GET /namespaces/{namespace}/robots/{robot}/secrets', { as: owner, path: ci })
  const { items } = (await list()).result
  expect(items).toHaveLength(2)
  const path = { ...ci, id: String(items[0]?.id) }
  const revoke = () =>
    api.call('DELETE /namespaces/{namespace}/robots/{robot}/secrets/{id}', { as: owner, path })
  expect((await revoke()).status).toBe(204)
  expect((await revoke()).status).toBe(404)
  expect(await nameOf(third)).toBeUndefined()
  expect(await nameOf(second)).toBe('acme+ci')
})

test('a secret may end by itself, but not before it begins', async () => {
  const ask = (expiresAt: number) =>
    api.call('POST /namespaces/{namespace}/robots/{robot}/secrets', {
      as: owner,
      path: ci,
      body: { expiresAt: new Date(expiresAt).toISOString() },
    })
  expect((await ask(NOW)).status).toBe(400)
  const { secret: short, expiresAt } = (await ask(NOW + DAY)).result
  expect(expiresAt).toBe(new Date(NOW + DAY).toISOString())
  expect(await nameOf(short)).toBe('acme+ci')
  api.clock.time += DAY
  expect(await nameOf(short)).toBeUndefined()
  api.clock.time = NOW
})

test('a key is made by the server or brought along', async () => {
  const make = (body: { name: string; publicKey?: string }) =>
    api.call('POST /namespaces/{namespace}/robots/{robot}/keys', { as: owner, path: ci, body })
  const made = (await make({ name: 'made' })).result
  expect(JSON.parse(made.file ?? '')).toMatchObject({ account: 'acme+ci', key_id: made.keyId })
  const pair = generateKeyPairSync('ed25519')
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string
  const brought = await make({ name: 'brought', publicKey })
  expect([brought.status, brought.result.file]).toEqual([201, undefined])
  const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const refused = await make({ name: 'wrong', publicKey: privateKey })
  expect(refused.status).toBe(400)
  expect(JSON.stringify(refused.problem)).not.toContain(privateKey.slice(30, 60))

  const { items } = (
    await api.call('GET /namespaces/{namespace}/robots/{robot}/keys', { as: owner, path: ci })
  ).result
  expect(items.map(({ name, keyId }) => [name, keyId])).toEqual([
    ['brought', brought.result.keyId],
    ['made', made.keyId],
  ])
  const revoked = await api.call('DELETE /namespaces/{namespace}/robots/{robot}/keys/{id}', {
    as: owner,
    path: { ...ci, id: String(made.id) },
  })
  expect(revoked.status).toBe(204)
})

test('a robot is changed at the version that was read, switched off, and deleted', async () => {
  const change = (body: object, version?: number) =>
    api.call('PATCH /namespaces/{namespace}/robots/{robot}', {
      as: owner,
      path: ci,
      body,
      ...(version !== undefined && { version }),
    })
  const { headers } = await api.call('GET /namespaces/{namespace}/robots/{robot}', { as: owner, path: ci })
  expect(headers.get('ETag')).toBe('"1"')
  expect((await change({ description: 'ships' }, 1)).headers.get('ETag')).toBe('"2"')
  expect((await change({ description: 'late' }, 1)).status).toBe(412)
  expect((await change({ administrator: true })).status).toBe(400)
  expect((await change({ name: 'acme+other' })).status).toBe(400)
  const { secret: live } = (
    await api.call('POST /namespaces/{namespace}/robots/{robot}/secrets', { as: owner, path: ci, body: {} })
  ).result
  expect((await change({ disabled: true })).result.disabled).toBe(true)
  expect(await nameOf(live)).toBeUndefined()
  await change({ disabled: false })
  expect(await nameOf(live)).toBe('acme+ci')
  const remove = () => api.call('DELETE /namespaces/{namespace}/robots/{robot}', { as: owner, path: ci })
  expect((await remove()).status).toBe(204)
  expect((await remove()).status).toBe(404)
  expect(await nameOf(live)).toBeUndefined()
})

test('a person is no robot', async () => {
  await api.user('acme-ci')
  const path = { namespace: 'olga', robot: 'olga' }
  expect((await api.call('DELETE /namespaces/{namespace}/robots/{robot}', { as: owner, path })).status).toBe(
    404,
  )
})

test('an owner has so many robots at most', async () => {
  await api.store.createOrganisation({ name: 'robots', owner: 'olga' }, CAUSE)
  for (let at = 1; at < MAX_ROBOTS; at++) {
    const first = { kind: 'secret' as const, name: '1', lookup: Buffer.from(`robot ${at}`) }
    await api.store.createRobot({ owner: 'robots', name: `r${at}`, secret: first }, CAUSE)
  }
  const path = { namespace: 'robots' }
  const create = (name: string) =>
    api.call('POST /namespaces/{namespace}/robots', { as: owner, path, body: { name } })
  expect((await create('last')).status).toBe(201)
  const refused = await create('more')
  expect([refused.status, refused.detail]).toEqual([409, expect.stringContaining('delete one first')])
  // One that is there is told so still.
  expect((await create('last')).detail).toContain('already')
  const listed = await api.call('GET /namespaces/{namespace}/robots', { as: owner, path })
  expect(listed.result.items).toHaveLength(MAX_ROBOTS)
})
