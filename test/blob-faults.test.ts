import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileBlobStore } from '../src/store/blob-fs.ts'
import { SYNC_EVERY } from '../src/store/fs/append-writer.ts'
import { expectBytes } from './suite/blob-store-case.ts'
import { pieces, rejection } from './suite/bytes.ts'
import type { ChildOutcome, ChildStep } from './testbed/blob-child.ts'
import { describeNeeding } from './testbed/needs.ts'
import { run, tryRun } from './testbed/run.ts'
import { traced } from './testbed/strace.ts'
import { type TempFolder, tempFolder } from './testbed/temp.ts'

const MIB = 1024 * 1024
const NO_RESERVE = { reserveBytes: 0, reserveRatio: 0 }
const CHILD = join(import.meta.dirname, 'testbed/blob-child.ts')

let folder: TempFolder
let root: string
beforeEach(async () => {
  folder = await tempFolder()
  root = join(folder.path, 'blobs')
})
afterEach(() => folder[Symbol.asyncDispose]())

const argv = (steps: readonly ChildStep[]) => [process.execPath, CHILD, root, JSON.stringify(steps)]

function outcomes(stdout: string): ChildOutcome[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ChildOutcome)
}

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
      const calls = await traced(argv(STEPS), ['openat', 'pwrite64', 'write', 'fdatasync', 'fsync'])
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
      const calls = await traced(argv(steps), ['openat', 'pwrite64', 'write'])
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
      const calls = await traced(argv([]), ['mkdir', 'mkdirat', 'fsync', 'rename', 'renameat', 'renameat2'])
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
        const [failed, next] = outcomes(await run(argv(steps), { env }))
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
        const [failed, next] = outcomes(await run(argv(steps), { env }))
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
    const [failed] = outcomes(await run(argv(steps), { env }))
    expect(failed).toMatchObject({ failed: 'EIO' })
    expect(failed?.durable).toHaveLength(1)
    expect(failed?.stored).toBe(failed?.durable[0] as number)
  })

  test.each(POINTS)('a kill at %s is repaired by the next append', async (point) => {
    const store = await fileBlobStore(root, NO_RESERVE)
    const key = store.begin()
    const steps: ChildStep[] = [{ key, offset: 0, size: SIZE, chunk: 100_000 }]
    const killed = await tryRun(argv(steps), { env: { BERTH_FAILPOINTS: `${point}=kill` } })
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
