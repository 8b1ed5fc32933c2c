import type { Visible } from '../../core/access.ts'
import { type Digest, tryParseDigest } from '../../core/digest.ts'
import { fitsGlob } from '../../core/glob.ts'
import { LIBRARY, type Reference, type RepoName, type Tag } from '../../core/names.ts'
import type { Manifest, Page, PageRequest, Referrer, SearchHit } from '../../core/registry.ts'
import {
  firstOf,
  linkBlob,
  queue,
  queueBlob,
  type Repository,
  removeManifest,
  repositoryOf,
  type State,
  type StoredManifest,
} from './memory-state.ts'
import { meets } from './push-manifest.ts'
import { fitting } from './read.ts'
import { refuseUnstorable } from './schema.ts'
import { MIN_SUBSTRING, SEARCH_CANDIDATES, searchTerm } from './search.ts'
import type { ContentIndex, PushManifest, PushManifestOutcome, Queued } from './store.ts'

/** Repositories, manifests, tags and links in memory. */
export function memoryContent(state: State): ContentIndex {
  const find = (repo: RepoName, reference: Reference): (Manifest & Queued) | undefined => {
    const repository = state.repositories.get(repo)
    const digest = 'tag' in reference ? repository?.tags.get(reference.tag) : reference.digest
    const manifest = digest && repository?.manifests.get(digest)
    if (!manifest) return undefined
    const { mediaType, bytes } = manifest
    const queued = state.manifestQueue.get(`${repo}@${manifest.digest}`)
    return {
      ...{ digest: manifest.digest, mediaType, size: bytes.byteLength, bytes },
      ...(queued && { reviewAfter: queued.reviewAfter }),
    }
  }
  const listed = (visible: Visible = 'everything') =>
    [...state.repositories]
      .filter(([name, repository]) => repository.published && isVisible(name, visible))
      .map(([name]) => name)

  return {
    async findBlob(repo, digest) {
      const link = state.repositories.get(repo)?.links.get(digest)
      const blob = state.blobs.get(digest)
      return link && blob && { size: blob.size, key: blob.key, leaseUntil: link.lease }
    },
    async findObject(digest) {
      const blob = state.blobs.get(digest)
      return blob && { size: blob.size, key: blob.key }
    },
    async findManifest(repo, reference) {
      const manifest = find(repo, reference)
      if (manifest === undefined) return undefined
      const { bytes: _, ...info } = manifest
      return info
    },
    readManifest: async (repo, reference) => find(repo, reference),
    hasRepository: async (repo) => state.repositories.get(repo)?.published ?? false,
    listRepositories: async (request, visible) => pageOf(listed(visible), request),
    async listTags(repo, request) {
      const repository = state.repositories.get(repo)
      return repository?.published ? pageOf([...repository.tags.keys()], request) : undefined
    },
    async listReferrers(repo, subject, request) {
      const manifests = [...(state.repositories.get(repo)?.manifests.values() ?? [])]
      const matching = manifests.filter(
        ({ facts }) =>
          facts.subject === subject && (request.artifactTypes?.includes(facts.artifactType ?? '') ?? true),
      )
      const last = tryParseDigest(request.last ?? '') ?? ''
      const behind = matching.filter(({ digest }) => digest > last).sort(byDigest)
      const sizes = behind.slice(0, request.limit + 1).map(({ bytes }) => ({ size: bytes.byteLength }))
      const count = Math.min(request.limit, fitting(sizes))
      return { items: behind.slice(0, count).map(referrer), more: behind.length > count }
    },
    async search({ query, limit, offset }, visible) {
      const candidates = rank(listed(visible), searchTerm(query))
      const hits = candidates.slice(offset, offset + limit).map(hit)
      return { hits, total: candidates.length }
    },

    async extendLease(repo, digest, until) {
      const link = state.repositories.get(repo)?.links.get(digest)
      if (link?.lease !== undefined) link.lease = Math.max(link.lease, until)
      return link !== undefined
    },
    async postponeReview(repo, digest, until) {
      const queued = state.manifestQueue.get(`${repo}@${digest}`)
      if (queued !== undefined) queued.reviewAfter = Math.max(queued.reviewAfter, until)
      return state.repositories.get(repo)?.manifests.has(digest) ?? false
    },
    async mountBlob({ repo, digest, from, now, grace }) {
      const sources = from === undefined ? [...state.repositories.values()] : [state.repositories.get(from)]
      const blob = state.blobs.get(digest)
      if (blob === undefined || !sources.some((source) => source?.links.has(digest))) return undefined
      linkBlob(state, repo, digest, now + grace)
      return { size: blob.size, key: blob.key }
    },
    pushManifest: async (push) => pushManifest(state, push),
    async deleteManifest({ repo, digest, now, grace }) {
      const repository = state.repositories.get(repo)
      if (repository === undefined) return { outcome: 'no-repository' }
      if (!repository.manifests.has(digest)) return { outcome: 'absent' }
      const by = firstOf(repository.manifests.values(), (other) => other.children.has(digest))
      if (by !== undefined) return { outcome: 'referenced', by }
      removeManifest(state, repo, digest, now + grace)
      return { outcome: 'deleted' }
    },
    async deleteTag({ repo, tag, now, grace }) {
      const repository = state.repositories.get(repo)
      if (repository === undefined) return { outcome: 'no-repository' }
      const digest = repository.tags.get(tag)
      if (digest === undefined) return { outcome: 'absent' }
      repository.tags.delete(tag)
      queue(state.manifestQueue, repo, digest, now + grace)
      return { outcome: 'deleted' }
    },
    async deleteBlob({ repo, digest, now, grace }) {
      const repository = state.repositories.get(repo)
      if (repository === undefined) return { outcome: 'no-repository' }
      if (!repository.links.has(digest)) return { outcome: 'absent' }
      const by = firstOf(repository.manifests.values(), (manifest) => manifest.blobs.has(digest))
      if (by !== undefined) return { outcome: 'referenced', by }
      repository.links.delete(digest)
      state.linkQueue.delete(`${repo}@${digest}`)
      queueBlob(state, digest, now + grace)
      return { outcome: 'deleted' }
    },
  }
}

