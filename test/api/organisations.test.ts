import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { MAX_TEAMS } from '../../src/api/handlers/teams.ts'
import { parseRepoName } from '../../src/core/names.ts'
import { image, pushed } from '../suite/metadata/fixture.ts'
import { CAUSE, NOBODY, OPERATES, openApi, type Proof, type TestApi } from './fixture.ts'

let api: TestApi
let root: Proof
let olga: Proof
let mia: Proof
let otto: Proof
beforeAll(async () => {
  api = await openApi()
  root = await api.user('root1', { administrator: true })
  olga = await api.user('olga')
  mia = await api.user('mia')
  otto = await api.user('otto')
  await api.call('POST /organisations', { as: olga, body: { name: 'acme', description: 'Anvils' } })
  await setMember('mia', 'member')
})
afterAll(() => api[Symbol.asyncDispose]())

const acme = { organisation: 'acme' }
const make = (as: Proof, body: { name: string; [more: string]: unknown }) =>
  api.call('POST /organisations', { as, body })
const show = (as: Proof, organisation = 'acme') =>
  api.call('GET /organisations/{organisation}', { as, path: { organisation } })
const setMember = (user: string, role: 'owner' | 'member', as = olga) =>
  api.call('PUT /organisations/{organisation}/members/{user}', {
    as,
    path: { ...acme, user },
    body: { role },
  })
const removeMember = (user: string, as = olga) =>
  api.call('DELETE /organisations/{organisation}/members/{user}', { as, path: { ...acme, user } })
const members = async () =>
  (await api.call('GET /organisations/{organisation}/members', { as: olga, path: acme })).result.items

describe('an organisation', () => {
  test('is made by a user, who owns it', async () => {
    const { status, result, headers } = await make(otto, { name: 'otto-inc', displayName: 'Otto' })
    expect([status, result.version, headers.get('ETag')]).toEqual([201, 1, '"1"'])
    expect(await api.store.listOrganisationsOf('otto')).toEqual([{ organisation: 'otto-inc', role: 'owner' }])
    expect((await show(otto, 'otto-inc')).result).toEqual(result)
  })
  test('is made again by the same words of its owner, and by nobody else', async () => {
    const body = { name: 'again', description: 'x' }
    const first = await make(otto, body)
    const second = await make(otto, body)
    expect([first.status, second.status, second.result]).toEqual([201, 200, first.result])
    expect((await make(otto, { ...body, description: 'y' })).status).toBe(409)
    expect((await make(olga, body)).status).toBe(409)
    expect((await make(root, { ...body, owner: 'otto' })).status).toBe(200)
    expect((await make(root, { ...body, owner: 'olga' })).status).toBe(409)
  })
  test('has another owner only where an administrator says so', async () => {
    expect((await make(otto, { name: 'gift', owner: 'olga' })).status).toBe(403)
    expect((await make(otto, { name: 'own', owner: 'otto' })).status).toBe(201)
    expect((await make(root, { name: 'gift', owner: 'nobody' })).status).toBe(404)
    expect((await make(root, { name: 'gift', owner: 'acme' })).status).toBe(404)
    expect((await make(root, { name: 'gift', owner: 'olga' })).status).toBe(201)
    expect((await show(root, 'gift')).status).toBe(200)
    expect(await api.store.listOrganisationsOf('root1')).toEqual([])
    expect((await make(OPERATES, { name: 'orphan' })).status).toBe(201)
  })
  test('takes no name that is taken, reserved or none', async () => {
    for (const [name, status] of [
      ['otto', 409],
      ['library', 400],
      ['Acme', 400],
      ['a+b', 400],
    ] as const)
      expect([name, (await make(root, { name })).status]).toEqual([name, status])
  })
  test('gets repositories that were there before from administrators alone', async () => {
    await pushed(api.store, parseRepoName('leftover/web'), image())
    expect((await make(otto, { name: 'leftover' })).status).toBe(409)
    expect((await make(root, { name: 'leftover', owner: 'otto' })).status).toBe(201)
  })
  test('is shown to members and changed by owners', async () => {
    expect((await show(mia)).result.description).toBe('Anvils')
    const change = (as: Proof, body: object, version?: number) =>
      api.call('PATCH /organisations/{organisation}', {
        ...{ as, path: acme, body: { ...body } },
        ...(version !== undefined && { version }),
      })
    expect((await change(mia, { description: 'Mine' })).status).toBe(403)
    const { result } = await change(olga, { description: 'Hammers' }, 1)
    expect(result).toMatchObject({ description: 'Hammers', version: 2 })
    expect((await change(olga, { description: 'Nails' }, 1)).status).toBe(412)
    expect((await change(olga, { administrator: true })).status).toBe(400)
    expect((await show(mia)).result).toEqual(result)
  })
  test('is not told to strangers: forbidden and absent sound alike', async () => {
    for (const as of [otto, NOBODY]) {
      const [there, not] = [await show(as), await show(as, 'absent')]
      expect([there.status, there.detail.replaceAll('acme', 'absent')]).toEqual([not.status, not.detail])
    }
    expect((await show(root, 'absent')).status).toBe(404)
    // A user is none, to itself neither.
    expect((await show(olga, 'olga')).status).toBe(404)
  })
  test('is listed to its members, and all are to administrators', async () => {
    const names = async (as: Proof, query: Record<string, string> = {}) =>
      (await api.call('GET /organisations', { as, query })).result.items.map(({ name }) => name)
    expect(await names(mia)).toEqual(['acme'])
    expect(await names(olga, { filter: 'GIF' })).toEqual(['gift'])
    expect(await names(root)).toContain('orphan')
    const all = await names(otto)
    expect(all.length).toBeGreaterThan(3)
    const paged: string[] = []
    let after: string | undefined
    do {
      const query: Record<string, string> = { limit: '2', ...(after !== undefined && { after }) }
      const { items, next } = (await api.call('GET /organisations', { as: otto, query })).result
      paged.push(...items.map(({ name }) => name))
      after = next
    } while (after !== undefined)
    expect(paged).toEqual(all)
  })
  test('is removed by an owner, unless it has repositories', async () => {
    const remove = (as: Proof, organisation: string) =>
      api.call('DELETE /organisations/{organisation}', { as, path: { organisation } })
    expect((await remove(mia, 'acme')).status).toBe(403)
    expect((await remove(otto, 'leftover')).status).toBe(409)
    expect((await remove(otto, 'again')).status).toBe(204)
    expect((await remove(otto, 'again')).status).toBe(403)
    expect((await remove(root, 'again')).status).toBe(404)
    expect((await remove(root, 'olga')).status).toBe(404)
  })
})

