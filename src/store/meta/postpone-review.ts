import { type Digest, digestToBytes } from '../../core/digest.ts'
import type { RepoName } from '../../core/names.ts'
import type { Dialect, Tx } from './driver.ts'
import { lockRepo } from './repositories.ts'

const POSTPONE = `UPDATE gc_manifest SET review_after = $3
  WHERE repo_id = $1 AND manifest_id = (SELECT id FROM manifest WHERE repo_id = $1 AND digest = $2)
    AND review_after < $3`
const STANDS = 'SELECT 1 AS found FROM manifest WHERE repo_id = $1 AND digest = $2'

/**
 * H: see ContentIndex.postponeReview. The collector holds the repository alone while it decides, so with the repository held the manifest
 * either is gone, or is looked at by what is written here.
 */
export async function postponeReview(
  tx: Tx,
  dialect: Dialect,
  { repo, digest, until }: { repo: RepoName; digest: Digest; until: number },
): Promise<boolean> {
  const held = await lockRepo(tx, dialect, repo, 'shared')
  if (held === undefined) return false
  const manifest = [held.id, digestToBytes(digest)]
  if ((await tx.run(POSTPONE, [...manifest, until])) > 0) return true
  return (await tx.get(STANDS, manifest)) !== undefined
}
