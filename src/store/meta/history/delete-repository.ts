import type { RepoName, Tag } from '../../../core/names.ts'
import { namespaceOf } from '../access/names.ts'
import type { Cause } from '../access-store.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import type { Dialect, Reader, Tx } from '../driver.ts'
import type { DeletedRepository, HistoryStore } from '../lifecycle-store.ts'
import { fixedTags, patternsIn } from '../protection/fixed-tags.ts'
import { lockRepo, type RepoRow } from '../repositories.ts'
import { takeName } from './names.ts'

const NAME = 'SELECT name FROM repo WHERE id = $1'
const DELETE = `UPDATE repo SET name = $2, deleted_name = $3, deleted_at = $4, version = version + 1 WHERE id = $1`
const PROTECTED = 'SELECT 1 AS found FROM manifest_protection WHERE repo_id = $1 AND manifest_id > 0 LIMIT 1'
const TAGS = 'SELECT name FROM tag WHERE repo_id = $1 AND name > $2 ORDER BY name LIMIT $3'

/** Tags that are looked at one by one whether they are immutable; where there are more, one of them is taken to be. */
export const MAX_TAGS_LOOKED_AT = 10_000

async function hasFixed(tx: Tx, { id, immutable }: RepoRow): Promise<boolean> {
  if ((await tx.get(PROTECTED, [id])) !== undefined) return true
  if (patternsIn(immutable).length === 0) return false
  const tags = await tx.all<{ name: Tag }>(TAGS, [id, '', MAX_TAGS_LOOKED_AT + 1])
  const isFixed = fixedTags(immutable)
  return tags.length > MAX_TAGS_LOOKED_AT || tags.some(({ name }) => isFixed(name))
}

/** The name of a deleted repository's row: none that a request could have. */
export const deletedName = (name: string, id: number) => `${name}#${id}`

/** See HistoryStore.deleteRepository. Holds the repository alone. */
export async function deleteRepository(
  tx: Tx,
  dialect: Dialect,
  {
    remove,
    cause,
  }: { readonly remove: Parameters<HistoryStore['deleteRepository']>[0]; readonly cause: Cause },
): ReturnType<HistoryStore['deleteRepository']> {
  const repo = await lockRepo(tx, dialect, remove.name, 'alone')
  if (repo === undefined) return 'absent'
  if (await hasFixed(tx, repo)) return 'immutable'
  const { name } = (await tx.get<{ name: string }>(NAME, [repo.id])) as { name: string }
  await tx.run(DELETE, [repo.id, deletedName(name, repo.id), name, cause.now])
  await tx.run('DELETE FROM repo_alias WHERE repo_id = $1', [repo.id])
  const detail = { id: repo.id }
  const entry = { action: 'repository.delete' as const, target: name, namespace: namespaceOf(name), detail }
  await writeAuditRow(tx, entry, cause)
  return 'done'
}

/** Deleted repositories of a namespace in one list at most. */
export const MAX_DELETED_LISTED = 1_000

const WINDOW = 'coalesce(n.undo_seconds * 1000, CAST($1 AS bigint))'
// 0: collection has begun to take it apart.
const IS_WHOLE = 'r.deleted_at > 0'
const LIST = `SELECT r.id, r.deleted_name AS name, r.deleted_at AS "deletedAt", r.deleted_at + ${WINDOW} AS until
  FROM repo r JOIN namespace n ON n.id = r.ns_id
  WHERE r.deleted_name >= $2 AND r.deleted_name < $3 AND ${IS_WHOLE} AND r.deleted_at + ${WINDOW} > $4
  ORDER BY r.deleted_name, r.id DESC LIMIT ${MAX_DELETED_LISTED}`

/** See HistoryStore.listDeletedRepositories. */
export async function listDeletedRepositories(
  tx: Reader,
  namespace: string,
  now: number,
  undo: number,
): Promise<DeletedRepository[]> {
  // `0` follows `/`: every name within the namespace.
  return await tx.all<DeletedRepository>(LIST, [undo, `${namespace}/`, `${namespace}0`, now])
}

const HOLD_DELETED = `SELECT r.id, r.deleted_name AS name FROM repo r JOIN namespace n ON n.id = r.ns_id
  WHERE r.id = $2 AND n.name = $3 AND ${IS_WHOLE} AND r.deleted_at + ${WINDOW} > $4 FOR UPDATE OF r`
const RESTORE = `UPDATE repo SET name = $2, ns_id = $3, deleted_name = NULL, deleted_at = NULL, version = version + 1
  WHERE id = $1`

/** See HistoryStore.restoreRepository. */
export async function restoreRepository(
  tx: Tx,
  _dialect: Dialect,
  {
    restore,
    cause,
  }: { readonly restore: Parameters<HistoryStore['restoreRepository']>[0]; readonly cause: Cause },
): ReturnType<HistoryStore['restoreRepository']> {
  const { id, namespace, undo } = restore
  const repo = await tx.get<{ id: number; name: RepoName }>(HOLD_DELETED, [undo, id, namespace, cause.now])
  if (repo === undefined) return { outcome: 'absent' }
  const name = restore.name ?? repo.name
  const taken = await takeName(tx, name, cause.now)
  if (taken === 'taken') return { outcome: taken, name }
  if (taken === 'no-namespace') return { outcome: taken }
  await tx.run(RESTORE, [repo.id, name, taken.namespace])
  const detail = { id, ...(name !== repo.name && { from: repo.name }) }
  const entry = { action: 'repository.restore' as const, target: name, namespace: namespaceOf(name), detail }
  await writeAuditRow(tx, entry, cause)
  return { outcome: 'restored', name }
}
