import { randomUUID } from 'node:crypto'
import type { ObjectKey } from '../core/names.ts'
import type { BlobStore } from './blob.ts'
import { tooShort, uploadLost } from './blob-errors.ts'

/** Blobs in this process's memory, gone with it: for tests and trials. */
export function memoryBlobStore(): BlobStore {
  const objects = new Map<ObjectKey, Uint8Array>()

  return {
    identity: randomUUID(),

    begin: () => randomUUID() as string as ObjectKey,

    async append(key, offset, body) {
      const held = objects.get(key)?.byteLength ?? 0
      if (held < offset) throw uploadLost(offset, held)
      const parts = [objects.get(key)?.subarray(0, offset) ?? EMPTY]
      try {
        // A chunk may be used again by its sender, so it is copied.
        for await (const chunk of body) parts.push(new Uint8Array(chunk))
      } finally {
        objects.set(key, Buffer.concat(parts))
      }
      return objects.get(key)?.byteLength ?? 0
    },

    async seal(key, size) {
      const object = objects.get(key)
      if (object === undefined || object.byteLength < size) throw tooShort(key, size, object?.byteLength)
      if (object.byteLength > size) objects.set(key, object.subarray(0, size))
    },

    stat: (key) => objects.get(key)?.byteLength,

    open(key, size, span) {
      const object = objects.get(key)
      if (object?.byteLength !== size) return undefined
      return { kind: 'bytes', bytes: object.subarray(span.start, span.end) }
    },

    async *read(key, length) {
      const object = objects.get(key) ?? EMPTY
      if (object.byteLength < length) throw uploadLost(length, object.byteLength)
      if (length > 0) yield object.subarray(0, length)
    },

    async delete(key) {
      objects.delete(key)
    },

    async *list() {
      yield* [...objects.keys()]
    },

    reserve: async () => {},
    check: async () => {},
    close: async () => {},
  }
}

const EMPTY = new Uint8Array(0)
