import { LIBRARY, type RepoName } from '../../core/names.ts'
import { copyDefaultGrants, type DefaultGrant, grantsTold } from './access/default-grants.ts'
import { namespaceOf } from './access/names.ts'
import { markMade, markPublished } from './access/stages.ts'
import type { Cause } from './access-store.ts'
import { VISIBILITIES, wordOf } from './account-codes.ts'
import { writeAuditRow } from './accounts/audit.ts'
import type { Dialect, Tx } from './driver.ts'
import { repoIdOf } from './present-repo.ts'

export interface RepoRow {
  readonly id: number
  readonly published: number | null
  readonly updated: number
  /** Patterns of tags that nobody moves, as JSON; NULL: none. */
  readonly immutable: string | null
}

/** A repository that was made just now, with what its namespace grants there. */
export interface NewRepo {
  readonly id: number
  readonly grants: readonly DefaultGrant[]
}

const COLUMNS = `id, published_at AS published, updated_at AS updated,
  coalesce(immutable, (SELECT immutable FROM namespace n WHERE n.id = repo.ns_id)) AS immutable`
const FIND = `SELECT ${COLUMNS} FROM repo WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL`
const LOCK_SHARED = `${FIND} FOR KEY SHARE`
const LOCK_ALONE = `${FIND} FOR UPDATE`
const LOCK_SHARED_ID = 'SELECT id FROM repo WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE'
const LOCK_ALONE_ID = 'SELECT id FROM repo WHERE id = $1 FOR UPDATE'

/** How old `updated_at` may be, in ms: writing it at every push would make a queue of each repository's writers. */
const UPDATED_GRAIN = 60_000

/** The repository's row without a lock. */
export async function findRepo(tx: Tx, name: RepoName): Promise<RepoRow | undefined> {
  return await tx.get<RepoRow>(FIND, [name])
}

/**
 * The repository's row, locked first of all. Who only adds holds it shared; who removes, expects, or records something as
 * missing holds it alone. So nothing that a command found can go, and nothing it found missing can come, until it commits.
 */
export async function lockRepo(
  tx: Tx,
  dialect: Dialect,
  name: RepoName,
  mode: 'shared' | 'alone',
): Promise<RepoRow | undefined> {
  return await tx.get<RepoRow>(mode === 'alone' || dialect.alone ? LOCK_ALONE : LOCK_SHARED, [name])
}

/** Holds a repository, known by its id, shared; false when it is gone or deleted. */
export async function lockRepoById(tx: Tx, dialect: Dialect, id: number): Promise<boolean> {
  return dialect.alone || (await tx.get(LOCK_SHARED_ID, [id])) !== undefined
}

/** Holds a repository, known by its id, alone, also one that is deleted; false when it is gone. */
export async function lockRepoByIdAlone(tx: Tx, id: number): Promise<boolean> {
  return (await tx.get(LOCK_ALONE_ID, [id])) !== undefined
}

const ADD_NAMESPACE = `INSERT INTO namespace (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`
const ADD = `INSERT INTO repo (ns_id, name, official, visibility, description, created_at, updated_at)
  SELECT id, CAST($2 AS text), CAST($3 AS smallint), coalesce(CAST($4 AS smallint), default_visibility),
    CAST($5 AS text), CAST($6 AS bigint), CAST($6 AS bigint)
  FROM namespace WHERE name = $1 ON CONFLICT (name) DO NOTHING`

/** Makes a namespace that belongs to nobody, which is to say to the site's administrators, unless there is one of the name. */
export async function addNamespace(tx: Tx, namespace: string, now: number): Promise<void> {
  await tx.run(ADD_NAMESPACE, [namespace, now])
}

/**
 * Adds a repository to its namespace, with the namespace's visibility unless told and a grant for each of its default grants; undefined
 * where it stands already (or the namespace does not).
 */
export async function addRepo(
  tx: Tx,
  name: RepoName,
  now: number,
  settings: { readonly visibility?: number; readonly description?: string } = {},
): Promise<NewRepo | undefined> {
  const { visibility, description } = settings
  const official = name.startsWith(LIBRARY) ? 1 : 0
  const values = [namespaceOf(name), name, official, visibility ?? null, description ?? '', now]
  const id = await tx.insert(ADD, values)
  if (id === undefined) return undefined
  const grants = await copyDefaultGrants(tx, name, now)
  await markMade(tx, name)
  return { id, grants }
}

const SETTINGS = 'SELECT visibility, description FROM repo WHERE id = $1'

/** The audit's row of a repository that was made: who may see it, and what its namespace gave to whom. */
export async function auditCreation(
  tx: Tx,
  name: RepoName,
  { id, grants }: NewRepo,
  cause: Cause,
): Promise<void> {
  const made = (await tx.get<{ visibility: number; description: string }>(SETTINGS, [id])) as {
    visibility: number
    description: string
  }
  const visibility = wordOf(VISIBILITIES, made.visibility)
  const detail = {
    visibility,
    ...(made.description !== '' && { description: made.description }),
    ...(grants.length > 0 && { grants: grantsTold(grants) }),
  }
  const namespace = namespaceOf(name)
  await writeAuditRow(tx, { action: 'repository.create', target: name, namespace, detail }, cause)
}

/** What was an old name of another repository is so no longer. */
export async function endAlias(tx: Tx, name: RepoName): Promise<void> {
  await tx.run('DELETE FROM repo_alias WHERE name = $1', [name])
}

/** Whose doing it is that a repository is made, and whether the audit is told. */
export interface Maker {
  readonly now: number
  readonly cause?: Cause | undefined
  readonly audit?: boolean | undefined
}

/** Creates the repository, and its namespace, unless it stands; nobody sees it until it is published. */
export async function createRepo(tx: Tx, name: RepoName, { now, cause, audit }: Maker): Promise<void> {
  await addNamespace(tx, namespaceOf(name), now)
  const made = await addRepo(tx, name, now)
  if (made !== undefined && cause !== undefined && audit !== false) await auditCreation(tx, name, made, cause)
}

/** The repository's row held as `mode` says, created where there was none. */
export async function ensureRepo(
  tx: Tx,
  dialect: Dialect,
  name: RepoName,
  mode: 'shared' | 'alone',
  maker: Maker,
): Promise<RepoRow> {
  for (;;) {
    const repo = await lockRepo(tx, dialect, name, mode)
    if (repo !== undefined) return repo
    await createRepo(tx, name, maker)
  }
}

/** Notes a push: the first publishes the repository. */
export async function touchRepo(tx: Tx, repo: RepoRow, now: number): Promise<void> {
  if (repo.published === null) {
    const published =
      'UPDATE repo SET published_at = $2, updated_at = $2 WHERE id = $1 AND published_at IS NULL'
    if ((await tx.run(published, [repo.id, now])) > 0) await markPublished(tx, repo.id)
  } else if (now - repo.updated >= UPDATED_GRAIN) {
    await tx.run('UPDATE repo SET updated_at = $2 WHERE id = $1 AND updated_at < $2', [repo.id, now])
  }
}
