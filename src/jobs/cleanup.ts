import type { Clock } from '../core/clock.ts'
import { failpoint } from '../core/failpoint.ts'
import type { Log } from '../core/log.ts'
import type { ObjectKey } from '../core/names.ts'
import type { BlobStore } from '../store/blob.ts'
import type { JobStore } from '../store/meta/lifecycle-store.ts'
import type { GarbageIndex, UploadIndex } from '../store/meta/store.ts'
import { COLLECTION } from './collect.ts'
import { type Rounds, startRounds } from './rounds.ts'

const BATCH = 500

export interface CleanupOptions {
  readonly meta: UploadIndex & GarbageIndex & Pick<JobStore, 'listJobs'>
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly log: Log
  /** ms between two rounds. */
  readonly every: number
  /** ms between a tombstone and the deletion of its bytes. */
  readonly tombstoneDelay: number
}

/**
 * S: ends upload sessions whose time is over. R: deletes the bytes that tombstones name, storage first, then the row, so that a crash
 * between the two repeats a deletion and never forgets one; not while collection is paused. Returns how many of each.
 */
export async function cleanUp(
  options: Omit<CleanupOptions, 'every'>,
  stopped: () => boolean = () => false,
): Promise<{ swept: number; reaped: number }> {
  const { meta, blobs, clock, log, tombstoneDelay } = options
  let swept = 0
  let reaped = 0
  while (!stopped()) {
    const now = clock.now()
    const batch = await meta.sweepUploads({ now, deleteAfter: now + tombstoneDelay, limit: BATCH })
    await failpoint('sweep.after')
    swept += batch
    if (batch < BATCH) break
  }
  // Whoever pauses collection wants nothing more to be lost.
  const isPaused = (await meta.listJobs()).some(({ name, paused }) => name === COLLECTION && paused)
  while (!isPaused && !stopped()) {
    const due = await meta.dueTombstones(clock.now(), BATCH)
    if (due.length === 0) break
    await failpoint('reap.before-storage')
    const gone = await deleteAll(blobs, due, log)
    await failpoint('reap.after-storage')
    await meta.clearTombstones(gone)
    await failpoint('reap.after-rows')
    reaped += gone.length
    if (due.length < BATCH || gone.length === 0) break
  }
  return { swept, reaped }
}

/** Deletes what can be deleted: one object that cannot must not keep the others. Returns those that are gone. */
async function deleteAll(blobs: BlobStore, keys: readonly ObjectKey[], log: Log): Promise<ObjectKey[]> {
  const gone: ObjectKey[] = []
  for (const key of keys) {
    try {
      await blobs.delete(key)
      gone.push(key)
    } catch (error) {
      log.warn('an object cannot be deleted and will be tried again', {
        key,
        error: (error as Error).message,
      })
    }
  }
  return gone
}

/** Cleans up now and then until stopped; a failed round is logged and tried again at the next. */
export function startCleanup(options: CleanupOptions): Rounds {
  const { log, every } = options
  return startRounds({
    name: 'clean-up',
    every,
    log,
    async round(stopped) {
      const { swept, reaped } = await cleanUp(options, stopped)
      if (swept > 0 || reaped > 0) log.info('cleaned up', { expiredUploads: swept, deletedObjects: reaped })
    },
  })
}
