import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectKey } from '../src/core/names.ts'
import { fileBlobStore } from '../src/store/blob-fs.ts'
import { append } from '../src/store/fs/append.ts'
import { BufferPool, LARGE_BUFFER, SMALL_BUFFER } from '../src/store/fs/buffers.ts'
import { DirectorySync } from '../src/store/fs/directory-sync.ts'
import { Layout } from '../src/store/fs/layout.ts'
import { expectBytes } from './suite/blob-store-case.ts'
import { pieces, rejection } from './suite/bytes.ts'
import { type TempFolder, tempFolder } from './testbed/temp.ts'

const MIB = 1024 * 1024
const NO_RESERVE = { reserveBytes: 0, reserveRatio: 0 }

let folder: TempFolder
let root: string
beforeEach(async () => {
  folder = await tempFolder()
  root = join(folder.path, 'blobs')
})
afterEach(() => folder[Symbol.asyncDispose]())

describe('the folder of a file store', () => {
  test('has a marker and 256 directories, made with everything above them', async () => {
    await fileBlobStore(root)
    const names = await readdir(root)
    expect(names).toHaveLength(257)
    expect(names).toContain('00')
    expect(names).toContain('ff')
    expect(await readFile(join(root, 'format'), 'utf8')).toMatch(/^berth blobs 1 [0-9a-f-]{36}\n$/)
  })

  test('is kept when opened again', async () => {
    const key = await put(await fileBlobStore(root, NO_RESERVE), Buffer.from('abc'))
    await expectBytes(await fileBlobStore(root, NO_RESERVE), key, Buffer.from('abc'))
  })

  test('is finished when the first start was cut short', async () => {
    for (const name of ['00', '01', 'lost+found']) await mkdir(join(root, name), { recursive: true })
    await writeFile(join(root, 'format.new'), 'berth bl')
    await put(await fileBlobStore(root, NO_RESERVE), Buffer.from('abc'))
    expect(await readdir(root)).toHaveLength(258)
  })

  test('is refused when a newer version wrote it', async () => {
    await fileBlobStore(root)
    await writeFile(join(root, 'format'), 'berth blobs 2 x\n')
    const message = String(await rejection(fileBlobStore(root)))
    expect(message).toContain('was written by a newer Berth (blob format 2; this one knows 1)')
  })

  test.each([
    ['', 'does not say'],
    ['berth blobs', 'does not say'],
    ['berth blobs 1', 'does not say'],
    ['something else entirely\n', 'choose another data directory'],
  ])('is refused when its marker says %p', async (marker, says) => {
    await fileBlobStore(root)
    await writeFile(join(root, 'format'), marker)
    expect(String(await rejection(fileBlobStore(root)))).toContain(says)
  })

  test("is refused, and left alone, when it is somebody else's", async () => {
    await mkdir(root)
    await writeFile(join(root, 'thesis.tex'), '')
    expect(String(await rejection(fileBlobStore(root)))).toContain('holds "thesis.tex" but no Berth blobs')
    expect(await readdir(root)).toEqual(['thesis.tex'])
  })

  test('holds strangers that no list shows', async () => {
    const store = await fileBlobStore(root, NO_RESERVE)
    const key = await put(store, Buffer.from('abc'))
    await writeFile(join(root, 'aa', 'notes.txt'), '')
    await writeFile(join(root, 'aa', 'bb000000-0000-4000-8000-000000000000'), 'in the wrong directory')
    await mkdir(join(root, 'cc', 'cc000000-0000-4000-8000-000000000000'))
    expect(await Array.fromAsync(store.list())).toEqual([key])
  })

  test.each(['', '..', '../../etc/passwd', 'a'.repeat(36), 'AA000000-0000-4000-8000-000000000000'])(
    'is never left by a key such as %p',
    async (text) => {
      const store = await fileBlobStore(root, NO_RESERVE)
      const key = text as ObjectKey
      expect(() => store.stat(key)).toThrow(TypeError)
      expect(() => store.open(key, 0, { start: 0, end: 0 })).toThrow(TypeError)
      for (const work of [
        () => store.append(key, 0, pieces(Buffer.from('x'), 1)),
        () => store.seal(key, 0),
        () => store.delete(key),
        () => Array.fromAsync(store.read(key, 1)),
      ]) {
        expect(await rejection((async () => work())())).toBeInstanceOf(TypeError)
      }
    },
  )
})

