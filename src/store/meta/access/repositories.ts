import { LIBRARY, type RepoName } from '../../../core/names.ts'
import type { Page, PageRequest } from '../../../core/registry.ts'
import type { Cause, Changed, RepositoryRow, RepositoryStore } from '../access-store.ts'
import { VISIBILITIES, wordOf } from '../account-codes.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import { storable } from '../accounts/storable.ts'
import type { Dialect, Reader, Tx, Value } from '../driver.ts'
import { lastOf, limitOf } from '../paging.ts'
import { repoIdOf } from '../present-repo.ts'
import { addNamespace, addRepo, auditCreation, endAlias } from '../repositories.ts'
import { ALL_NAMES, behind, intersectionOf, startingWith } from './name-ranges.ts'
import { namespaceOf } from './names.ts'
import { lookAtNamespace } from './namespaces.ts'
import { pageOfVisible, Sight, selection } from './visible.ts'

interface Row {
  readonly name: RepoName
  readonly description: string
  readonly visibility: number
  readonly official: number
  readonly stars: number
  readonly pulls: number
  readonly createdAt: number
  readonly updatedAt: number
  readonly publishedAt: number | null
  readonly version: number
}

const COLUMNS = `description, visibility, official, stars, pull_count AS pulls, created_at AS "createdAt", updated_at AS "updatedAt",
  published_at AS "publishedAt", version`

function repositoryRow(row: Row): RepositoryRow {
  const { publishedAt, ...rest } = row
  return {
    ...rest,
    visibility: wordOf(VISIBILITIES, row.visibility),
    official: row.official !== 0,
    published: publishedAt !== null,
  }
}

const FIND = `SELECT name, ${COLUMNS},
    coalesce((SELECT readme FROM repo_readme WHERE repo_id = repo.id), '') AS readme
  FROM repo WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL`

/** See RepositoryStore.findRepository. */
export async function findRepository(
  tx: Reader,
  name: RepoName,
): ReturnType<RepositoryStore['findRepository']> {
  const row = await tx.get<Row & { readonly readme: string }>(FIND, [name])
  return row && { ...repositoryRow(row), readme: row.readme }
}

const DESCRIBED = selection(COLUMNS)

/** See RepositoryStore.describeRepositories. */
export async function describeRepositories(
  tx: Reader,
  filter: Parameters<RepositoryStore['describeRepositories']>[0],
  request: PageRequest,
): Promise<Page<RepositoryRow>> {
  const all = filter.namespace === undefined ? ALL_NAMES : startingWith(`${storable(filter.namespace)}/`)
  const [space] = intersectionOf([all], [{ ...ALL_NAMES, from: behind(lastOf(request)) }])
  if (space === undefined) return { items: [], more: false }
  const { rows, more } = await pageOfVisible<Row>(tx, DESCRIBED, {
    sight: new Sight(filter.visible),
    space,
    unpublished: true,
    wanted: limitOf(request),
    limit: request.limit,
  })
  return { items: rows.map(repositoryRow), more }
}

/** See RepositoryStore.createRepository. An old name of another repository becomes the new one's. The namespace of official images is there for all time, and so is made when it is needed. */
export async function createRepository(
  tx: Tx,
  _dialect: Dialect,
  {
    create,
    cause,
  }: { readonly create: Parameters<RepositoryStore['createRepository']>[0]; readonly cause: Cause },
): Promise<'created' | 'exists' | 'no-namespace'> {
  const { name, description } = storable(create)
  const namespace = namespaceOf(name)
  if (name.startsWith(LIBRARY)) await addNamespace(tx, namespace, cause.now)
  if ((await lookAtNamespace(tx, namespace)) === undefined) return 'no-namespace'
  const made = await addRepo(tx, name, cause.now, {
    ...(create.visibility !== undefined && { visibility: VISIBILITIES[create.visibility] }),
    ...(description !== undefined && { description }),
  })
  if (made === undefined) return 'exists'
  await endAlias(tx, name)
  await auditCreation(tx, name, made, cause)
  return 'created'
}

const HOLD = `SELECT id, name, visibility, description, version FROM repo
  WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL FOR NO KEY UPDATE`
const UPDATE = 'UPDATE repo SET version = version + 1'
const SET_README = `INSERT INTO repo_readme (repo_id, readme) VALUES ($1, $2)
  ON CONFLICT (repo_id) DO UPDATE SET readme = excluded.readme`

/** See RepositoryStore.updateRepository. */
export async function updateRepository(
  tx: Tx,
  _dialect: Dialect,
  {
    change,
    cause,
  }: { readonly change: Parameters<RepositoryStore['updateRepository']>[0]; readonly cause: Cause },
): Promise<Changed> {
  const { name: asked, version, visibility, description, readme } = storable(change)
  const row = await tx.get<{
    id: number
    name: RepoName
    visibility: number
    description: string
    version: number
  }>(HOLD, [asked])
  if (row === undefined) return 'absent'
  if (version !== undefined && version !== row.version) return 'stale'

  const detail: Record<string, unknown> = {}
  const columns: string[] = []
  const values: Value[] = [row.id]
  const set = (column: string, value: Value) => {
    values.push(value)
    columns.push(`, ${column} = $${values.length}`)
  }
  const before = wordOf(VISIBILITIES, row.visibility)
  if (visibility !== undefined && visibility !== before) {
    set('visibility', VISIBILITIES[visibility])
    detail.visibility = { from: before, to: visibility }
  }
  if (description !== undefined && description !== row.description) {
    set('description', description)
    detail.description = { from: row.description, to: description }
  }
  if (readme !== undefined) {
    const old = await tx.get<{ readme: string }>('SELECT readme FROM repo_readme WHERE repo_id = $1', [
      row.id,
    ])
    if (readme !== (old?.readme ?? '')) {
      await tx.run(SET_README, [row.id, readme])
      // A text of pages is not kept twice; that it changed is told.
      detail.readme = { characters: readme.length }
    }
  }
  if (Object.keys(detail).length === 0) return 'done'
  await tx.run(`${UPDATE}${columns.join('')} WHERE id = $1`, values)
  const { name } = row
  const entry = { action: 'repository.update' as const, target: name, namespace: namespaceOf(name), detail }
  await writeAuditRow(tx, entry, cause)
  return 'done'
}
