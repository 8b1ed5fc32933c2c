import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { MAX_DEFAULT_GRANTS } from '../../src/api/contract/common.ts'
import { MAX_DEFAULT_GRANTS as STORED_AT_MOST } from '../../src/store/meta/access/default-grants.ts'
import { CAUSE, OPERATES, openApi, type Proof, type TestApi } from './fixture.ts'

let api: TestApi
let owner: Proof
let rita: Proof
const acme = { namespace: 'acme' } as const
const web = { repository: 'acme/web' } as const

beforeAll(async () => {
  api = await openApi()
  owner = await api.user('olga')
  rita = await api.user('rita')
  await api.user('admina')
  await api.store.createOrganisation({ name: 'acme', owner: 'olga' }, CAUSE)
  await api.store.createOrganisation({ name: 'other', owner: 'rita' }, CAUSE)
  await api.store.createTeam({ organisation: 'acme', name: 'devs' }, CAUSE)
  await api.store.createTeam({ organisation: 'other', name: 'spies' }, CAUSE)
  for (const name of ['acme/web', 'acme/api'])
    await api.store.createRepository({ name: name as never }, CAUSE)
})
afterAll(() => api[Symbol.asyncDispose]())

const give = (body: object, as = owner) =>
  api.call('POST /namespaces/{namespace}/grants', { as, path: acme, body: body as never })
const grants = async () =>
  (await api.call('GET /namespaces/{namespace}/grants', { as: owner, path: acme })).result.items

describe('a grant in a namespace', () => {
  test('gives exactly the verbs, once, and can be changed and taken back', async () => {
    const body = { subject: 'user:rita', pattern: 'acme/*', verbs: ['read'] }
    const made = await give(body)
    expect([made.status, made.result.verbs]).toEqual([201, ['pull']])
    expect((await give(body)).status).toBe(200)
    const changed = await give({ ...body, verbs: ['write', 'delete'] })
    expect(changed.status).toBe(200)
    expect(changed.result).toMatchObject({
      id: made.result.id,
      verbs: ['pull', 'push', 'create-tag', 'delete'],
    })
    expect((await api.call('GET /repositories/{repository}', { as: rita, path: web })).result.verbs).toEqual([
      'pull',
      'push',
      'create-tag',
      'delete',
    ])
    const remove = () =>
      api.call('DELETE /namespaces/{namespace}/grants/{id}', {
        as: owner,
        path: { ...acme, id: String(made.result.id) },
      })
    expect((await remove()).status).toBe(204)
    expect((await remove()).status).toBe(404)
    expect((await api.call('GET /repositories/{repository}', { as: rita, path: web })).status).toBe(403)
  })

  test('tells nobody which robots others have', async () => {
    const path = { namespace: 'other' }
    expect(
      (await api.call('POST /namespaces/{namespace}/robots', { as: rita, path, body: { name: 'ci' } }))
        .status,
    ).toBe(201)
    const told = async (subject: string) => {
      const { status, detail } = await give({ subject, pattern: 'acme/web', verbs: ['read'] })
      return [status, detail.replaceAll(subject, 'SUBJECT')]
    }
    expect(await told('robot:other+ci')).toEqual(await told('robot:other+none'))
    expect((await told('robot:other+ci'))[0]).toBe(400)
  })

  test.each([
    ['a pattern of another namespace', { subject: 'user:rita', pattern: 'other/*', verbs: ['read'] }],
    ['a pattern of every namespace', { subject: 'user:rita', pattern: '**', verbs: ['read'] }],
    ['nobody', { subject: 'user:nobody', pattern: 'acme/*', verbs: ['read'] }],
    ['a team of somebody else', { subject: 'team:other/spies', pattern: 'acme/*', verbs: ['read'] }],
    ['an organisation', { subject: 'user:other', pattern: 'acme/*', verbs: ['read'] }],
    ['what is no subject', { subject: 'rita', pattern: 'acme/*', verbs: ['read'] }],
    ['no verbs', { subject: 'user:rita', pattern: 'acme/*', verbs: [] }],
    ['a verb there is not', { subject: 'user:rita', pattern: 'acme/*', verbs: ['own'] }],
    ['more members', { subject: 'user:rita', pattern: 'acme/*', verbs: ['read'], id: 7 }],
  ])('is refused for %s', async (_, body) => {
    const before = await grants()
    expect((await give(body)).status).toBe(400)
    expect(await grants()).toEqual(before)
  })

  test('is for owners of the namespace to see and make', async () => {
    const body = { subject: 'user:rita', pattern: 'acme/**', verbs: ['admin'] }
    expect((await give(body, rita)).status).toBe(403)
    expect((await api.call('GET /namespaces/{namespace}/grants', { as: rita, path: acme })).status).toBe(403)
    const nowhere = { as: OPERATES, path: { namespace: 'nowhere' } }
    expect((await api.call('GET /namespaces/{namespace}/grants', nowhere)).status).toBe(404)
    expect((await api.call('POST /namespaces/{namespace}/grants', { ...nowhere, body })).status).toBe(400)
  })
})

