import type { RunCommand } from '../commands.ts'
import type { Dialect, Reader } from '../driver.ts'
import type { CollectionStore, JobStore } from '../lifecycle-store.ts'
import { sweepHistory } from './history-sweep.ts'
import { listJobs } from './jobs.ts'
import { reviewManifests } from './manifests.ts'
import { previewGarbage } from './preview.ts'
import { garbageState, isCollectionDue } from './state.ts'

/** Collection, and the jobs that do it, over a database. */
export function collectionStore(
  reader: Reader,
  dialect: Dialect,
  run: RunCommand,
): CollectionStore & JobStore {
  return {
    // With one writer, pieces of several repositories share a transaction; with many, each holds its repository as shortly as it can.
    reviewManifests: (review) =>
      reviewManifests(reader, review, (piece) => run('reviewManifestPiece', piece), dialect.alone),
    reviewLinks: (review) => run('reviewLinks', review),
    reviewBlobs: (review) => run('reviewBlobs', review),
    purgeRepositories: (purge) => run('purgeRepositories', purge),
    sweepHistory: (sweep) => sweepHistory(sweep, (piece) => run('sweepHistoryPiece', piece)),
    garbageState: (now) => garbageState(reader, now),
    isCollectionDue: (when) => isCollectionDue(reader, when),
    previewGarbage: (preview) => previewGarbage(reader, preview),

    leaseJob: (lease) => run('leaseJob', lease),
    finishJob: (end) => run('finishJob', end),
    listJobs: () => listJobs(reader),
    pauseJob: (pause, cause) => run('pauseJob', { pause, cause }),
  }
}
