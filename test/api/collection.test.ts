import { afterAll, beforeAll, expect, test } from 'bun:test'
import { freshRepo, image, pushBlob, pushed } from '../suite/metadata/fixture.ts'
import { NOW, OPERATES, openApi, type Proof, type TestApi } from './fixture.ts'

let api: TestApi
let root: Proof
const repo = freshRepo()

beforeAll(async () => {
  api = await openApi()
  root = await api.user('root', { administrator: true })
  const blob = await pushBlob(api.store, repo)
  await pushed(api.store, repo, image([blob]), { tags: ['kept'] })
  await pushed(api.store, repo, image([blob, await pushBlob(api.store, repo)]))
})
afterAll(() => api[Symbol.asyncDispose]())

const state = async () => (await api.call('GET /collection', { as: root })).result

test('what waits is told, and since when', async () => {
  const { waiting, collected, jobs, oldestDue } = await state()
  expect(waiting).toMatchObject({ manifests: 1, objects: 0 })
  expect(waiting.links).toBeGreaterThan(0)
  expect(collected).toEqual({ manifests: 0, links: 0, blobs: 0, bytes: 0 })
  expect(jobs).toEqual([{ name: 'collection', paused: false, running: false }])
  api.clock.time = NOW + 1e12
  expect(oldestDue).toBeUndefined()
  expect((await state()).oldestDue).toBeDefined()
  api.clock.time = NOW
})

test('a preview says what nothing keeps, and deletes nothing', async () => {
  const before = await state()
  const { status, result } = await api.call('POST /collection/preview', { as: root, body: {} })
  expect(status).toBe(200)
  expect(result).toMatchObject({ manifests: 1, links: 1, blobs: 1, complete: true })
  expect(result.examples).toEqual([
    { repository: repo, digest: expect.any(String), size: expect.any(Number) },
  ])
  expect(await state()).toEqual(before)
  const narrow = await api.call('POST /collection/preview', { as: root, body: { limit: 0 } })
  expect(narrow.status).toBe(400)
})

test('the job is paused and goes on, each time in the audit; there is no other', async () => {
  const path = { job: 'collection' }
  for (const paused of [true, false]) {
    expect((await api.call('PUT /jobs/{job}', { as: root, path, body: { paused } })).status).toBe(204)
    expect((await state()).jobs[0]?.paused).toBe(paused)
  }
  const other = await api.call('PUT /jobs/{job}', { as: root, path: { job: 'x' }, body: { paused: true } })
  expect([other.status, other.detail]).toEqual([404, 'there is no job x; there is collection'])
  const { items } = (await api.call('GET /audit', { as: OPERATES, query: { limit: '2' } })).result
  expect(items.map(({ actor, action }) => [actor, action])).toEqual([
    ['root', 'job.resume'],
    ['root', 'job.pause'],
  ])
})

test('a round is asked for, and its outcome told', async () => {
  const { result } = await api.call('POST /collection/run', { as: root })
  expect(result).toEqual({ outcome: 'elsewhere' })
})

test('how the last run went is told', async () => {
  const lease = { name: 'collection', holder: 'me', now: NOW }
  await api.store.leaseJob({ ...lease, until: NOW + 1000 })
  expect((await state()).jobs[0]).toMatchObject({ running: true })
  await api.store.finishJob({ ...lease, failure: 'no disk', detail: '{"links":1}' })
  expect((await state()).jobs[0]).toMatchObject({
    ...{ running: false, failure: 'no disk', detail: { links: 1 } },
    finishedAt: new Date(NOW).toISOString(),
  })
})
