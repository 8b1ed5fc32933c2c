import { LIBRARY, type RepoName } from '../../core/names.ts'
import type { Dialect, Tx } from './driver.ts'

export interface RepoRow {
  readonly id: number
  readonly published: number | null
  readonly updated: number
}

const COLUMNS = 'id, published_at AS published, updated_at AS updated'
const FIND = `SELECT ${COLUMNS} FROM repo WHERE name = $1`
const LOCK_SHARED = `${FIND} FOR KEY SHARE`
const LOCK_ALONE = `${FIND} FOR UPDATE`
const LOCK_SHARED_ID = 'SELECT id FROM repo WHERE id = $1 FOR KEY SHARE'

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

/** Holds a repository, known by its id, shared. */
export async function lockRepoById(tx: Tx, dialect: Dialect, id: number): Promise<void> {
  if (!dialect.alone) await tx.get(LOCK_SHARED_ID, [id])
}

/** Creates the repository, and its namespace, unless it stands; nobody sees it until it is published. */
export async function createRepo(tx: Tx, name: RepoName, now: number): Promise<void> {
  const namespace = name.slice(0, name.indexOf('/'))
  await tx.run('INSERT INTO namespace (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING', [
    namespace,
    now,
  ])
  await tx.run(
    `INSERT INTO repo (ns_id, name, official, created_at, updated_at)
     VALUES ((SELECT id FROM namespace WHERE name = $1), $2, $3, $4, $4) ON CONFLICT (name) DO NOTHING`,
    [namespace, name, name.startsWith(LIBRARY) ? 1 : 0, now],
  )
}

/** The repository's row held as `mode` says, created where there was none. */
export async function ensureRepo(
  tx: Tx,
  dialect: Dialect,
  name: RepoName,
  mode: 'shared' | 'alone',
  now: number,
): Promise<RepoRow> {
  for (;;) {
    const repo = await lockRepo(tx, dialect, name, mode)
    if (repo !== undefined) return repo
    await createRepo(tx, name, now)
  }
}

/** Notes a push: the first publishes the repository. */
export async function touchRepo(tx: Tx, repo: RepoRow, now: number): Promise<void> {
  if (repo.published === null) {
    await tx.run(
      'UPDATE repo SET published_at = $2, updated_at = $2 WHERE id = $1 AND published_at IS NULL',
      [repo.id, now],
    )
  } else if (now - repo.updated >= UPDATED_GRAIN) {
    await tx.run('UPDATE repo SET updated_at = $2 WHERE id = $1 AND updated_at < $2', [repo.id, now])
  }
}
