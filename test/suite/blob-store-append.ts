import { describe, expect } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { isRefusal } from '../../src/core/errors.ts'
import type { ObjectKey } from '../../src/core/names.ts'
import { broken, type Check, expectBytes, given, KIB, MIB, stored } from './blob-store-case.ts'
import { pieces, rejection, together } from './bytes.ts'

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

/** What appending must do: whole bodies, pieces, torn tails, and bodies that break. */
export function appendCases(check: Check): void {
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
}
