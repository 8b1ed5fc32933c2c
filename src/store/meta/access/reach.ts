import { ALL_VERBS, allows, closed } from '../../../core/verbs.ts'
import type { AccessQuery, Reach } from '../access-store.ts'
import { ROLES, SUBJECTS } from '../account-codes.ts'
import type { Reader } from '../driver.ts'
import { type FactRow, SUBJECT_PARTS, subjectIn } from './facts.ts'

const OWNED = 3
const GRANT = 4

/** Rows as those of facts.ts. */
const REACH = [
  SUBJECT_PARTS,
  `SELECT ${OWNED}, n.id, NULL, NULL, NULL, n.name, NULL FROM namespace n WHERE n.account_id = $1`,
  `SELECT ${OWNED}, n.id, NULL, NULL, NULL, n.name, NULL FROM member m CROSS JOIN namespace n
   WHERE m.user_id = $1 AND m.role = ${ROLES.owner} AND n.account_id = m.organisation_id`,
  `SELECT ${GRANT}, g.id, g.verbs, g.subject_kind, NULL, g.pattern, NULL FROM access_grant g
   WHERE g.subject_kind IN (${SUBJECTS.everyone}, ${SUBJECTS.anyone}) AND g.subject_id = 0`,
  `SELECT ${GRANT}, g.id, g.verbs, g.subject_kind, NULL, g.pattern, NULL FROM access_grant g
   WHERE g.subject_kind = ${SUBJECTS.account} AND g.subject_id = $1`,
  `SELECT ${GRANT}, g.id, g.verbs, g.subject_kind, NULL, g.pattern, NULL FROM team_member m CROSS JOIN access_grant g
   WHERE m.user_id = $1 AND g.subject_kind = ${SUBJECTS.team} AND g.subject_id = m.team_id`,
].join(' UNION ALL ')

/** See AccessStore.readReach. Nothing is within reach of a disabled subject. */
export async function readReach(tx: Reader, query: AccessQuery): Promise<Reach> {
  const rows = await tx.all<FactRow>(REACH, [query.account ?? 0, query.credential ?? 0])
  const { subject, bounds, endsAt } = subjectIn(rows)
  const owned: string[] = []
  const granted = new Set<string>()
  if (!subject?.disabled) {
    for (const row of rows) {
      if (row.what === OWNED && subject !== undefined) owned.push(row.s as string)
      if (row.what !== GRANT || (row.b !== SUBJECTS.anyone && subject === undefined)) continue
      if (allows(closed((row.a as number) & ALL_VERBS), 'pull')) granted.add(row.s as string)
    }
  }
  return {
    subject,
    credential: query.now < endsAt ? bounds : undefined,
    owned: owned.sort(),
    granted: [...granted].sort(),
  }
}
