import { LIBRARY, type RepoName } from '../../../core/names.ts'
import { namespaceOf } from '../access/names.ts'
import type { Cause } from '../access-store.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import type { Dialect, Tx } from '../driver.ts'
import type { HistoryStore } from '../lifecycle-store.ts'
import { repoIdOf } from '../present-repo.ts'
import { takeName } from './names.ts'

const HOLD = `SELECT id, ns_id AS namespace, name FROM repo
  WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL FOR UPDATE`
const RENAME = 'UPDATE repo SET name = $2, ns_id = $3, official = $4, version = version + 1 WHERE id = $1'
const ADD_ALIAS = `INSERT INTO repo_alias (name, repo_id, created_at) VALUES ($1, $2, $3)
  ON CONFLICT (name) DO UPDATE SET repo_id = excluded.repo_id, created_at = excluded.created_at`
/** Old names of one repository that still lead to it. */
export const MAX_ALIASES = 100
const FORGET_ALIASES = `DELETE FROM repo_alias WHERE repo_id = $1 AND name NOT IN
  (SELECT name FROM repo_alias WHERE repo_id = $1 ORDER BY created_at DESC, name LIMIT ${MAX_ALIASES})`
const COPY_GRANTS = `INSERT INTO access_grant (ns_id, wild, subject_kind, subject_id, pattern, verbs, created_at)
  SELECT ns_id, wild, subject_kind, subject_id, CAST($3 AS text), verbs, created_at
  FROM access_grant WHERE ns_id = $1 AND wild = 0 AND pattern = $2
  ON CONFLICT (ns_id, wild, subject_kind, subject_id, pattern) DO NOTHING`
const DROP_GRANTS = 'DELETE FROM access_grant WHERE ns_id = $1 AND wild = 0 AND pattern = $2'

/** See HistoryStore.renameRepository. */
export async function renameRepository(
  tx: Tx,
  _dialect: Dialect,
  {
    rename: { name, to },
    cause,
  }: { readonly rename: Parameters<HistoryStore['renameRepository']>[0]; readonly cause: Cause },
): ReturnType<HistoryStore['renameRepository']> {
  const repo = await tx.get<{ id: number; namespace: number; name: RepoName }>(HOLD, [name])
  if (repo === undefined) return 'absent'
  const taken = await takeName(tx, to, cause.now)
  if (typeof taken === 'string') return taken
  await tx.run(RENAME, [repo.id, to, taken.namespace, to.startsWith(LIBRARY) ? 1 : 0])
  await tx.run(ADD_ALIAS, [repo.name, repo.id, cause.now])
  await tx.run(FORGET_ALIASES, [repo.id])
  if (taken.namespace === repo.namespace) await tx.run(COPY_GRANTS, [repo.namespace, repo.name, to])
  const ended = await tx.run(DROP_GRANTS, [repo.namespace, repo.name])
  const moved = taken.namespace !== repo.namespace
  const detail = { to, ...(moved && ended > 0 && { endedGrants: ended }) }
  const namespaces = new Set([namespaceOf(repo.name), namespaceOf(to)])
  // Both namespaces are told of what left the one and came into the other.
  for (const namespace of namespaces)
    await writeAuditRow(tx, { action: 'repository.rename', target: repo.name, namespace, detail }, cause)
  return 'done'
}
