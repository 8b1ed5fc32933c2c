import type { BlobStore } from './store/blob.ts'
import type { MetadataStore } from './store/meta/store.ts'

/**
 * Makes sure that the database and the storage belong together: a restore gone half-way, or a second server with a storage of its own
 * on the same database, would otherwise serve what it has not, and heal it to the other's loss. Throws with a sentence.
 */
export async function pairStores(meta: MetadataStore, blobs: BlobStore, where: string): Promise<void> {
  const { identity } = blobs
  if ((await meta.pairStorage({ identity, empty: false })) === 'paired') return
  let empty = true
  for await (const _ of blobs.list()) {
    empty = false
    break
  }
  if ((await meta.pairStorage({ identity, empty })) === 'paired') return
  throw new Error(
    empty
      ? `the database knows blobs, but ${where} is empty: restore its blobs there, or start with a fresh database`
      : `${where} holds the blobs of another database: restore that database, or name another directory with --data`,
  )
}