describe('the reserve', () => {
  test('refuses when less is free, naming both figures, and asks the disk once a second', async () => {
    let now = 1_000_000
    const store = await fileBlobStore(root, {
      reserveBytes: 2 ** 60,
      reserveRatio: 0,
      clock: { now: () => now },
    })
    const error = await rejection(store.reserve())
    expect(error).toMatchObject({ kind: 'storage-full' })
    expect(String(error)).toMatch(/has [\d.]+ [KMGTP]iB free and keeps 1024 PiB in reserve/)
    now += 5000
    expect(await rejection(store.reserve())).toMatchObject({ kind: 'storage-full' })
  })

  test('is the larger of bytes and part', async () => {
    const store = await fileBlobStore(root, { reserveBytes: 0, reserveRatio: 1 })
    expect(await rejection(store.reserve())).toMatchObject({ kind: 'storage-full' })
  })

  test('lets uploads in while there is more', async () => {
    await (await fileBlobStore(root, { reserveBytes: 1, reserveRatio: 0 })).reserve()
  })
})

describe('write buffers', () => {
  class CountingPool extends BufferPool {
    out = 0
    peak = 0
    override take(): Uint8Array {
      this.peak = Math.max(this.peak, ++this.out)
      return super.take()
    }
    override give(buffer: Uint8Array): void {
      this.out--
      super.give(buffer)
    }
  }

  test.each([0, 100 * MIB])('of one append are few and come back, announced as %p bytes', async (size) => {
    const store = await fileBlobStore(root, NO_RESERVE)
    const layout = new Layout(root)
    const buffers = new CountingPool()
    const context = { layout, buffers, directories: new DirectorySync(), cachedBytes: 8 * MIB, sync: true }
    await append(context, store.begin(), 0, pieces(Buffer.alloc(60 * MIB), 5 * MIB), { size })
    expect(buffers.peak).toBeLessThanOrEqual(4)
    const broken = async function* () {
      yield Buffer.alloc(3 * MIB)
      throw new Error('the line broke')
    }
    await rejection(append(context, store.begin(), 0, broken()))
    await rejection(append(context, store.begin(), 5, pieces(Buffer.alloc(10), 1)))
    expect(buffers.out).toBe(0)
  })

  test('are large for the first few and small for the crowd', () => {
    const pool = new BufferPool()
    const taken = Array.from({ length: 1000 }, () => pool.take())
    const large = taken.filter((buffer) => buffer.byteLength === LARGE_BUFFER)
    expect(large.length).toBeLessThanOrEqual(64)
    expect(large.length).toBeGreaterThanOrEqual(16)
    expect(new Set(taken.map((buffer) => buffer.byteLength))).toEqual(new Set([LARGE_BUFFER, SMALL_BUFFER]))
    for (const buffer of taken) pool.give(buffer)
    expect(pool.take().byteLength).toBe(LARGE_BUFFER)
    // Only now a crowd again: each buffer is handed to one writer.
    const again = Array.from({ length: 40 }, () => pool.take())
    expect(new Set(again).size).toBe(40)
  })
})

describe('syncs of one directory', () => {
  /** A sync whose end the test decides. */
  function held() {
    const started: { path: string; end: PromiseWithResolvers<void> }[] = []
    const directories = new DirectorySync((path) => {
      const end = Promise.withResolvers<void>()
      started.push({ path, end })
      return end.promise
    })
    return { started, directories }
  }

  test('asked for during one are one more, never the running one', async () => {
    const { started, directories } = held()
    const first = directories.request('a')
    const later = [directories.request('a'), directories.request('a'), directories.request('a')]
    expect(started).toHaveLength(1)
    started[0]?.end.resolve()
    await first
    await Promise.resolve()
    expect(started).toHaveLength(2)
    started[1]?.end.resolve()
    await Promise.all(later)
    expect(started).toHaveLength(2)
  })

  test('of different directories do not wait for each other', () => {
    const { started, directories } = held()
    void directories.request('a')
    void directories.request('b')
    expect(started.map(({ path }) => path)).toEqual(['a', 'b'])
  })

  test('that fail fail those who share them and nobody after', async () => {
    const { started, directories } = held()
    const first = directories.request('a')
    const second = directories.request('a')
    started[0]?.end.reject(new Error('EIO'))
    expect(String(await rejection(first))).toContain('EIO')
    started[1]?.end.reject(new Error('EIO again'))
    expect(String(await rejection(second))).toContain('EIO again')
    const third = directories.request('a')
    started[2]?.end.resolve()
    await third
  })
})

async function put(store: Awaited<ReturnType<typeof fileBlobStore>>, bytes: Buffer): Promise<ObjectKey> {
  const key = store.begin()
  await store.append(key, 0, pieces(bytes, bytes.byteLength))
  await store.seal(key, bytes.byteLength)
  return key
}
