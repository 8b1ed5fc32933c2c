import type { ObjectKey } from '../../../core/names.ts'
import { type Dialect, inStatement, runOver, type Tx } from '../driver.ts'
import { buryAll, queueBlobs } from '../garbage.ts'
import type { CollectionStore, Reviewed } from '../lifecycle-store.ts'
import { type RemovedManifest, removeManifests } from '../remove-manifests.ts'
import { lockRepoByIdAlone } from '../repositories.ts'
import { UPLOAD_OPEN } from '../schema.ts'
import { DUE_REPOSITORY, IS_OVER, noteCollected } from './state.ts'

/*
 * A deleted repository has a name that nobody can ask for, so that nothing in it is promised to anyone: it is taken apart without leases.
 * Only its blobs may be of use elsewhere, and are reviewed.
 */

const STILL_DUE = `SELECT r.id FROM repo r JOIN namespace n ON n.id = r.ns_id
  WHERE r.id = $3 AND r.deleted_at IS NOT NULL AND ${IS_OVER}`
/** From the first piece on it cannot be restored, whatever time the namespace sets. */
const GIVE_UP = 'UPDATE repo SET deleted_at = 0 WHERE id = $1 AND deleted_at <> 0'

/** Rows of one table in one transaction at most: other writers of SQLite wait as long. */
const PIECE = 200

/** See CollectionStore.purgeRepositories: one piece of the repository that was deleted first. */
export async function purgeRepositories(
  tx: Tx,
  _dialect: Dialect,
  { now, undo, grace, limit }: Parameters<CollectionStore['purgeRepositories']>[0],
): Promise<Reviewed> {
  const due = await tx.get<{ id: number }>(DUE_REPOSITORY, [now, undo])
  if (due === undefined) return { reviewed: 0, deleted: 0, bytes: 0, more: false }
  const { id } = due
  // Somebody may have restored it, or another collector been faster, while its row was waited for.
  await lockRepoByIdAlone(tx, id)
  if ((await tx.get(STILL_DUE, [now, undo, id])) === undefined) {
    return { reviewed: 0, deleted: 0, bytes: 0, more: true }
  }
  await tx.run(GIVE_UP, [id])
  const piece = Math.min(limit, PIECE)
  const purge = { tx, id, piece, after: now + grace }
  const manifests = await purgeManifests(purge)
  const links = manifests < piece ? await purgeLinks(purge) : 0
  let deleted = manifests + links
  let isEmpty = manifests < piece && links < piece
  if (isEmpty) {
    const rest = (await purgeUploads(purge)) + (await purgeRecords(purge))
    isEmpty = rest === 0
    deleted += rest
  }
  if (isEmpty) {
    await tx.run('DELETE FROM repo_readme WHERE repo_id = $1', [id])
    await tx.run('DELETE FROM repo WHERE id = $1', [id])
    deleted++
  }
  await noteCollected(tx, { manifests, links })
  return { reviewed: 1, deleted, bytes: 0, more: true }
}

interface Purge {
  readonly tx: Tx
  readonly id: number
  readonly piece: number
  readonly after: number
}

const MANIFESTS =
  'SELECT id, digest FROM manifest WHERE repo_id = $1 AND digest > $3 ORDER BY digest LIMIT $2'
const SET_LOOSE = inStatement(
  1,
  (list) => `DELETE FROM manifest_child WHERE repo_id = $1 AND child_id IN ${list}`,
)

async function purgeManifests({ tx, id, piece, after }: Purge): Promise<number> {
  const manifests = await tx.all<RemovedManifest>(MANIFESTS, [id, piece, new Uint8Array(0)])
  await runOver(
    tx,
    SET_LOOSE,
    [id],
    manifests.map((manifest) => manifest.id),
  )
  await removeManifests(tx, id, manifests, after)
  return manifests.length
}

const LINKS =
  'SELECT blob_id AS id FROM repo_blob WHERE repo_id = $1 AND blob_id > 0 ORDER BY blob_id LIMIT $2 FOR UPDATE'
const DEQUEUE = inStatement(1, (list) => `DELETE FROM gc_link WHERE repo_id = $1 AND blob_id IN ${list}`)
const UNLINK = inStatement(1, (list) => `DELETE FROM repo_blob WHERE repo_id = $1 AND blob_id IN ${list}`)

async function purgeLinks({ tx, id, piece, after }: Purge): Promise<number> {
  const links = (await tx.all<{ id: number }>(LINKS, [id, piece])).map((link) => link.id)
  await runOver(tx, DEQUEUE, [id], links)
  await runOver(tx, UNLINK, [id], links)
  await queueBlobs(tx, links, after)
  return links.length
}

const UPLOADS = 'SELECT id, obj, state FROM upload WHERE repo_id = $1 AND state >= 0 LIMIT $2 FOR UPDATE'
const DELETE_UPLOADS = inStatement(0, (list) => `DELETE FROM upload WHERE id IN ${list}`)

async function purgeUploads({ tx, id, piece, after }: Purge): Promise<number> {
  const uploads = await tx.all<{ id: string; obj: ObjectKey; state: number }>(UPLOADS, [id, piece])
  const open = uploads.filter(({ state }) => state === UPLOAD_OPEN)
  await buryAll(
    tx,
    open.map(({ obj }) => obj),
    after,
  )
  await runOver(
    tx,
    DELETE_UPLOADS,
    [],
    uploads.map((upload) => upload.id),
  )
  return uploads.length
}

/** What else is kept of a repository: the table, and a column that tells its rows apart, with what stands before all of its values. */
const RECORDS = [
  ['tag_event', 'name', "''"],
  ['tag_use', 'name', "''"],
  ['pull_day', 'day', '-1'],
  ['star', 'user_id', '-1'],
  ['repo_alias', 'name', "''"],
  ['gc_manifest', 'manifest_id', '-1'],
  ['manifest_use', 'manifest_id', '-1'],
  ['manifest_protection', 'manifest_id', '-1'],
].map(
  ([table, key, first]) => `DELETE FROM ${table} WHERE repo_id = $1 AND ${key} IN
    (SELECT ${key} FROM ${table} WHERE repo_id = $1 AND ${key} > ${first} ORDER BY ${key} LIMIT $2)`,
)

async function purgeRecords({ tx, id, piece }: Purge): Promise<number> {
  let deleted = 0
  for (const sql of RECORDS) deleted += await tx.run(sql, [id, piece])
  return deleted
}
