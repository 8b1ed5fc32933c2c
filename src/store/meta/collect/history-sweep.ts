import { type Dialect, inStatement, runOver, type Tx } from '../driver.ts'
import type { CollectionStore } from '../lifecycle-store.ts'

type Sweep = Parameters<CollectionStore['sweepHistory']>[0]

// The namespace may have set another time since the change was queued, and for a new one nobody has looked yet.
const DUE = `SELECT e.id, e.at, coalesce(n.undo_seconds * 1000, CAST($2 AS bigint)) AS undo
  FROM tag_event e LEFT JOIN repo r ON r.id = e.repo_id LEFT JOIN namespace n ON n.id = r.ns_id
  WHERE e.review_after <= $1 ORDER BY e.review_after LIMIT $3 FOR UPDATE OF e SKIP LOCKED`
const PUT_BACK = inStatement(1, (list) => `UPDATE tag_event SET review_after = at + $1 WHERE id IN ${list}`)
const FORGET = inStatement(0, (list) => `DELETE FROM tag_event WHERE id IN ${list}`)

/** One transaction of CollectionStore.sweepHistory: how many changes were looked at, and how many forgotten. */
export async function sweepHistoryPiece(
  tx: Tx,
  _dialect: Dialect,
  { now, undo, limit }: Sweep,
): Promise<{ readonly seen: number; readonly forgotten: number }> {
  const due = await tx.all<{ id: number; at: number; undo: number }>(DUE, [now, undo, limit])
  const over = due.filter((event) => event.at + event.undo <= now)
  const kept = due.filter((event) => event.at + event.undo > now)
  for (const [window, events] of Map.groupBy(kept, (event) => event.undo)) {
    await runOver(
      tx,
      PUT_BACK,
      [window],
      events.map(({ id }) => id),
    )
  }
  await runOver(
    tx,
    FORGET,
    [],
    over.map(({ id }) => id),
  )
  return { seen: due.length, forgotten: over.length }
}

/** Transactions of one sweep at most. */
const PIECES = 20

/** See CollectionStore.sweepHistory. */
export async function sweepHistory(
  sweep: Sweep,
  run: (sweep: Sweep) => ReturnType<typeof sweepHistoryPiece>,
): Promise<number> {
  let forgotten = 0
  for (let piece = 0; piece < PIECES && forgotten < sweep.limit; piece++) {
    const limit = sweep.limit - forgotten
    const done = await run({ ...sweep, limit })
    forgotten += done.forgotten
    if (done.seen < limit) break
  }
  return forgotten
}
