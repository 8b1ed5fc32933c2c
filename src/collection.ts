import type { Config } from './config.ts'
import { systemClock } from './core/clock.ts'
import type { Log } from './core/log.ts'
import type { CollectOptions, Collector } from './jobs/collect.ts'
import type { GarbageState } from './store/meta/lifecycle-store.ts'
import type { Store } from './store/meta/store.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** How the configuration wants collection done. */
export function collectOptions(config: Config, meta: Store, log: Log): CollectOptions {
  return {
    ...{ meta, clock: systemClock, log },
    lease: config.leaseSeconds * 1000,
    undo: config.undoSeconds * 1000,
    tombstoneDelay: config.tombstoneSeconds * 1000,
    batch: config.gcBatch,
    rate: config.gcRate,
  }
}

/** How long what was read of the queues is told again, in ms: one page of metrics asks several times. */
const FRESH = 1_000

/** Tells the operator's Prometheus what waits for collection, and what it did. */
export function measureCollection(
  metrics: Metrics,
  store: Pick<Store, 'garbageState'>,
  collector: () => Pick<Collector, 'lastDuration'> | undefined,
): void {
  let read: { readonly at: number; readonly state: Promise<GarbageState> } | undefined
  const state = () => {
    const at = systemClock.now()
    if (read === undefined || at - read.at > FRESH) read = { at, state: store.garbageState(at) }
    return read.state
  }
  const gauge = (name: string, help: string, of: (state: GarbageState) => number) =>
    metrics.gauge(`berth_garbage_${name}`, help, async () => of(await state()))
  gauge(
    'candidate_manifests',
    'Manifests that wait for a look whether something keeps them',
    (s) => s.manifests,
  )
  gauge(
    'candidate_links',
    'Blobs in repositories that wait for a look whether something keeps them',
    (s) => s.links,
  )
  gauge('candidate_blobs', 'Blobs that wait for a look whether a repository has them', (s) => s.blobs)
  gauge('objects', 'Objects that wait for their deletion from storage', (s) => s.objects)
  gauge('oldest_due_seconds', 'How long the oldest candidate has been due; 0 when nothing is late', (s) =>
    s.oldestDue === undefined ? 0 : Math.max(0, systemClock.now() - s.oldestDue) / 1000,
  )
  metrics.counter('berth_garbage_freed_bytes_total', 'Bytes of blobs that were collected', async () => {
    return (await state()).collected.bytes
  })
  metrics.counter('berth_garbage_collected_manifests_total', 'Manifests that were collected', async () => {
    return (await state()).collected.manifests
  })
  metrics.gauge(
    'berth_collection_duration_seconds',
    'How long the last round of collection in this process took',
    () => (collector()?.lastDuration ?? 0) / 1000,
  )
}
