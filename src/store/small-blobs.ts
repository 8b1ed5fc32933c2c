import type { ObjectKey } from '../core/names.ts'
import type { BlobStore } from './blob.ts'

/** Larger objects are served better by the kernel, straight from the page cache. */
export const SMALL_BLOB_BYTES = 64 * 1024

/**
 * Keeps the bytes of the small objects that were loaded last – configurations and small layers are pulled most – so that answering
 * needs no file. Objects never change under their key, so nothing is ever stale; whether an object is still there is asked of the
 * store itself each time (`stat`), since a push relies on that answer.
 */
export function withSmallBlobs(store: BlobStore, maxBytes: number): BlobStore {
  const kept = new Map<ObjectKey, Uint8Array>()
  const loading = new Set<ObjectKey>()
  let bytes = 0

  async function load(key: ObjectKey, size: number): Promise<void> {
    loading.add(key)
    try {
      const chunks: Uint8Array[] = []
      for await (const chunk of store.read(key, size)) chunks.push(chunk)
      const object = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
      kept.set(key, object)
      bytes += object.byteLength
      for (const [oldest, held] of kept) {
        if (bytes <= maxBytes) break
        kept.delete(oldest)
        bytes -= held.byteLength
      }
    } catch {
      // It went away meanwhile; the file answers, or does not.
    } finally {
      loading.delete(key)
    }
  }

  return {
    ...store,
    open(key, size, span) {
      const object = kept.get(key)
      if (object !== undefined) return { kind: 'bytes', bytes: object.subarray(span.start, span.end) }
      if (size > 0 && size <= SMALL_BLOB_BYTES && !loading.has(key)) void load(key, size)
      return store.open(key, size, span)
    },
    async delete(key) {
      const object = kept.get(key)
      if (object !== undefined) {
        kept.delete(key)
        bytes -= object.byteLength
      }
      await store.delete(key)
    },
  }
}
