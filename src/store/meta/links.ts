import { type Digest, digestToBytes } from '../../core/digest.ts'
import type { ObjectKey, RepoName } from '../../core/names.ts'
import type { Dialect, Tx } from './driver.ts'
import { queueLink } from './garbage.ts'
import { repoIdOf } from './present-repo.ts'
import { ensureRepo } from './repositories.ts'
import type { ContentIndex } from './store.ts'

interface BlobObject {
  readonly id: number
  readonly size: number
  readonly obj: ObjectKey
}

/** A later lease wins; a link that is referenced (no lease) stays as it is. */
const UPSERT_LINK = `INSERT INTO repo_blob (repo_id, blob_id, lease_until) VALUES ($1, $2, $3)
  ON CONFLICT (repo_id, blob_id) DO UPDATE SET lease_until = excluded.lease_until
  WHERE repo_blob.lease_until < excluded.lease_until`

const SETTLE = `INSERT INTO manifest_blob (repo_id, manifest_id, blob_id)
  SELECT DISTINCT repo_id, manifest_id, CAST($3 AS bigint) FROM manifest_missing
  WHERE repo_id = $1 AND digest = $2 AND kind IN (1, 2) ON CONFLICT DO NOTHING`

/**
 * Links a blob into a repository under a lease and queues the link for review; or, where references have waited for the blob,
 * makes them references to it, which need no lease. The repository and the blob's row are locked by the caller.
 */
export async function linkBlob(
  tx: Tx,
  repoId: number,
  blobId: number,
  digest: Uint8Array,
  leaseUntil: number,
): Promise<void> {
  await tx.run(UPSERT_LINK, [repoId, blobId, leaseUntil])
  if ((await tx.run(SETTLE, [repoId, digest, blobId])) === 0) {
    await queueLink(tx, repoId, blobId, leaseUntil)
    return
  }
  await tx.run('DELETE FROM manifest_missing WHERE repo_id = $1 AND digest = $2 AND kind IN (1, 2)', [
    repoId,
    digest,
  ])
  await tx.run('UPDATE repo_blob SET lease_until = NULL WHERE repo_id = $1 AND blob_id = $2', [
    repoId,
    blobId,
  ])
}

const LINKED_IN = `SELECT id, size, obj FROM blob WHERE digest = $1 AND EXISTS (SELECT 1 FROM repo_blob l
  WHERE l.repo_id = ${repoIdOf('$2')} AND l.blob_id = blob.id) FOR KEY SHARE`
const LINKED_ANYWHERE = `SELECT id, size, obj FROM blob
  WHERE digest = $1 AND EXISTS (SELECT 1 FROM repo_blob l WHERE l.blob_id = blob.id) FOR KEY SHARE`

/**
 * See ContentIndex.mountBlob. The blob is held before the repository, against the order of the others: who holds a blob's row
 * alone never waits for a repository, so no circle can close.
 */
export async function mountBlob(
  tx: Tx,
  dialect: Dialect,
  mount: Parameters<ContentIndex['mountBlob']>[0],
): Promise<{ readonly size: number; readonly key: ObjectKey } | undefined> {
  const digest = digestToBytes(mount.digest)
  const blob =
    mount.from === undefined
      ? await tx.get<BlobObject>(LINKED_ANYWHERE, [digest])
      : await tx.get<BlobObject>(LINKED_IN, [digest, mount.from])
  if (blob === undefined) return undefined
  const target = await ensureRepo(tx, dialect, mount.repo, 'shared', mount)
  await linkBlob(tx, target.id, blob.id, digest, mount.now + mount.grace)
  return { size: blob.size, key: blob.obj }
}

const EXTEND = `UPDATE repo_blob SET lease_until = $3
  WHERE repo_id = ${repoIdOf('$1')}
    AND blob_id = (SELECT id FROM blob WHERE digest = $2) AND lease_until < $3`
const STANDS = `SELECT 1 AS found FROM repo_blob
  WHERE repo_id = ${repoIdOf('$1')} AND blob_id = (SELECT id FROM blob WHERE digest = $2)`

/**
 * H: see ContentIndex.extendLease. Where nothing was to be extended, another statement looks again: the first one may have waited for the
 * collector, and found nothing left.
 */
export async function extendLease(
  tx: Tx,
  _dialect: Dialect,
  lease: { repo: RepoName; digest: Digest; until: number },
): Promise<boolean> {
  const link = [lease.repo, digestToBytes(lease.digest)]
  if ((await tx.run(EXTEND, [...link, lease.until])) > 0) return true
  return (await tx.get(STANDS, link)) !== undefined
}
