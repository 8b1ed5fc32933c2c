import { type Algorithm, digestFromBytes, digestToBytes } from '../../core/digest.ts'
import type { ObjectKey, RepoName, UploadId } from '../../core/names.ts'
import { type Dialect, inStatement, type Reader, runOver, type Tx } from './driver.ts'
import { bury, buryAll } from './garbage.ts'
import { linkBlob } from './links.ts'
import { repoIdOf } from './present-repo.ts'
import { ensureRepo, findRepo, lockRepoById } from './repositories.ts'
import { UPLOAD_COMMITTED, UPLOAD_OPEN } from './schema.ts'
import type { FinishUpload, FinishUploadOutcome, OpenUpload, UploadIndex, UploadRow } from './store.ts'

// No more rows than the limits let in, by index.
const COUNT_OF_REPO = `SELECT count(*) AS n FROM upload
  WHERE repo_id = $1 AND state = ${UPLOAD_OPEN} AND expires_at > $2`
const COUNT_OF_OWNER = `SELECT count(*) AS n FROM upload
  WHERE owner = $1 AND state = ${UPLOAD_OPEN} AND expires_at > $2`

/** See UploadIndex.openUpload. With PostgreSQL, sessions opened at the same moment may together pass a limit by their number. */
export async function openUpload(
  tx: Tx,
  dialect: Dialect,
  open: OpenUpload,
): Promise<'opened' | 'repo-limit' | 'owner-limit'> {
  // A refused one leaves no row of a repository behind.
  let repo = await findRepo(tx, open.repo)
  const count = async (sql: string, whose: number | string) =>
    ((await tx.get<{ n: number }>(sql, [whose, open.now])) as { n: number }).n
  const inRepo = repo === undefined ? 0 : await count(COUNT_OF_REPO, repo.id)
  if (inRepo >= open.maxPerRepo) return 'repo-limit'
  if ((await count(COUNT_OF_OWNER, open.owner)) >= open.maxPerOwner) return 'owner-limit'
  repo ??= await ensureRepo(tx, dialect, open.repo, 'shared', open)
  await tx.run(
    `INSERT INTO upload (id, repo_id, owner, obj, offset_, algorithm, state, expires_at)
     VALUES ($1, $2, $3, $4, 0, $5, ${UPLOAD_OPEN}, $6)`,
    [open.id, repo.id, open.owner, open.key, open.algorithm, open.expiresAt],
  )
  return 'opened'
}

const FIND = `SELECT obj, offset_ AS "offset", algorithm, state, committed_digest AS digest, committed_size AS size
  FROM upload WHERE id = $1 AND repo_id = ${repoIdOf('$2')} AND owner = $3 AND expires_at > $4`

/** See UploadIndex.findUpload. */
export async function findUpload(
  tx: Reader,
  repo: RepoName,
  id: UploadId,
  owner: string,
  now: number,
): Promise<UploadRow | undefined> {
  const row = await tx.get<{
    obj: ObjectKey
    offset: number
    algorithm: Algorithm
    state: number
    digest: Uint8Array | null
    size: number | null
  }>(FIND, [id, repo, owner, now])
  if (row === undefined) return undefined
  return {
    id,
    repo,
    owner,
    key: row.obj,
    offset: row.offset,
    algorithm: row.algorithm,
    state: row.state === UPLOAD_OPEN ? 'open' : 'committed',
    committed:
      row.digest === null ? undefined : { digest: digestFromBytes(row.digest), size: row.size as number },
  }
}

