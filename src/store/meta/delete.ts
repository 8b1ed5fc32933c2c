import { type Digest, digestFromBytes, digestToBytes } from '../../core/digest.ts'
import type { Dialect, Tx } from './driver.ts'
import { queueBlob, queueManifest } from './garbage.ts'
import { changeOf, recordLostTags, recordTagEvent } from './history/record.ts'
import { findKeeper, fixedTags } from './protection/fixed-tags.ts'
import { removeManifests } from './remove-manifests.ts'
import { lockRepo } from './repositories.ts'
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
  const kept = await findKeeper(tx, repo, manifest.id)
  if (kept !== undefined) return kept
  await recordLostTags(tx, repo.id, manifest.id, changeOf(remove))

  await removeManifests(tx, repo.id, [{ id: manifest.id, digest }], remove.now + remove.grace)
  return { outcome: 'deleted' }
}

const FIND_TAG = 'SELECT 1 AS found FROM tag WHERE repo_id = $1 AND name = $2'

/** See ContentIndex.deleteTag. */
export async function deleteTag(
  tx: Tx,
  dialect: Dialect,
  remove: Parameters<ContentIndex['deleteTag']>[0],
): Promise<DeleteOutcome> {
  const repo = await lockRepo(tx, dialect, remove.repo, 'alone')
  if (repo === undefined) return { outcome: 'no-repository' }
  if (fixedTags(repo.immutable)(remove.tag) && (await tx.get(FIND_TAG, [repo.id, remove.tag])) !== undefined)
    return { outcome: 'immutable', tag: remove.tag }
  const tag = await tx.get<{ id: number }>(
    'DELETE FROM tag WHERE repo_id = $1 AND name = $2 RETURNING manifest_id AS id',
    [repo.id, remove.tag],
  )
  if (tag === undefined) return { outcome: 'absent' }
  await tx.run('DELETE FROM tag_use WHERE repo_id = $1 AND name = $2', [repo.id, remove.tag])
  await queueManifest(tx, repo.id, tag.id, remove.now + remove.grace)
  await recordTagEvent(
    tx,
    repo.id,
    { tag: remove.tag, kind: 'delete', from: tag.id, to: null },
    changeOf(remove),
  )
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
