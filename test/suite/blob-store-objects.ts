import { describe, expect } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { isRefusal } from '../../src/core/errors.ts'
import { type Check, contentOf, expectBytes, MIB, readAll, stored } from './blob-store-case.ts'
import { pieces, rejection } from './bytes.ts'

/** What must hold for objects once there are some: sealing, listing, deleting, reading. */
export function objectCases(check: Check): void {
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
}