/** See UploadIndex.advanceUpload. */
export async function advanceUpload(
  tx: Tx,
  _dialect: Dialect,
  advance: Parameters<UploadIndex['advanceUpload']>[0],
): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE upload SET offset_ = $3, expires_at = $4 WHERE id = $1 AND offset_ = $2 AND state = ${UPLOAD_OPEN}`,
    [advance.id, advance.from, advance.to, advance.expiresAt],
  )
  return changed > 0
}

interface OpenRow {
  readonly repoId: number
  readonly obj: ObjectKey
}

const FIND_OPEN = `SELECT repo_id AS "repoId", obj FROM upload
  WHERE id = $1 AND state = ${UPLOAD_OPEN} AND expires_at > $2
    AND EXISTS (SELECT 1 FROM repo r WHERE r.id = upload.repo_id AND r.deleted_at IS NULL)`

/** See UploadIndex.finishUpload. Locks the repository, the session, the blob, the link. */
export async function finishUpload(
  tx: Tx,
  dialect: Dialect,
  finish: FinishUpload,
): Promise<FinishUploadOutcome> {
  let upload = await tx.get<OpenRow>(FIND_OPEN, [finish.id, finish.now])
  if (upload === undefined) return { outcome: 'gone' }
  if (!dialect.alone) {
    // A session does not hold its repository, which may have been deleted since, or with its account.
    if (!(await lockRepoById(tx, dialect, upload.repoId))) return { outcome: 'gone' }
    upload = await tx.get<OpenRow>(`${FIND_OPEN} FOR UPDATE`, [finish.id, finish.now])
    if (upload === undefined) return { outcome: 'gone' }
  }
  const digest = digestToBytes(finish.digest)
  const blobId =
    finish.reuse === undefined
      ? await storeBlob(tx, finish, upload.obj, digest)
      : await reuseBlob(tx, finish, finish.reuse, upload.obj, digest)
  if (blobId === undefined) return { outcome: 'vanished' }
  await linkBlob(tx, upload.repoId, blobId, digest, finish.now + finish.grace)
  await tx.run(
    `UPDATE upload SET state = ${UPLOAD_COMMITTED}, committed_digest = $2, committed_size = $3, offset_ = $3,
       expires_at = $4 WHERE id = $1`,
    [finish.id, digest, finish.size, finish.expiresAt],
  )
  return { outcome: 'finished' }
}

const FIND_BLOB = 'SELECT id, obj FROM blob WHERE digest = $1 FOR KEY SHARE'
const INSERT_BLOB = `INSERT INTO blob (digest, size, obj, created_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (digest) DO NOTHING`

/** The digest's row names the upload's object, or another one that was first; then the upload's goes. */
async function storeBlob(tx: Tx, finish: FinishUpload, own: ObjectKey, digest: Uint8Array): Promise<number> {
  let blob: { id: number; obj: ObjectKey } | undefined
  while (blob === undefined) {
    // Looked for first: a push of known bytes is frequent, and need not try to insert.
    blob = await tx.get(FIND_BLOB, [digest])
    if (blob !== undefined) break
    const id = await tx.insert(INSERT_BLOB, [digest, finish.size, own, finish.now])
    if (id !== undefined) return id
  }
  if (finish.replace !== undefined) {
    const replaced = await tx.run('UPDATE blob SET obj = $3, size = $4 WHERE id = $1 AND obj = $2', [
      blob.id,
      finish.replace,
      own,
      finish.size,
    ])
    if (replaced > 0) {
      await bury(tx, finish.replace, digest, finish.deleteAfter)
      return blob.id
    }
  }
  await bury(tx, own, digest, finish.deleteAfter)
  return blob.id
}

/** Nothing was written: the row must still name the object that was relied on. */
async function reuseBlob(
  tx: Tx,
  finish: FinishUpload,
  reuse: ObjectKey,
  own: ObjectKey,
  digest: Uint8Array,
): Promise<number | undefined> {
  const blob = await tx.get<{ id: number; obj: ObjectKey }>(FIND_BLOB, [digest])
  if (blob?.obj !== reuse) return undefined
  await bury(tx, own, digest, finish.deleteAfter)
  return blob.id
}

/** See UploadIndex.abortUpload. */
export async function abortUpload(
  tx: Tx,
  _dialect: Dialect,
  abort: Parameters<UploadIndex['abortUpload']>[0],
): Promise<boolean> {
  const row = await tx.get<{ obj: ObjectKey }>(
    `DELETE FROM upload WHERE id = $1 AND state = ${UPLOAD_OPEN} RETURNING obj`,
    [abort.id],
  )
  if (row === undefined) return false
  await bury(tx, row.obj, null, abort.deleteAfter)
  return true
}

const DELETE = inStatement(0, (list) => `DELETE FROM upload WHERE id IN ${list}`)

/** S: see UploadIndex.sweepUploads. */
export async function sweepUploads(
  tx: Tx,
  _dialect: Dialect,
  sweep: Parameters<UploadIndex['sweepUploads']>[0],
): Promise<number> {
  const over = await tx.all<{ id: UploadId; obj: ObjectKey; state: number }>(
    `SELECT id, obj, state FROM upload WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2
     FOR UPDATE SKIP LOCKED`,
    [sweep.now, sweep.limit],
  )
  const unfinished = over.filter((row) => row.state === UPLOAD_OPEN).map((row) => row.obj)
  await buryAll(tx, unfinished, sweep.deleteAfter)
  await runOver(
    tx,
    DELETE,
    [],
    over.map((row) => row.id),
  )
  return over.length
}

/** See UploadIndex.countUploads. */
export async function countUploads(tx: Reader): Promise<number> {
  const row = await tx.get<{ n: number }>(`SELECT count(*) AS n FROM upload WHERE state = ${UPLOAD_OPEN}`, [])
  return row?.n ?? 0
}