describe('members', () => {
  test('come, change their role and go', async () => {
    expect((await setMember('otto', 'member')).result).toEqual({ user: 'otto', role: 'member' })
    expect((await setMember('otto', 'member')).status).toBe(200)
    expect((await show(otto)).status).toBe(200)
    expect((await setMember('otto', 'owner')).result.role).toBe('owner')
    expect(await members()).toContainEqual({ user: 'otto', role: 'owner' })
    expect((await removeMember('otto')).status).toBe(204)
    expect((await removeMember('otto')).status).toBe(404)
    // Nothing is remembered of the membership.
    expect((await show(otto)).status).toBe(403)
  })
  test('are users that are there', async () => {
    for (const user of ['nobody', 'gift', 'acme+ci', 'OTTO'])
      expect([user, (await setMember(user, 'member')).status]).toEqual([user, 404])
    const path = { organisation: 'absent', user: 'mia' }
    const body = { role: 'member' } as const
    expect(
      (await api.call('PUT /organisations/{organisation}/members/{user}', { as: root, path, body })).status,
    ).toBe(404)
  })
  test('make nobody a member, themselves no owner', async () => {
    expect((await setMember('otto', 'member', mia)).status).toBe(403)
    expect((await setMember('mia', 'owner', mia)).status).toBe(403)
    expect((await removeMember('olga', mia)).status).toBe(403)
  })
  test('take along what was granted to them only where that is asked for', async () => {
    const path = { namespace: 'acme' }
    const body = { subject: 'user:otto', pattern: 'acme/web', verbs: ['read' as const] }
    const subjects = async () => {
      const { result } = await api.call('GET /namespaces/{namespace}/grants', { as: olga, path })
      return result.items.map(({ subject }) => subject)
    }
    await setMember('otto', 'member')
    await api.call('POST /namespaces/{namespace}/grants', { as: olga, path, body })
    expect((await removeMember('otto')).status).toBe(204)
    expect(await subjects()).toContain('user:otto')
    await setMember('otto', 'member')
    const remove = (grants: string) =>
      api.call('DELETE /organisations/{organisation}/members/{user}', {
        ...{ as: olga, path: { ...acme, user: 'otto' } },
        query: { grants },
      })
    expect((await remove('all')).status).toBe(400)
    expect((await remove('remove')).status).toBe(204)
    expect(await subjects()).not.toContain('user:otto')
  })
  test('always have an owner', async () => {
    expect((await setMember('olga', 'member')).status).toBe(409)
    expect((await removeMember('olga')).status).toBe(409)
    expect(await members()).toContainEqual({ user: 'olga', role: 'owner' })
  })
  test('come in pages', async () => {
    const query = { limit: '1' }
    const asking = { as: mia, path: acme }
    const first = await api.call('GET /organisations/{organisation}/members', { ...asking, query })
    expect(first.result).toEqual({ items: [{ user: 'mia', role: 'member' }], next: 'mia' })
    const second = await api.call('GET /organisations/{organisation}/members', {
      ...asking,
      query: { ...query, after: 'mia' },
    })
    expect(second.result).toEqual({ items: [{ user: 'olga', role: 'owner' }] })
  })
})

