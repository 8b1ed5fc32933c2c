import { type Digest, digestFromBytes, digestToBytes } from '../../core/digest.ts'
import { allOf, type Dialect, inStatement, runOver, type Tx } from './driver.ts'
import { queueBlob, queueManifest } from './garbage.ts'
import { lockRepo } from './repositories.ts'
import { MISSING_SUBJECT } from './schema.ts'
import type { ContentIndex, DeleteOutcome } from './store.ts'

/* D. Who deletes holds the repository alone, so that what it looks at cannot change before it commits. */

// The oldest, since a base layer may have a hundred thousand users and none of the others needs to be looked at.
const FIRST_PARENT = `SELECT digest FROM manifest WHERE repo_id = $1 AND id =
  (SELECT parent_id FROM manifest_child WHERE repo_id = $1 AND child_id = $2 ORDER BY parent_id LIMIT 1)`
const FIRST_USER = `SELECT digest FROM manifest WHERE repo_id = $1 AND id =
  (SELECT manifest_id FROM manifest_blob WHERE repo_id = $1 AND blob_id = $2 ORDER BY manifest_id LIMIT 1)`

async function referencedBy(tx: Tx, sql: string, repoId: number, id: number): Promise<Digest | undefined> {
  const row = await tx.get<{ digest: Uint8Array }>(sql, [repoId, id])
  return row === undefined ? undefined : digestFromBytes(row.digest)
}

/** See ContentIndex.deleteManifest. */
export async function deleteManifest(
  tx: Tx,
  dialect: Dialect,
  remove: Parameters<ContentIndex['deleteManifest']>[0],
): Promise<DeleteOutcome> {
  const repo = await lockRepo(tx, dialect, remove.repo, 'alone')
  if (repo === undefined) return { outcome: 'no-repository' }
  const digest = digestToBytes(remove.digest)
  const manifest = await tx.get<{ id: number }>(
    'SELECT id FROM manifest WHERE repo_id = $1 AND digest = $2 FOR UPDATE',
    [repo.id, digest],
  )
  if (manifest === undefined) return { outcome: 'absent' }
  const by = await referencedBy(tx, FIRST_PARENT, repo.id, manifest.id)
  if (by !== undefined) return { outcome: 'referenced', by }

  const where = [repo.id, manifest.id]
  const after = remove.now + remove.grace
  const blobs = await tx.all<{ id: number }>(
    'SELECT blob_id AS id FROM manifest_blob WHERE repo_id = $1 AND manifest_id = $2',
    where,
  )
  const children = await tx.all<{ id: number }>(
    'SELECT child_id AS id FROM manifest_child WHERE repo_id = $1 AND parent_id = $2',
    where,
  )
  await tx.run('DELETE FROM tag WHERE repo_id = $1 AND manifest_id = $2', where)
  await tx.run('DELETE FROM manifest_blob WHERE repo_id = $1 AND manifest_id = $2', where)
  await tx.run('DELETE FROM manifest_child WHERE repo_id = $1 AND parent_id = $2', where)
  await tx.run('DELETE FROM manifest_missing WHERE repo_id = $1 AND manifest_id = $2', where)
  await tx.run('DELETE FROM gc_manifest WHERE repo_id = $1 AND manifest_id = $2', where)
  await tx.run('DELETE FROM manifest WHERE repo_id = $1 AND id = $2', where)

  await releaseLinks(
    tx,
    repo.id,
    blobs.map((row) => row.id),
    after,
  )
  for (const child of children) await queueManifest(tx, repo.id, child.id, after)
  await releaseReferrers(tx, repo.id, digest, after)
  return { outcome: 'deleted' }
}

