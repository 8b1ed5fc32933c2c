import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Body, bodyOf } from '../src/core/body.ts'
import type { Digest } from '../src/core/digest.ts'
import type { RepoName } from '../src/core/names.ts'
import type { LookOptions, Registry } from '../src/core/registry.ts'
import { localRegistry } from '../src/registry/local.ts'
import { memoryBlobStore } from '../src/store/blob-memory.ts'
import type { CollectionStore } from '../src/store/meta/lifecycle-store.ts'
import { memoryMetadata } from '../src/store/meta/memory.ts'
import { openSqlite } from '../src/store/meta/sqlite.ts'
import type { MetadataStore } from '../src/store/meta/store.ts'
import { collectAll } from './suite/collection/fixture.ts'
import {
  freshRepo,
  imageManifest,
  pushBlob,
  pushManifest,
  randomBlob,
  tag,
  testContext,
} from './suite/content.ts'
import { rejection } from './suite/metadata/fixture.ts'
import { TEST_LIMITS } from './suite/stacks.ts'
import { tempFolder } from './testbed/temp.ts'

type Meta = MetadataStore & CollectionStore

const LEASE = 1_000
const FAR = 1e9

/** What the registry promises while a collector is at work: the collector comes wherever a test lets it. */
function promiseCases(name: string, open: (owned: AsyncDisposableStack) => Promise<Meta>) {
  describe(name, () => {
    const owned = new AsyncDisposableStack()
    const ctx = testContext()
    let meta: Meta
    beforeAll(async () => {
      meta = await open(owned)
    })
    afterAll(() => owned.disposeAsync())

    /** A registry over these metadata, with a clock of its own; `over` replaces some of their methods. */
    const registryOver = (over: Partial<MetadataStore> = {}) => {
      const clock = { time: 1_000_000, now: () => clock.time }
      const limits = { ...TEST_LIMITS, lease: LEASE }
      const blobs = memoryBlobStore()
      const shared = {
        blobs,
        clock,
        limits,
        sparse: 'index',
        renewLeases: true,
        audit: false,
        shortcut: 'anywhere',
      } as const
      return {
        clock,
        registry: localRegistry({ ...shared, meta }),
        watched: localRegistry({ ...shared, meta: { ...meta, ...over } }),
      }
    }
    const collect = (now: number) => collectAll(meta, { now })

    test('H: a HEAD that finds what is collected before its lease is renewed finds nothing', async () => {
      const repo = freshRepo()
      const blob = randomBlob()
      const { clock, registry, watched } = registryOver({
        async findBlob(...asked) {
          const row = await meta.findBlob(...asked)
          await collect(clock.time)
          return row
        },
      })
      await pushBlob(registry, repo, blob)
      clock.time += LEASE / 2 + 1
      expect((await watched.resolveBlob(ctx, repo, blob.digest)).size).toBe(64)
      clock.time += LEASE
      const head = await rejection(watched.resolveBlob(ctx, repo, blob.digest))
      expect(head.kind).toBe('blob-unknown')
    })

    test('H: what a HEAD told of is there for half a lease', async () => {
      const repo = freshRepo()
      const blob = randomBlob()
      const { clock, registry } = registryOver()
      await pushBlob(registry, repo, blob)
      for (let look = 0; look < 6; look++) {
        clock.time += LEASE / 2
        await collect(clock.time - 1)
        expect((await registry.resolveBlob(ctx, repo, blob.digest)).digest).toBe(blob.digest)
      }
      clock.time += LEASE
      await collect(clock.time)
      expect((await rejection(registry.resolveBlob(ctx, repo, blob.digest))).kind).toBe('blob-unknown')
    })

    /** A manifest that nothing keeps. */
    async function pushLoose(registry: Registry, repo: RepoName): Promise<Digest> {
      const layer = randomBlob()
      await pushBlob(registry, repo, layer)
      return (await pushManifest(registry, repo, imageManifest(layer, []))).digest
    }

    test.each(['resolveManifest', 'getManifest'] as const)(
      'H: %s tells of a manifest that is there for half a lease',
      async (look) => {
        const repo = freshRepo()
        const { clock, registry } = registryOver()
        const digest = await pushLoose(registry, repo)
        for (let round = 0; round < 6; round++) {
          clock.time += LEASE / 2
          await collect(clock.time - 1)
          expect((await registry[look](ctx, repo, { digest })).digest).toBe(digest)
        }
        clock.time += LEASE
        await collect(clock.time)
        expect((await rejection(registry[look](ctx, repo, { digest }))).kind).toBe('manifest-unknown')
      },
    )

    test('H: a look at a manifest that is collected before it is kept finds nothing', async () => {
      const repo = freshRepo()
      const { clock, registry, watched } = registryOver({
        async findManifest(...asked) {
          const found = await meta.findManifest(...asked)
          await collect(clock.time)
          return found
        },
      })
      const digest = await pushLoose(registry, repo)
      clock.time += LEASE
      const head = await rejection(watched.resolveManifest(ctx, repo, { digest }))
      expect(head.kind).toBe('manifest-unknown')
    })

    test('H: a look writes once for each half of a lease, and not for what is kept or for who may not push', async () => {
      const repo = freshRepo()
      let writes = 0
      const { clock, registry, watched } = registryOver({
        async postponeReview(...asked) {
          writes++
          return await meta.postponeReview(...asked)
        },
      })
      const digest = await pushLoose(registry, repo)
      const look = (options?: LookOptions) => watched.resolveManifest(ctx, repo, { digest }, options)
      await look()
      expect(writes).toBe(0)
      clock.time += LEASE / 2 + 1
      await look({ renewLease: false })
      expect(writes).toBe(0)
      for (let round = 0; round < 3; round++) await look()
      expect(writes).toBe(1)
      const config = randomBlob()
      await pushBlob(registry, repo, config)
      await pushManifest(registry, repo, imageManifest(config, []), ['kept'])
      clock.time += 10 * LEASE
      await watched.getManifest(ctx, repo, { tag: tag('kept') })
      expect(writes).toBe(1)
    })

    test('B23: a repeated close protects the blob anew, and is refused when it was collected', async () => {
      const repo = freshRepo()
      const blob = randomBlob()
      const { clock, registry } = registryOver()
      const { id } = await registry.openUpload(ctx, repo)
      await registry.appendUpload(ctx, repo, id, bodyOf(blob.bytes))
      const close = () => registry.commitUpload(ctx, repo, id, blob.digest)
      const first = await close()
      clock.time += LEASE - 1
      expect(await close()).toEqual(first)
      await collect(clock.time + LEASE - 1)
      expect(await close()).toEqual(first)
      await collect(clock.time + FAR)
      expect((await rejection(close())).kind).toBe('upload-unknown')
    })

    describe('U: a push of what is stored, collected while its bytes come,', () => {
      /** The blob is stored, and in no repository; it is collected in the midst of the body. */
      async function pushMeanwhile(again: boolean) {
        const [repo, other] = [freshRepo(), freshRepo()]
        const blob = randomBlob()
        const { clock, registry } = registryOver()
        await pushBlob(registry, other, blob)
        const { id } = await registry.openUpload(ctx, repo)
        const before = await meta.findObject(blob.digest)
        const body: Body = {
          length: blob.bytes.byteLength,
          async *[Symbol.asyncIterator]() {
            yield blob.bytes.subarray(0, 10)
            await collect(clock.time + FAR)
            if (again) await pushBlob(registry, other, blob)
            yield blob.bytes.subarray(10)
          },
        }
        const done = registry.commitUpload(ctx, repo, id, blob.digest, { body })
        return { repo, id, blob, registry, before, done }
      }

      test('takes the object that came in its place', async () => {
        const { repo, blob, registry, before, done } = await pushMeanwhile(true)
        expect(await done).toEqual({ digest: blob.digest, size: 64 })
        expect((await meta.findObject(blob.digest))?.key).not.toBe(before?.key)
        expect((await registry.resolveBlob(ctx, repo, blob.digest)).size).toBe(64)
      })

      test('is asked for once more, and the session takes it', async () => {
        const { repo, id, blob, registry, done } = await pushMeanwhile(false)
        expect(await rejection(done)).toMatchObject({ kind: 'unavailable', detail: { retryAfter: 1 } })
        const body = bodyOf(blob.bytes)
        expect(await registry.commitUpload(ctx, repo, id, blob.digest, { body })).toMatchObject({ size: 64 })
        expect((await registry.resolveBlob(ctx, repo, blob.digest)).size).toBe(64)
      })
    })
  })
}

promiseCases('the registry over memory, and a collector', async () => memoryMetadata())
promiseCases('the registry over SQLite, and a collector', async (owned) => {
  const folder = owned.use(await tempFolder())
  const store = await openSqlite(`${folder.path}/berth.db`)
  owned.defer(() => store.close())
  return store
})
