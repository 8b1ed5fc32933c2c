import type { Digest } from '../../core/digest.ts'
import type { CollectionStore, GarbagePreview, Reviewed } from './lifecycle-store.ts'
import { bury, firstOf, type Queued, queue, queueBlob, removeManifest, type State } from './memory-state.ts'

/* G1 to G3 in memory. Tags have no history here, nothing is protected and no repository is deleted, so nothing of that keeps anything. */

/** Collection over the metadata in memory. */
export function memoryCollection(state: State): CollectionStore {
  return {
    reviewManifests: async (review) => reviewManifests(state, review),
    reviewLinks: async (review) => reviewLinks(state, review),
    reviewBlobs: async (review) => reviewBlobs(state, review),
    purgeRepositories: async () => ({ reviewed: 0, deleted: 0, bytes: 0, more: false }),
    sweepHistory: async () => 0,
    async garbageState(now) {
      const times = [...state.manifestQueue.values(), ...state.linkQueue.values()].map(
        ({ reviewAfter }) => reviewAfter,
      )
      const late = [...times, ...state.blobQueue.values()].filter((time) => time <= now)
      return {
        manifests: state.manifestQueue.size,
        links: state.linkQueue.size,
        blobs: state.blobQueue.size,
        objects: state.tombstones.size,
        oldestDue: late.length === 0 ? undefined : Math.min(...late),
        collected: { ...state.collected },
      }
    },
    async isCollectionDue({ now }) {
      const entries = [...state.manifestQueue.values(), ...state.linkQueue.values()]
      const times = [...entries.map(reviewAfter), ...state.blobQueue.values()]
      return times.some((time) => time <= now)
    },
    previewGarbage: async () => preview(state),
  }
}

type Review = Parameters<CollectionStore['reviewManifests']>[0]

function due<Key, Entry>(
  entries: Map<Key, Entry>,
  time: (entry: Entry) => number,
  { now, limit }: { readonly now: number; readonly limit: number },
): [Key, Entry][] {
  return [...entries]
    .filter(([, entry]) => time(entry) <= now)
    .sort(([, a], [, b]) => time(a) - time(b))
    .slice(0, limit)
}

const reviewAfter = (entry: Queued) => entry.reviewAfter

/** Whether a tag, a parent or a subject keeps a manifest. */
function isKept(state: State, { repo, digest }: Queued): boolean {
  const repository = state.repositories.get(repo)
  const manifest = repository?.manifests.get(digest)
  if (repository === undefined || manifest === undefined) return true
  const { subject } = manifest.facts
  return (
    [...repository.tags.values()].includes(digest) ||
    firstOf(repository.manifests.values(), (other) => other.children.has(digest)) !== undefined ||
    (subject !== undefined && repository.manifests.has(subject))
  )
}

function reviewManifests(state: State, review: Omit<Review, 'undo'>): Reviewed {
  const entries = due(state.manifestQueue, reviewAfter, review)
  const garbage = entries.filter(([, entry]) => !isKept(state, entry)).map(([, entry]) => entry)
  for (const [key] of entries) state.manifestQueue.delete(key)
  for (const { repo, digest } of garbage) removeManifest(state, repo, digest, review.now + review.grace)
  state.collected.manifests += garbage.length
  return {
    reviewed: entries.length,
    deleted: garbage.length,
    bytes: 0,
    more: entries.length > 0 && entries.length >= review.limit,
  }
}

function reviewLinks(state: State, review: Omit<Review, 'undo'>): Reviewed {
  const entries = due(state.linkQueue, reviewAfter, review)
  let deleted = 0
  for (const [key, { repo, digest }] of entries) {
    state.linkQueue.delete(key)
    const repository = state.repositories.get(repo)
    const link = repository?.links.get(digest)
    if (repository === undefined || link?.lease === undefined) continue
    if (link.lease > review.now) {
      queue(state.linkQueue, repo, digest, link.lease)
      continue
    }
    repository.links.delete(digest)
    queueBlob(state, digest, review.now + review.grace)
    deleted++
  }
  state.collected.links += deleted
  const { length } = entries
  return { reviewed: length, deleted, bytes: 0, more: length > 0 && length >= review.limit }
}

function reviewBlobs(
  state: State,
  review: { readonly now: number; readonly limit: number; readonly deleteAfter: number },
): Reviewed {
  const entries = due(state.blobQueue, (time) => time, review)
  const isLinked = (digest: Digest) =>
    [...state.repositories.values()].some((repository) => repository.links.has(digest))
  let deleted = 0
  let bytes = 0
  for (const [digest] of entries) {
    state.blobQueue.delete(digest)
    const blob = state.blobs.get(digest)
    if (blob === undefined || isLinked(digest)) continue
    state.blobs.delete(digest)
    bury(state, blob.key, review.deleteAfter)
    deleted++
    bytes += blob.size
  }
  state.collected.blobs += deleted
  state.collected.bytes += bytes
  const { length } = entries
  return { reviewed: length, deleted, bytes, more: length > 0 && length >= review.limit }
}

/** What it means to preview a collection: one is done, on a copy, until nothing is left to do. */
function preview(state: State): GarbagePreview {
  const copy = structuredClone(state)
  const forever = { now: Number.MAX_SAFE_INTEGER, limit: Number.MAX_SAFE_INTEGER, grace: 0 }
  let manifests = 0
  let links = 0
  const sizes = () =>
    [...copy.repositories.values()]
      .flatMap((repository) => [...repository.manifests.values()])
      .reduce((sum, manifest) => sum + manifest.bytes.byteLength, 0)
  const before = sizes()
  for (let round: Reviewed; (round = reviewManifests(copy, forever)).reviewed > 0; )
    manifests += round.deleted
  for (let round: Reviewed; (round = reviewLinks(copy, forever)).reviewed > 0; ) links += round.deleted
  const blobs = reviewBlobs(copy, { ...forever, deleteAfter: 0 })
  const bytes = before - sizes() + blobs.bytes
  return { manifests, links, blobs: blobs.deleted, bytes, complete: true, examples: [] }
}
