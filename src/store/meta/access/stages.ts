import type { RepoName } from '../../../core/names.ts'
import type { Tx } from '../driver.ts'
import { namespaceOf } from './names.ts'

/**
 * What a grant on a name gives something on: nothing yet, a repository that nothing was pushed to, a published one. Kept with the grant, so
 * that lists follow the grants that show something, however many others there are (SE-7). Grants on patterns have none.
 */
export const STAGES = { none: 0, made: 1, published: 2 } as const

/** Held, so that the repository is not published until the grant is there to be told of it. */
const STAGE = `SELECT CASE WHEN published_at IS NULL THEN ${STAGES.made} ELSE ${STAGES.published} END AS stage
  FROM repo WHERE name = $1 AND deleted_at IS NULL FOR SHARE`

/** The stage of a name whose namespace is held alone. */
export async function stageOf(tx: Tx, name: string): Promise<number> {
  return (await tx.get<{ stage: number }>(STAGE, [name]))?.stage ?? STAGES.none
}

const MADE = `UPDATE access_grant SET stage = ${STAGES.made}
  WHERE ns_id = (SELECT id FROM namespace WHERE name = $1) AND pattern = $2`
const PUBLISHED = `UPDATE access_grant SET stage = ${STAGES.published}
  WHERE ns_id = (SELECT ns_id FROM repo WHERE id = $1) AND pattern = (SELECT name FROM repo WHERE id = $1)`

/** A repository was made: the grants on its name, by this transaction or before, are on something. */
export async function markMade(tx: Tx, repo: RepoName): Promise<void> {
  await tx.run(MADE, [namespaceOf(repo), repo])
}

/** A repository, known by its id, was published. */
export async function markPublished(tx: Tx, repo: number): Promise<void> {
  await tx.run(PUBLISHED, [repo])
}
