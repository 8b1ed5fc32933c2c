import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { contextOf } from '../../src/core/context.ts'
import { parseRepoName } from '../../src/core/names.ts'
import { VERBS } from '../../src/core/verbs.ts'
import type { Store } from '../../src/store/meta/store.ts'
import { image, pushed } from '../suite/metadata/fixture.ts'
import {
  apiOver,
  CAUSE,
  callFrom,
  NOBODY,
  OPERATES,
  openApi,
  PASSWORD,
  type Proof,
  type TestApi,
} from './fixture.ts'

let api: TestApi
let root: Proof
let alice: Proof
let bob: Proof
beforeAll(async () => {
  api = await openApi()
  root = await api.user('root1', { administrator: true })
  alice = await api.user('alice')
  bob = await api.user('bob')
})
afterAll(() => api[Symbol.asyncDispose]())

const show = (user: string, as: Proof) => api.call('GET /users/{user}', { as, path: { user } })
const change = (user: string, as: Proof, body: object, version?: number) =>
  api.call('PATCH /users/{user}', {
    as,
    path: { user },
    body: { ...body },
    ...(version !== undefined && { version }),
  })
const remove = (user: string, as: Proof) => api.call('DELETE /users/{user}', { as, path: { user } })

describe('a user', () => {
  test('is made, shown, changed and removed', async () => {
    const body = { name: 'carla', displayName: 'Carla', email: 'c@example.com', password: PASSWORD }
    const made = await api.call('POST /users', { as: root, body })
    expect([made.status, made.headers.get('ETag')]).toEqual([201, '"1"'])
    expect(made.result).toMatchObject({
      name: 'carla',
      displayName: 'Carla',
      email: 'c@example.com',
      disabled: false,
    })
    const changed = await change('carla', root, { description: 'An author', displayName: '' })
    expect(changed.result).toMatchObject({
      displayName: '',
      description: 'An author',
      email: 'c@example.com',
    })
    expect(changed.headers.get('ETag')).toBe(`"${changed.result.version}"`)
    expect((await show('carla', root)).result).toEqual(changed.result)
    expect((await remove('carla', root)).status).toBe(204)
    expect((await show('carla', root)).status).toBe(404)
    expect((await remove('carla', root)).status).toBe(404)
    expect((await change('carla', root, {})).status).toBe(404)
  })
  test('has a name by the rules that a refusal tells', async () => {
    const add = (name: string) => api.call('POST /users', { as: root, body: { name } })
    const { status, detail } = await add('no..dots')
    expect([status, detail]).toEqual([400, expect.stringContaining('with . _ __ or any number of - between')])
    for (const name of ['runs---of', 'two__of', 'one.of_each-kind'])
      expect((await add(name)).status).toBe(201)
  })
  test('is made again by the same words, and not by others', async () => {
    const body = { name: 'twice', displayName: 'Twice' }
    const first = await api.call('POST /users', { as: root, body })
    const again = await api.call('POST /users', { as: root, body })
    expect([first.status, again.status]).toEqual([201, 200])
    expect(again.result).toEqual(first.result)
    for (const other of [
      { displayName: 'Other' },
      { administrator: true },
      { email: 'x@y' },
      { password: PASSWORD },
    ]) {
      expect((await api.call('POST /users', { as: root, body: { ...body, ...other } })).status).toBe(409)
    }
    expect((await show('twice', root)).result).toEqual(first.result)
  })
  test('is told to others without what is its own', async () => {
    expect((await show('alice', alice)).result).toHaveProperty('email')
    expect((await show('alice', root)).result).toHaveProperty('email')
    expect((await show('alice', OPERATES)).result).toHaveProperty('email')
    const narrow = await api.token('alice', { scopes: [{ pattern: 'alice/*', verbs: 31 }] })
    for (const other of [bob, narrow]) {
      const { result } = await show('alice', other)
      for (const own of ['email', 'description', 'disabled']) expect(result).not.toHaveProperty(own)
    }
    expect((await show('alice', NOBODY)).status).toBe(401)
  })
  test('is no organisation and no robot', async () => {
    await api.call('POST /organisations', { as: OPERATES, body: { name: 'acme', owner: 'bob' } })
    for (const name of ['acme', 'acme+ci', 'nobody', 'a/b', 'Alice']) {
      expect([name, (await show(name, root)).status]).toEqual([name, 404])
      expect([name, (await change(name, root, { disabled: true })).status]).toEqual([name, 404])
      expect([name, (await remove(name, root)).status]).toEqual([name, 404])
    }
    expect(await api.store.findAccount('acme')).toBeDefined()
  })
  test('changes itself, and not others', async () => {
    expect((await change('alice', alice, { displayName: 'A.' })).result.displayName).toBe('A.')
    expect((await change('alice', bob, { displayName: 'B.' })).status).toBe(403)
    expect((await remove('alice', bob)).status).toBe(403)
    expect((await show('alice', alice)).result.displayName).toBe('A.')
  })
  test.each([{ administrator: true }, { administrator: false }, { disabled: true }, { disabled: false }])(
    'does not set %j on itself, nor anything beside it',
    async (right) => {
      const before = (await show('alice', alice)).result
      const { status, detail } = await change('alice', alice, { displayName: 'Queen', ...right })
      expect(status).toBe(403)
      expect(detail).toContain('administrators')
      expect((await show('alice', alice)).result).toEqual(before)
    },
  )
  test('says the same to who asks for others’, be they there or not', async () => {
    const [there, not] = [await change('alice', bob, {}), await change('absent', bob, {})]
    expect(there.status).toBe(403)
    expect(not.detail).toBe(there.detail.replaceAll('alice', 'absent'))
  })
  test('removes itself, and is nobody afterwards', async () => {
    const eve = await api.user('eve')
    expect((await remove('eve', eve)).status).toBe(204)
    expect((await show('eve', eve)).status).toBe(401)
  })
  test('is not removed with its repositories', async () => {
    const owner = await api.user('owner1')
    await pushed(api.store, parseRepoName('owner1/web'), image())
    const { status, detail } = await remove('owner1', owner)
    expect([status, detail]).toEqual([409, expect.stringContaining('repositories')])
    expect((await show('owner1', owner)).status).toBe(200)
  })
  test('is not removed as the only owner of an organisation', async () => {
    const { status, detail } = await remove('bob', root)
    expect([status, detail]).toEqual([409, expect.stringContaining('only owner')])
  })
})

