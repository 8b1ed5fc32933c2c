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

/** An entry of the queues of manifests and links: a digest in a repository. */
export interface Queued {
  readonly repo: RepoName
  readonly digest: Digest
  reviewAfter: number
}

export interface State {
  /** Identity of the storage these are about. */
  storage: string | undefined
  readonly blobs: Map<Digest, { size: number; key: ObjectKey }>
  readonly repositories: Map<RepoName, Repository>
  readonly uploads: Map<UploadId, Upload>
  /** When each may be deleted. */
  readonly tombstones: Map<ObjectKey, number>
  /** What may have become garbage, by repository and digest. */
  readonly manifestQueue: Map<string, Queued>
  readonly linkQueue: Map<string, Queued>
  /** When each blob is reviewed. */
  readonly blobQueue: Map<Digest, number>
  readonly collected: { manifests: number; links: number; blobs: number; bytes: number }
}

export function newState(): State {
  return {
    storage: undefined,
    blobs: new Map(),
    repositories: new Map(),
    uploads: new Map(),
    tombstones: new Map(),
    manifestQueue: new Map(),
    linkQueue: new Map(),
    blobQueue: new Map(),
    collected: { manifests: 0, links: 0, blobs: 0, bytes: 0 },
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

/** Queues what may have become garbage; an entry that stands is only moved to a later time. */
export function queue(entries: Map<string, Queued>, repo: RepoName, digest: Digest, after: number) {
  const key = `${repo}@${digest}`
  const reviewAfter = Math.max(after, entries.get(key)?.reviewAfter ?? after)
  entries.set(key, { repo, digest, reviewAfter })
}

export function queueBlob(state: State, digest: Digest, after: number) {
  state.blobQueue.set(digest, Math.max(after, state.blobQueue.get(digest) ?? after))
}

/** Links a blob; it is leased, and queued, unless something references it or has waited for it. */
export function linkBlob(state: State, repo: RepoName, digest: Digest, leaseUntil: number) {
  const repository = repositoryOf(state, repo)
  const link = repository.links.get(digest)
  if (link === undefined) repository.links.set(digest, { lease: leaseUntil })
  else if (link.lease !== undefined) link.lease = Math.max(link.lease, leaseUntil)
  const waiting = [...repository.manifests.values()].filter((manifest) => manifest.waiting.delete(digest))
  for (const manifest of waiting) manifest.blobs.add(digest)
  if (waiting.length > 0) repository.links.set(digest, { lease: undefined })
  else queue(state.linkQueue, repo, digest, leaseUntil)
}

/** Deletes a manifest that no other lists: its links, children and referrers are queued. */
export function removeManifest(state: State, repo: RepoName, digest: Digest, after: number) {
  const repository = repositoryOf(state, repo)
  const manifest = repository.manifests.get(digest)
  if (manifest === undefined) return
  repository.manifests.delete(digest)
  for (const [tag, target] of repository.tags) if (target === digest) repository.tags.delete(tag)
  for (const blob of manifest.blobs) {
    if (firstOf(repository.manifests.values(), (other) => other.blobs.has(blob)) !== undefined) continue
    repository.links.set(blob, { lease: after })
    queue(state.linkQueue, repo, blob, after)
  }
  for (const child of manifest.children) queue(state.manifestQueue, repo, child, after)
  for (const other of repository.manifests.values())
    if (other.facts.subject === digest) queue(state.manifestQueue, repo, other.digest, after)
  state.manifestQueue.delete(`${repo}@${digest}`)
}

/** The oldest of those that fulfil a condition. */
export function firstOf(
  manifests: Iterable<StoredManifest>,
  condition: (manifest: StoredManifest) => boolean,
): Digest | undefined {
  for (const manifest of manifests) if (condition(manifest)) return manifest.digest
  return undefined
}
