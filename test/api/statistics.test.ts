import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { VERBS } from '../../src/core/verbs.ts'
import type { Use } from '../../src/store/meta/lifecycle-store.ts'
import { pushTo } from './content.ts'
import { CAUSE, DAY, NOBODY, NOW, OPERATES, openApi, type Proof, type TestApi } from './fixture.ts'

let api: TestApi
let olga: Proof
let rita: Proof
let stranger: Proof
let digest: Use['digest']

const TODAY = Math.floor(NOW / DAY)
const dayText = (ago: number) => new Date((TODAY - ago) * DAY).toISOString().slice(0, 10)

const used = (tag: string | undefined, pulls: number, daysAgo = 0): Use => ({
  repo: 'acme/private' as never,
  digest,
  tag: tag as never,
  day: TODAY - daysAgo,
  pulls,
  looks: 1,
  referrers: 0,
  pulledAt: NOW - daysAgo * DAY,
  lookedAt: NOW,
})

beforeAll(async () => {
  api = await openApi()
  olga = await api.user('olga')
  rita = await api.user('rita')
  stranger = await api.user('stranger')
  await api.store.createOrganisation({ name: 'acme', owner: 'olga' }, CAUSE)
  await api.store.setGrant(
    { namespace: 'acme', subject: 'user:rita', pattern: 'acme/private', verbs: VERBS.pull },
    CAUSE,
  )
  digest = (await pushTo(api.store, 'acme/private', ['v1', 'v2'])).digest
  await pushTo(api.store, 'acme/public', ['latest'])
  await api.store.updateRepository({ name: 'acme/public' as never, visibility: 'public' }, CAUSE)
  await api.store.recordUses([used('v1', 3), used('v2', 1, 2), used('v1', 2, 29), used('v1', 7, 40)])
})
afterAll(() => api[Symbol.asyncDispose]())

const pulls = (as: Proof, query: Record<string, string> = {}) =>
  api.call('GET /repositories/{repository}/-/pulls', { as, path: { repository: 'acme/private' }, query })

describe('how a repository is used', () => {
  test('is told by day for thirty days, to who may pull', async () => {
    const { result } = await pulls(rita)
    expect(result.items).toEqual([
      { day: dayText(29), tag: 'v1', platform: null, pulls: 2, looks: 1, referrers: 0 },
      { day: dayText(2), tag: 'v2', platform: null, pulls: 1, looks: 1, referrers: 0 },
      { day: dayText(0), tag: 'v1', platform: null, pulls: 3, looks: 1, referrers: 0 },
    ])
    expect(result).toMatchObject({
      from: dayText(29),
      to: dayText(0),
      totals: { pulls: 6, looks: 3, referrers: 0 },
    })
    expect((await pulls(stranger)).status).toBe(403)
    expect((await pulls(NOBODY)).status).toBe(401)
  })
  test('is told of other days, page by page', async () => {
    const query = { from: dayText(60), to: dayText(2), limit: '2' }
    const first = (await pulls(rita, query)).result
    expect(first.items.map(({ day }) => day)).toEqual([dayText(40), dayText(29)])
    const second = (await pulls(rita, { ...query, after: first.next as string })).result
    expect(second.items.map(({ day }) => day)).toEqual([dayText(2)])
    expect([second.next, second.totals.pulls]).toEqual([undefined, 10])
  })
  test.each([
    [{ from: dayText(1), to: dayText(2) }, 400],
    [{ from: dayText(400) }, 400],
    [{ from: dayText(399) }, 200],
    [{ from: 'yesterday' }, 400],
    [{ to: '2027-02-30' }, 400],
    [{ format: 'xml' }, 400],
    [{ format: 'csv', after: '5' }, 400],
    [{ from: '0000-01-01', to: '0000-01-02' }, 200],
    [{ from: '9999-12-31', to: '9999-12-31' }, 200],
    [{ to: '0000-01-01' }, 200],
  ])('asked with %j', async (query, status) => {
    expect((await pulls(rita, query as Record<string, string>)).status).toBe(status)
  })
  test('is a CSV of all', async () => {
    const path = '/api/v1/repositories/acme/private/-/pulls?format=csv'
    const response = await api.send(path, {}, { as: rita })
    expect([response.status, response.headers.get('Content-Type')]).toEqual([
      200,
      'text/csv; charset=utf-8; header=present',
    ])
    expect(await response.text()).toBe(
      [
        'day,tag,platform,pulls,looks,referrers',
        `${dayText(29)},v1,,2,1,0`,
        `${dayText(2)},v2,,1,1,0`,
        `${dayText(0)},v1,,3,1,0`,
        '',
      ].join('\r\n'),
    )
  })
  test('is in lists: pulls of the repository, last pulls of tags and manifests', async () => {
    const path = { repository: 'acme/private' }
    expect((await api.call('GET /repositories/{repository}', { as: rita, path })).result.pulls).toBe(13)
    const hits = (await api.call('GET /search', { as: rita, query: { q: 'acme/private' } })).result.items
    expect(hits.map(({ pulls }) => pulls)).toEqual([13])
    const tags = (await api.call('GET /repositories/{repository}/-/tags', { as: rita, path })).result.items
    const at = (daysAgo: number) => new Date(NOW - daysAgo * DAY).toISOString()
    expect(tags.map(({ lastPulled }) => lastPulled)).toEqual([at(0), at(2)])
    const manifests = await api.call('GET /repositories/{repository}/-/manifests', { as: rita, path })
    expect(manifests.result.items.map(({ lastPulled }) => lastPulled)).toEqual([at(0)])
    const other = { path: { repository: 'acme/public' }, as: rita }
    const untouched = await api.call('GET /repositories/{repository}/-/tags', other)
    expect(untouched.result.items.map(({ lastPulled }) => lastPulled)).toEqual([null])
    const hub = await api.send('/v2/repositories/acme/private', {}, { as: rita })
    expect(await hub.json()).toMatchObject({ pull_count: 13, has_starred: false })
    const hubTag = await api.send('/v2/repositories/acme/private/tags/v2', {}, { as: rita })
    expect(await hubTag.json()).toMatchObject({ tag_last_pulled: at(2) })
  })
  test('what the API reads by itself is nobody’s pull', async () => {
    const path = { repository: 'acme/private', digest }
    await api.call('GET /repositories/{repository}/-/manifests/{digest}', { as: rita, path })
    expect((await pulls(rita)).result.totals.pulls).toBe(6)
  })
})

