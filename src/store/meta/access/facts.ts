import type { RepoName } from '../../../core/names.ts'
import type { VerbSet } from '../../../core/verbs.ts'
import type { AccessFacts, AccessStore, CredentialBounds, GrantFact, SubjectFacts } from '../access-store.ts'
import { ACCOUNT_KINDS, ROLES, SUBJECTS, VISIBILITIES, wordOf } from '../account-codes.ts'
import type { Reader } from '../driver.ts'
import { namespaceOf } from './names.ts'

/*
 * What every request of an account asks: one statement, whose parts are each a look-up by a unique key. The rows say by `what` which
 * part they are of; `a`, `b`, `c` are numbers and `s`, `t` texts of that part.
 */

const ACCOUNT = 1
const CREDENTIAL = 2
const NAMESPACE = 3
const REPOSITORY = 4
const GRANT = 5

export interface FactRow {
  readonly what: number
  readonly id: number
  readonly a: number | null
  readonly b: number | null
  readonly c: number | null
  readonly s: string | null
  readonly t: string | null
}

const OF_PARENT = (column: string) => `(SELECT ${column} FROM credential p WHERE p.id = c.parent_id)`

/**
 * `$1` the account, `$2` the credential, which ends with the one it came from and is bound as that is. As in read.ts: subqueries, not
 * joins, which SQLite would plan anew at each call.
 */
export const SUBJECT_PARTS = `
  SELECT ${ACCOUNT} AS what, u.id AS id, CAST(u.kind AS bigint) AS a, CAST(u.administrator AS bigint) AS b,
    CAST(u.disabled + coalesce((SELECT o.disabled FROM account o WHERE o.id = u.owner_id), 0) AS bigint) AS c,
    u.name AS s, CAST(NULL AS text) AS t
  FROM account u WHERE u.id = $1 AND u.kind <> ${ACCOUNT_KINDS.organisation}
  UNION ALL
  SELECT ${CREDENTIAL}, c.id, c.expires_at, ${OF_PARENT('p.expires_at')}, NULL,
    coalesce(c.scopes, ${OF_PARENT('p.scopes')}), coalesce(c.networks, ${OF_PARENT('p.networks')})
  FROM credential c WHERE c.id = $2 AND c.account_id = $1`

/*
 * `$3` is the repository as it was asked for, `$4` its namespace. Where that is an old name, everything is of the present one: whoever may
 * not see what it leads to is told what they would be told without it. All in this statement, so that it takes no longer, either.
 */
const FORMER = (column: string) =>
  `(SELECT r.${column} FROM repo r WHERE r.id = (SELECT repo_id FROM repo_alias WHERE name = $3))`
const PRESENT = (column: string, otherwise: string) =>
  `coalesce((SELECT ${column} FROM repo WHERE name = $3), ${FORMER(column)}, ${otherwise})`
const OF_NAMESPACE = '(SELECT id FROM namespace WHERE name = $4)'

/** How the statement finds its repository: by whatever name it had, or by its present one only. */
interface Finding {
  readonly name: string
  readonly namespace: string
}
const BY_ANY_NAME: Finding = { name: PRESENT('name', '$3'), namespace: PRESENT('ns_id', OF_NAMESPACE) }
const BY_PRESENT_NAME: Finding = { name: '$3', namespace: OF_NAMESPACE }

/** Grants for several names: `everyone` and `anyone`, which have the number 0. */
const OF_ALL = `g.subject_kind IN (${SUBJECTS.everyone}, ${SUBJECTS.anyone}) AND g.subject_id = 0`
const OF_SELF = `g.subject_kind = ${SUBJECTS.account} AND g.subject_id = $1`

const OF_TEAMS = `g.subject_kind = ${SUBJECTS.team}
  AND g.subject_id IN (SELECT team_id FROM team_member WHERE user_id = $1)`
const TEAM_NAME = `(SELECT (SELECT name FROM account WHERE id = t.organisation_id) || '/' || t.name
  FROM team t WHERE t.id = g.subject_id)`

/** A pattern, or this very name. */
const RELEVANT = ({ name }: Finding) => ['g.wild = 1', `g.wild = 0 AND g.pattern = ${name}`]

const GRANTS = (finding: Finding) =>
  RELEVANT(finding).flatMap((relevant) =>
    [OF_ALL, OF_SELF, OF_TEAMS].map(
      (whose) => `SELECT ${GRANT}, g.id, g.verbs, g.subject_kind, NULL, g.pattern,
        ${whose === OF_TEAMS ? TEAM_NAME : 'NULL'}
      FROM access_grant g WHERE g.ns_id = ${finding.namespace} AND ${relevant} AND ${whose}`,
    ),
  )

