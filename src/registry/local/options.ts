import type { Clock } from '../../core/clock.ts'
import type { ManifestLimits } from '../../core/manifest-reader.ts'
import type { BlobStore } from '../../store/blob.ts'
import type { MetadataStore, Sparse } from '../../store/meta/store.ts'

/** Limits of the local registry; each has its default in `config.ts`. */
export interface LocalLimits extends ManifestLimits {
  /** Levels of indexes in indexes, the outermost counted. */
  readonly maxIndexDepth: number
  /** Bytes of one blob; Infinity for none. */
  readonly maxBlobBytes: number
  /** Open upload sessions of one repository. */
  readonly maxUploadsPerRepo: number
  /** Open upload sessions of one actor. */
  readonly maxUploadsPerOwner: number
  /** ms a session lives after its last byte. */
  readonly uploadTtl: number
  /** ms that unreferenced content stays protected after upload, mount, HEAD and removal. */
  readonly lease: number
  /** ms between a tombstone and the deletion of its bytes: longer than any download that began before. */
  readonly tombstoneDelay: number
}

export interface LocalOptions {
  readonly blobs: BlobStore
  readonly meta: MetadataStore
  readonly clock: Clock
  readonly limits: LocalLimits
  readonly sparse: Sparse
  /** Whether a look at a leased blob renews its lease (rule H); off where nobody may push. */
  readonly renewLeases: boolean
  /**
   * Where a whole body that is stored already must be held for its bytes to be hashed only, and not written: `anywhere` where everyone may
   * read everything; `in-repository` where a push must not tell by its speed what others hold (SE-2).
   */
  readonly shortcut: 'anywhere' | 'in-repository'
  /** Whether the audit is told that a push made a repository, and whose it was: where there are accounts. */
  readonly audit: boolean
  /** Told of a blob whose object is lost or short, so that someone can be woken. */
  readonly onLost?: (lost: {
    /** Of the request that met it. */
    id: string
    digest: string
    key: string
    expected: number
    actual: number | undefined
  }) => void
}
