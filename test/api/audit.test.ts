import { afterAll, beforeAll, expect, test } from 'bun:test'
import { CAUSE, NOW, OPERATES, openApi, type Proof, type TestApi } from './fixture.ts'

let api: TestApi
let olga: Proof

beforeAll(async () => {
  api = await openApi()
  olga = await api.user('olga')
  await api.user('otto')
  await api.store.createOrganisation({ name: 'acme', owner: 'olga' }, CAUSE)
  for (let i = 0; i < 5; i++) {
    const subject = `user:${i % 2 === 0 ? 'otto' : 'olga'}`
    const cause = { ...CAUSE, now: NOW + i * 1000, actor: 'olga' }
    await api.store.setGrant({ namespace: 'acme', subject, pattern: `acme/r${i}`, verbs: 1 }, cause)
  }
})
afterAll(() => api[Symbol.asyncDispose]())

const audit = async (query: Record<string, string> = {}) =>
  (await api.call('GET /audit', { as: OPERATES, query })).result

test('lists who did what, newest first, page by page', async () => {
  const all = (await audit({ limit: '1000' })).items
  expect(all.length).toBeGreaterThan(5)
  expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).sort((a, b) => b - a))
  expect(all[0]).toMatchObject({
    actor: 'olga',
    action: 'grant.set',
    target: 'acme/r4',
    namespace: 'acme',
    result: 'done',
    at: new Date(NOW + 4000).toISOString(),
    detail: { subject: 'user:otto', verbs: ['pull'] },
  })
  const walked: number[] = []
  let after: string | undefined
  do {
    const page = await audit({ limit: '3', ...(after !== undefined && { after }) })
    walked.push(...page.items.map(({ id }) => id))
    after = page.next
  } while (after !== undefined)
  expect(walked).toEqual(all.map(({ id }) => id))
})

test('lists by who, what and when', async () => {
  const targets = async (query: Record<string, string>) =>
    (await audit(query)).items.map(({ target }) => target)
  expect(await targets({ actor: 'olga' })).toEqual(['acme/r4', 'acme/r3', 'acme/r2', 'acme/r1', 'acme/r0'])
  expect(await targets({ action: 'organisation.create' })).toEqual(['acme'])
  const since = new Date(NOW + 2000).toISOString()
  const until = new Date(NOW + 3000).toISOString()
  expect(await targets({ since, until })).toEqual(['acme/r3', 'acme/r2'])
  for (const query of [{ since: 'yesterday' }, { after: 'x' }, { order: 'up' }] as const) {
    expect((await api.call('GET /audit', { as: OPERATES, query: { ...query } })).status).toBe(400)
  }
})

test('shows owners what belongs to their namespace, and nobody else’s', async () => {
  const path = { namespace: 'acme' }
  const own = await api.call('GET /namespaces/{namespace}/audit', { as: olga, path })
  expect(own.result.items.length).toBeGreaterThan(4)
  expect(own.result.items.every(({ namespace }) => namespace === 'acme')).toBe(true)
  const otto = await api.token('otto')
  expect((await api.call('GET /namespaces/{namespace}/audit', { as: otto, path })).status).toBe(403)
  const other = await api.call('GET /namespaces/{namespace}/audit', { as: olga, path: { namespace: 'otto' } })
  expect(other.status).toBe(403)
  expect((await api.call('GET /audit', { as: olga })).status).toBe(403)
  const asked = await api.call('GET /namespaces/{namespace}/audit', {
    as: olga,
    path,
    query: { namespace: 'otto' },
  })
  expect(asked.status).toBe(400)
})

test('shows who has a name now nothing of who had it before, nor gives it anything of that', async () => {
  const operator = { as: OPERATES }
  const path = { namespace: 'fay' }
  const repository = { repository: 'fay/empty' } as const
  const grants = async () => {
    const listed = await api.call('GET /namespaces/{namespace}/grants', { ...operator, path })
    const defaults = await api.call('GET /namespaces/{namespace}/default-grants', { ...operator, path })
    return [listed.result.items.length, defaults.result.grants.length]
  }
  const former = await api.user('fay')
  await api.call('POST /repositories', { as: former, body: { name: 'fay/empty' } })
  await api.call('POST /namespaces/{namespace}/grants', {
    as: former,
    path,
    body: { subject: 'user:otto', pattern: 'fay/**', verbs: ['admin'] },
  })
  await api.call('PUT /namespaces/{namespace}/default-grants', {
    as: former,
    path,
    body: { grants: [{ subject: 'everyone', verbs: ['read'] }] },
  })
  await api.call('PATCH /namespaces/{namespace}', {
    as: former,
    path,
    body: { defaultVisibility: 'public' },
  })
  expect(await grants()).toEqual([1, 1])
  expect((await api.call('DELETE /users/{user}', { as: former, path: { user: 'fay' } })).status).toBe(204)
  expect((await api.call('GET /namespaces/{namespace}/audit', { ...operator, path })).status).toBe(404)

  api.clock.time += 1
  const made = await api.call('POST /users', { ...operator, body: { name: 'fay' } })
  expect(made.status).toBe(201)
  const later = await api.token('fay')
  for (const query of [{}, { since: new Date(NOW - 1000).toISOString() }, { limit: '1' }]) {
    const { items } = (
      await api.call('GET /namespaces/{namespace}/audit', { as: later, path, query: { ...query } })
    ).result
    expect(items.length).toBeGreaterThan(0)
    expect(items.every(({ at }) => at >= made.result.createdAt)).toBe(true)
  }
  const since = new Date(Date.parse(made.result.createdAt) + 1).toISOString()
  const after = await api.call('GET /namespaces/{namespace}/audit', { as: later, path, query: { since } })
  expect(after.result.items.every(({ at }) => at >= since)).toBe(true)
  const before = await audit({ namespace: 'fay', until: new Date(api.clock.time - 1).toISOString() })
  expect(before.items.map(({ action }) => action)).toContain('user.delete')

  expect(await grants()).toEqual([0, 0])
  expect((await api.call('GET /namespaces/{namespace}', { as: later, path })).result.defaultVisibility).toBe(
    'private',
  )
  expect((await api.call('GET /repositories/{repository}', { as: later, path: repository })).status).toBe(404)
  const otto = await api.token('otto')
  expect((await api.call('GET /repositories/{repository}', { as: otto, path: repository })).status).toBe(403)
})

test('the interface describes itself to anyone', async () => {
  const document = (await api.call('GET /openapi.json')).result as { openapi: string }
  expect(document.openapi).toStartWith('3.1')
  for (const path of ['/api/v1', '/api/v1/']) {
    const response = await api.send(path)
    expect([response.status, response.headers.get('Content-Type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(response.headers.get('Content-Security-Policy')).toContain('style-src')
    expect(await response.text()).toContain('GET</span>/users/{user}')
  }
})
