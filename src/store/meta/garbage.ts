import type { ObjectKey } from '../../core/names.ts'
import { inStatement, listStatement, type Reader, runOver, type Tx, type Value } from './driver.ts'

/*
 * The queues of what may have become garbage, and the tombstones. A review is a second look, so an entry that proves wrong
 * costs little; entries are only ever moved to a later time.
 */

const LATER = (table: string) =>
  `DO UPDATE SET review_after = excluded.review_after WHERE ${table}.review_after < excluded.review_after`

const QUEUE_MANIFEST = `INSERT INTO gc_manifest (repo_id, manifest_id, review_after) VALUES ($1, $2, $3)
  ON CONFLICT (repo_id, manifest_id) ${LATER('gc_manifest')}`
const QUEUE_LINK = `INSERT INTO gc_link (repo_id, blob_id, review_after) VALUES ($1, $2, $3)
  ON CONFLICT (repo_id, blob_id) ${LATER('gc_link')}`
const QUEUE_BLOB = `INSERT INTO gc_blob (blob_id, review_after) VALUES ($1, $2)
  ON CONFLICT (blob_id) ${LATER('gc_blob')}`

export async function queueManifest(tx: Tx, repoId: number, manifestId: number, after: number) {
  await tx.run(QUEUE_MANIFEST, [repoId, manifestId, after])
}

export async function queueLink(tx: Tx, repoId: number, blobId: number, after: number) {
  await tx.run(QUEUE_LINK, [repoId, blobId, after])
}

export async function queueBlob(tx: Tx, blobId: number, after: number) {
  await tx.run(QUEUE_BLOB, [blobId, after])
}

const QUEUE_LINKS = inStatement(
  2,
  (list) => `INSERT INTO gc_link (repo_id, blob_id, review_after)
    SELECT repo_id, blob_id, CAST($2 AS bigint) FROM repo_blob WHERE repo_id = $1 AND blob_id IN ${list}
    ON CONFLICT (repo_id, blob_id) ${LATER('gc_link')}`,
)

export async function queueLinks(tx: Tx, repoId: number, blobIds: readonly number[], after: number) {
  await runOver(tx, QUEUE_LINKS, [repoId, after], blobIds)
}

const QUEUE_BLOBS = inStatement(
  1,
  (list) => `INSERT INTO gc_blob (blob_id, review_after)
    SELECT id, CAST($1 AS bigint) FROM blob WHERE id IN ${list} ORDER BY id
    ON CONFLICT (blob_id) ${LATER('gc_blob')}`,
)

/** In the order of their numbers, so that two which queue the same blobs wait for each other and not in a circle. */
export async function queueBlobs(tx: Tx, blobIds: readonly number[], after: number) {
  await runOver(
    tx,
    QUEUE_BLOBS,
    [after],
    [...blobIds].sort((a, b) => a - b),
  )
}

/** Condemns an object no row names (any more) to deletion from storage. */
export async function bury(tx: Tx, object: ObjectKey, digest: Uint8Array | null, deleteAfter: number) {
  await tx.run(
    'INSERT INTO tombstone (obj, digest, delete_after) VALUES ($1, $2, $3) ON CONFLICT (obj) DO NOTHING',
    [object, digest, deleteAfter],
  )
}

const BURY_BLOBS = inStatement(
  1,
  (list) => `INSERT INTO tombstone (obj, digest, delete_after)
    SELECT obj, digest, CAST($1 AS bigint) FROM blob WHERE id IN ${list} ON CONFLICT (obj) DO NOTHING`,
)

/** Condemns the objects of blobs whose rows are deleted in the same transaction. */
export async function buryBlobs(tx: Tx, blobIds: readonly number[], deleteAfter: number) {
  await runOver(tx, BURY_BLOBS, [deleteAfter], blobIds)
}

const BURY_ALL = listStatement(
  1,
  (object) => `($${object}, NULL, $1)`,
  (list) => `INSERT INTO tombstone (obj, digest, delete_after) VALUES ${list} ON CONFLICT (obj) DO NOTHING`,
)

export async function buryAll(tx: Tx, objects: readonly ObjectKey[], deleteAfter: number) {
  await runOver(tx, BURY_ALL, [deleteAfter], objects)
}

/** R: see GarbageIndex.dueTombstones. */
export async function dueTombstones(tx: Reader, now: number, limit: number): Promise<ObjectKey[]> {
  const rows = await tx.all<{ obj: ObjectKey }>(
    'SELECT obj FROM tombstone WHERE delete_after <= $1 ORDER BY delete_after, obj LIMIT $2',
    [now, limit],
  )
  return rows.map((row) => row.obj)
}

const CLEAR = inStatement(0, (list) => `DELETE FROM tombstone WHERE obj IN ${list}`)

/** R: see GarbageIndex.clearTombstones. */
export async function clearTombstones(tx: Tx, keys: readonly ObjectKey[]): Promise<void> {
  await runOver(tx, CLEAR, [], keys as readonly Value[])
}