const STILL_USED = inStatement(
  1,
  (list) => `SELECT blob_id AS id FROM repo_blob l WHERE repo_id = $1 AND blob_id IN ${list}
    AND EXISTS (SELECT 1 FROM manifest_blob r WHERE r.repo_id = l.repo_id AND r.blob_id = l.blob_id)`,
)
const SET_LEASES = inStatement(
  2,
  (list) => `UPDATE repo_blob SET lease_until = $2 WHERE repo_id = $1 AND blob_id IN ${list}`,
)
const QUEUE_LINKS = inStatement(
  2,
  (list) => `INSERT INTO gc_link (repo_id, blob_id, review_after)
    SELECT repo_id, blob_id, CAST($2 AS bigint) FROM repo_blob WHERE repo_id = $1 AND blob_id IN ${list}
    ON CONFLICT (repo_id, blob_id) DO UPDATE SET review_after = excluded.review_after
    WHERE gc_link.review_after < excluded.review_after`,
)

/** Links that nothing references any more go under a lease, so that a client told of them meanwhile can rely on them. */
async function releaseLinks(tx: Tx, repoId: number, blobIds: readonly number[], after: number) {
  const used = new Set((await allOf<{ id: number }>(tx, STILL_USED, [repoId], blobIds)).map((row) => row.id))
  const free = blobIds.filter((id) => !used.has(id))
  await runOver(tx, SET_LEASES, [repoId, after], free)
  await runOver(tx, QUEUE_LINKS, [repoId, after], free)
}

/** The referrers of a deleted subject stay until review, and wait for it in case it comes back (R7). */
async function releaseReferrers(tx: Tx, repoId: number, subject: Uint8Array, after: number) {
  await tx.run(
    `INSERT INTO manifest_missing (repo_id, digest, manifest_id, kind)
     SELECT repo_id, subject, id, CAST($3 AS integer) FROM manifest WHERE repo_id = $1 AND subject = $2
     ON CONFLICT DO NOTHING`,
    [repoId, subject, MISSING_SUBJECT],
  )
  await tx.run(
    `INSERT INTO gc_manifest (repo_id, manifest_id, review_after)
     SELECT repo_id, id, CAST($3 AS bigint) FROM manifest WHERE repo_id = $1 AND subject = $2
     ON CONFLICT (repo_id, manifest_id) DO UPDATE SET review_after = excluded.review_after
     WHERE gc_manifest.review_after < excluded.review_after`,
    [repoId, subject, after],
  )
}

/** See ContentIndex.deleteTag. */
export async function deleteTag(
  tx: Tx,
  dialect: Dialect,
  remove: Parameters<ContentIndex['deleteTag']>[0],
): Promise<DeleteOutcome> {
  const repo = await lockRepo(tx, dialect, remove.repo, 'alone')
  if (repo === undefined) return { outcome: 'no-repository' }
  const tag = await tx.get<{ id: number }>(
    'DELETE FROM tag WHERE repo_id = $1 AND name = $2 RETURNING manifest_id AS id',
    [repo.id, remove.tag],
  )
  if (tag === undefined) return { outcome: 'absent' }
  await queueManifest(tx, repo.id, tag.id, remove.now + remove.grace)
  return { outcome: 'deleted' }
}

/** See ContentIndex.deleteBlob. */
export async function deleteBlob(
  tx: Tx,
  dialect: Dialect,
  remove: Parameters<ContentIndex['deleteBlob']>[0],
): Promise<DeleteOutcome> {
  const repo = await lockRepo(tx, dialect, remove.repo, 'alone')
  if (repo === undefined) return { outcome: 'no-repository' }
  const blob = await tx.get<{ id: number }>(
    `SELECT b.id FROM blob b JOIN repo_blob l ON l.blob_id = b.id
     WHERE b.digest = $2 AND l.repo_id = $1 FOR UPDATE OF l`,
    [repo.id, digestToBytes(remove.digest)],
  )
  if (blob === undefined) return { outcome: 'absent' }
  const by = await referencedBy(tx, FIRST_USER, repo.id, blob.id)
  if (by !== undefined) return { outcome: 'referenced', by }
  await tx.run('DELETE FROM repo_blob WHERE repo_id = $1 AND blob_id = $2', [repo.id, blob.id])
  await tx.run('DELETE FROM gc_link WHERE repo_id = $1 AND blob_id = $2', [repo.id, blob.id])
  await queueBlob(tx, blob.id, remove.now + remove.grace)
  return { outcome: 'deleted' }
}
