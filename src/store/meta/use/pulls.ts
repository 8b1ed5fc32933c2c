import type { RepoName } from '../../../core/names.ts'
import type { PageRequest } from '../../../core/registry.ts'
import type { Reader, Value } from '../driver.ts'
import type { PullDay, UseCounts, UseStore } from '../lifecycle-store.ts'
import { lastOf, limitOf, page } from '../paging.ts'
import { repoIdOf } from '../present-repo.ts'

const REPO = `SELECT id FROM repo WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL`
const ROWS = `SELECT day, tag, platform, pulls, looks, referrers FROM pull_day
  WHERE repo_id = $1 AND day >= $2 AND day <= $3 AND (day, tag, platform) > ($4, $5, $6)
  ORDER BY day, tag, platform LIMIT $7`
const total = (column: string) => `CAST(coalesce(sum(${column}), 0) AS bigint) AS ${column}`
const TOTALS = `SELECT ${['pulls', 'looks', 'referrers'].map(total).join(', ')} FROM pull_day
  WHERE repo_id = $1 AND day >= $2 AND day <= $3`

/** See UseStore.listPulls. */
export async function listPulls(
  tx: Reader,
  repo: RepoName,
  { from, to }: Parameters<UseStore['listPulls']>[1],
  request: PageRequest,
): ReturnType<UseStore['listPulls']> {
  const found = await tx.get<{ id: number }>(REPO, [repo])
  if (found === undefined) return undefined
  const span = [found.id, from, to]
  const [rows, totals] = [
    await tx.all<PullDay>(ROWS, [...span, ...behind(lastOf(request)), limitOf(request)]),
    await tx.get<UseCounts>(TOTALS, span),
  ]
  return { ...page(rows, request.limit, (row) => row), totals: totals as UseCounts }
}

/** The key that a page begins behind; what is no key stands before all of them. */
function behind(last: string): Value[] {
  const [, day, tag = '', platform = ''] = /^(\d{1,9})\/([^/]*)\/(.*)$/.exec(last) ?? []
  return day === undefined ? [-1, '', ''] : [Number(day), tag, platform]
}
