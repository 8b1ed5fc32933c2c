import type { AuditAction } from '../../../core/audit-actions.ts'
import type { Cause } from '../access-store.ts'
import { RESULTS } from '../account-codes.ts'
import type { Tx } from '../driver.ts'

/** What happened, as far as the command knows it. */
export interface AuditEntry {
  readonly action: AuditAction
  /** What it was done to: `acme/web`, `alice`, `team:acme/devs`. */
  readonly target: string
  /** The namespace, account or organisation it belongs to; absent for what belongs to the site. */
  readonly namespace?: string | undefined
  /** `done` unless told. */
  readonly result?: 'done' | 'refused'
  /** What changed; never a secret, nor its hash (SE-13). Parts that are undefined are left out. */
  readonly detail?: object | undefined
}

/** Characters that are kept of what a client calls itself. */
export const MAX_AGENT = 512

const INSERT = `INSERT INTO audit
    (at, actor, account_id, credential_id, action, target, namespace, result, address, agent, request_id, detail)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

/** Adds a row to the audit, in the transaction of what it tells: both are there, or neither. */
export async function writeAuditRow(tx: Tx, entry: AuditEntry, cause: Cause): Promise<void> {
  const { action, target, namespace, result = 'done', detail } = entry
  await tx.run(INSERT, [
    cause.now,
    cause.actor,
    cause.account ?? null,
    cause.credential ?? null,
    action,
    target,
    namespace ?? null,
    RESULTS[result],
    cause.address,
    cause.agent.slice(0, MAX_AGENT),
    cause.requestId,
    detail === undefined ? null : JSON.stringify(detail),
  ])
}
