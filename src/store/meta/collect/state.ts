import type { Reader, Tx } from '../driver.ts'
import type { GarbageState } from '../lifecycle-store.ts'

type Collected = GarbageState['collected']

const NOTE = `UPDATE collected
  SET manifests = manifests + $1, links = links + $2, blobs = blobs + $3, bytes = bytes + $4 WHERE one = 1`

/** Adds to what was freed in all. Every collector waits for this row: so it comes last in a transaction. */
export async function noteCollected(tx: Tx, freed: Partial<Collected>): Promise<void> {
  const { manifests = 0, links = 0, blobs = 0, bytes = 0 } = freed
  if (manifests + links + blobs > 0) await tx.run(NOTE, [manifests, links, blobs, bytes])
}

/** Entries of a queue are counted up to here: who reads them wants to know whether they pile up. */
export const MAX_COUNTED = 200_000

const counted = (table: string, time = 'review_after') =>
  `(SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE ${time} >= 0 LIMIT ${MAX_COUNTED}) few)`

const COUNTS = `SELECT ${counted('gc_manifest')} AS manifests, ${counted('gc_link')} AS links,
  ${counted('gc_blob')} AS blobs, ${counted('tombstone', 'delete_after')} AS objects`
const OLDEST = ['gc_manifest', 'gc_link', 'gc_blob'].map(
  (table) => `SELECT min(review_after) AS at FROM ${table}`,
)
const COLLECTED = 'SELECT manifests, links, blobs, bytes FROM collected WHERE one = 1'

/** See CollectionStore.garbageState. */
export async function garbageState(tx: Reader, now: number): Promise<GarbageState> {
  const counts = (await tx.get<Omit<GarbageState, 'collected' | 'oldestDue'>>(COUNTS, [])) as GarbageState
  let oldest = now
  let isLate = false
  for (const sql of OLDEST) {
    const row = await tx.get<{ at: number | null }>(sql, [])
    if (row === undefined || row.at === null || row.at > oldest) continue
    oldest = row.at
    isLate = true
  }
  const collected = (await tx.get<Collected>(COLLECTED, [])) as Collected
  return { ...counts, oldestDue: isLate ? oldest : undefined, collected }
}

/** Of a deleted repository `r` in the namespace `n`: whether it cannot be restored any more, at `$1`. */
export const IS_OVER = 'r.deleted_at + coalesce(n.undo_seconds * 1000, CAST($2 AS bigint)) <= $1'
export const DUE_REPOSITORY = `SELECT r.id FROM repo r JOIN namespace n ON n.id = r.ns_id
  WHERE r.deleted_at <= $1 AND ${IS_OVER} ORDER BY r.deleted_at, r.id LIMIT 1`
const DUE = [...OLDEST, 'SELECT min(review_after) AS at FROM tag_event']

/** See CollectionStore.isCollectionDue. */
export async function isCollectionDue(
  tx: Reader,
  { now, undo }: { readonly now: number; readonly undo: number },
): Promise<boolean> {
  for (const sql of DUE) {
    const row = await tx.get<{ at: number | null }>(sql, [])
    if (row !== undefined && row.at !== null && row.at <= now) return true
  }
  return (await tx.get(DUE_REPOSITORY, [now, undo])) !== undefined
}