/** Nothing here is public. */
function isVisible(name: RepoName, visible: Visible): boolean {
  if (visible === 'everything') return true
  const fits = (globs: readonly string[]) => globs.some((glob) => fitsGlob(name, glob))
  return fits(visible.granted) && (visible.within === undefined || fits(visible.within))
}

function pageOf<Name extends RepoName | Tag>(names: Name[], request: PageRequest): Page<Name> {
  const behind = names.filter((name) => name > (request.last ?? '')).sort()
  return { items: behind.slice(0, request.limit), more: behind.length > request.limit }
}

const byDigest = (a: StoredManifest, b: StoredManifest) => (a.digest < b.digest ? -1 : 1)

function referrer({ digest, mediaType, bytes, facts }: StoredManifest): Referrer {
  return {
    mediaType,
    digest,
    size: bytes.byteLength,
    ...(facts.artifactType && { artifactType: facts.artifactType }),
    ...(facts.annotations !== undefined && { annotations: facts.annotations }),
  }
}

function rank(names: RepoName[], term: string): RepoName[] {
  const short = (name: string) => (name.startsWith(LIBRARY) ? name.slice(LIBRARY.length) : name)
  const place = (name: RepoName) => {
    if (name === term || short(name) === term) return 0
    if (name.startsWith(term) || short(name).startsWith(term)) return 1
    return term.length >= MIN_SUBSTRING && name.includes(term) ? 2 : undefined
  }
  return names
    .filter((name) => place(name) !== undefined)
    .sort()
    .sort((a, b) => (place(a) ?? 0) - (place(b) ?? 0))
    .slice(0, SEARCH_CANDIDATES)
}

function hit(name: RepoName): SearchHit {
  return { name, description: '', stars: 0, pulls: 0, official: name.startsWith(LIBRARY) }
}

