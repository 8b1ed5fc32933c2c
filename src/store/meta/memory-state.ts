import type { Digest } from '../../core/digest.ts'
import type { ManifestFacts } from '../../core/manifest.ts'
import type { ObjectKey, RepoName, Tag, UploadId } from '../../core/names.ts'
import type { UploadRow } from './store.ts'

/* What the in-memory store holds. It is the model the databases are compared with, so it shares no statement with them. */

export interface Link {
  /** undefined: referenced. */
  lease: number | undefined
}

export interface StoredManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Uint8Array
  readonly facts: ManifestFacts
  readonly blobs: Set<Digest>
  readonly children: Set<Digest>
  /** References that have nothing behind them. */
  readonly waiting: Map<Digest, 'blob' | 'child'>
}

export interface Repository {
  published: boolean
  readonly links: Map<Digest, Link>
  readonly manifests: Map<Digest, StoredManifest>
  readonly tags: Map<Tag, Digest>
}

export type Upload = { -readonly [Field in keyof UploadRow]: UploadRow[Field] } & { expiresAt: number }

export interface State {
  /** Identity of the storage these are about. */
  storage: string | undefined
  readonly blobs: Map<Digest, { size: number; key: ObjectKey }>
  readonly repositories: Map<RepoName, Repository>
  readonly uploads: Map<UploadId, Upload>
  /** When each may be deleted. */
  readonly tombstones: Map<ObjectKey, number>
}

export function newState(): State {
  return {
    storage: undefined,
    blobs: new Map(),
    repositories: new Map(),
    uploads: new Map(),
    tombstones: new Map(),
  }
}

export function repositoryOf(state: State, name: RepoName): Repository {
  let repository = state.repositories.get(name)
  if (repository === undefined) {
    repository = { published: false, links: new Map(), manifests: new Map(), tags: new Map() }
    state.repositories.set(name, repository)
  }
  return repository
}

export function bury(state: State, key: ObjectKey, deleteAfter: number) {
  if (!state.tombstones.has(key)) state.tombstones.set(key, deleteAfter)
}

/** Links a blob; it is leased unless something references it or has waited for it. */
export function linkBlob(repository: Repository, digest: Digest, leaseUntil: number) {
  const link = repository.links.get(digest)
  if (link === undefined) repository.links.set(digest, { lease: leaseUntil })
  else if (link.lease !== undefined) link.lease = Math.max(link.lease, leaseUntil)
  for (const manifest of repository.manifests.values()) {
    if (!manifest.waiting.delete(digest)) continue
    manifest.blobs.add(digest)
    repository.links.set(digest, { lease: undefined })
  }
}

/** The oldest of those that fulfil a condition. */
export function firstOf(
  manifests: Iterable<StoredManifest>,
  condition: (manifest: StoredManifest) => boolean,
): Digest | undefined {
  for (const manifest of manifests) if (condition(manifest)) return manifest.digest
  return undefined
}