describe('If-Match', () => {
  test('lets a change be made once from what was seen', async () => {
    const { version } = (await show('alice', alice)).result
    const first = await change('alice', alice, { displayName: 'One' }, version)
    expect([first.status, first.result.version]).toEqual([200, version + 1])
    const second = await change('alice', alice, { displayName: 'Two' }, version)
    expect([second.status, second.detail]).toEqual([412, expect.stringContaining('read it again')])
    expect((await show('alice', alice)).result.displayName).toBe('One')
  })
  test.each([
    ['*', 200],
    ['"0"', 412],
    ['W/"1"', 412],
    ['"abc"', 412],
    ['1', 400],
    ['"1", "2"', 400],
    ['', 400],
  ])('%j', async (tag, status) => {
    const asking = { as: alice, path: { user: 'alice' }, body: { displayName: 'X' } }
    expect((await api.call('PATCH /users/{user}', { ...asking, headers: { 'If-Match': tag } })).status).toBe(
      status,
    )
  })
  test('is not left unread where it cannot be looked at', async () => {
    const asking = { as: root, path: { user: 'alice' }, headers: { 'If-Match': '"1"' } }
    expect((await api.call('DELETE /users/{user}', asking)).status).toBe(400)
    expect((await show('alice', root)).status).toBe(200)
  })
})

