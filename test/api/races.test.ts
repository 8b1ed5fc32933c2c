import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { makeLink } from '../../src/auth/links.ts'
import { openPostgres } from '../../src/store/meta/postgres.ts'
import type { Store } from '../../src/store/meta/store.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { apiOver, CAUSE, OPERATES, ORIGIN, openApi, PASSWORD, type Proof, type TestApi } from './fixture.ts'

/* Calls that meet: what holds for one after the other holds for all at once, and on every replica. */

const AT_ONCE = 8

/** `open` gives several servers on one database, for who calls in turn. */
function races(open: () => Promise<{ apis: readonly TestApi[]; dispose(): Promise<void> }>): void {
  let apis: readonly TestApi[]
  let first: TestApi
  let root: Proof
  let dispose: () => Promise<void>
  beforeAll(async () => {
    ;({ apis, dispose } = await open())
    first = apis[0] as TestApi
    root = await first.user('root1', { administrator: true })
  }, 60_000)
  afterAll(() => dispose(), 60_000)

  /** So many calls at once, each to the next server. */
  const together = <T>(ask: (api: TestApi, at: number) => Promise<T>) =>
    Promise.all(Array.from({ length: AT_ONCE }, (_, at) => ask(apis[at % apis.length] as TestApi, at)))
  const statuses = (told: readonly { status: number }[]) => told.map(({ status }) => status).sort()
  const one = (won: number, lost: number) => [won, ...Array<number>(AT_ONCE - 1).fill(lost)].sort()

  test('one link makes one account', async () => {
    const made = await makeLink(first.store, { kind: 'invitation' }, { origin: ORIGIN, cause: CAUSE })
    const link = new URL(made?.url ?? '').searchParams.get('token')
    const told = await together((api, at) =>
      api.call('POST /signup', { body: { username: `guest${at}`, password: PASSWORD, link } }),
    )
    expect(statuses(told)).toEqual(one(201, 404))
    const guests = await first.call('GET /users', { as: root, query: { filter: 'guest' } })
    expect(guests.result.items).toHaveLength(1)
  }, 30_000)

  test('one name is one account’s, a user’s or an organisation’s', async () => {
    const told = await together((api, at) =>
      at % 2 === 0
        ? api.call('POST /users', { as: OPERATES, body: { name: 'wanted', displayName: `${at}` } })
        : api.call('POST /organisations', { as: OPERATES, body: { name: 'wanted', description: `${at}` } }),
    )
    expect(statuses(told)).toEqual(one(201, 409))
  })

  test('one version is changed once', async () => {
    await first.user('vera')
    const { version } = (await first.call('GET /users/{user}', { as: root, path: { user: 'vera' } })).result
    const told = await together((api, at) =>
      api.call('PATCH /users/{user}', {
        as: OPERATES,
        path: { user: 'vera' },
        body: { displayName: `${at}` },
        version,
      }),
    )
    expect(statuses(told)).toEqual(one(200, 412))
  })

  test('administrators who unmake each other leave one', async () => {
    const names = Array.from({ length: AT_ONCE }, (_, at) => `admin${at}`)
    const proofs: Proof[] = []
    for (const name of names) proofs.push(await first.user(name, { administrator: true }))
    const unmake = (api: TestApi, user: string, as: Proof) =>
      api.call('PATCH /users/{user}', { as, path: { user }, body: { administrator: false } })
    await unmake(first, 'root1', proofs[0] as Proof)
    const told = await together((api, at) =>
      unmake(api, names[(at + 1) % AT_ONCE] as string, proofs[at] as Proof),
    )
    for (const { status } of told) expect([200, 403, 409]).toContain(status)
    expect(await first.store.countAdministrators()).toBeGreaterThan(0)
    const { store } = first
    await store.updateAccount({ name: 'root1', administrator: true }, CAUSE)
    for (const name of names) await store.updateAccount({ name, administrator: false }, CAUSE)
  })

  test('owners who remove each other leave one', async () => {
    const names = Array.from({ length: AT_ONCE }, (_, at) => `owner${at}`)
    const proofs: Proof[] = []
    for (const name of names) proofs.push(await first.user(name))
    const path = (user: string) => ({ organisation: 'shared', user })
    await first.call('POST /organisations', { as: proofs[0] as Proof, body: { name: 'shared' } })
    for (const name of names.slice(1)) await first.store.setMember({ ...path(name), role: 'owner' }, CAUSE)
    const told = await together(async (api, at): Promise<{ status: number }> => {
      const asking = { as: proofs[at] as Proof, path: path(names[(at + 1) % AT_ONCE] as string) }
      return at % 2 === 0
        ? api.call('DELETE /organisations/{organisation}/members/{user}', asking)
        : api.call('PUT /organisations/{organisation}/members/{user}', {
            ...asking,
            body: { role: 'member' },
          })
    })
    for (const { status } of told) expect([200, 204, 403, 409]).toContain(status)
    const { items } = await first.store.listMembers('shared', { limit: 100 })
    expect(items.filter(({ role }) => role === 'owner').length).toBeGreaterThan(0)
  })

  test('a token’s name is one token’s', async () => {
    await first.user('tom')
    const body = { name: 'ci', scopes: [{ pattern: 'tom/*', verbs: ['read' as const] }] }
    const told = await together((api) =>
      api.call('POST /users/{user}/tokens', { as: OPERATES, path: { user: 'tom' }, body }),
    )
    expect(statuses(told)).toEqual(one(201, 409))
  })

  test('who signs in while the password changes has a session of the old one nowhere', async () => {
    await first.user('paul')
    const path = { user: 'paul' }
    const [set, ...sessions] = await Promise.all([
      first.call('PUT /users/{user}/password', {
        as: OPERATES,
        path,
        body: { password: 'another password' },
      }),
      ...apis.flatMap((api) =>
        Array.from({ length: 4 }, () =>
          api.call('POST /session', { body: { username: 'paul', password: PASSWORD } }),
        ),
      ),
    ])
    expect(set.status).toBe(204)
    for (const { status } of sessions) expect([200, 401]).toContain(status)
    const left = await first.call('GET /users/{user}/sessions', { as: OPERATES, path })
    expect(left.result.items).toEqual([])
  }, 30_000)

  test('a right that is taken on one server ends on the others at once', async () => {
    const as = await first.user('quin', { administrator: true })
    for (const api of apis) expect((await api.call('GET /audit', { as })).status).toBe(200)
    await first.call('PATCH /users/{user}', {
      as: OPERATES,
      path: { user: 'quin' },
      body: { administrator: false },
    })
    for (const api of apis) expect((await api.call('GET /audit', { as })).status).toBe(403)
    await first.call('PATCH /users/{user}', {
      as: OPERATES,
      path: { user: 'quin' },
      body: { disabled: true },
    })
    for (const api of apis) expect((await api.call('GET /users', { as })).status).toBe(401)
  })
}

describe('on the embedded database', () => {
  races(async () => {
    const api = await openApi()
    return { apis: [api], dispose: async () => api[Symbol.asyncDispose]() }
  })
})

describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'on PostgreSQL, by two servers', () => {
  races(async () => {
    await using stack = new AsyncDisposableStack()
    const { url } = stack.use(await startPostgres())
    const apis: TestApi[] = []
    for (let at = 0; at < 2; at++) {
      const store: Store = await openPostgres(url, { pool: 8 })
      stack.defer(() => store.close())
      apis.push(stack.use(apiOver(store)))
    }
    const owned = stack.move()
    return { apis, dispose: () => owned.disposeAsync() }
  })
})
