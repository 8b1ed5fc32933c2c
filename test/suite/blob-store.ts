import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { isRefusal } from '../../src/core/errors.ts'
import type { ObjectKey } from '../../src/core/names.ts'
import type { Span } from '../../src/core/registry.ts'
import type { BlobStore } from '../../src/store/blob.ts'
import { blobStoreModel } from './blob-store-model.ts'
import { pieces, rejection, together } from './bytes.ts'

export interface BlobStoreUnderTest {
  readonly store: BlobStore
  /** What stands in storage besides whole objects and the store's own furniture. */
  leftovers(): Promise<string[]>
  dispose(): Promise<void>
}

const KIB = 1024
const MIB = 1024 * KIB

/** Sizes at which a store that gathers and cuts could go wrong by one. */
const SIZES = [
  ['nothing', 0],
  ['one byte', 1],
  ['a page less one', 4 * KIB - 1],
  ['a page', 4 * KIB],
  ['a page and one', 4 * KIB + 1],
  ['a buffer less one', MIB - 1],
  ['a buffer', MIB],
  ['a buffer and one', MIB + 1],
  ['two buffers', 2 * MIB],
  ['five buffers and a bit', 5 * MIB + 12_345],
] as const

/** What a body that breaks gave before. */
const BREAKS = [0, 1, 4096, MIB - 1, MIB, MIB + 1, 3 * MIB + 7] as const

