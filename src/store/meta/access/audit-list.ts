import type { Page } from '../../../core/registry.ts'
import type { AuditFilter, AuditRow, PageById } from '../access-store.ts'
import { RESULTS, wordOf } from '../account-codes.ts'
import { storable } from '../accounts/storable.ts'
import type { Reader, Value } from '../driver.ts'

interface Row {
  readonly id: number
  readonly at: number
  readonly actor: string
  readonly credential: number | null
  readonly action: string
  readonly target: string
  readonly namespace: string | null
  readonly result: number
  readonly address: string
  readonly agent: string
  readonly requestId: string
  readonly detail: string | null
}

const COLUMNS = `id, at, actor, credential_id AS credential, action, target, namespace, result, address, agent,
  request_id AS "requestId", detail`

/**
 * How far the order of numbers may be from that of times, in rows: commands that run at once, and servers whose clocks differ, write
 * their rows in another order than that of their times.
 */
const OUT_OF_ORDER = 1_000

/** The numbers that rows of a time can have, found by time, so that what lies outside is not read. */
const FIRST = 'SELECT min(id) AS id FROM (SELECT id FROM audit WHERE at >= $1 ORDER BY at, id LIMIT $2) few'
const LAST =
  'SELECT max(id) AS id FROM (SELECT id FROM audit WHERE at <= $1 ORDER BY at DESC, id DESC LIMIT $2) few'

/** See AccessStore.listAudit. */
export async function listAudit(tx: Reader, filter: AuditFilter, page: PageById): Promise<Page<AuditRow>> {
  storable(filter)
  const conditions: string[] = []
  const values: Value[] = []
  const where = (condition: string, value: Value) => {
    values.push(value)
    conditions.push(`${condition} $${values.length}`)
  }
  for (const column of ['namespace', 'actor', 'action'] as const) {
    const value = filter[column]
    if (value !== undefined) where(`${column} =`, value)
  }
  if (filter.since !== undefined) {
    const first = await tx.get<{ id: number | null }>(FIRST, [filter.since, OUT_OF_ORDER])
    if (first?.id == null) return { items: [], more: false }
    where('id >=', first.id)
    where('at >=', filter.since)
  }
  if (filter.until !== undefined) {
    const last = await tx.get<{ id: number | null }>(LAST, [filter.until, OUT_OF_ORDER])
    if (last?.id == null) return { items: [], more: false }
    where('id <=', last.id)
    where('at <=', filter.until)
  }
  where('id <', storable(page.last ?? Number.MAX_SAFE_INTEGER))
  values.push(page.limit + 1)
  const rows = await tx.all<Row>(
    `SELECT ${COLUMNS} FROM audit WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT $${values.length}`,
    values,
  )
  const more = rows.length > page.limit
  return { items: rows.slice(0, page.limit).map(auditRow), more }
}

function auditRow(row: Row): AuditRow {
  return {
    ...row,
    credential: row.credential ?? undefined,
    namespace: row.namespace ?? undefined,
    result: wordOf(RESULTS, row.result),
    detail: row.detail ?? undefined,
  }
}