describe('a grant on a repository', () => {
  test('is made and taken back by who administers it', async () => {
    const admina = await api.token('admina')
    await give({ subject: 'user:admina', pattern: 'acme/web', verbs: ['admin'] })
    const wide = await give({ subject: 'team:acme/devs', pattern: 'acme/*', verbs: ['write'] })
    await give({ subject: 'user:rita', pattern: 'acme/api', verbs: ['read'] })
    const made = await api.call('POST /repositories/{repository}/-/grants', {
      as: admina,
      path: web,
      body: { subject: 'user:rita', verbs: ['push'] },
    })
    expect(made.status).toBe(201)
    expect(made.result).toMatchObject({ pattern: 'acme/web', verbs: ['pull', 'push', 'create-tag'] })

    const listed = await api.call('GET /repositories/{repository}/-/grants', { as: admina, path: web })
    expect(listed.result.items.map(({ pattern }) => pattern).sort()).toEqual([
      'acme/*',
      'acme/web',
      'acme/web',
    ])
    const remove = (id: number, as = admina) =>
      api.call('DELETE /repositories/{repository}/-/grants/{id}', { as, path: { ...web, id: String(id) } })
    const refused = await remove(wide.result.id)
    expect(refused.status).toBe(409)
    expect(refused.detail).toContain('change it in the namespace acme')
    expect((await remove(made.result.id)).status).toBe(204)
    expect((await remove(made.result.id)).status).toBe(404)
  })

  test('is listed by its number, page by page, as those of a namespace are', async () => {
    const walk = async (endpoint: 'namespace' | 'repository', limit: string) => {
      const seen: number[] = []
      let after: string | undefined
      do {
        const query = { limit, ...(after !== undefined && { after }) }
        const page =
          endpoint === 'namespace'
            ? await api.call('GET /namespaces/{namespace}/grants', { as: owner, path: acme, query })
            : await api.call('GET /repositories/{repository}/-/grants', { as: owner, path: web, query })
        seen.push(...page.result.items.map(({ id }) => id))
        after = page.result.next
      } while (after !== undefined)
      return seen
    }
    for (const endpoint of ['namespace', 'repository'] as const) {
      const all = await walk(endpoint, '1000')
      expect(all.length).toBeGreaterThan(1)
      expect(all).toEqual(all.toSorted((one, other) => one - other))
      expect(await walk(endpoint, '1')).toEqual(all)
    }
    for (const query of [{ after: 'x' }, { after: '-1' }, { limit: '0' }, { limit: '1001' }]) {
      const wrong = [
        await api.call('GET /namespaces/{namespace}/grants', { as: owner, path: acme, query: { ...query } }),
        await api.call('GET /repositories/{repository}/-/grants', {
          as: owner,
          path: web,
          query: { ...query },
        }),
      ]
      expect(wrong.map(({ status }) => status)).toEqual([400, 400])
    }
  })

  test('for another repository is not told of', async () => {
    const foreign = (await grants()).find(({ pattern }) => pattern === 'acme/api')
    const admina = await api.token('admina')
    const remove = (id: string) =>
      api.call('DELETE /repositories/{repository}/-/grants/{id}', { as: admina, path: { ...web, id } })
    const there = await remove(String(foreign?.id))
    const absent = await remove('999999')
    expect([there.status, absent.status]).toEqual([404, 404])
    expect(there.detail.replace(String(foreign?.id), 'ID')).toBe(absent.detail.replace('999999', 'ID'))
    expect((await grants()).some(({ id }) => id === foreign?.id)).toBe(true)
  })

  test('needs the repository to be there', async () => {
    const path = { repository: 'acme/none' } as const
    expect((await api.call('GET /repositories/{repository}/-/grants', { as: owner, path })).status).toBe(404)
    const body = { subject: 'user:rita', verbs: ['read' as const] }
    expect(
      (await api.call('POST /repositories/{repository}/-/grants', { as: owner, path, body })).status,
    ).toBe(404)
  })
})

