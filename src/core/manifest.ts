import type { Digest } from './digest.ts'

/** One thing a manifest lists, once per digest. */
export interface ManifestReference {
  readonly digest: Digest
  /** Bytes, as the descriptor claims. */
  readonly size: number
  /** `blob`: config or layer. `child`: listed by an index – a manifest, or a blob where none has that digest (M15). */
  readonly kind: 'blob' | 'child'
  /** Fetched from elsewhere (`urls`, non-distributable types): need not be in the registry. */
  readonly foreign: boolean
}

/** What the registry must know of a manifest; the bytes themselves are kept as they came. */
export interface ManifestFacts {
  readonly mediaType: string
  readonly shape: 'image' | 'index'
  /** Distinct by digest, in the order of their digests (locks are taken in that order). */
  readonly references: readonly ManifestReference[]
  readonly subject?: Digest
  /** As referrers lists tell it: the manifest's own, else an image's config type, else none (R3). */
  readonly artifactType?: string
  /** The annotations as JSON text; only kept for manifests with a subject. */
  readonly annotations?: string
}
