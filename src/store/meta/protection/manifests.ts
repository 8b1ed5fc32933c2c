import type { AuditAction } from '../../../core/audit-actions.ts'
import { digestFromBytes, digestToBytes } from '../../../core/digest.ts'
import type { RepoName } from '../../../core/names.ts'
import { namespaceOf } from '../access/names.ts'
import type { Cause } from '../access-store.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import { storable } from '../accounts/storable.ts'
import type { Dialect, Reader, Tx } from '../driver.ts'
import { queueManifest } from '../garbage.ts'
import { MAX_PROTECTED, type ProtectedManifest, type ProtectionStore } from '../lifecycle-store.ts'
import { repoIdOf } from '../present-repo.ts'
import { lockRepo } from '../repositories.ts'

const FIND = 'SELECT id FROM manifest WHERE repo_id = $1 AND digest = $2'
const COUNT = 'SELECT count(*) AS n FROM manifest_protection WHERE repo_id = $1 AND manifest_id > 0'
const REASON = 'SELECT reason FROM manifest_protection WHERE repo_id = $1 AND manifest_id = $2'
const PROTECT = `INSERT INTO manifest_protection (repo_id, manifest_id, reason, created_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (repo_id, manifest_id) DO UPDATE SET reason = excluded.reason`
const RELEASE = 'DELETE FROM manifest_protection WHERE repo_id = $1 AND manifest_id = $2'
const NAME = 'SELECT name FROM repo WHERE id = $1'

async function audit(
  tx: Tx,
  repoId: number,
  { action, digest, detail }: { action: AuditAction; digest: string; detail?: object },
  cause: Cause,
) {
  const { name } = (await tx.get<{ name: string }>(NAME, [repoId])) as { name: string }
  const entry = { action, target: `${name}@${digest}`, namespace: namespaceOf(name), detail }
  await writeAuditRow(tx, entry, cause)
}

/** See ProtectionStore.protectManifest. Holds the repository alone, as those do who delete. */
export async function protectManifest(
  tx: Tx,
  dialect: Dialect,
  {
    protect,
    cause,
  }: { readonly protect: Parameters<ProtectionStore['protectManifest']>[0]; readonly cause: Cause },
): ReturnType<ProtectionStore['protectManifest']> {
  const { digest, reason } = storable(protect)
  const repo = await lockRepo(tx, dialect, protect.repo, 'alone')
  const manifest = repo && (await tx.get<{ id: number }>(FIND, [repo.id, digestToBytes(digest)]))
  if (repo === undefined || manifest === undefined) return 'absent'
  const row = [repo.id, manifest.id]
  const before = await tx.get<{ reason: string }>(REASON, row)
  if (before?.reason === reason) return 'unchanged'
  if (before === undefined) {
    const { n } = (await tx.get<{ n: number }>(COUNT, [repo.id])) as { n: number }
    if (n >= MAX_PROTECTED) return 'too-many'
  }
  await tx.run(PROTECT, [...row, reason, cause.now])
  await audit(tx, repo.id, { action: 'manifest.protect', digest, detail: { reason } }, cause)
  return 'done'
}

/** See ProtectionStore.releaseManifest. What nothing else keeps is reviewed from now on. */
export async function releaseManifest(
  tx: Tx,
  dialect: Dialect,
  {
    release,
    cause,
  }: { readonly release: Parameters<ProtectionStore['releaseManifest']>[0]; readonly cause: Cause },
): ReturnType<ProtectionStore['releaseManifest']> {
  const repo = await lockRepo(tx, dialect, release.repo, 'alone')
  const manifest = repo && (await tx.get<{ id: number }>(FIND, [repo.id, digestToBytes(release.digest)]))
  if (repo === undefined || manifest === undefined) return 'absent'
  if ((await tx.run(RELEASE, [repo.id, manifest.id])) === 0) return 'absent'
  await queueManifest(tx, repo.id, manifest.id, cause.now)
  await audit(tx, repo.id, { action: 'manifest.release', digest: release.digest }, cause)
  return 'done'
}

const REPO = `SELECT id FROM repo WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL`
const LIST = `SELECT m.digest, p.reason, p.created_at AS at FROM manifest_protection p
  JOIN manifest m ON m.id = p.manifest_id AND m.repo_id = p.repo_id
  WHERE p.repo_id = $1 AND p.manifest_id > 0`

/** See ProtectionStore.listProtected. */
export async function listProtected(tx: Reader, repo: RepoName): Promise<ProtectedManifest[] | undefined> {
  const found = await tx.get<{ id: number }>(REPO, [repo])
  if (found === undefined) return undefined
  const rows = await tx.all<{ digest: Uint8Array; reason: string; at: number }>(LIST, [found.id])
  return rows
    .map(({ digest, ...row }) => ({ ...row, digest: digestFromBytes(digest) }))
    .sort((a, b) => a.at - b.at)
}