test('default grants are what a new repository begins with', async () => {
  const set = (list: object[]) =>
    api.call('PUT /namespaces/{namespace}/default-grants', { as: owner, path: acme, body: { grants: list } })
  const done = await set([{ subject: 'everyone', verbs: ['read'] }])
  expect(done.result.grants).toEqual([{ subject: 'everyone', verbs: ['pull'] }])
  const shown = await api.call('GET /namespaces/{namespace}/default-grants', { as: owner, path: acme })
  expect(shown.result).toEqual(done.result)
  const name = 'acme/later'
  await api.call('POST /repositories', { as: owner, body: { name } })
  const stranger = await api.user('stranger')
  const seen = await api.call('GET /repositories/{repository}', { as: stranger, path: { repository: name } })
  expect(seen.result.verbs).toEqual(['pull'])
  expect((await set([{ subject: 'user:nobody', verbs: ['read'] }])).status).toBe(400)
  expect((await set([])).result.grants).toEqual([])
})

test('default grants are changed at the version they were read at, or not', async () => {
  const set = (verb: string, version?: number) =>
    api.call('PUT /namespaces/{namespace}/default-grants', {
      as: owner,
      path: acme,
      body: { grants: [{ subject: 'everyone', verbs: [verb] }] },
      ...(version !== undefined && { version }),
    })
  const { version } = (await set('read')).result
  const changed = await set('write', version)
  expect([changed.status, changed.result.version]).toEqual([200, version + 1])
  expect((await set('read', version)).status).toBe(412)
  expect((await set('write', version + 1)).result.version).toBe(version + 1)
  const shown = await api.call('GET /namespaces/{namespace}/default-grants', { as: owner, path: acme })
  expect(shown.result).toEqual(changed.result)
  const namespace = await api.call('GET /namespaces/{namespace}', { as: owner, path: acme })
  expect(namespace.result.version).toBe(version + 1)
  expect((await api.store.setDefaultGrants({ namespace: 'acme', grants: [] }, CAUSE)) as string).toBe('done')
})

test('default grants are so many at most, as the store has it', async () => {
  expect(MAX_DEFAULT_GRANTS).toBe(STORED_AT_MOST)
  const set = async (count: number) => {
    const list = Array.from({ length: count }, (_, at) => ({ subject: `user:d${at}`, verbs: ['read'] }))
    return api.call('PUT /namespaces/{namespace}/default-grants', {
      as: owner,
      path: acme,
      body: { grants: list },
    })
  }
  for (let at = 0; at <= MAX_DEFAULT_GRANTS; at++)
    await api.store.createUser({ name: `d${at}`, administrator: false, password: undefined }, CAUSE)
  const most = await set(MAX_DEFAULT_GRANTS)
  expect([most.status, most.result.grants.length]).toEqual([200, MAX_DEFAULT_GRANTS])
  const more = await set(MAX_DEFAULT_GRANTS + 1)
  expect([more.status, more.problem.errors?.[0]?.at]).toEqual([400, 'grants'])
  expect((await set(0)).result.grants).toEqual([])
})