describe('administrators', () => {
  test('are made and unmade by administrators', async () => {
    await api.user('deputy')
    expect((await change('deputy', root, { administrator: true })).result.administrator).toBe(true)
    const deputy = await api.token('deputy')
    expect((await api.call('GET /audit', { as: deputy })).status).toBe(200)
    expect((await change('deputy', root, { administrator: false })).result.administrator).toBe(false)
    // Nothing is remembered of the right: the next call is refused.
    expect((await api.call('GET /audit', { as: deputy })).status).toBe(403)
  })
  test('are never none', async () => {
    for (const body of [{ administrator: false }, { disabled: true }]) {
      const { status, detail } = await change('root1', root, body)
      expect([status, detail]).toEqual([409, expect.stringContaining('only administrator')])
    }
    expect((await remove('root1', root)).status).toBe(409)
    expect((await show('root1', root)).result).toMatchObject({ administrator: true, disabled: false })
  })
  test('are not by a token that is narrowed', async () => {
    for (const scopes of [[{ pattern: '**', verbs: 1 }], [{ pattern: 'acme/**', verbs: 31 }]]) {
      const as = await api.token('root1', { scopes })
      expect((await api.call('GET /audit', { as })).status).toBe(403)
      expect((await show('alice', as)).result).not.toHaveProperty('email')
      expect((await change('alice', as, { disabled: true })).status).toBe(403)
      expect((await change('root1', as, { displayName: 'x' })).status).toBe(403)
    }
  })
})

describe('a password that waited to be hashed', () => {
  test('is set for the user that was meant, and for nobody who has the name since', async () => {
    await using own = await openApi()
    const administrator = await own.user('root1', { administrator: true })
    // As in the moment between the check and the command.
    const renewed = (name: string): Store =>
      new Proxy(own.store, {
        get(store, member: keyof Store) {
          if (member !== 'setPassword') return store[member]
          return async (...asked: Parameters<Store['setPassword']>) => {
            await store.deleteAccount({ name }, CAUSE)
            await store.createUser({ name, administrator: false, password: 'of another' }, CAUSE)
            return store.setPassword(...asked)
          }
        },
      })
    for (const name of ['hanna', 'ivan']) {
      const as = name === 'hanna' ? await own.user(name) : administrator
      if (name === 'ivan') await own.user(name)
      await using between = apiOver(renewed(name))
      const body = { password: 'a brand new password', current: PASSWORD }
      const told = await between.call('PUT /users/{user}/password', { as, path: { user: name }, body })
      expect([told.status, told.detail]).toEqual([404, `there is no user ${name}`])
      expect((await own.store.findPassword(name))?.verifier).toBe('of another')
    }
  })
})

describe('a password', () => {
  const set = (user: string, as: Proof, body: object) =>
    api.call('PUT /users/{user}/password', { as, path: { user }, body: { ...body } })

  test('is set by its user with the present one', async () => {
    const fred = await api.user('fred')
    const password = 'a brand new password'
    const missing = await set('fred', fred, { password })
    expect([missing.status, missing.problem.errors?.[0]?.at]).toEqual([400, 'current'])
    const wrong = await set('fred', fred, { password, current: 'not it at all' })
    expect([wrong.status, wrong.problem.errors?.[0]?.at]).toEqual([403, 'current'])
    // What is whole enough to call this is no password.
    const token = fred.authorization?.replace('Bearer ', '')
    expect((await set('fred', fred, { password, current: token })).status).toBe(403)
    expect((await set('fred', fred, { password: 'short', current: PASSWORD })).status).toBe(400)
    expect((await set('fred', fred, { password, current: PASSWORD })).status).toBe(204)
    await api.signIn('fred', password)
  })
  test('of an administrator’s own needs the present one, too; of others none', async () => {
    await api.user('gina')
    expect((await set('root1', root, { password: 'a brand new password' })).status).toBe(400)
    expect((await set('gina', root, { password: 'a brand new password' })).status).toBe(204)
    await api.signIn('gina', 'a brand new password')
    expect((await set('nobody', root, { password: 'a brand new password' })).status).toBe(404)
    expect((await set('gina', bob, { password: 'a brand new password' })).status).toBe(403)
  })
  test('never stands in an answer, the audit or the log', async () => {
    const password = 'canary-in-the-log-7731'
    expect((await api.call('POST /users', { as: root, body: { name: 'canary1', password } })).status).toBe(
      201,
    )
    await api.signIn('canary1', password)
    await set('canary1', root, { password: `${password}-2` })
    const { items } = await api.store.listAudit({}, { limit: 1000 })
    expect(JSON.stringify([items, api.log])).not.toContain(password)
  })
})

