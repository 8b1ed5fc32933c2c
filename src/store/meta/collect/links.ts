import { allOf, type Dialect, inStatement, runOver, type Tx } from '../driver.ts'
import { queueBlobs } from '../garbage.ts'
import type { CollectionStore, Reviewed } from '../lifecycle-store.ts'
import { noteCollected } from './state.ts'

/*
 * G2. Whoever uses a link holds its row: a reference by its foreign key, a lease by writing it. So it is held alone here; one that is held
 * by another is passed over and stays in the queue, so that nobody waits in a circle.
 */

const HOLD = `SELECT l.repo_id AS "repoId", l.blob_id AS id FROM gc_link g
    JOIN repo_blob l ON l.repo_id = g.repo_id AND l.blob_id = g.blob_id
  WHERE g.review_after <= $1 ORDER BY g.review_after LIMIT $2 FOR UPDATE OF l SKIP LOCKED`
const LOOK = inStatement(
  2,
  (list) => `SELECT l.blob_id AS id, l.lease_until AS lease,
      CASE WHEN EXISTS (SELECT 1 FROM manifest_blob r WHERE r.repo_id = l.repo_id AND r.blob_id = l.blob_id)
        THEN 1 ELSE 0 END AS used
    FROM gc_link g JOIN repo_blob l ON l.repo_id = g.repo_id AND l.blob_id = g.blob_id
    WHERE g.repo_id = $1 AND g.review_after <= $2 AND g.blob_id IN ${list}`,
)
const CLEAR_LEASES = inStatement(
  1,
  (list) => `UPDATE repo_blob SET lease_until = NULL
    WHERE repo_id = $1 AND lease_until IS NOT NULL AND blob_id IN ${list}`,
)
const DEQUEUE = inStatement(1, (list) => `DELETE FROM gc_link WHERE repo_id = $1 AND blob_id IN ${list}`)
const UNLINK = inStatement(1, (list) => `DELETE FROM repo_blob WHERE repo_id = $1 AND blob_id IN ${list}`)
const PUT_BACK = 'UPDATE gc_link SET review_after = $3 WHERE repo_id = $1 AND blob_id = $2'

interface Link {
  readonly id: number
  readonly lease: number | null
  readonly used: number
}

/** G2: see CollectionStore.reviewLinks. */
export async function reviewLinks(
  tx: Tx,
  _dialect: Dialect,
  { now, limit, grace }: Parameters<CollectionStore['reviewLinks']>[0],
): Promise<Reviewed> {
  const held = await tx.all<{ repoId: number; id: number }>(HOLD, [now, limit])
  const unlinked: number[] = []
  let reviewed = 0
  for (const [repoId, links] of Map.groupBy(held, (link) => link.repoId)) {
    const ids = links.map(({ id }) => id)
    // A new statement: references and leases that were committed while the rows were not held yet are in it.
    const seen = await allOf<Link>(tx, LOOK, [repoId, now], ids)
    const used: number[] = []
    const over: number[] = []
    for (const { id, lease, used: isUsed } of seen) {
      if (isUsed !== 0) used.push(id)
      else if (lease === null || lease <= now) over.push(id)
      else await tx.run(PUT_BACK, [repoId, id, lease])
    }
    await runOver(tx, CLEAR_LEASES, [repoId], used)
    await runOver(tx, DEQUEUE, [repoId], [...used, ...over])
    await runOver(tx, UNLINK, [repoId], over)
    reviewed += seen.length
    for (const id of over) unlinked.push(id)
  }
  await queueBlobs(tx, [...new Set(unlinked)], now + grace)
  await noteCollected(tx, { links: unlinked.length })
  return { reviewed, deleted: unlinked.length, bytes: 0, more: reviewed > 0 && held.length >= limit }
}
