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

const GRANTS = `SELECT n.name AS namespace, g.pattern, g.verbs FROM access_grant g JOIN namespace n ON n.id = g.ns_id
  WHERE g.subject_kind = $1 AND g.subject_id = $2 ORDER BY g.id`
/** Holds the namespaces: a repository that is made there meanwhile would copy what is taken away here. */
const DEFAULTS = `SELECT n.name AS namespace, d.verbs FROM default_grant d JOIN namespace n ON n.id = d.ns_id
  WHERE d.subject_kind = $1 AND d.subject_id = $2 ORDER BY d.ns_id FOR UPDATE OF n`

/** Takes away everything that was granted to a subject that goes; each namespace's audit tells of it. */
export async function dropGrants(tx: Tx, subject: Subject, cause: Cause): Promise<void> {
  const whose = [SUBJECTS[subject.kind], subject.id]
  const defaults = await tx.all<{ namespace: string; verbs: number }>(DEFAULTS, whose)
  for (const { namespace, verbs } of defaults) {
    const detail = { subject: subject.name, verbs: verbsIn(verbs) }
    await writeAuditRow(tx, { action: 'default-grants.remove', target: namespace, namespace, detail }, cause)
  }
  const grants = await tx.all<{ namespace: string; pattern: string; verbs: number }>(GRANTS, whose)
  for (const { namespace, pattern, verbs } of grants) {
    const detail = { subject: subject.name, pattern, verbs: verbsIn(verbs) }
    await writeAuditRow(tx, { action: 'grant.remove', target: pattern, namespace, detail }, cause)
  }
  await tx.run('DELETE FROM access_grant WHERE subject_kind = $1 AND subject_id = $2', whose)
  await tx.run('DELETE FROM default_grant WHERE subject_kind = $1 AND subject_id = $2', whose)
}
