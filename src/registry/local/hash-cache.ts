import type { Hash } from 'node:crypto'
import { type Algorithm, newHash } from '../../core/digest.ts'
import type { UploadId } from '../../core/names.ts'
import type { BlobStore } from '../../store/blob.ts'
import type { UploadRow } from '../../store/meta/store.ts'

interface Kept {
  readonly algorithm: Algorithm
  readonly offset: number
  readonly hash: Hash
}

/**
 * Running hashes of open sessions between two requests, so that bytes are hashed once, while they arrive. Losing one – a restart,
 * another replica, too many sessions – costs reading the session's bytes again, never correctness (CO-8).
 */
export class HashCache {
  readonly #kept = new Map<UploadId, Kept>()
  readonly #capacity: number
  readonly #blobs: BlobStore

  constructor(blobs: BlobStore, capacity: number) {
    this.#blobs = blobs
    this.#capacity = capacity
  }

  /** Takes out the hash over the session's bytes so far, from memory or by reading them. */
  async take(row: UploadRow, algorithm: Algorithm): Promise<Hash> {
    const kept = this.#kept.get(row.id)
    this.#kept.delete(row.id)
    if (kept !== undefined && kept.offset === row.offset && kept.algorithm === algorithm) return kept.hash
    const hash = newHash(algorithm)
    if (row.offset > 0) for await (const chunk of this.#blobs.read(row.key, row.offset)) hash.update(chunk)
    return hash
  }

  /** Keeps a hash for the next chunk; the longest unused one makes room. */
  put(id: UploadId, algorithm: Algorithm, offset: number, hash: Hash): void {
    this.#kept.delete(id)
    this.#kept.set(id, { algorithm, offset, hash })
    if (this.#kept.size > this.#capacity) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest)
        break
      }
    }
  }

  drop(id: UploadId): void {
    this.#kept.delete(id)
  }
}
