import { splitRobotName } from '../../../core/account-names.ts'
import { refuse } from '../../../core/errors.ts'
import { ALL_VERBS, closed, NO_VERBS, VERBS, type VerbSet, verbsIn } from '../../../core/verbs.ts'
import type { SubjectKind, SubjectName } from '../access-store.ts'
import { ACCOUNT_KINDS, SUBJECTS } from '../account-codes.ts'
import type { Tx } from '../driver.ts'

/** A subject as the tables name it. */
export interface SubjectKey {
  readonly kind: number
  readonly id: number
}

const NAMED = /^(user|robot|team):([a-z0-9._+/-]{1,200})$/

const FIND_ACCOUNT_OF = 'SELECT id FROM account WHERE name = $1 AND kind = $2'
const FIND_ACCOUNT = `${FIND_ACCOUNT_OF} FOR KEY SHARE`
const FIND_ROBOT = `${FIND_ACCOUNT_OF} AND owner_id = $3 FOR KEY SHARE`
const FIND_TEAM = `SELECT t.id FROM team t JOIN account o ON o.id = t.organisation_id
  WHERE o.name = $1 AND t.name = $2 AND o.id = $3 FOR KEY SHARE OF t`

/**
 * Who is meant, held until the command commits; undefined where there is nobody of that name to whom the owner of the namespace may give
 * anything: an account that is not there, an organisation, a robot or a team of another owner – nobody learns here which of those there
 * are. In a namespace that is the site administrators' any robot may be meant. Refuses `request-invalid`.
 */
export async function findSubject(
  tx: Tx,
  name: SubjectName,
  owner: number | null,
): Promise<SubjectKey | undefined> {
  if (name === 'everyone' || name === 'anyone') return { kind: SUBJECTS[name], id: 0 }
  const match = NAMED.exec(name)
  if (match === null) {
    throw refuse(
      'request-invalid',
      `${JSON.stringify(name.slice(0, 200))} is nobody that rights can be given to; write user:NAME, robot:OWNER+NAME, team:ORGANISATION/NAME, everyone or anyone`,
    )
  }
  const [, kind, who] = match as unknown as [string, 'user' | 'robot' | 'team', string]
  if (kind === 'team') {
    const [organisation, team, ...rest] = who.split('/')
    if (!organisation || !team || rest.length > 0 || owner === null) return undefined
    const row = await tx.get<{ id: number }>(FIND_TEAM, [organisation, team, owner])
    return row && { kind: SUBJECTS.team, id: row.id }
  }
  if ((kind === 'robot') !== (splitRobotName(who) !== undefined)) return undefined
  if (kind === 'robot' && owner !== null) {
    const robot = await tx.get<{ id: number }>(FIND_ROBOT, [who, ACCOUNT_KINDS.robot, owner])
    return robot && { kind: SUBJECTS.account, id: robot.id }
  }
  const row = await tx.get<{ id: number }>(FIND_ACCOUNT, [who, ACCOUNT_KINDS[kind]])
  return row && { kind: SUBJECTS.account, id: row.id }
}

/** Columns and joins that name the subject of a row `g`; rows whose subject is gone have none of the names. */
export const SUBJECT_COLUMNS = `g.subject_kind AS kind, a.kind AS "accountKind", a.name AS account,
  o.name AS organisation, t.name AS team`
export const SUBJECT_JOINS = `
  LEFT JOIN account a ON g.subject_kind = ${SUBJECTS.account} AND a.id = g.subject_id
  LEFT JOIN team t ON g.subject_kind = ${SUBJECTS.team} AND t.id = g.subject_id
  LEFT JOIN account o ON o.id = t.organisation_id`

export interface SubjectRow {
  readonly kind: number
  readonly accountKind: number | null
  readonly account: string | null
  readonly organisation: string | null
  readonly team: string | null
}

/** The subject of a row as the outside writes it; undefined where it is gone. */
export function subjectName(row: SubjectRow): SubjectName | undefined {
  const named: Record<SubjectKind, SubjectName | undefined> = {
    account:
      row.account === null
        ? undefined
        : `${row.accountKind === ACCOUNT_KINDS.robot ? 'robot' : 'user'}:${row.account}`,
    team: row.team === null ? undefined : `team:${row.organisation}/${row.team}`,
    everyone: 'everyone',
    anyone: 'anyone',
  }
  for (const kind in named) if (SUBJECTS[kind as SubjectKind] === row.kind) return named[kind as SubjectKind]
  return undefined
}

/** The verbs with what they bring. Refuses `request-invalid` for those that cannot be given to the subject. */
export function grantable(subject: SubjectName, verbs: VerbSet): VerbSet {
  const set = closed(verbs & ALL_VERBS)
  if (set === NO_VERBS) {
    throw refuse('request-invalid', `no verb is given to ${subject}; name at least one, or remove the grant`)
  }
  const excess = set & ~VERBS.pull
  if (subject === 'anyone' && excess !== NO_VERBS) {
    throw refuse(
      'request-invalid',
      `anyone, who need not have signed in, may be given pull only, not ${verbsIn(excess).join(', ')}; give these to everyone, a team or an account`,
    )
  }
  return set
}
