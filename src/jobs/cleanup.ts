import type { Clock } from '../core/clock.ts'
import { failpoint } from '../core/failpoint.ts'
import type { Log } from '../core/log.ts'
import type { BlobStore } from '../store/blob.ts'
import type { GarbageIndex, UploadIndex } from '../store/meta/store.ts'

const BATCH = 500

export interface CleanupOptions {
  readonly meta: UploadIndex & GarbageIndex
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
 * between the two repeats a deletion and never forgets one. Returns how many of each.
 */
export async function cleanUp(
  options: Omit<CleanupOptions, 'every' | 'log'>,
): Promise<{ swept: number; reaped: number }> {
  const { meta, blobs, clock, tombstoneDelay } = options
  let swept = 0
  let reaped = 0
  for (;;) {
    const now = clock.now()
    const batch = await meta.sweepUploads({ now, deleteAfter: now + tombstoneDelay, limit: BATCH })
    await failpoint('sweep.after')
    swept += batch
    if (batch < BATCH) break
  }
  for (;;) {
    const keys = await meta.dueTombstones(clock.now(), BATCH)
    if (keys.length === 0) break
    await failpoint('reap.before-storage')
    for (const key of keys) await blobs.delete(key)
    await failpoint('reap.after-storage')
    await meta.clearTombstones(keys)
    await failpoint('reap.after-rows')
    reaped += keys.length
    if (keys.length < BATCH) break
  }
  return { swept, reaped }
}

/** Cleans up now and then until stopped; a failed round is logged and tried again at the next. */
export function startCleanup(options: CleanupOptions): { stop(): Promise<void> } {
  const { log, every } = options
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let round = Promise.resolve()

  async function run(): Promise<void> {
    try {
      const { swept, reaped } = await cleanUp(options)
      if (swept > 0 || reaped > 0) log.info('cleaned up', { expiredUploads: swept, deletedObjects: reaped })
    } catch (error) {
      log.warn('clean-up failed and will be tried again', { error: (error as Error).message })
    }
    if (!stopped) schedule()
  }
  function schedule(): void {
    timer = setTimeout(() => {
      round = run()
    }, every)
  }
  schedule()
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await round
    },
  }
}
