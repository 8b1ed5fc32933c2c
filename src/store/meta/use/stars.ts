import type { Visible } from '../../../core/access.ts'
import type { RepoName } from '../../../core/names.ts'
import type { Page, PageRequest } from '../../../core/registry.ts'
import { Sight } from '../access/visible.ts'
import { ACCOUNT_KINDS, VISIBILITIES } from '../account-codes.ts'
import { type Dialect, inStatement, type Reader, runOver, type Tx } from '../driver.ts'
import type { UseStore } from '../lifecycle-store.ts'
import { lastOf, limitOf } from '../paging.ts'
import { repoIdOf } from '../present-repo.ts'

const USER = `SELECT id FROM account WHERE name = $1 AND kind = ${ACCOUNT_KINDS.user}`
// The user first, as who deletes one does.
const HOLD_USER = `${USER} FOR NO KEY UPDATE`
const HOLD_REPO = `SELECT id FROM repo WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL FOR NO KEY UPDATE`
const COUNT = 'SELECT count(*) AS count FROM star WHERE user_id = $1'
const ADD = `INSERT INTO star (user_id, repo_id, created_at) VALUES ($1, $2, $3)
  ON CONFLICT (user_id, repo_id) DO NOTHING`
const REMOVE = 'DELETE FROM star WHERE user_id = $1 AND repo_id = $2'
const CHANGE = 'UPDATE repo SET stars = stars + $2 WHERE id = $1'

/** See UseStore.setStar. */
export async function setStar(
  tx: Tx,
  _dialect: Dialect,
  { user, repo, starred, now, max }: Parameters<UseStore['setStar']>[0],
): Promise<Awaited<ReturnType<UseStore['setStar']>>> {
  const account = await tx.get<{ id: number }>(HOLD_USER, [user])
  const held = account && (await tx.get<{ id: number }>(HOLD_REPO, [repo]))
  if (account === undefined || held === undefined) return 'absent'
  if (!starred) {
    if ((await tx.run(REMOVE, [account.id, held.id])) === 0) return 'unchanged'
    await tx.run(CHANGE, [held.id, -1])
    return 'done'
  }
  if ((await tx.get(GIVEN, [account.id, held.id])) !== undefined) return 'unchanged'
  const { count } = (await tx.get<{ count: number }>(COUNT, [account.id])) as { count: number }
  if (count >= max) return 'too-many'
  await tx.run(ADD, [account.id, held.id, now])
  await tx.run(CHANGE, [held.id, 1])
  return 'done'
}

const GIVEN = 'SELECT 1 AS found FROM star WHERE user_id = $1 AND repo_id = $2'
const HAS = `SELECT 1 AS found FROM star WHERE user_id = (${USER})
  AND repo_id = (SELECT id FROM repo WHERE id = ${repoIdOf('$2')} AND deleted_at IS NULL)`

/** See UseStore.hasStar. */
export async function hasStar(tx: Reader, user: string, repo: RepoName): Promise<boolean> {
  return (await tx.get(HAS, [user, repo])) !== undefined
}

const STARS = `SELECT r.name, r.visibility FROM star s JOIN repo r ON r.id = s.repo_id
  WHERE s.user_id = (${USER}) AND r.deleted_at IS NULL AND r.name > $2 ORDER BY r.name`

/** See UseStore.listStars. Reads all that the user has: they are ordered by what is another table's. */
export async function listStars(
  tx: Reader,
  user: string,
  request: PageRequest,
  visible: Visible,
): Promise<Page<RepoName>> {
  const sight = new Sight(visible)
  const rows = await tx.all<{ name: RepoName; visibility: number }>(STARS, [user, lastOf(request)])
  const seen = await sight.seen(tx, rows, ({ visibility }) => visibility === VISIBILITIES.public)
  const items = seen.slice(0, limitOf(request) - 1).map(({ name }) => name)
  return { items, more: seen.length > items.length }
}

const STARRED = 'SELECT repo_id AS id FROM star WHERE user_id = $1 ORDER BY repo_id'
const TAKE_BACK = inStatement(0, (list) => `UPDATE repo SET stars = stars - 1 WHERE id IN ${list}`)

/** Takes back every star of a user who is being deleted, and is held. */
export async function dropStarsOf(tx: Tx, user: number): Promise<void> {
  const repos = (await tx.all<{ id: number }>(STARRED, [user])).map(({ id }) => id)
  await runOver(tx, TAKE_BACK, [], repos)
  await tx.run('DELETE FROM star WHERE user_id = $1', [user])
}

/** Forgets the stars of repositories that are being deleted. */
export const DELETE_STARS = inStatement(
  0,
  (list) => `DELETE FROM star WHERE user_id > 0 AND repo_id IN ${list}`,
)
