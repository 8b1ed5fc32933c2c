import { CREDENTIALS } from '../account-codes.ts'
import type { AccountStore } from '../account-store.ts'
import { inStatement, runOver, type Tx } from '../driver.ts'
import { removeCredentials } from './credentials.ts'

const OVER = `SELECT id FROM credential WHERE kind IN (${CREDENTIALS.session}, ${CREDENTIALS.refresh})
  AND expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED`
const LINKS_OVER = `SELECT id FROM one_time_link WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
  FOR UPDATE SKIP LOCKED`
const DELETE_LINKS = inStatement(0, (ids) => `DELETE FROM one_time_link WHERE id IN ${ids}`)
const ASSERTIONS_OVER = `SELECT id FROM used_assertion WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
  FOR UPDATE SKIP LOCKED`
const DELETE_ASSERTIONS = inStatement(0, (ids) => `DELETE FROM used_assertion WHERE id IN ${ids}`)

/** See AccountStore.sweepCredentials. */
export async function sweepCredentials(
  tx: Tx,
  sweep: Parameters<AccountStore['sweepCredentials']>[0],
): Promise<number> {
  const { now, limit } = sweep
  const over = idsOf(await tx.all<{ id: number }>(OVER, [now, limit]))
  await removeCredentials(tx, over)
  let swept = over.length
  for (const [find, remove] of [
    [LINKS_OVER, DELETE_LINKS],
    [ASSERTIONS_OVER, DELETE_ASSERTIONS],
  ] as const) {
    if (swept >= limit) break
    const ids = idsOf(await tx.all<{ id: number | Uint8Array }>(find, [now, limit - swept]))
    await runOver(tx, remove, [], ids)
    swept += ids.length
  }
  return swept
}

function idsOf<Id>(rows: readonly { readonly id: Id }[]): Id[] {
  return rows.map((row) => row.id)
}
