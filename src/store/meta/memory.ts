import type { UploadId } from '../../core/names.ts'
import type { CollectionStore } from './lifecycle-store.ts'
import { memoryCollection } from './memory-collect.ts'
import { memoryContent } from './memory-content.ts'
import { bury, linkBlob, newState, repositoryOf, type State, type Upload } from './memory-state.ts'
import type { FinishUpload, GarbageIndex, MetadataStore, UploadIndex } from './store.ts'

/** Metadata in memory: for tests, and the model that the databases must agree with. Every call is atomic; nothing lasts. */
export function memoryMetadata(): MetadataStore & CollectionStore {
  const state = newState()
  return {
    ...memoryContent(state),
    ...memoryUploads(state),
    ...memoryGarbage(state),
    ...memoryCollection(state),
    async pairStorage({ identity, empty }) {
      const free = state.storage === undefined || state.blobs.size === 0
      if (state.storage !== identity && empty && free) state.storage = identity
      return state.storage === identity ? 'paired' : 'other'
    },
    async check() {},
    async close() {},
  }
}

function memoryUploads(state: State): UploadIndex {
  const isOpen = (id: UploadId) => state.uploads.get(id)?.state === 'open'
  const open = () => [...state.uploads.values()].filter((upload) => upload.state === 'open')
  return {
    async openUpload(request) {
      const live = open().filter((upload) => upload.expiresAt > request.now)
      const count = (condition: (upload: Upload) => boolean) => live.filter(condition).length
      if (count(({ repo }) => repo === request.repo) >= request.maxPerRepo) return 'repo-limit'
      if (count(({ owner }) => owner === request.owner) >= request.maxPerOwner) return 'owner-limit'
      repositoryOf(state, request.repo)
      const { id, repo, owner, key, algorithm, expiresAt } = request
      state.uploads.set(id, {
        ...{ id, repo, owner, key, algorithm, expiresAt },
        ...{ offset: 0, state: 'open', committed: undefined },
      })
      return 'opened'
    },
    async findUpload(repo, id, owner, now) {
      const upload = state.uploads.get(id)
      if (upload === undefined || upload.repo !== repo || upload.owner !== owner) return undefined
      if (upload.expiresAt <= now) return undefined
      const { expiresAt: _, ...row } = upload
      return row
    },
    async advanceUpload({ id, from, to, expiresAt }) {
      const upload = state.uploads.get(id)
      if (upload === undefined || !isOpen(id) || upload.offset !== from) return false
      Object.assign(upload, { offset: to, expiresAt })
      return true
    },
    async finishUpload(finish) {
      const upload = state.uploads.get(finish.id)
      if (upload === undefined || !isOpen(finish.id) || upload.expiresAt <= finish.now)
        return { outcome: 'gone' }
      if (!storeBlob(state, finish, upload)) return { outcome: 'vanished' }
      const { digest, size, expiresAt } = finish
      linkBlob(state, upload.repo, digest, finish.now + finish.grace)
      Object.assign(upload, { state: 'committed', committed: { digest, size }, offset: size, expiresAt })
      return { outcome: 'finished' }
    },
    async abortUpload({ id, deleteAfter }) {
      const upload = state.uploads.get(id)
      if (upload === undefined || !isOpen(id)) return false
      bury(state, upload.key, deleteAfter)
      return state.uploads.delete(id)
    },
    async sweepUploads({ now, deleteAfter, limit }) {
      const over = [...state.uploads.values()]
        .filter((upload) => upload.expiresAt <= now)
        .sort((a, b) => a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : 1))
        .slice(0, limit)
      for (const upload of over) {
        if (upload.state === 'open') bury(state, upload.key, deleteAfter)
        state.uploads.delete(upload.id)
      }
      return over.length
    },
    countUploads: async () => open().length,
  }
}

/** Settles which object the digest is kept in, and buries the other; false when the one relied on is gone. */
function storeBlob(state: State, finish: FinishUpload, upload: Upload): boolean {
  const { digest, size, deleteAfter } = finish
  const blob = state.blobs.get(digest)
  if (finish.reuse !== undefined && blob?.key !== finish.reuse) return false
  if (blob === undefined) {
    state.blobs.set(digest, { size, key: upload.key })
  } else if (finish.reuse === undefined && blob.key === finish.replace) {
    state.blobs.set(digest, { size, key: upload.key })
    bury(state, blob.key, deleteAfter)
  } else {
    bury(state, upload.key, deleteAfter)
  }
  return true
}

function memoryGarbage(state: State): GarbageIndex {
  return {
    async dueTombstones(now, limit) {
      return [...state.tombstones]
        .filter(([, deleteAfter]) => deleteAfter <= now)
        .sort(([a, at], [b, bt]) => at - bt || (a < b ? -1 : 1))
        .slice(0, limit)
        .map(([key]) => key)
    },
    async clearTombstones(keys) {
      for (const key of keys) state.tombstones.delete(key)
    },
  }
}
