import { accessStore } from './access/store.ts'
import { accountStore } from './accounts/store.ts'
import { collectionStore } from './collect/store.ts'
import type { RunCommand } from './commands.ts'
import type { Dialect, Reader } from './driver.ts'
import { dueTombstones } from './garbage.ts'
import { historyStore } from './history/store.ts'
import { isPaired } from './pairing.ts'
import { protectionStore } from './protection/store.ts'
import {
  findBlob,
  findManifest,
  findObject,
  hasRepository,
  listReferrers,
  listRepositories,
  listTags,
  readManifest,
} from './read.ts'
import { search } from './search.ts'
import type { MetadataStore, Store } from './store.ts'
import { countUploads, findUpload } from './uploads.ts'
import { useStore } from './use/store.ts'

/** The store over a database: queries run on `reader` at once, commands through `run`. */
export function metadataStore(
  reader: Reader,
  dialect: Dialect,
  run: RunCommand,
): Omit<Store, 'check' | 'close'> {
  return {
    ...content(reader, dialect, run),
    ...accountStore(reader, run),
    ...accessStore(reader, run),
    ...collectionStore(reader, dialect, run),
    ...historyStore(reader, run),
    ...protectionStore(reader, run),
    ...useStore(reader, run),
  }
}

/** What the registry itself needs. */
function content(reader: Reader, dialect: Dialect, run: RunCommand): Omit<MetadataStore, 'check' | 'close'> {
  return {
    findBlob: (repo, digest) => findBlob(reader, repo, digest),
    findObject: (digest) => findObject(reader, digest),
    findManifest: (repo, reference) => findManifest(reader, repo, reference),
    readManifest: (repo, reference) => readManifest(reader, repo, reference),
    hasRepository: (repo) => hasRepository(reader, repo),
    listRepositories: (page, visible) => listRepositories(reader, page, visible),
    listTags: (repo, page) => listTags(reader, repo, page),
    listReferrers: (repo, subject, page) => listReferrers(reader, repo, subject, page),
    search: (request, visible) => search(reader, dialect, request, visible),

    extendLease: (repo, digest, until) => run('extendLease', { repo, digest, until }),
    postponeReview: (repo, digest, until) => run('postponeReview', { repo, digest, until }),
    mountBlob: (mount) => run('mountBlob', mount),
    pushManifest: (push) => run('pushManifest', push),
    deleteManifest: (remove) => run('deleteManifest', remove),
    deleteTag: (remove) => run('deleteTag', remove),
    deleteBlob: (remove) => run('deleteBlob', remove),

    openUpload: (open) => run('openUpload', open),
    findUpload: (repo, id, owner, now) => findUpload(reader, repo, id, owner, now),
    advanceUpload: (advance) => run('advanceUpload', advance),
    finishUpload: (finish) => run('finishUpload', finish),
    abortUpload: (abort) => run('abortUpload', abort),
    sweepUploads: (sweep) => run('sweepUploads', sweep),
    countUploads: () => countUploads(reader),

    pairStorage: async (storage) =>
      (await isPaired(reader, storage.identity)) ? 'paired' : run('pairStorage', storage),

    dueTombstones: (now, limit) => dueTombstones(reader, now, limit),
    clearTombstones: (keys) => run('clearTombstones', keys),
  }
}
