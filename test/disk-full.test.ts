import { describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { ObjectKey } from '../src/core/names.ts'
import { fileBlobStore } from '../src/store/blob-fs.ts'
import { expectBytes } from './suite/blob-store-case.ts'
import { pieces, rejection } from './suite/bytes.ts'
import { type SmallDisk, smallDisk, smallDiskRefused } from './testbed/tmpfs.ts'

const KIB = 1024
const MIB = 1024 * KIB
const PAGE = 4 * KIB
const NO_RESERVE = { reserveBytes: 0, reserveRatio: 0 }

const refused = await smallDiskRefused()
const describeOnDisk = (title: string, body: () => void) =>
  refused === undefined ? describe(title, body) : describe.skip(`${title} [skipped: ${refused}]`, body)

/** Pages left free: at the first write, around the ends of the writes behind it, and in the middle of them. */
const LEFT = [
  ...Array.from({ length: 16 }, (_, at) => at),
  ...[128, 256, 512, 768].flatMap((pages) => Array.from({ length: 9 }, (_, at) => pages - 4 + at)),
  ...[64, 100, 333, 400, 600, 700],
]

describeOnDisk('blobs on a disk that fills up', () => {
  const SIZE = 3 * MIB + 20_000

  test(`at ${LEFT.length} places of an append: refused, nothing left, all else whole`, async () => {
    await using disk = await smallDisk('size=64m')
    const store = await fileBlobStore(join(disk.path, 'blobs'), NO_RESERVE)
    const before = await someObjects(store)
    for (const pages of LEFT) {
      await disk.leave(pages * PAGE)
      const key = store.begin()
      const error = await rejection(store.append(key, 0, pieces(Buffer.alloc(SIZE, 1), 100_000)))
      expect(error).toMatchObject({ kind: 'storage-full' })
      expect(String(error)).toContain('has no space left')
      expect(await store.stat(key)).toBeUndefined()
      expect(await disk.free()).toBe(pages * PAGE)
      expect((await Array.fromAsync(store.list())).sort()).toEqual([...before.keys()].sort())
    }
    for (const [key, bytes] of before) await expectBytes(store, key, bytes)
    await expectRoomAgain(disk, store, SIZE)
  }, 60_000)

  test('on the way of a resumed upload: back to what was durable, and on from there', async () => {
    await using disk = await smallDisk('size=64m')
    const store = await fileBlobStore(join(disk.path, 'blobs'), NO_RESERVE)
    const head = randomBytes(1_234_567)
    const tail = randomBytes(SIZE)
    const key = store.begin()
    await store.append(key, 0, pieces(head, MIB))
    for (const pages of LEFT) {
      await disk.leave(pages * PAGE)
      const error = await rejection(store.append(key, head.byteLength, pieces(tail, 100_000)))
      expect(error).toMatchObject({ kind: 'storage-full' })
      expect(await disk.free()).toBe(pages * PAGE)
      await expectBytes(store, key, head)
    }
    await disk.leave(8 * MIB)
    await store.append(key, head.byteLength, pieces(tail, 100_000))
    await expectBytes(store, key, Buffer.concat([head, tail]))
  }, 60_000)

  test('under many appends at once: some may fit, the rest leave nothing', async () => {
    await using disk = await smallDisk('size=64m')
    const store = await fileBlobStore(join(disk.path, 'blobs'), NO_RESERVE)
    await disk.leave(7 * MIB)
    const bodies = Array.from({ length: 16 }, () => randomBytes(MIB + 1))
    const keys = bodies.map(() => store.begin())
    const results = await Promise.allSettled(
      bodies.map((bytes, at) => store.append(keys[at] as ObjectKey, 0, pieces(bytes, 70_000))),
    )
    const stored = results.flatMap((result, at) => (result.status === 'fulfilled' ? [at] : []))
    for (const at of stored) await expectBytes(store, keys[at] as ObjectKey, bodies[at] as Buffer)
    expect(stored.length).toBeLessThan(bodies.length)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ kind: 'storage-full' })
    }
    expect(await Array.fromAsync(store.list())).toHaveLength(stored.length)
    expect(await disk.free()).toBe(7 * MIB - stored.length * (MIB + PAGE))
  })

  test('without a file entry left: refused where it would be made, before an upload and by the check', async () => {
    await using disk = await smallDisk('size=64m,nr_inodes=300')
    let now = 1_000_000
    const store = await fileBlobStore(join(disk.path, 'blobs'), { ...NO_RESERVE, clock: { now: () => now } })
    await store.reserve()
    const keys: ObjectKey[] = []
    let error: unknown
    while (error === undefined && keys.length < 300) {
      const key = store.begin()
      await store.append(key, 0, pieces(Buffer.from('x'), 1)).then(
        () => keys.push(key),
        (reason) => (error = reason),
      )
    }
    expect(error).toMatchObject({ kind: 'storage-full' })
    expect(keys.length).toBeGreaterThan(10)
    expect(await Array.fromAsync(store.list())).toHaveLength(keys.length)
    now += 60_000
    expect(String(await rejection(store.reserve()))).toContain('no file entries')
    expect(await rejection(store.check())).toMatchObject({ kind: 'storage-full' })
    await store.delete(keys[0] as ObjectKey)
    now += 60_000
    await store.reserve()
    await store.check()
    await store.append(store.begin(), 0, pieces(Buffer.from('x'), 1))
  })

  test('the reserve turns uploads away in time, and lets them in again', async () => {
    await using disk = await smallDisk('size=64m')
    let now = 1_000_000
    const options = { reserveBytes: 16 * MIB, reserveRatio: 0.05, clock: { now: () => now } }
    const store = await fileBlobStore(join(disk.path, 'blobs'), options)
    await store.reserve()
    await disk.leave(16 * MIB - PAGE)
    // The answer of a moment ago still holds.
    await store.reserve()
    now += 1000
    const error = await rejection(store.reserve())
    expect(error).toMatchObject({ kind: 'storage-full' })
    expect(String(error)).toContain('has 15.9 MiB free and keeps 16 MiB in reserve')
    await disk.leave(16 * MIB)
    now += 1000
    await store.reserve()
  })

  test('a folder that cannot even be set up says so, and can be later', async () => {
    await using disk = await smallDisk('size=1m,nr_inodes=100')
    const root = join(disk.path, 'blobs')
    expect(await rejection(fileBlobStore(root, NO_RESERVE))).toMatchObject({ code: 'ENOSPC' })
    await disk.remount('nr_inodes=400')
    const store = await fileBlobStore(root, NO_RESERVE)
    await store.append(store.begin(), 0, pieces(Buffer.from('x'), 1))
  })
})

async function someObjects(
  store: Awaited<ReturnType<typeof fileBlobStore>>,
): Promise<Map<ObjectKey, Buffer>> {
  const objects = new Map<ObjectKey, Buffer>()
  for (const size of [0, 1, 5000, MIB, 2 * MIB + 3]) {
    const key = store.begin()
    const bytes = randomBytes(size)
    await store.append(key, 0, pieces(bytes, 100_000))
    objects.set(key, bytes)
  }
  return objects
}

async function expectRoomAgain(
  disk: SmallDisk,
  store: Awaited<ReturnType<typeof fileBlobStore>>,
  size: number,
): Promise<void> {
  await disk.leave(8 * MIB)
  const key = store.begin()
  const bytes = randomBytes(size)
  expect(await store.append(key, 0, pieces(bytes, 100_000))).toBe(size)
  await expectBytes(store, key, bytes)
}
