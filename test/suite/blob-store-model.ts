import { expect } from 'bun:test'
import fc from 'fast-check'
import type { ObjectKey } from '../../src/core/names.ts'
import type { BlobStore } from '../../src/store/blob.ts'
import { expectBytes } from './blob-store-case.ts'
import { pieces, rejection, together } from './bytes.ts'

const KEYS = 3
const MAX_PIECE = 1_200_000

/** One step of a history: what to do to which of a few objects. */
const step = fc.oneof(
  fc.record({
    do: fc.constant('append' as const),
    object: fc.nat(KEYS - 1),
    /** Where to go on, as a part of the length. */
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    size: fc.oneof(fc.nat(5000), fc.nat(MAX_PIECE)),
    chunk: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1000, max: MAX_PIECE })),
    breaks: fc.boolean(),
  }),
  fc.record({ do: fc.constant('seal' as const), object: fc.nat(KEYS - 1), less: fc.nat(3) }),
  fc.record({ do: fc.constant('delete' as const), object: fc.nat(KEYS - 1) }),
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Runs random histories over a few objects and compares the store with plain buffers after each step. */
export async function blobStoreModel(store: BlobStore): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const keys = Array.from({ length: KEYS }, () => store.begin())
      const model = new Map<ObjectKey, Buffer>()
      try {
        for (const [turn, each] of steps.entries())
          await play(store, model, keys[each.object] as ObjectKey, each, turn)
        for (const key of keys) {
          const expected = model.get(key)
          if (expected === undefined) expect(await store.stat(key)).toBeUndefined()
          else await expectBytes(store, key, expected)
        }
      } finally {
        for (const key of keys) await store.delete(key)
      }
    }),
    { numRuns: 60 },
  )
}

async function play(
  store: BlobStore,
  model: Map<ObjectKey, Buffer>,
  key: ObjectKey,
  each: Step,
  turn: number,
): Promise<void> {
  const held = model.get(key)
  if (each.do === 'delete') {
    await store.delete(key)
    model.delete(key)
  } else if (each.do === 'seal') {
    if (held === undefined || held.byteLength < each.less) {
      expect(await rejection(store.seal(key, (held?.byteLength ?? 0) + 1))).toBeInstanceOf(Error)
      return
    }
    const size = held.byteLength - each.less
    await store.seal(key, size)
    model.set(key, held.subarray(0, size))
    expect(await store.stat(key)).toBe(size)
  } else {
    const at = Math.floor(each.at * (held?.byteLength ?? 0))
    const bytes = Buffer.alloc(each.size, `turn ${turn} `)
    // Tiny chunks of a large body would only take time.
    const chunk = Math.max(each.chunk, Math.ceil(each.size / 2000))
    const error = new Error('the line broke')
    async function* body() {
      yield* pieces(bytes, chunk)
      if (each.do === 'append' && each.breaks) throw error
    }
    const appended = store.append(key, at, body())
    if (each.breaks) expect(await rejection(appended)).toBe(error)
    else expect(await appended).toBe(at + each.size)
    model.set(key, together(held?.subarray(0, at) ?? Buffer.alloc(0), bytes))
    expect(await store.stat(key)).toBe(at + each.size)
  }
}
