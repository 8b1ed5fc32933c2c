import { verbsIn } from '../../../core/verbs.ts'
import type { Cause, SubjectName } from '../access-store.ts'
import { SUBJECTS } from '../account-codes.ts'
import type { Tx } from '../driver.ts'
import { writeAuditRow } from './audit.ts'

interface Subject {
  readonly kind: 'account' | 'team'
  readonly id: number
  readonly name: SubjectName
}

/** `within` narrows to namespaces of one owner, `$3`. */
const statements = (within: string) => ({
  grants: `SELECT n.name AS namespace, g.pattern, g.verbs FROM access_grant g JOIN namespace n ON n.id = g.ns_id
    WHERE g.subject_kind = $1 AND g.subject_id = $2${within && ' AND n.account_id = $3'} ORDER BY g.id`,
  /** Holds the namespaces: a repository that is made there meanwhile would copy what is taken away here. */
  defaults: `SELECT n.name AS namespace, d.verbs FROM default_grant d JOIN namespace n ON n.id = d.ns_id
    WHERE d.subject_kind = $1 AND d.subject_id = $2${within && ' AND n.account_id = $3'} ORDER BY d.ns_id FOR UPDATE OF n`,
  dropGrants: `DELETE FROM access_grant WHERE subject_kind = $1 AND subject_id = $2${within}`,
  dropDefaults: `DELETE FROM default_grant WHERE subject_kind = $1 AND subject_id = $2${within}`,
})
const HOLD = 'SELECT id FROM namespace WHERE account_id = $1 ORDER BY id FOR UPDATE'
const EVERYWHERE = statements('')
const WITHIN = statements(' AND ns_id IN (SELECT id FROM namespace WHERE account_id = $3)')

/**
 * Takes away everything that was granted to a subject – `within`: in the namespaces of that account –; each namespace's audit tells of it.
 */
export async function dropGrants(tx: Tx, subject: Subject, cause: Cause, within?: number): Promise<void> {
  const sql = within === undefined ? EVERYWHERE : WITHIN
  // The subject stays, and may be given something meanwhile: not there.
  if (within !== undefined) await tx.all(HOLD, [within])
  const whose = [SUBJECTS[subject.kind], subject.id, ...(within === undefined ? [] : [within])]
  const defaults = await tx.all<{ namespace: string; verbs: number }>(sql.defaults, whose)
  for (const { namespace, verbs } of defaults) {
    const detail = { subject: subject.name, verbs: verbsIn(verbs) }
    await writeAuditRow(tx, { action: 'default-grants.remove', target: namespace, namespace, detail }, cause)
  }
  const grants = await tx.all<{ namespace: string; pattern: string; verbs: number }>(sql.grants, whose)
  for (const { namespace, pattern, verbs } of grants) {
    const detail = { subject: subject.name, pattern, verbs: verbsIn(verbs) }
    await writeAuditRow(tx, { action: 'grant.remove', target: pattern, namespace, detail }, cause)
  }
  await tx.run(sql.dropGrants, whose)
  await tx.run(sql.dropDefaults, whose)
}
