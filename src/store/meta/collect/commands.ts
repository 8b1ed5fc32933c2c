import { reviewBlobs } from './blobs.ts'
import { sweepHistoryPiece } from './history-sweep.ts'
import { finishJob, leaseJob, pauseJob } from './jobs.ts'
import { reviewLinks } from './links.ts'
import { reviewManifestPiece } from './manifests.ts'
import { purgeRepositories } from './repositories.ts'

/** The commands of CollectionStore and JobStore, by name. */
export const COLLECT_COMMANDS = {
  finishJob,
  leaseJob,
  pauseJob,
  purgeRepositories,
  reviewBlobs,
  reviewLinks,
  reviewManifestPiece,
  sweepHistoryPiece,
} as const