const factsOf = (finding: Finding) =>
  [
    SUBJECT_PARTS,
    `SELECT ${NAMESPACE}, n.id, n.account_id,
     (SELECT role FROM member WHERE organisation_id = n.account_id AND user_id = $1), NULL, NULL, NULL
   FROM namespace n WHERE n.id = ${finding.namespace}`,
    `SELECT ${REPOSITORY}, r.id, r.created_at, r.visibility, NULL, r.name, NULL
   FROM repo r WHERE r.name = ${finding.name} AND r.deleted_at IS NULL`,
    ...GRANTS(finding),
  ].join(' UNION ALL ')

const FACTS = factsOf(BY_ANY_NAME)
const FACTS_OF_NAME = factsOf(BY_PRESENT_NAME)

/** The facts, with when the credential ends: good for any time as long as nothing is written. */
export interface LoadedFacts {
  readonly facts: AccessFacts
  /** The same once the credential has ended. */
  readonly ended: AccessFacts
  readonly endsAt: number
}

/** Reads the facts about a subject and the repository that a name leads to, whenever it is; see AccessStore.readAccess. */
export async function loadAccess(
  tx: Reader,
  account: number | undefined,
  credential: number | undefined,
  repo: RepoName,
  former = true,
): Promise<LoadedFacts> {
  const rows = await tx.all<FactRow>(former ? FACTS : FACTS_OF_NAME, [
    account ?? 0,
    credential ?? 0,
    repo,
    namespaceOf(repo),
  ])
  const { subject, bounds, endsAt } = subjectIn(rows)
  let namespace: AccessFacts['namespace']
  let repository: AccessFacts['repository']
  let role: AccessFacts['role']
  const grants: GrantFact[] = []
  for (const row of rows) {
    if (row.what === NAMESPACE) {
      namespace = { id: row.id, account: row.a ?? undefined }
      if (row.b !== null && subject !== undefined) role = wordOf(ROLES, row.b)
    } else if (row.what === REPOSITORY) {
      repository = {
        id: row.id,
        name: row.s as RepoName,
        identity: `${row.id}.${row.a}`,
        public: row.b === VISIBILITIES.public,
      }
    } else if (row.what === GRANT) {
      const grant = grantIn(row, subject)
      if (grant !== undefined) grants.push(grant)
    }
  }
  const ended = { subject, credential: undefined, namespace, repository, role, grants }
  return { facts: bounds === undefined ? ended : { ...ended, credential: bounds }, ended, endsAt }
}

/** A grant of the row, where it is the subject's: what everyone may who is signed in, nobody else may. */
function grantIn(row: FactRow, subject: SubjectFacts | undefined): GrantFact | undefined {
  const kind = wordOf(SUBJECTS, row.b as number)
  const grant = { id: row.id, pattern: row.s as string, verbs: row.a as VerbSet }
  if (kind === 'anyone') return { ...grant, subject: kind }
  if (subject === undefined) return undefined
  if (kind === 'everyone') return { ...grant, subject: kind }
  return { ...grant, subject: kind === 'team' ? `team:${row.t}` : `${subject.kind}:${subject.name}` }
}

/** The subject and its credential among the rows. */
export function subjectIn(rows: readonly FactRow[]): {
  readonly subject: SubjectFacts | undefined
  readonly bounds: CredentialBounds | undefined
  readonly endsAt: number
} {
  let subject: SubjectFacts | undefined
  let bounds: CredentialBounds | undefined
  let endsAt = Number.POSITIVE_INFINITY
  for (const row of rows) {
    if (row.what === ACCOUNT) {
      subject = {
        id: row.id,
        name: row.s as string,
        kind: wordOf(ACCOUNT_KINDS, row.a as number) as 'user' | 'robot',
        administrator: row.b !== 0,
        disabled: row.c !== 0,
      }
    } else if (row.what === CREDENTIAL) {
      bounds = {
        ...(row.s !== null && { scopes: JSON.parse(row.s) as NonNullable<CredentialBounds['scopes']> }),
        ...(row.t !== null && { networks: JSON.parse(row.t) as readonly string[] }),
      }
      endsAt = Math.min(row.a ?? endsAt, row.b ?? endsAt)
    }
  }
  return { subject, bounds, endsAt }
}

/** The facts as they are at a time. A credential ends at the very ms that it names. */
export function factsAt(loaded: LoadedFacts, now: number): AccessFacts {
  return now < loaded.endsAt ? loaded.facts : loaded.ended
}

/** See AccessStore.readAccess. */
export async function readAccess(
  tx: Reader,
  { account, credential, repo, former, now }: Parameters<AccessStore['readAccess']>[0],
): Promise<AccessFacts> {
  return factsAt(await loadAccess(tx, account, credential, repo, former), now)
}
