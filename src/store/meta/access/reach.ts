import type { AccessQuery, Reach } from '../access-store.ts'
import { ROLES } from '../account-codes.ts'
import type { Reader } from '../driver.ts'
import { type FactRow, SUBJECT_PARTS, subjectIn } from './facts.ts'

const OWNED = 3

/** Rows as those of facts.ts; as many as MAX_MEMBERSHIPS lets a user have organisations. */
const REACH = [
  SUBJECT_PARTS,
  `SELECT ${OWNED}, n.id, NULL, NULL, NULL, n.name, NULL FROM namespace n WHERE n.account_id = $1`,
  `SELECT ${OWNED}, n.id, NULL, NULL, NULL, n.name, NULL FROM member m CROSS JOIN namespace n
   WHERE m.user_id = $1 AND m.role = ${ROLES.owner} AND n.account_id = m.organisation_id`,
].join(' UNION ALL ')

/** See AccessStore.readReach. Nothing is within reach of a disabled subject. */
export async function readReach(tx: Reader, query: AccessQuery): Promise<Reach> {
  const rows = await tx.all<FactRow>(REACH, [query.account ?? 0, query.credential ?? 0])
  const { subject, bounds, endsAt } = subjectIn(rows)
  const live = subject !== undefined && !subject.disabled
  const owned = live ? rows.filter(({ what }) => what === OWNED).map(({ s }) => s as string) : []
  return { subject, credential: query.now < endsAt ? bounds : undefined, owned: owned.sort() }
}
