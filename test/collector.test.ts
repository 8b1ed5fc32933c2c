import { afterEach, beforeEach, expect, test } from 'bun:test'
import { cleanUp } from '../src/jobs/cleanup.ts'
import {
  COLLECTION,
  type CollectOptions,
  type Collector,
  collectOnce,
  startCollector,
} from '../src/jobs/collect.ts'
import { memoryBlobStore } from '../src/store/blob-memory.ts'
import { openSqlite } from '../src/store/meta/sqlite.ts'
import type { Store } from '../src/store/meta/store.ts'
import { CAUSE } from './suite/collection/fixture.ts'
import { freshRepo, GRACE, image, NOW, pushBlob, pushed } from './suite/metadata/fixture.ts'
import { tempFolder } from './testbed/temp.ts'

const FAR = NOW + 100 * GRACE
/** No round begins by itself. */
const NEVER = 1e9

let owned: AsyncDisposableStack
let store: Store
let clock: { time: number; now(): number }
let warnings: string[]

beforeEach(async () => {
  owned = new AsyncDisposableStack()
  const folder = owned.use(await tempFolder())
  store = await openSqlite(`${folder.path}/berth.db`, { unsafeNoFsync: true })
  owned.defer(() => store.close())
  clock = { time: FAR, now: () => clock.time }
  warnings = []
})
afterEach(() => owned.disposeAsync())

const options = (over: Partial<CollectOptions> = {}): CollectOptions => ({
  ...{ meta: store, clock, lease: GRACE, undo: 0, tombstoneDelay: 10, batch: 3, rate: 1e9 },
  log: { debug() {}, info() {}, warn: (text: string) => warnings.push(text), error() {} } as never,
  ...over,
})

function start(over: Partial<CollectOptions & { every: number }> = {}): Collector {
  const collector = startCollector({ every: NEVER, ...options(over), ...over })
  owned.defer(() => collector.stop())
  return collector
}

/** So many manifests that nothing keeps, each with a blob of its own; one that a tag keeps. */
async function garbage(count: number): Promise<void> {
  const repo = freshRepo()
  for (let at = 0; at < count; at++) await pushed(store, repo, image([await pushBlob(store, repo)]))
  await pushed(store, repo, image([await pushBlob(store, repo)]), { tags: ['kept'] })
}

const job = async () => (await store.listJobs()).find(({ name }) => name === COLLECTION)
const state = () => store.garbageState(clock.now())

/** Rounds until nothing is due at the present time. */
async function settle(collector: Collector): Promise<void> {
  do {
    const outcome = await collector.run()
    if (outcome === 'paused') throw new Error('it is paused')
    while ((await job())?.holder !== undefined) await Bun.sleep(1)
  } while (await store.isCollectionDue({ now: clock.now(), undo: 0 }))
}

test('a round applies each rule until nothing is due, and tells what it did', async () => {
  await garbage(10)
  expect(await collectOnce(options())).toBe('started')
  expect((await state()).collected).toMatchObject({ manifests: 10, links: 0, blobs: 0 })
  expect(JSON.parse((await job())?.detail ?? '')).toMatchObject({ manifests: 10, links: 0 })
  // What the manifests listed had a lease from then on.
  clock.time += GRACE
  expect(await collectOnce(options())).toBe('started')
  const { collected, objects, manifests, links, blobs } = await state()
  expect(collected).toMatchObject({ manifests: 10, links: 10, blobs: 10 })
  expect({ objects, manifests, links, blobs }).toEqual({ objects: 10, manifests: 0, links: 0, blobs: 0 })
  expect(await job()).toMatchObject({ holder: undefined, failure: undefined, finishedAt: clock.time })
})

test('where nothing is due nothing is written', async () => {
  const collector = start({ every: 1 })
  const looks: number[] = []
  const watched = start({
    every: 1,
    meta: {
      ...store,
      async isCollectionDue(when) {
        looks.push(when.now)
        return await store.isCollectionDue(when)
      },
    },
  })
  while (looks.length < 3) await Bun.sleep(1)
  await Promise.all([collector.stop(), watched.stop()])
  expect(await store.listJobs()).toEqual([])
})

test('one collects at a time; who dies with the lease keeps others from it no longer than that', async () => {
  await garbage(2)
  await store.leaseJob({ name: COLLECTION, holder: 'dead', now: clock.now(), until: clock.now() + 5 })
  const collector = start()
  expect(await collector.run()).toBe('running')
  expect((await state()).collected.manifests).toBe(0)
  clock.time += 5
  await settle(collector)
  expect((await state()).collected.manifests).toBe(2)
})

test('pausing stops a round between two steps, and the deletion of bytes with it', async () => {
  await garbage(20)
  let steps = 0
  const meta: Store = {
    ...store,
    async reviewManifests(review) {
      if (++steps === 2) await store.pauseJob({ name: COLLECTION, paused: true }, CAUSE)
      clock.time += 10_000
      return await store.reviewManifests(review)
    },
  }
  expect(await collectOnce(options({ meta }))).toBe('started')
  expect(steps).toBe(2)
  expect((await state()).collected).toMatchObject({ manifests: 6, links: 0 })
  expect(await job()).toMatchObject({ paused: true, holder: undefined })
  expect(await start().run()).toBe('paused')

  const blobs = memoryBlobStore()
  const { meta: _, ...rest } = options()
  const clean = () => cleanUp({ ...rest, meta: store, blobs })
  await store.pauseJob({ name: COLLECTION, paused: false }, CAUSE)
  for (let round = 0; round < 3; round++, clock.time += GRACE) await collectOnce(options())
  await store.pauseJob({ name: COLLECTION, paused: true }, CAUSE)
  expect((await clean()).reaped).toBe(0)
  await store.pauseJob({ name: COLLECTION, paused: false }, CAUSE)
  expect((await clean()).reaped).toBe(20)
})

test('a rule that fails does not keep the others; it is told, and tried again', async () => {
  const repo = freshRepo()
  await pushBlob(store, repo)
  await garbage(1)
  let broken = true
  const meta: Store = {
    ...store,
    reviewManifests: (review) =>
      broken ? Promise.reject(new Error('no disk')) : store.reviewManifests(review),
  }
  const collector = start({ meta })
  await collector.run()
  while ((await job())?.holder !== undefined) await Bun.sleep(1)
  expect(await job()).toMatchObject({ failure: 'no disk', holder: undefined })
  expect((await state()).collected).toMatchObject({ manifests: 0, links: 1, blobs: 1 })
  broken = false
  await settle(collector)
  expect((await job())?.failure).toBeUndefined()
  expect((await state()).collected.manifests).toBe(1)
  expect(warnings).toEqual(['collection failed and will be tried again'])
})

test('a round that rests for hours ends at once when the process does, and the lease with it', async () => {
  await garbage(10)
  const collector = start({ rate: 0.001 })
  expect(await collector.run()).toBe('started')
  await collector.stop()
  expect(await job()).toMatchObject({ holder: undefined, leaseUntil: 0 })
  expect(await collector.run()).toBe('elsewhere')
})

test('two collectors over one database, each at every moment: all goes, once', async () => {
  await garbage(40)
  const collectors = [start({ every: 1, batch: 1 }), start({ every: 1, batch: 2 })]
  while ((await state()).collected.blobs < 40) {
    clock.time += GRACE / 2
    await Bun.sleep(1)
  }
  await Promise.all(collectors.map((collector) => collector.stop()))
  expect((await state()).collected).toMatchObject({ manifests: 40, links: 40, blobs: 40 })
  expect(warnings).toEqual([])
})