describe('the list', () => {
  test('comes in pages that together are everyone, each once', async () => {
    const seen: string[] = []
    let after: string | undefined
    do {
      const query: Record<string, string> = { limit: '3', ...(after !== undefined && { after }) }
      const { items, next } = (await api.call('GET /users', { as: alice, query })).result
      expect(items.length).toBeLessThanOrEqual(3)
      expect(items.length === 3 || next === undefined).toBe(true)
      seen.push(...items.map(({ name }) => name))
      after = next
    } while (after !== undefined)
    const whole = (await api.call('GET /users', { as: alice, query: { limit: '1000' } })).result
    expect(seen).toEqual(whole.items.map(({ name }) => name))
    expect(seen).toEqual([...seen].sort())
    expect(whole.next).toBeUndefined()
    expect(seen).toContain('alice')
    expect(seen).not.toContain('acme')
  })
  test('tells of others only what they are called, and administrators who else is one', async () => {
    const { items } = (await api.call('GET /users', { as: root })).result
    expect(JSON.stringify(items)).not.toContain('@')
    expect(items.filter(({ administrator }) => administrator).map(({ name }) => name)).toContain('root1')
    const others = (await api.call('GET /users', { as: alice })).result.items
    for (const told of [...others, (await show('root1', bob)).result])
      expect(Object.keys(told).sort()).toEqual(['createdAt', 'displayName', 'name', 'version'])
    expect((await show('bob', bob)).result).toMatchObject({ administrator: false })
  })
  test('is for people: not for robots, narrowed tokens, and tokens of the registry', async () => {
    const made = await api.call('POST /namespaces/{namespace}/robots', {
      as: bob,
      path: { namespace: 'bob' },
      body: { name: 'ci' },
    })
    const { authenticator, tokens } = api.auth
    const ctx = contextOf(
      callFrom(),
      await authenticator.authenticate(callFrom(), bob.authorization as string),
    )
    const list = { type: 'registry', name: 'catalog', actions: ['*'] }
    for (const as of [
      { authorization: `Bearer ${made.result.secret}` },
      await api.token('bob', { scopes: [{ pattern: 'bob/*', verbs: VERBS.pull }] }),
      { authorization: `Bearer ${(await tokens.issue(ctx, [list])).token}` },
    ]) {
      expect((await api.call('GET /users', { as })).status).toBe(403)
    }
    expect((await api.call('GET /users', { as: await api.token('bob') })).status).toBe(200)
  })
  test('is filtered by a part of the name, in which nothing is a pattern', async () => {
    const names = async (filter: string) =>
      (await api.call('GET /users', { as: alice, query: { filter } })).result.items.map(({ name }) => name)
    expect(await names('LIC')).toEqual(['alice'])
    expect(await names('%')).toEqual([])
    expect(await names("' OR 1=1 --")).toEqual([])
  })
  test.each(['0', '1001', '-1', 'x', '1.5', '99999999999999999999'])('has no limit of %s', async (limit) => {
    const { status, problem } = await api.call('GET /users', { as: alice, query: { limit } })
    expect([status, problem.errors?.[0]?.at]).toEqual([400, 'limit'])
  })
})
