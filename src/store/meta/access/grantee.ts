import { ALL_VERBS, type VerbSet } from '../../../core/verbs.ts'
import { SUBJECTS } from '../account-codes.ts'
import { inStatement, type Reader, type Value } from '../driver.ts'

/** Whose grants count: anyone's, and of an account its own, its teams' and everyone's. */
export interface Grantee {
  readonly account: number | undefined
  /** One for each, as the tables name them: `[kind, id]`. */
  readonly subjects: readonly (readonly [number, number])[]
}

const TEAMS = 'SELECT team_id AS id FROM team_member WHERE user_id = $1 ORDER BY team_id'

/** Everyone whose grants are also the account's. As many as MAX_TEAMS_OF_USER and three. */
export async function granteeOf(tx: Reader, account: number | undefined): Promise<Grantee> {
  const anyone = [SUBJECTS.anyone, 0] as const
  if (account === undefined) return { account, subjects: [anyone] }
  const teams = await tx.all<{ id: number }>(TEAMS, [account])
  const subjects = [
    anyone,
    [SUBJECTS.everyone, 0] as const,
    [SUBJECTS.account, account] as const,
    ...teams.map(({ id }) => [SUBJECTS.team, id] as const),
  ]
  return { account, subjects }
}

/** `$1` the account, 0 for nobody. */
const WHOSE = [
  `g.subject_kind = ${SUBJECTS.anyone} AND g.subject_id = 0`,
  `g.subject_kind = ${SUBJECTS.everyone} AND g.subject_id = 0 AND $1 <> 0`,
  `g.subject_kind = ${SUBJECTS.account} AND g.subject_id = $1`,
  `g.subject_kind = ${SUBJECTS.team} AND g.subject_id IN (SELECT team_id FROM team_member WHERE user_id = $1)`,
]

/** `$2` verbs of which one must be granted. */
const PATTERNS = inStatement(2, (list) =>
  WHOSE.map(
    (whose) => `SELECT g.pattern FROM access_grant g
      WHERE g.ns_id IN (SELECT id FROM namespace WHERE name IN ${list}) AND g.wild = 1 AND (g.verbs & $2) <> 0 AND ${whose}`,
  ).join(' UNION '),
)
const NAMES = inStatement(1, (list) =>
  WHOSE.map(
    (whose) => `SELECT g.pattern FROM access_grant g
      WHERE ${whose} AND g.wild = 0 AND g.stage > 0 AND g.pattern IN ${list}`,
  ).join(' UNION '),
)

async function patternsIn(tx: Reader, statement: typeof NAMES, fixed: Value[], list: Value[]) {
  if (list.length === 0) return []
  const values = statement.values(fixed, list)
  const rows = await tx.all<{ pattern: string }>(statement.text(list.length), values)
  return rows.map(({ pattern }) => pattern)
}

/** The patterns on which one of the verbs is granted in some namespaces, MAX_LIST at most: MAX_GRANTS of each. */
export function patternsGranted(
  tx: Reader,
  { account }: Grantee,
  namespaces: string[],
  verbs: VerbSet = ALL_VERBS,
): Promise<string[]> {
  return patternsIn(tx, PATTERNS, [account ?? 0, verbs], namespaces)
}

/** Which of some names, MAX_LIST at most, are granted as such. */
export function namesGranted(tx: Reader, { account }: Grantee, names: string[]): Promise<string[]> {
  return patternsIn(tx, NAMES, [account ?? 0], names)
}
