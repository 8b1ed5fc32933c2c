import { inStatement, MAX_LIST, type Tx } from './driver.ts'
import { INDEX_CODES, MISSING_CHILD } from './schema.ts'

/*
 * CROSS JOIN keeps SQLite from reading every child of the repository first. UNION drops what was reached before at the same level,
 * so a graph whose indexes share children costs no more than its nodes.
 */

/** Downwards, over indexes only. */
const DEEPEST = inStatement(
  2,
  (list) => `WITH RECURSIVE below (id, level) AS (
      SELECT id, 1 FROM manifest WHERE repo_id = $1 AND media IN (${INDEX_CODES}) AND id IN ${list}
      UNION
      SELECT m.id, b.level + 1 FROM below b CROSS JOIN manifest_child c CROSS JOIN manifest m
        WHERE c.repo_id = $1 AND c.parent_id = b.id AND m.repo_id = $1 AND m.id = c.child_id
          AND m.media IN (${INDEX_CODES}) AND b.level <= CAST($2 AS bigint)
    ) SELECT max(level) AS level FROM below`,
)

/** Upwards, from the manifests that wait for a digest, or took a blob of it for their child. */
const HIGHEST = `WITH RECURSIVE above (id, level) AS (
    SELECT manifest_id, 1 FROM manifest_missing WHERE repo_id = $1 AND digest = $2 AND kind = ${MISSING_CHILD}
    UNION
    SELECT manifest_id, 1 FROM manifest_blob
      WHERE repo_id = $1 AND blob_id = (SELECT id FROM blob WHERE digest = $2)
    UNION
    SELECT c.parent_id, a.level + 1 FROM above a CROSS JOIN manifest_child c
      WHERE c.repo_id = $1 AND c.child_id = a.id AND a.level <= CAST($3 AS bigint)
  ) SELECT max(level) AS level FROM above`

/**
 * Whether a new index would be part of more than `max` levels of indexes: those that wait for it and what lists them, itself, those
 * below. Images need no such look: their indexes had it.
 */
export async function isTooDeep(
  tx: Tx,
  repoId: number,
  digest: Uint8Array,
  children: readonly number[],
  max: number,
): Promise<boolean> {
  let below = 1
  for (let at = 0; at < children.length; at += MAX_LIST) {
    const piece = children.slice(at, at + MAX_LIST)
    const row = await tx.get<{ level: number | null }>(
      DEEPEST.text(piece.length),
      DEEPEST.values([repoId, max], piece),
    )
    below = Math.max(below, 1 + (row?.level ?? 0))
  }
  if (below > max) return true
  const above = await tx.get<{ level: number | null }>(HIGHEST, [repoId, digest, max])
  return below + (above?.level ?? 0) > max
}