function pushManifest(state: State, push: PushManifest): PushManifestOutcome {
  refuseUnstorable(push.facts)
  const stands = state.repositories.get(push.repo)
  if (push.expect !== undefined) {
    const current = push.tags.map((tag) => stands?.tags.get(tag))
    if (current.length === 0) current.push(stands?.manifests.get(push.digest)?.digest)
    for (const digest of current)
      if (!meets(digest, push.expect)) return { outcome: 'unexpected', current: digest }
  }
  if (push.moveTags === false) {
    for (const tag of push.tags) {
      const current = stands?.tags.get(tag)
      if (current !== undefined && current !== push.digest) return { outcome: 'tag-exists', tag, current }
    }
  }

  const stored: StoredManifest = {
    digest: push.digest,
    mediaType: push.mediaType,
    bytes: push.bytes.slice(),
    facts: push.facts,
    blobs: new Set(),
    children: new Set(),
    waiting: new Map(),
  }
  const missing: Digest[] = []
  let wrongSize: { digest: Digest; actual: number; claimed: number } | undefined
  for (const { digest, size, kind, foreign } of push.facts.references) {
    const child = kind === 'child' ? stands?.manifests.get(digest) : undefined
    const blob = stands?.links.has(digest) ? state.blobs.get(digest) : undefined
    const actual = child?.bytes.byteLength ?? blob?.size
    if (actual === undefined) {
      if (foreign || push.sparse === 'all' || (push.sparse === 'index' && kind === 'child'))
        stored.waiting.set(digest, kind)
      else missing.push(digest)
      continue
    }
    if (actual !== size) wrongSize ??= { digest, actual, claimed: size }
    if (child) stored.children.add(digest)
    else stored.blobs.add(digest)
  }
  if (missing.length > 0) return { outcome: 'missing', digests: missing }
  if (wrongSize !== undefined) return { outcome: 'size', ...wrongSize }
  if (push.facts.shape === 'index' && !stands?.manifests.has(push.digest)) {
    const depth = levels(stands, stored) + levelsAbove(stands, push.digest)
    if (depth > (push.maxIndexDepth ?? Number.POSITIVE_INFINITY)) return { outcome: 'too-deep' }
  }

  const repository = repositoryOf(state, push.repo)
  if (!repository.manifests.has(push.digest)) insert(repository, stored)
  const after = push.now + push.grace
  if (push.tags.length === 0) queue(state.manifestQueue, push.repo, push.digest, after)
  for (const tag of push.tags) {
    const old = repository.tags.get(tag)
    if (old !== undefined && old !== push.digest) queue(state.manifestQueue, push.repo, old, after)
    repository.tags.set(tag, push.digest)
  }
  repository.published = true
  return { outcome: 'stored' }
}

/** How many indexes stand on the longest way down from this manifest, itself included. */
function levels(repository: Repository | undefined, manifest: StoredManifest): number {
  if (manifest.facts.shape !== 'index') return 0
  const below = [...manifest.children].map((digest) => repository?.manifests.get(digest))
  return 1 + Math.max(0, ...below.map((child) => (child ? levels(repository, child) : 0)))
}

/** How many stand on the longest way up from a manifest that is still waited for, or taken for a blob. */
function levelsAbove(repository: Repository | undefined, digest: Digest): number {
  const others = [...(repository?.manifests.values() ?? [])]
  const up = (lists: (other: StoredManifest) => boolean): number =>
    Math.max(
      0,
      ...others.filter(lists).map(({ digest: parent }) => 1 + up((other) => other.children.has(parent))),
    )
  return up((other) => other.blobs.has(digest) || other.waiting.get(digest) === 'child')
}

function insert(repository: Repository, stored: StoredManifest) {
  for (const blob of stored.blobs) repository.links.set(blob, { lease: undefined })
  for (const other of repository.manifests.values()) {
    const waited = other.waiting.get(stored.digest) === 'child' && other.waiting.delete(stored.digest)
    if (waited || other.blobs.has(stored.digest)) other.children.add(stored.digest)
  }
  repository.manifests.set(stored.digest, stored)
}
