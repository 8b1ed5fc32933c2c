import { allOf, type Dialect, inStatement, type Reader, runOver, type Tx } from '../driver.ts'
import type { CollectionStore, Reviewed } from '../lifecycle-store.ts'
import { type RemovedManifest, removeManifests } from '../remove-manifests.ts'
import { lockRepoByIdAlone } from '../repositories.ts'
import { noteCollected } from './state.ts'

/* G1. What keeps a manifest can only come or go with the repository held, so it is held alone while that is looked at. */

type ReviewManifests = Parameters<CollectionStore['reviewManifests']>[0]

/** Entries of one repository, as they were chosen without a lock. */
export interface ManifestPiece {
  readonly repoId: number
  readonly ids: readonly number[]
  readonly now: number
  readonly undo: number
  readonly grace: number
}

/** Manifests reviewed in one transaction at most: pushers to the repository wait as long. */
export const PIECE = 50

const DUE = `SELECT repo_id AS "repoId", manifest_id AS id FROM gc_manifest
  WHERE review_after <= $1 ORDER BY review_after LIMIT $2`

/** Entries that are due, as pieces for `reviewManifestPiece`, oldest first. */
export async function dueManifests(tx: Reader, review: ReviewManifests): Promise<ManifestPiece[]> {
  const { now, undo, grace } = review
  const due = await tx.all<{ repoId: number; id: number }>(DUE, [now, review.limit])
  const pieces: ManifestPiece[] = []
  for (const [repoId, entries] of Map.groupBy(due, (entry) => entry.repoId)) {
    for (let at = 0; at < entries.length; at += PIECE) {
      const ids = entries.slice(at, at + PIECE).map(({ id }) => id)
      pieces.push({ repoId, ids, now, undo, grace })
    }
  }
  return pieces
}

/** A manifest is kept by these for as long as they stand; whoever takes one away queues it. */
export const IS_KEPT = `EXISTS (SELECT 1 FROM tag t WHERE t.repo_id = m.repo_id AND t.manifest_id = m.id)
  OR EXISTS (SELECT 1 FROM manifest_protection p WHERE p.repo_id = m.repo_id AND p.manifest_id = m.id)`
const IS_LISTED = `EXISTS (SELECT 1 FROM manifest_child c WHERE c.repo_id = m.repo_id AND c.child_id = m.id)
  OR EXISTS (SELECT 1 FROM manifest s WHERE s.repo_id = m.repo_id AND s.digest = m.subject)`

/** When a tag last left it. */
export const LEFT_AT = 'SELECT max(e.at) FROM tag_event e WHERE e.repo_id = m.repo_id AND e.from_id = m.id'

const LOOK = inStatement(
  2,
  (
    list,
  ) => `SELECT g.manifest_id AS id, m.digest, CASE WHEN ${IS_KEPT} OR ${IS_LISTED} THEN 1 ELSE 0 END AS kept,
      (${LEFT_AT}) AS "leftAt"
    FROM gc_manifest g LEFT JOIN manifest m ON m.repo_id = g.repo_id AND m.id = g.manifest_id
    WHERE g.repo_id = $1 AND g.review_after <= $2 AND g.manifest_id IN ${list}`,
)
const UNDO = `SELECT coalesce(n.undo_seconds * 1000, CAST($2 AS bigint)) AS undo
  FROM repo r JOIN namespace n ON n.id = r.ns_id WHERE r.id = $1`
const PUT_BACK = 'UPDATE gc_manifest SET review_after = $3 WHERE repo_id = $1 AND manifest_id = $2'
const DEQUEUE = inStatement(
  1,
  (list) => `DELETE FROM gc_manifest WHERE repo_id = $1 AND manifest_id IN ${list}`,
)

interface Entry {
  readonly id: number
  /** NULL: there is no such manifest any more. */
  readonly digest: Uint8Array | null
  readonly kept: number
  readonly leftAt: number | null
}

/** G1: reviews entries of one repository; those that another collector has done meanwhile are passed over. */
export async function reviewManifestPiece(
  tx: Tx,
  _dialect: Dialect,
  { repoId, ids, now, undo, grace }: ManifestPiece,
): Promise<{ readonly reviewed: number; readonly deleted: number }> {
  await lockRepoByIdAlone(tx, repoId)
  // Only now: what was committed while the lock was waited for is seen by a new statement.
  const window = (await tx.get<{ undo: number }>(UNDO, [repoId, undo]))?.undo ?? undo
  const entries = await allOf<Entry>(tx, LOOK, [repoId, now], ids)
  const settled: number[] = []
  const garbage: RemovedManifest[] = []
  for (const { id, digest, kept, leftAt } of entries) {
    if (digest === null || kept !== 0) settled.push(id)
    else if (leftAt !== null && leftAt + window > now) await tx.run(PUT_BACK, [repoId, id, leftAt + window])
    else garbage.push({ id, digest })
  }
  // Before the removal, which queues anew what it lets go.
  await runOver(tx, DEQUEUE, [repoId], settled)
  await removeManifests(tx, repoId, garbage, now + grace)
  await noteCollected(tx, { manifests: garbage.length })
  return { reviewed: entries.length, deleted: garbage.length }
}

/**
 * See CollectionStore.reviewManifests. `together`: pieces may wait for one writer all at once, up to PIECE manifests, and share its
 * transaction. One repository that cannot be had does not keep the others.
 */
export async function reviewManifests(
  reader: Reader,
  review: ReviewManifests,
  run: (piece: ManifestPiece) => ReturnType<typeof reviewManifestPiece>,
  together: boolean,
): Promise<Reviewed> {
  const pieces = await dueManifests(reader, review)
  const sum = { reviewed: 0, deleted: 0 }
  const failures: unknown[] = []
  for (let at = 0; at < pieces.length; ) {
    const some: ManifestPiece[] = []
    for (let size = 0; at < pieces.length; at++) {
      const piece = pieces[at] as ManifestPiece
      size += piece.ids.length
      if (some.length > 0 && (!together || size > PIECE)) break
      some.push(piece)
    }
    for (const outcome of await Promise.allSettled(some.map(run))) {
      if (outcome.status === 'rejected') {
        failures.push(outcome.reason)
        continue
      }
      sum.reviewed += outcome.value.reviewed
      sum.deleted += outcome.value.deleted
    }
  }
  if (failures.length > 0) throw failures[0]
  const seen = pieces.reduce((count, { ids }) => count + ids.length, 0)
  return { ...sum, bytes: 0, more: sum.reviewed > 0 && seen >= review.limit }
}