describe('stars', () => {
  const set = (method: 'PUT' | 'DELETE', as: Proof, repository: string) =>
    api.call(`${method} /repositories/{repository}/-/star`, { as, path: { repository } })
  const starsOf = async (repository: string) =>
    (await api.call('GET /repositories/{repository}', { as: olga, path: { repository } })).result.stars
  const given = async (as: Proof, user: string) =>
    (await api.call('GET /users/{user}/stars', { as, path: { user } })).result.items

  test('are given and taken back by people who may pull, and counted', async () => {
    for (const _ of [1, 2]) expect((await set('PUT', rita, 'acme/private')).status).toBe(204)
    expect((await set('PUT', olga, 'acme/private')).status).toBe(204)
    expect((await set('PUT', rita, 'acme/public')).status).toBe(204)
    expect([await starsOf('acme/private'), await starsOf('acme/public')]).toEqual([2, 1])
    expect(await given(rita, 'rita')).toEqual(['acme/private', 'acme/public'])
    const hub = await api.send('/v2/repositories/acme/private', {}, { as: rita })
    expect(await hub.json()).toMatchObject({ star_count: 2, has_starred: true })
    for (const _ of [1, 2]) expect((await set('DELETE', olga, 'acme/private')).status).toBe(204)
    expect(await starsOf('acme/private')).toBe(1)
  })
  test('of others are nobody’s business but of administrators', async () => {
    const admin = await api.user('root', { administrator: true })
    expect(await given(admin, 'rita')).toEqual(['acme/private', 'acme/public'])
    expect((await api.call('GET /users/{user}/stars', { as: olga, path: { user: 'rita' } })).status).toBe(403)
  })
  test('on what one may not pull any more are not told', async () => {
    const otto = await api.user('otto')
    await set('PUT', otto, 'acme/public')
    await api.store.updateRepository({ name: 'acme/public' as never, visibility: 'private' }, CAUSE)
    expect(await given(otto, 'otto')).toEqual([])
    await api.store.updateRepository({ name: 'acme/public' as never, visibility: 'public' }, CAUSE)
    expect(await given(otto, 'otto')).toEqual(['acme/public'])
  })
  test('are not given by nobody, by programs, by narrowed tokens, by the operator, to what is not there', async () => {
    const narrow = await api.token('rita', { scopes: [{ pattern: '**', verbs: VERBS.pull }] })
    const statuses = []
    for (const as of [NOBODY, narrow, OPERATES]) statuses.push((await set('PUT', as, 'acme/public')).status)
    expect(statuses).toEqual([401, 403, 403])
    expect((await set('PUT', stranger, 'acme/private')).status).toBe(403)
    expect((await set('PUT', olga, 'acme/absent')).status).toBe(404)
  })
})