describe('a team', () => {
  const path = { ...acme, team: 'devs' }
  const create = (body: object, as = olga, organisation = 'acme') =>
    api.call('POST /organisations/{organisation}/teams', { as, path: { organisation }, body: { ...body } })
  const read = (as = mia) => api.call('GET /organisations/{organisation}/teams/{team}', { as, path })
  const put = (user: string, as = olga) =>
    api.call('PUT /organisations/{organisation}/teams/{team}/members/{user}', { as, path: { ...path, user } })
  const take = (user: string) =>
    api.call('DELETE /organisations/{organisation}/teams/{team}/members/{user}', {
      as: olga,
      path: { ...path, user },
    })

  test('is made, filled, changed and removed', async () => {
    const made = await create({ name: 'devs' })
    expect([made.status, made.result.version]).toEqual([201, 1])
    expect((await create({ name: 'devs' })).status).toBe(200)
    expect((await create({ name: 'devs', description: 'other' })).status).toBe(409)
    expect((await put('mia')).status).toBe(204)
    expect((await put('mia')).status).toBe(204)
    const stranger = await put('otto')
    expect([stranger.status, stranger.detail]).toEqual([
      404,
      expect.stringContaining('berth org add-member acme otto'),
    ])
    expect((await put('nobody')).status).toBe(404)
    expect((await read()).result.members).toEqual(['mia'])
    const change = (description: string, version: number) =>
      api.call('PATCH /organisations/{organisation}/teams/{team}', {
        as: olga,
        path,
        body: { description },
        version,
      })
    expect((await change('Developers', 1)).result).toMatchObject({ description: 'Developers', version: 2 })
    expect((await change('Others', 1)).status).toBe(412)
    const list = await api.call('GET /organisations/{organisation}/teams', { as: mia, path: acme })
    expect(list.result.items.map(({ name, description }) => [name, description])).toEqual([
      ['devs', 'Developers'],
    ])
    expect((await take('mia')).status).toBe(204)
    expect((await take('mia')).status).toBe(404)
    const remove = () => api.call('DELETE /organisations/{organisation}/teams/{team}', { as: olga, path })
    expect((await remove()).status).toBe(204)
    expect((await remove()).status).toBe(404)
    expect((await read()).status).toBe(404)
    expect((await put('mia')).status).toBe(404)
    expect((await change('Gone', 2)).status).toBe(404)
  })
  test('loses who leaves the organisation', async () => {
    await create({ name: 'devs' })
    await setMember('otto', 'member')
    await put('otto')
    expect((await read()).result.members).toEqual(['otto'])
    await removeMember('otto')
    expect((await read()).result.members).toEqual([])
  })
  test('is made by owners, by a name that can be one', async () => {
    expect((await create({ name: 'mine' }, mia)).status).toBe(403)
    expect((await put('mia', mia)).status).toBe(403)
    for (const name of ['', 'Devs', 'a/b', 'a+b', 'x'.repeat(65)]) {
      const { status, problem } = await create({ name })
      expect([status, problem.errors?.[0]?.at]).toEqual([400, 'name'])
    }
    expect((await create({ name: 'x' }, root, 'absent')).status).toBe(404)
    expect((await create({ name: 'x' }, root, 'olga')).status).toBe(404)
  })
})

test('an organisation has so many teams at most', async () => {
  await make(otto, { name: 'teams' })
  for (let at = 1; at < MAX_TEAMS; at++)
    await api.store.createTeam({ organisation: 'teams', name: `t${at}` }, CAUSE)
  const create = (name: string) =>
    api.call('POST /organisations/{organisation}/teams', {
      as: otto,
      path: { organisation: 'teams' },
      body: { name },
    })
  expect((await create('last')).status).toBe(201)
  expect((await create('more')).status).toBe(409)
  expect((await create('last')).status).toBe(200)
})

test('every change is in the audit of the organisation, with who and from where', async () => {
  const { items } = await api.store.listAudit({ namespace: 'acme' }, { limit: 1000 })
  const actions = new Set(items.map(({ action }) => action))
  for (const action of [
    'organisation.create',
    'organisation.update',
    'member.set',
    'member.remove',
    'team.create',
  ])
    expect([action, actions.has(action)]).toEqual([action, true])
  for (const { actor, address, requestId } of items)
    expect([actor, address, requestId]).toEqual([
      expect.stringMatching(/^(olga|root1)$/),
      '203.0.113.7',
      expect.any(String),
    ])
})
