import { allOf, inStatement, runOver, type Tx } from './driver.ts'
import { queueLinks } from './garbage.ts'
import { MISSING_SUBJECT } from './schema.ts'

export interface RemovedManifest {
  readonly id: number
  readonly digest: Uint8Array
}

const BLOBS = inStatement(
  1,
  (list) => `SELECT DISTINCT blob_id AS id FROM manifest_blob WHERE repo_id = $1 AND manifest_id IN ${list}`,
)
const CHILDREN = inStatement(
  1,
  (list) => `SELECT DISTINCT child_id AS id FROM manifest_child WHERE repo_id = $1 AND parent_id IN ${list}`,
)

/** A tag that is set again is a new one: nobody has used it. */
const DELETE_TAG_USES = inStatement(
  1,
  (list) => `DELETE FROM tag_use WHERE repo_id = $1
    AND name IN (SELECT name FROM tag WHERE repo_id = $1 AND manifest_id IN ${list})`,
)

/** Everything that is about manifests, by the manifest's id; the manifests themselves come last, as foreign keys want it. */
const DELETES = [
  'DELETE FROM tag WHERE repo_id = $1 AND manifest_id IN',
  'DELETE FROM manifest_blob WHERE repo_id = $1 AND manifest_id IN',
  'DELETE FROM manifest_child WHERE repo_id = $1 AND parent_id IN',
  'DELETE FROM manifest_missing WHERE repo_id = $1 AND manifest_id IN',
  'DELETE FROM manifest_protection WHERE repo_id = $1 AND manifest_id IN',
  'DELETE FROM manifest_use WHERE repo_id = $1 AND manifest_id IN',
  // SQLite gives the number of a row that went to another.
  'UPDATE tag_event SET from_id = NULL WHERE repo_id = $1 AND from_id IN',
  'DELETE FROM gc_manifest WHERE repo_id = $1 AND manifest_id IN',
  'DELETE FROM manifest WHERE repo_id = $1 AND id IN',
].map((sql) => inStatement(1, (list) => `${sql} ${list}`))

const QUEUE_CHILDREN = inStatement(
  2,
  (list) => `INSERT INTO gc_manifest (repo_id, manifest_id, review_after)
    SELECT repo_id, id, CAST($2 AS bigint) FROM manifest WHERE repo_id = $1 AND id IN ${list}
    ON CONFLICT (repo_id, manifest_id) DO UPDATE SET review_after = excluded.review_after
    WHERE gc_manifest.review_after < excluded.review_after`,
)

/**
 * D: deletes manifests that no other lists, with their tags. Their links get a lease until `after`, and links, children and referrers
 * are queued for then. The repository is held alone by the caller.
 */
export async function removeManifests(
  tx: Tx,
  repoId: number,
  manifests: readonly RemovedManifest[],
  after: number,
): Promise<void> {
  if (manifests.length === 0) return
  const ids = manifests.map(({ id }) => id)
  const idsOf = async (statement: typeof BLOBS) =>
    (await allOf<{ id: number }>(tx, statement, [repoId], ids)).map((row) => row.id)
  const blobs = [...new Set(await idsOf(BLOBS))]
  const children = [...new Set(await idsOf(CHILDREN))]
  for (const statement of [DELETE_TAG_USES, ...DELETES]) await runOver(tx, statement, [repoId], ids)
  await releaseLinks(tx, repoId, blobs, after)
  await runOver(tx, QUEUE_CHILDREN, [repoId, after], children)
  const digests = manifests.map(({ digest }) => digest)
  await runOver(tx, WAIT_FOR_SUBJECT, [repoId, MISSING_SUBJECT], digests)
  await runOver(tx, QUEUE_REFERRERS, [repoId, after], digests)
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

/** Links that nothing references any more go under a lease, so that a client told of them meanwhile can rely on them. */
async function releaseLinks(tx: Tx, repoId: number, blobIds: readonly number[], after: number) {
  const used = new Set((await allOf<{ id: number }>(tx, STILL_USED, [repoId], blobIds)).map((row) => row.id))
  const free = blobIds.filter((id) => !used.has(id))
  await runOver(tx, SET_LEASES, [repoId, after], free)
  await queueLinks(tx, repoId, free, after)
}

/** The referrers of a deleted subject stay until review, and wait for it in case it comes back (R7). */
const WAIT_FOR_SUBJECT = inStatement(
  2,
  (list) => `INSERT INTO manifest_missing (repo_id, digest, manifest_id, kind)
    SELECT repo_id, subject, id, CAST($2 AS integer) FROM manifest WHERE repo_id = $1 AND subject IN ${list}
    ON CONFLICT DO NOTHING`,
)
const QUEUE_REFERRERS = inStatement(
  2,
  (list) => `INSERT INTO gc_manifest (repo_id, manifest_id, review_after)
    SELECT repo_id, id, CAST($2 AS bigint) FROM manifest WHERE repo_id = $1 AND subject IN ${list}
    ON CONFLICT (repo_id, manifest_id) DO UPDATE SET review_after = excluded.review_after
    WHERE gc_manifest.review_after < excluded.review_after`,
)
