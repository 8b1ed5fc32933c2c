import { allOf, type Dialect, inStatement, runOver, type Tx } from '../driver.ts'
import { buryBlobs } from '../garbage.ts'
import type { CollectionStore, Reviewed } from '../lifecycle-store.ts'
import { noteCollected } from './state.ts'

/*
 * G3. The entry of the queue is held first: who takes a blob's last link away queues it, and waits here until it is known what became
 * of the entry that stood there. Then the blob's own row, which every new link holds by its foreign key. What others hold is passed over.
 */

const DUE = `SELECT blob_id AS id FROM gc_blob WHERE review_after <= $1 ORDER BY review_after LIMIT $2
  FOR UPDATE SKIP LOCKED`
const HOLD = inStatement(0, (list) => `SELECT id, size FROM blob WHERE id IN ${list} FOR UPDATE SKIP LOCKED`)
const STANDING = inStatement(0, (list) => `SELECT id FROM blob WHERE id IN ${list}`)
const LINKED = inStatement(
  0,
  (list) => `SELECT id FROM blob b WHERE id IN ${list}
    AND EXISTS (SELECT 1 FROM repo_blob l WHERE l.blob_id = b.id)`,
)
const DEQUEUE = inStatement(0, (list) => `DELETE FROM gc_blob WHERE blob_id IN ${list}`)
const DELETE = inStatement(0, (list) => `DELETE FROM blob WHERE id IN ${list}`)

/** G3: see CollectionStore.reviewBlobs. */
export async function reviewBlobs(
  tx: Tx,
  _dialect: Dialect,
  { now, limit, deleteAfter }: Parameters<CollectionStore['reviewBlobs']>[0],
): Promise<Reviewed> {
  const due = (await tx.all<{ id: number }>(DUE, [now, limit])).map((row) => row.id)
  const held = await allOf<{ id: number; size: number }>(tx, HOLD, [], due)
  const idsOf = async (statement: typeof LINKED, ids: readonly number[]) =>
    new Set((await allOf<{ id: number }>(tx, statement, [], ids)).map((row) => row.id))
  // A new statement: links that were committed before the rows were held are in it.
  const linked = await idsOf(
    LINKED,
    held.map((row) => row.id),
  )
  const garbage = held.filter(({ id }) => !linked.has(id))
  const ids = garbage.map((row) => row.id)
  const standing = held.length === due.length ? new Set(due) : await idsOf(STANDING, due)
  const settled = [...linked, ...ids, ...due.filter((id) => !standing.has(id))]
  await runOver(tx, DEQUEUE, [], settled)
  await buryBlobs(tx, ids, deleteAfter)
  await runOver(tx, DELETE, [], ids)
  const bytes = garbage.reduce((sum, { size }) => sum + size, 0)
  await noteCollected(tx, { blobs: ids.length, bytes })
  return {
    reviewed: settled.length,
    deleted: ids.length,
    bytes,
    more: settled.length > 0 && due.length >= limit,
  }
}