/** What every blob store must do. A case returns the keys it leaves; nothing else may be there. */
export function blobStoreSuite(name: string, make: () => Promise<BlobStoreUnderTest>): void {
  describe(`blob store: ${name}`, () => {
    let made: BlobStoreUnderTest
    beforeAll(async () => {
      made = await make()
    })
    afterAll(async () => {
      await made.dispose()
    })

    function check(title: string, run: (store: BlobStore) => Promise<readonly ObjectKey[]>): void {
      test(title, async () => {
        try {
          const left = await run(made.store)
          expect((await listed(made.store)).sort()).toEqual([...left].sort())
        } finally {
          // One case's leftovers must not fail the next one.
          for await (const key of made.store.list()) await made.store.delete(key)
        }
        expect(await made.leftovers()).toEqual([])
      })
    }

    describe('append and seal', () => {
      for (const [what, size] of SIZES) {
        check(`${what}, in one chunk`, async (store) => {
          const bytes = randomBytes(size)
          return [await stored(store, bytes, size)]
        })
        check(`${what}, in chunks of 65,537 bytes`, async (store) => {
          return [await stored(store, randomBytes(size), 65_537)]
        })
      }

      check('many chunks of one byte', async (store) => [await stored(store, randomBytes(20_000), 1)])

      check('one chunk of many buffers', async (store) => {
        const bytes = randomBytes(9 * MIB + 1)
        return [await stored(store, bytes, bytes.byteLength)]
      })

      check('empty chunks between others', async (store) => {
        const key = store.begin()
        const parts = ['', 'a', '', '', 'bc', ''].map((text) => Buffer.from(text))
        expect(await store.append(key, 0, given(parts))).toBe(3)
        await expectBytes(store, key, Buffer.from('abc'))
        return [key]
      })

      check('a chunk may be used again by its sender once the next is asked for', async (store) => {
        const key = store.begin()
        const shared = Buffer.alloc(100_000)
        async function* body() {
          for (let at = 0; at < 40; at++) yield shared.fill(at)
        }
        expect(await store.append(key, 0, body())).toBe(4_000_000)
        const expected = Buffer.concat(Array.from({ length: 40 }, (_, at) => Buffer.alloc(100_000, at)))
        await expectBytes(store, key, expected)
        return [key]
      })

      check('a body in several appends', async (store) => {
        const bytes = randomBytes(3 * MIB)
        const key = store.begin()
        for (const [from, to] of [
          [0, 10],
          [10, 11],
          [11, MIB + 11],
          [MIB + 11, 3 * MIB],
        ] as const) {
          expect(await store.append(key, from, pieces(bytes.subarray(from, to), 300_000))).toBe(to)
          expect(await store.stat(key)).toBe(to)
        }
        await store.seal(key, bytes.byteLength)
        await expectBytes(store, key, bytes)
        return [key]
      })

      check('an append of nothing leaves the object as it is', async (store) => {
        const key = store.begin()
        await store.append(key, 0, pieces(Buffer.from('abc'), 3))
        expect(await store.append(key, 3, pieces(Buffer.alloc(0), 1))).toBe(3)
        await expectBytes(store, key, Buffer.from('abc'))
        return [key]
      })

      check('what stands behind the offset is cut off', async (store) => {
        const key = store.begin()
        await store.append(key, 0, pieces(randomBytes(2 * MIB), MIB))
        expect(await store.append(key, 0, pieces(Buffer.from('hello '), 2))).toBe(6)
        expect(await store.append(key, 6, pieces(Buffer.from('torn tail'), 9))).toBe(15)
        expect(await store.append(key, 6, pieces(Buffer.from('you'), 1))).toBe(9)
        await expectBytes(store, key, Buffer.from('hello you'))
        return [key]
      })

      check('an append of nothing cuts, too', async (store) => {
        const key = store.begin()
        await store.append(key, 0, pieces(Buffer.from('hello torn tail'), 15))
        expect(await store.append(key, 5, pieces(Buffer.alloc(0), 1))).toBe(5)
        await expectBytes(store, key, Buffer.from('hello'))
        return [key]
      })

      check('an append behind the end is refused and changes nothing', async (store) => {
        const key = store.begin()
        await store.append(key, 0, pieces(Buffer.from('abc'), 3))
        const error = await rejection(store.append(key, 4, pieces(Buffer.from('x'), 1)))
        expect(isRefusal(error, 'upload-unknown')).toBe(true)
        await expectBytes(store, key, Buffer.from('abc'))
        return [key]
      })

      check('an append to an absent object is refused and makes none', async (store) => {
        const key = store.begin()
        const error = await rejection(store.append(key, 1, pieces(Buffer.from('x'), 1)))
        expect(isRefusal(error, 'upload-unknown')).toBe(true)
        expect(await store.stat(key)).toBeUndefined()
        return []
      })

      check('appends to many objects at once do not mix', async (store) => {
        const bodies = Array.from({ length: 24 }, (_, at) => randomBytes(at * 150_001))
        const keys = await Promise.all(bodies.map((bytes, at) => stored(store, bytes, 10_000 + at)))
        await Promise.all(bodies.map((bytes, at) => expectBytes(store, keys[at] as ObjectKey, bytes)))
        return keys
      })

      check('far more slow appends than large buffers', async (store) => {
        const gate = Promise.withResolvers<void>()
        const bytes = randomBytes(300_000)
        async function* slow() {
          yield bytes.subarray(0, 100_000)
          await gate.promise
          yield bytes.subarray(100_000)
        }
        const keys = Array.from({ length: 150 }, () => store.begin())
        const all = Promise.all(keys.map((key) => store.append(key, 0, slow())))
        gate.resolve()
        expect(new Set(await all)).toEqual(new Set([300_000]))
        for (const key of keys) await expectBytes(store, key, bytes)
        return keys
      })

      check('a long body of announced size, resumed at an odd byte', async (store) => {
        const bytes = randomBytes(45 * MIB + 777)
        const key = store.begin()
        const parts = [0, 1_000_001, 38 * MIB + 13, bytes.byteLength] as const
        for (const [at, from] of parts.entries()) {
          const part = bytes.subarray(from, parts[at + 1])
          const length = await store.append(key, from, pieces(part, 512 * KIB), { size: part.byteLength })
          expect(length).toBe(from + part.byteLength)
        }
        await expectBytes(store, key, bytes)
        return [key]
      })

      check('a body far from its announced size', async (store) => {
        const bytes = randomBytes(3 * MIB + 1)
        const key = store.begin()
        expect(await store.append(key, 0, pieces(bytes, 100_000), { size: 1e12 })).toBe(3 * MIB + 1)
        await expectBytes(store, key, bytes)
        return [key]
      })

      check('tells from time to time how much is durable', async (store) => {
        const key = store.begin()
        const chunk = randomBytes(MIB)
        async function* body() {
          for (let at = 0; at < 150; at++) yield chunk
        }
        const told: number[] = []
        const length = await store.append(key, 0, body(), {
          onDurable: async (durable) => {
            const size = await store.stat(key)
            expect(size).toBeGreaterThanOrEqual(durable)
            told.push(durable)
          },
        })
        expect(length).toBe(150 * MIB)
        expect(told).toEqual([...told].sort((a, b) => a - b))
        for (const durable of told) expect(durable).toBeLessThanOrEqual(length)
        return [key]
      })
    })

    describe('bodies that break', () => {
      for (const size of BREAKS) {
        check(`after ${size} bytes: those are kept, the error goes on`, async (store) => {
          const key = store.begin()
          const bytes = randomBytes(size)
          const error = new Error('the line broke')
          expect(await rejection(store.append(key, 0, broken(bytes, error)))).toBe(error)
          expect(await store.stat(key)).toBe(size)
          await expectBytes(store, key, bytes)
          return [key]
        })
        check(`after ${size} bytes of a resumed upload`, async (store) => {
          const key = store.begin()
          const head = randomBytes(70_000)
          const tail = randomBytes(size)
          await store.append(key, 0, pieces(together(head, Buffer.from('torn')), MIB))
          const error = new Error('the line broke')
          expect(await rejection(store.append(key, head.byteLength, broken(tail, error)))).toBe(error)
          await expectBytes(store, key, together(head, tail))
          const rest = randomBytes(1000)
          const at = head.byteLength + size
          expect(await store.append(key, at, pieces(rest, 100))).toBe(at + 1000)
          await expectBytes(store, key, together(head, tail, rest))
          return [key]
        })
      }
    })

    describe('seal', () => {
      check('cuts what is longer', async (store) => {
        const key = store.begin()
        const bytes = randomBytes(100_000)
        await store.append(key, 0, pieces(bytes, 30_000))
        await store.seal(key, 99_999)
        await expectBytes(store, key, bytes.subarray(0, 99_999))
        await store.seal(key, 0)
        expect(await store.stat(key)).toBe(0)
        return [key]
      })

      check('rejects what is shorter and leaves it alone', async (store) => {
        const key = store.begin()
        await store.append(key, 0, pieces(Buffer.from('abc'), 3))
        expect(String(await rejection(store.seal(key, 4)))).toContain('has 3 bytes')
        await expectBytes(store, key, Buffer.from('abc'))
        return [key]
      })

      check('rejects what is not there and makes nothing', async (store) => {
        expect(String(await rejection(store.seal(store.begin(), 0)))).toContain('is not stored')
        return []
      })

      check('may be repeated', async (store) => {
        const key = await stored(store, randomBytes(10), 10)
        await store.seal(key, 10)
        await store.seal(key, 10)
        expect(await store.stat(key)).toBe(10)
        return [key]
      })
    })

    describe('keys', () => {
      check('are UUIDs and never the same', async (store) => {
        const keys = Array.from({ length: 2000 }, () => store.begin())
        expect(new Set(keys).size).toBe(2000)
        for (const key of keys) {
          expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        }
        return []
      })

      check('begin stores nothing', async (store) => {
        const key = store.begin()
        expect(await store.stat(key)).toBeUndefined()
        return []
      })

      check('list gives every object once, sealed or not', async (store) => {
        const keys = await Promise.all(Array.from({ length: 300 }, () => stored(store, Buffer.from('x'), 1)))
        const open = store.begin()
        await store.append(open, 0, pieces(Buffer.from('y'), 1))
        return [...keys, open]
      })

      check('a list that is given up early leaves nothing open', async (store) => {
        const keys = [await stored(store, Buffer.from('x'), 1), await stored(store, Buffer.from('y'), 1)]
        for await (const key of store.list()) {
          expect(keys).toContain(key)
          break
        }
        return keys
      })
    })

    describe('delete', () => {
      check('removes one object and no other', async (store) => {
        const [gone, kept] = [
          await stored(store, Buffer.from('x'), 1),
          await stored(store, Buffer.from('y'), 1),
        ]
        await store.delete(gone)
        expect(await store.stat(gone)).toBeUndefined()
        await expectBytes(store, kept, Buffer.from('y'))
        return [kept]
      })

      check('twice, and of what never was', async (store) => {
        const key = await stored(store, Buffer.from('x'), 1)
        await store.delete(key)
        await store.delete(key)
        await store.delete(store.begin())
        return []
      })

      check('of an unfinished object', async (store) => {
        const key = store.begin()
        await store.append(key, 0, pieces(randomBytes(MIB), 1000))
        await store.delete(key)
        const error = await rejection(store.append(key, MIB, pieces(Buffer.from('x'), 1)))
        expect(isRefusal(error, 'upload-unknown')).toBe(true)
        return []
      })
    })

    describe('reading', () => {
      check('any span', async (store) => {
        const bytes = randomBytes(100_003)
        const key = await stored(store, bytes, 7000)
        const size = bytes.byteLength
        for (const [start, end] of [
          [0, 0],
          [0, 1],
          [0, size],
          [size - 1, size],
          [size, size],
          [4095, 4097],
          [50_000, 99_999],
        ] as const) {
          const got = await contentOf(store, key, { start, end })
          expect(got.equals(bytes.subarray(start, end))).toBe(true)
        }
        return [key]
      })

      check('an unfinished object from its start, up to a length', async (store) => {
        const bytes = randomBytes(2 * MIB + 5)
        const key = store.begin()
        await store.append(key, 0, pieces(bytes, MIB))
        for (const length of [0, 1, MIB, 2 * MIB + 4, 2 * MIB + 5]) {
          expect((await readAll(store, key, length)).equals(bytes.subarray(0, length))).toBe(true)
        }
        return [key]
      })

      check('more than there is is refused', async (store) => {
        const key = store.begin()
        await store.append(key, 0, pieces(Buffer.from('abc'), 3))
        expect(isRefusal(await rejection(readAll(store, key, 4)), 'upload-unknown')).toBe(true)
        expect(isRefusal(await rejection(readAll(store, store.begin(), 1)), 'upload-unknown')).toBe(true)
        return [key]
      })

      check('may stop early', async (store) => {
        const key = await stored(store, randomBytes(3 * MIB), MIB)
        for await (const chunk of store.read(key, 3 * MIB)) {
          expect(chunk.byteLength).toBeGreaterThan(0)
          break
        }
        return [key]
      })

      check('nothing at all', async (store) => {
        expect(await readAll(store, store.begin(), 0)).toHaveLength(0)
        return []
      })
    })

    check('is writable, and says so again', async (store) => {
      await store.check()
      await store.check()
      await store.reserve()
      return []
    })

    check('random histories agree with a model', async (store) => {
      await blobStoreModel(store)
      return []
    })
  })
}

