import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ObjectKey } from '../src/core/names.ts'
import { fileBlobStore } from '../src/store/blob-fs.ts'
import { append, SYNC_EVERY } from '../src/store/fs/append.ts'
import { BufferPool, LARGE_BUFFER, SMALL_BUFFER } from '../src/store/fs/buffers.ts'
import { DirectorySync } from '../src/store/fs/directory-sync.ts'
import { Layout } from '../src/store/fs/layout.ts'
import { expectBytes } from './suite/blob-store.ts'
import { pieces, rejection } from './suite/bytes.ts'
import type { ChildOutcome, ChildStep } from './testbed/blob-child.ts'
import { describeNeeding } from './testbed/needs.ts'
import { run, tryRun } from './testbed/run.ts'
import { traced } from './testbed/strace.ts'
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

const childArgv = (steps: readonly ChildStep[]) => [
  process.execPath,
  join(import.meta.dirname, 'testbed/blob-child.ts'),
  root,
  JSON.stringify(steps),
]

function outcomes(stdout: string): ChildOutcome[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ChildOutcome)
}

describe('the folder of a file store', () => {
  test('has a marker and 256 directories, made with everything above them', async () => {
    await fileBlobStore(root)
    const names = await readdir(root)
    expect(names).toHaveLength(257)
    expect(names).toContain('00')
    expect(names).toContain('ff')
    expect(await readFile(join(root, 'format'), 'utf8')).toBe('berth blobs 1\n')
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
    await writeFile(join(root, 'format'), 'berth blobs 2\n')
    const message = String(await rejection(fileBlobStore(root)))
    expect(message).toContain('was written by a newer Berth (blob format 2; this one knows 1)')
  })

  test.each([
    ['', 'berth blobs 1'],
    ['berth blobs', 'berth blobs 1'],
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

describeNeeding(
  { programs: ['strace'] },
  'what an append has made durable when it resolves (CO-1, CO-3)',
  () => {
    const STEPS: readonly ChildStep[] = [
      { offset: 0, size: 0, chunk: 1 },
      { offset: 0, size: 4096, chunk: 4096 },
      { offset: 0, size: 3 * MIB + 5, chunk: 65_536 },
      { offset: 0, size: SYNC_EVERY + 5 * MIB, chunk: MIB },
    ]

    test('every byte, then the name, and nothing is written afterwards', async () => {
      const calls = await traced(childArgv(STEPS), ['openat', 'pwrite64', 'write', 'fdatasync', 'fsync'])
      const reports = calls.filter(({ name, args }) => name === 'write' && args.startsWith('1<'))
      expect(reports).toHaveLength(STEPS.length)
      for (const [at, report] of reports.entries()) {
        const key = /\\"key\\":\\"([0-9a-f-]{36})/.exec(report.args)?.[1] ?? 'no key in the report'
        const path = join(root, key.slice(0, 2), key)
        const upTo = calls.indexOf(report)
        const indexes = (name: string, target: string) =>
          calls.flatMap((call, index) =>
            call.name === name && call.result >= 0 && call.args.includes(`<${target}>`) ? [index] : [],
          )
        const syncs = indexes('fdatasync', path)
        const lastWrite = indexes('pwrite64', path).at(-1) ?? -1
        const named = indexes('fsync', dirname(path)).find((index) => index > (made(calls, path) ?? Infinity))
        expect(syncs.at(-1)).toBeLessThan(upTo)
        expect(syncs.at(-1)).toBeGreaterThan(lastWrite)
        expect(named).toBeLessThan(upTo)
        // A long append has synced on the way.
        expect(syncs).toHaveLength(STEPS[at]?.size === STEPS.at(-1)?.size ? 2 : 1)
      }
    }, 60_000)

    test('a long body goes past the page cache from its first whole page on', async () => {
      const store = await fileBlobStore(root, NO_RESERVE)
      const key = store.begin()
      await store.append(key, 0, pieces(Buffer.alloc(777), 777))
      const steps: ChildStep[] = [{ key, offset: 777, size: 40 * MIB, chunk: 300_000 }]
      const calls = await traced(childArgv(steps), ['openat', 'pwrite64', 'write'])
      const direct = calls.find(
        ({ name, args }) => name === 'openat' && args.includes(key) && args.includes('O_DIRECT'),
      )
      const writes = calls.filter(({ name, args }) => name === 'pwrite64' && args.includes(key))
      expect(writes.filter(({ result }) => result < 0)).toEqual([])
      // A file system without direct writes refuses the open; then all of it went the ordinary way.
      expect(direct).toBeDefined()
      const past = writes.filter(({ args }) => args.startsWith(`${direct?.result}<`))
      expect(past).toHaveLength(direct?.result === -1 ? 0 : 39)
    }, 60_000)

    test('the folder itself', async () => {
      const calls = await traced(childArgv([]), [
        'mkdir',
        'mkdirat',
        'fsync',
        'rename',
        'renameat',
        'renameat2',
      ])
      const lastMade = calls.findLastIndex(
        ({ name, args }) => name.startsWith('mkdir') && args.includes('/ff"'),
      )
      const renamed = calls.findIndex(
        ({ name, args }) => name.startsWith('rename') && args.includes('format'),
      )
      const synced = calls.flatMap(({ name, args }, at) =>
        name === 'fsync' && args.includes(`<${root}>`) ? [at] : [],
      )
      const marker = calls.findIndex(({ name, args }) => name === 'fsync' && args.includes('format.new>'))
      const above = calls.findIndex(({ name, args }) => name === 'fsync' && args.includes(`<${folder.path}>`))
      expect(lastMade).toBeGreaterThan(-1)
      expect(synced[0]).toBeGreaterThan(lastMade)
      expect(marker).toBeGreaterThan(synced[0] ?? Infinity)
      expect(renamed).toBeGreaterThan(marker)
      expect(synced.at(-1)).toBeGreaterThan(renamed)
      expect(above).toBeGreaterThan(renamed)
    }, 60_000)
  },
)

/** Where the file was made: the first call that shows it open. */
function made(
  calls: readonly { name: string; args: string; result: number }[],
  path: string,
): number | undefined {
  const at = calls.findIndex(
    ({ name, args, result }) => name === 'openat' && result >= 0 && args.includes(path),
  )
  return at < 0 ? undefined : at
}

describe('a disk that fails', () => {
  const POINTS = [
    'blob.created',
    'blob.first-write',
    'blob.mid-write',
    'blob.after-datasync',
    'blob.after-dirsync',
  ]
  const SIZE = 4 * MIB + 1

  for (const [code, told] of [
    ['EIO', 'EIO'],
    ['ENOSPC', 'storage-full'],
    ['EDQUOT', 'storage-full'],
  ] as const) {
    test.each(POINTS)(
      `${code} at %s leaves nothing of a new object and hinders no other (CO-11)`,
      async (point) => {
        const steps: ChildStep[] = [
          { offset: 0, size: SIZE, chunk: 100_000 },
          { offset: 0, size: SIZE, chunk: 100_000 },
        ]
        const env = { BERTH_FAILPOINTS: `${point}=1*error:${code}` }
        const [failed, next] = outcomes(await run(childArgv(steps), { env }))
        expect(failed).toMatchObject({ failed: told, durable: [], bodyEnded: true })
        expect(failed?.stored).toBeUndefined()
        expect(next).toMatchObject({ length: SIZE, stored: SIZE })
      },
    )

    test.each(['blob.first-write', 'blob.mid-write', 'blob.after-datasync'])(
      `${code} at %s takes a resumed object back to what was durable`,
      async (point) => {
        const store = await fileBlobStore(root, NO_RESERVE)
        const key = store.begin()
        await store.append(key, 0, pieces(Buffer.alloc(12_345, 1), 1000))
        const steps: ChildStep[] = [
          { key, offset: 12_345, size: SIZE, chunk: 100_000 },
          { key, offset: 12_345, size: 10, chunk: 1 },
        ]
        const env = { BERTH_FAILPOINTS: `${point}=1*error:${code}` }
        const [failed, next] = outcomes(await run(childArgv(steps), { env }))
        expect(failed).toMatchObject({ failed: told, stored: 12_345, bodyEnded: true })
        expect(next).toMatchObject({ length: 12_355, stored: 12_355 })
        await expectBytes(store, key, Buffer.concat([Buffer.alloc(12_345, 1), Buffer.alloc(10, 1)]))
      },
    )
  }

  test('fails late in a long append: back to the last durable length', async () => {
    const store = await fileBlobStore(root, NO_RESERVE)
    const key = store.begin()
    await store.append(key, 0, pieces(Buffer.alloc(100), 100))
    const steps: ChildStep[] = [{ key, offset: 100, size: SYNC_EVERY + 20 * MIB, chunk: MIB }]
    const env = { BERTH_FAILPOINTS: 'blob.after-datasync=2*error:EIO' }
    const [failed] = outcomes(await run(childArgv(steps), { env }))
    expect(failed).toMatchObject({ failed: 'EIO' })
    expect(failed?.durable).toHaveLength(1)
    expect(failed?.stored).toBe(failed?.durable[0] as number)
  })

  test.each(POINTS)('a kill at %s is repaired by the next append', async (point) => {
    const store = await fileBlobStore(root, NO_RESERVE)
    const key = store.begin()
    const steps: ChildStep[] = [{ key, offset: 0, size: SIZE, chunk: 100_000 }]
    const killed = await tryRun(childArgv(steps), { env: { BERTH_FAILPOINTS: `${point}=kill` } })
    expect(killed.stdout).toBe('')
    expect(killed.code).not.toBe(0)
    expect(await store.append(key, 0, pieces(Buffer.from('better luck this time'), 4))).toBe(21)
    await expectBytes(store, key, Buffer.from('better luck this time'))
  })

  test('takes no writes: the check says why, and is well again afterwards', async () => {
    let now = 1_000_000
    const store = await fileBlobStore(root, { ...NO_RESERVE, clock: { now: () => now } })
    await mkdir(join(root, 'probe'))
    expect(await rejection(store.check())).toMatchObject({ code: 'EISDIR' })
    await run(['rmdir', join(root, 'probe')])
    await store.check()
    await mkdir(join(root, 'probe'))
    now += 4999
    await store.check()
    now += 1
    expect(await rejection(store.check())).toMatchObject({ code: 'EISDIR' })
  })
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
    expect(large.length).toBeGreaterThanOrEqual(32)
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
