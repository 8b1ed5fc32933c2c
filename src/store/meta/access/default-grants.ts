import { refuse } from '../../../core/errors.ts'
import type { RepoName } from '../../../core/names.ts'
import { type VerbSet, verbsIn } from '../../../core/verbs.ts'
import type { AccessStore, Cause, SubjectName } from '../access-store.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import { storable } from '../accounts/storable.ts'
import { allOf, type Dialect, inStatement, type Reader, type Tx } from '../driver.ts'
import { namespaceOf } from './names.ts'
import { lockNamespace, lookAtNamespace } from './namespaces.ts'
import {
  findSubject,
  grantable,
  SUBJECT_COLUMNS,
  SUBJECT_JOINS,
  type SubjectKey,
  type SubjectRow,
  subjectName,
} from './subjects.ts'

/** Default grants of a namespace at most: every new repository gets as many. */
export const MAX_DEFAULT_GRANTS = 50

export interface DefaultGrant {
  readonly subject: SubjectName
  readonly verbs: VerbSet
}

type GrantRow = SubjectRow & { readonly verbs: VerbSet }

const LIST = `SELECT g.verbs, ${SUBJECT_COLUMNS} FROM default_grant g ${SUBJECT_JOINS}
  WHERE g.ns_id = (SELECT id FROM namespace WHERE name = $1) ORDER BY g.subject_kind, g.subject_id`

/** See AccessStore.listDefaultGrants. */
export async function listDefaultGrants(tx: Reader, namespace: string): Promise<DefaultGrant[]> {
  return (await tx.all<GrantRow>(LIST, [storable(namespace)])).flatMap(namedGrant)
}

/** None where the subject is gone. */
function namedGrant(row: GrantRow): DefaultGrant[] {
  const subject = subjectName(row)
  return subject === undefined ? [] : [{ subject, verbs: row.verbs }]
}

/** Default grants as the audit tells them. */
export function grantsTold(grants: Iterable<DefaultGrant>): object[] {
  return Array.from(grants, ({ subject, verbs }) => ({ subject, verbs: verbsIn(verbs) }))
}

/** See AccessStore.setDefaultGrants. Refuses `request-invalid`. Holds the subjects, then the namespace. */
export async function setDefaultGrants(
  tx: Tx,
  _dialect: Dialect,
  {
    change,
    cause,
  }: { readonly change: Parameters<AccessStore['setDefaultGrants']>[0]; readonly cause: Cause },
): ReturnType<AccessStore['setDefaultGrants']> {
  const { namespace, grants, version } = storable(change)
  if (grants.length > MAX_DEFAULT_GRANTS) {
    throw refuse(
      'request-invalid',
      `${grants.length} default grants are more than the ${MAX_DEFAULT_GRANTS} that a namespace may have; make a team and give it the rights`,
    )
  }
  const row = await lookAtNamespace(tx, namespace)
  if (row === undefined) return 'absent'
  const wanted = new Map<SubjectName, { readonly key: SubjectKey; readonly verbs: VerbSet }>()
  // In one order, so that two who hold the same subjects do not wait for each other.
  for (const { subject, verbs } of [...grants].sort((a, b) => (a.subject < b.subject ? -1 : 1))) {
    if (wanted.has(subject)) {
      throw refuse('request-invalid', `the default grants name ${subject} twice; say all its verbs at once`)
    }
    const given = grantable(subject, verbs)
    const key = await findSubject(tx, subject, row.owner)
    if (key === undefined) return 'no-subject'
    wanted.set(subject, { key, verbs: given })
  }
  const held = await lockNamespace(tx, namespace)
  if (held === undefined) return 'absent'
  if (version !== undefined && version !== held.version) return 'stale'
  const before = await listDefaultGrants(tx, namespace)
  const same =
    before.length === wanted.size && before.every((old) => wanted.get(old.subject)?.verbs === old.verbs)
  if (same) return 'done'
  await tx.run('DELETE FROM default_grant WHERE ns_id = $1', [row.id])
  for (const { key, verbs } of wanted.values()) {
    await tx.run(
      'INSERT INTO default_grant (ns_id, subject_kind, subject_id, verbs) VALUES ($1, $2, $3, $4)',
      [row.id, key.kind, key.id, verbs],
    )
  }
  await tx.run('UPDATE namespace SET version = version + 1 WHERE id = $1', [row.id])
  const after = grantsTold(Array.from(wanted, ([subject, { verbs }]) => ({ subject, verbs })))
  const detail = { grants: after, before: grantsTold(before) }
  await writeAuditRow(tx, { action: 'default-grants.set', target: namespace, namespace, detail }, cause)
  return 'done'
}

const COPY = `INSERT INTO access_grant (ns_id, wild, subject_kind, subject_id, pattern, verbs, created_at)
  SELECT ns_id, 0, subject_kind, subject_id, CAST($2 AS text), verbs, CAST($3 AS bigint)
  FROM default_grant WHERE ns_id = (SELECT id FROM namespace WHERE name = $1) ON CONFLICT DO NOTHING
  RETURNING id`
const COPIED = inStatement(
  0,
  (ids) =>
    `SELECT g.verbs, ${SUBJECT_COLUMNS} FROM access_grant g ${SUBJECT_JOINS} WHERE g.id IN ${ids}
      ORDER BY g.subject_kind, g.subject_id`,
)

/** Gives a new repository the default grants of its namespace; what it got. */
export async function copyDefaultGrants(tx: Tx, repo: RepoName, now: number): Promise<DefaultGrant[]> {
  const copied = await tx.all<{ id: number }>(COPY, [namespaceOf(repo), repo, now])
  const ids = copied.map(({ id }) => id)
  return (await allOf<GrantRow>(tx, COPIED, [], ids)).flatMap(namedGrant)
}
