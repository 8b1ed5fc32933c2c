import type { Visible } from '../../../core/access.ts'
import { type Digest, digestToBytes } from '../../../core/digest.ts'
import type { RepoName } from '../../../core/names.ts'
import type { Reader } from '../driver.ts'
import { Sight, selection, walkVisible } from './visible.ts'

const ANYWHERE = `SELECT r.name FROM repo_blob l JOIN repo r ON r.id = l.repo_id
  WHERE l.blob_id = (SELECT id FROM blob WHERE digest = $1) AND r.deleted_at IS NULL LIMIT 1`

/** An unknown blob is looked for as long as a known one: what others have must not be told by the time it takes (SE-2). */
const HOLDERS = selection(
  `(SELECT 1 FROM repo_blob l WHERE l.repo_id = repo.id
    AND l.blob_id = coalesce((SELECT id FROM blob WHERE digest = $1), 0)) AS holds`,
  1,
)

/**
 * Repositories looked at for a blob, first among those granted, then among public ones. Who sees more may be told that there is none;
 * then the blob is uploaded.
 */
export const MAX_HOLDERS = 1_000

/**
 * See AccessStore.findHolder. It goes through what is visible, not through those who hold the blob: of a base layer these may be a hundred
 * thousand, and none of them visible.
 */
export async function findHolder(
  tx: Reader,
  digest: Digest,
  visible: Visible,
): Promise<RepoName | undefined> {
  const fixed = [digestToBytes(digest)]
  if (visible === 'everything') return (await tx.get<{ name: RepoName }>(ANYWHERE, fixed))?.name
  const sight = new Sight(visible)
  for (const only of ['granted', 'public'] as const) {
    const walk = { sight, wanted: 100, fixed, only, looks: MAX_HOLDERS }
    for await (const row of walkVisible<{ name: RepoName; holds: number | null }>(tx, HOLDERS, walk)) {
      if (row.holds !== null) return row.name
    }
  }
  return undefined
}
