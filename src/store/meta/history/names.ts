import { LIBRARY, type RepoName } from '../../../core/names.ts'
import { namespaceOf } from '../access/names.ts'
import type { Reader, Tx } from '../driver.ts'
import type { HistoryStore } from '../lifecycle-store.ts'
import { addNamespace, endAlias } from '../repositories.ts'

const ALIAS = 'SELECT r.name FROM repo r WHERE r.id = (SELECT repo_id FROM repo_alias WHERE name = $1)'

/** See HistoryStore.findAlias. */
export async function findAlias(tx: Reader, name: RepoName): Promise<RepoName | undefined> {
  if ((await tx.get('SELECT 1 AS found FROM repo WHERE name = $1', [name])) !== undefined) return undefined
  return (await tx.get<{ name: RepoName }>(ALIAS, [name]))?.name
}

const ALIASES = `SELECT a.name, r.name AS target FROM repo_alias a JOIN repo r ON r.id = a.repo_id
  WHERE a.name > '' ORDER BY a.name LIMIT $1`

/** See HistoryStore.listAliases. */
export async function listAliases(tx: Reader, limit: number): ReturnType<HistoryStore['listAliases']> {
  return await tx.all<{ name: RepoName; target: RepoName }>(ALIASES, [limit])
}

const NAMESPACE = 'SELECT id FROM namespace WHERE name = $1'
const TAKE = `INSERT INTO repo (ns_id, name, created_at, updated_at) VALUES ($1, $2, 0, 0)
  ON CONFLICT (name) DO NOTHING`

/**
 * Makes a name free for a repository that there is: the id of its namespace. A row takes the name and leaves it at once, so that whoever makes
 * a repository of that name at this moment is waited for, or waits. An old name of another repository is so no longer.
 */
export async function takeName(
  tx: Tx,
  name: RepoName,
  now: number,
): Promise<{ readonly namespace: number } | 'taken' | 'no-namespace'> {
  if (name.startsWith(LIBRARY)) await addNamespace(tx, namespaceOf(name), now)
  const namespace = await tx.get<{ id: number }>(NAMESPACE, [namespaceOf(name)])
  if (namespace === undefined) return 'no-namespace'
  const id = await tx.insert(TAKE, [namespace.id, name])
  if (id === undefined) return 'taken'
  await tx.run('DELETE FROM repo WHERE id = $1', [id])
  await endAlias(tx, name)
  return { namespace: namespace.id }
}