async function listed(store: BlobStore): Promise<ObjectKey[]> {
  return Array.fromAsync(store.list())
}

/** Stores bytes and looks at them again. */
async function stored(store: BlobStore, bytes: Buffer, chunk: number): Promise<ObjectKey> {
  const key = store.begin()
  expect(await store.append(key, 0, pieces(bytes, chunk))).toBe(bytes.byteLength)
  await store.seal(key, bytes.byteLength)
  expect(await store.stat(key)).toBe(bytes.byteLength)
  await expectBytes(store, key, bytes)
  return key
}

/** The bytes of a span, however the store gives them. */
export async function contentOf(store: BlobStore, key: ObjectKey, span: Span): Promise<Buffer> {
  const size = await store.stat(key)
  if (size === undefined) throw new Error(`there is no object ${key}`)
  expect(store.open(key, size + 1, span)).toBeUndefined()
  const content = store.open(key, size, span)
  if (content === undefined) throw new Error(`the object ${key} of ${size} bytes was not opened`)
  if (content.kind === 'bytes') return Buffer.from(content.bytes)
  if (content.kind !== 'file') throw new Error(`this suite cannot read a ${content.kind}`)
  expect(content.span).toEqual(span)
  return Buffer.from(await Bun.file(content.path).slice(span.start, span.end).arrayBuffer())
}

async function readAll(store: BlobStore, key: ObjectKey, length: number): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.read(key, length)))
}

/** Expects an object to be exactly these bytes, on both ways of reading it. */
export async function expectBytes(store: BlobStore, key: ObjectKey, bytes: Uint8Array): Promise<void> {
  expect(await store.stat(key)).toBe(bytes.byteLength)
  const content = await contentOf(store, key, { start: 0, end: bytes.byteLength })
  expect(content.equals(bytes)).toBe(true)
  expect((await readAll(store, key, bytes.byteLength)).equals(bytes)).toBe(true)
}

async function* given(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function* broken(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array> {
  yield* pieces(bytes, 200_000)
  throw error
}
