import { inStatement, MAX_LIST, type Tx } from './driver.ts'

/* CROSS JOIN keeps SQLite from reading every child of the repository first. UNION drops what was reached before at the same level, so a graph whose indexes share children costs no more than its nodes. */
const DEEPEST = inStatement(
  2,
  (list) => `WITH RECURSIVE below (id, level) AS (
      SELECT id, 1 FROM manifest WHERE repo_id = $1 AND id IN ${list}
      UNION
      SELECT c.child_id, b.level + 1 FROM below b CROSS JOIN manifest_child c
        WHERE c.repo_id = $1 AND c.parent_id = b.id AND b.level <= CAST($2 AS bigint)
    ) SELECT max(level) AS level FROM below`,
)

/** Whether an index over these children would stand on more than `max` levels of indexes, itself counted. */
export async function isTooDeep(
  tx: Tx,
  repoId: number,
  children: readonly number[],
  max: number,
): Promise<boolean> {
  for (let at = 0; at < children.length; at += MAX_LIST) {
    const piece = children.slice(at, at + MAX_LIST)
    const row = await tx.get<{ level: number | null }>(
      DEEPEST.text(piece.length),
      DEEPEST.values([repoId, max], piece),
    )
    if ((row?.level ?? 0) > max) return true
  }
  return false
}
