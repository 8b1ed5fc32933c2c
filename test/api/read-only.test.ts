import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { CONTRACT, type Endpoint } from '../../src/api/contract/contract.ts'
import { HUB_METHODS } from '../../src/api/hub/door.ts'
import { argon2id } from '../../src/auth/password-hash.ts'
import { openSqlite } from '../../src/store/meta/sqlite.ts'
import { tempFolder } from '../testbed/temp.ts'
import { apiOver, CAUSE, NOBODY, OPERATES, PASSWORD, type Proof, type TestApi } from './fixture.ts'

/* A read-only server changes nothing, whoever asks; people sign in to it to read. */

let api: TestApi
let admin: Proof
const stack = new AsyncDisposableStack()
beforeAll(async () => {
  const folder = stack.use(await tempFolder())
  const store = await openSqlite(join(folder.path, 'berth.db'), { unsafeNoFsync: true })
  stack.defer(() => store.close())
  const password = await argon2id.hash(PASSWORD)
  await store.createUser({ name: 'ada', administrator: true, password }, CAUSE)
  api = stack.use(apiOver(store, { readOnly: 'true', signUp: 'open' }))
  admin = await api.token('ada')
})
afterAll(() => stack.disposeAsync())

const SIGNING: readonly string[] = ['POST /session', 'DELETE /session']

describe('a change by the management API', () => {
  const changes = (Object.keys(CONTRACT) as Endpoint[]).filter(
    (endpoint) => !endpoint.startsWith('GET ') && !SIGNING.includes(endpoint),
  )
  test.each(changes)('is refused: %s', async (endpoint) => {
    const [method = '', template = ''] = endpoint.split(' ')
    for (const as of [OPERATES, admin, NOBODY]) {
      const path = `/api/v1${template.replace(/\{\w+\}/g, 'x')}`
      const response = await api.send(path, { method }, { as })
      const { type, detail } = (await response.json()) as { type: string; detail: string }
      expect([response.status, type]).toEqual([403, 'urn:berth:problem:read-only'])
      expect(detail).toContain('is read-only')
    }
  })

  test('is the only thing refused: people sign in, read, and sign out', async () => {
    const session = await api.signIn('ada')
    expect((await api.call('GET /session', { as: session })).result).toMatchObject({ name: 'ada' })
    expect((await api.call('GET /users', { as: session })).status).toBe(200)
    expect((await api.call('DELETE /session', { as: session })).status).toBe(204)
    expect((await api.call('GET /session', { as: session })).result).toMatchObject({ kind: 'anonymous' })
  })
})

describe('the paths of Docker Hub', () => {
  const PATHS = {
    repositories: '/v2/repositories/',
    namespace: '/v2/repositories/ada/',
    repository: '/v2/repositories/ada/web/',
    tags: '/v2/repositories/ada/web/tags/',
    tag: '/v2/repositories/ada/web/tags/latest/',
  } as const
  const changes = (Object.keys(PATHS) as (keyof typeof PATHS)[]).flatMap((place) =>
    HUB_METHODS[place].filter((method) => method !== 'GET').map((method) => [method, PATHS[place]] as const),
  )
  test.each(changes)('refuse a change: %s %s', async (method, path) => {
    const response = await api.send(path, { method, body: '{}' }, { as: admin })
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining('is read-only')])
  })
  test('let people in', async () => {
    const init = (body: object) => ({
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
    const login = await api.send('/v2/users/login', init({ username: 'ada', password: PASSWORD }))
    const token = await api.send('/v2/auth/token', init({ identifier: 'ada', secret: PASSWORD }))
    expect([login.status, token.status]).toEqual([200, 200])
  })
})

test('the page of links makes nothing, and has no form', async () => {
  for (const path of ['/join', '/reset?token=x']) {
    const page = await api.send(path)
    const text = await page.text()
    expect([page.status, text.includes('read-only'), text.includes('<form')]).toEqual([403, true, false])
  }
  const fields = { username: 'eve', password: PASSWORD, repeated: PASSWORD }
  const sent = await api.send('/join', { method: 'POST', body: new URLSearchParams(fields) })
  expect([sent.status, await sent.text()]).toEqual([403, expect.stringContaining('problem:read-only')])
  expect(await api.store.findAccount('eve')).toBeUndefined()
})
