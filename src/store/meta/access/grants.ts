import { refuse } from '../../../core/errors.ts'
import { literalPrefix, parseGlob } from '../../../core/glob.ts'
import { type VerbSet, verbsIn } from '../../../core/verbs.ts'
import type { AccessStore, Cause, Grant } from '../access-store.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import { storable } from '../accounts/storable.ts'
import type { Dialect, Reader, Tx } from '../driver.ts'
import { namespaceOf } from './names.ts'
import { lockNamespace, lookAtNamespace } from './namespaces.ts'
import {
  findSubject,
  grantable,
  SUBJECT_COLUMNS,
  SUBJECT_JOINS,
  type SubjectRow,
  subjectName,
} from './subjects.ts'

/**
 * Grants on patterns that a namespace may have, and grants on one of its repositories by name: a decision looks at those of its subject
 * among the first, and among the second at those of its repository.
 */
export const MAX_GRANTS = 1_000

interface GrantRow extends SubjectRow {
  readonly id: number
  readonly pattern: string
  readonly verbs: VerbSet
  readonly createdAt: number
}

const COLUMNS = `g.id, g.pattern, g.verbs, g.created_at AS "createdAt", ${SUBJECT_COLUMNS}`
const LIST = `SELECT ${COLUMNS} FROM access_grant g ${SUBJECT_JOINS}
  WHERE g.ns_id = (SELECT id FROM namespace WHERE name = $1) ORDER BY g.pattern, g.id`

function grantOf(row: GrantRow): Grant | undefined {
  const subject = subjectName(row)
  const { id, pattern, verbs, createdAt } = row
  return subject === undefined ? undefined : { id, subject, pattern, verbs, createdAt }
}

/** See AccessStore.listGrants. By pattern. */
export async function listGrants(tx: Reader, namespace: string): Promise<Grant[]> {
  const rows = await tx.all<GrantRow>(LIST, [storable(namespace)])
  return rows.map(grantOf).filter((grant) => grant !== undefined)
}

/** Refuses `pattern-invalid` for a pattern that could reach beyond the namespace. */
function patternWithin(namespace: string, text: string): string {
  const pattern = parseGlob(text)
  if (pattern.includes('/') && namespaceOf(pattern) === namespace && !/[*?]/.test(namespace)) return pattern
  throw refuse(
    'pattern-invalid',
    `the pattern ${pattern} does not lie in the namespace ${namespace}; write ${namespace}/NAME, ${namespace}/* or ${namespace}/**`,
  )
}

const FIND = `SELECT id, verbs, created_at AS "createdAt" FROM access_grant
  WHERE ns_id = $1 AND wild = $2 AND subject_kind = $3 AND subject_id = $4 AND pattern = $5`
const COUNT_WILD = 'SELECT count(*) AS n FROM access_grant WHERE ns_id = $1 AND wild = 1'
const COUNT_NAMED = 'SELECT count(*) AS n FROM access_grant WHERE ns_id = $1 AND pattern = $2'
const INSERT = `INSERT INTO access_grant (ns_id, wild, subject_kind, subject_id, pattern, verbs, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7)`

/** See AccessStore.setGrant. Refuses `pattern-invalid`, `request-invalid`. Holds the subject, then the namespace. */
export async function setGrant(
  tx: Tx,
  _dialect: Dialect,
  { grant, cause }: { readonly grant: Parameters<AccessStore['setGrant']>[0]; readonly cause: Cause },
): ReturnType<AccessStore['setGrant']> {
  const { namespace, subject } = storable(grant)
  const pattern = patternWithin(namespace, grant.pattern)
  const verbs = grantable(subject, grant.verbs)
  const owner = await lookAtNamespace(tx, namespace)
  if (owner === undefined) return { outcome: 'absent' }
  const key = await findSubject(tx, subject, owner.owner)
  if (key === undefined) return { outcome: 'no-subject' }
  const row = await lockNamespace(tx, namespace)
  if (row === undefined) return { outcome: 'absent' }

  const wild = literalPrefix(pattern) === pattern ? 0 : 1
  const place = [row.id, wild, key.kind, key.id, pattern]
  const found = await tx.get<{ id: number; verbs: VerbSet; createdAt: number }>(FIND, place)
  const told = (id: number, createdAt: number) => ({ id, subject, pattern, verbs, createdAt })
  if (found?.verbs === verbs) return { outcome: 'unchanged', grant: told(found.id, found.createdAt) }
  const detail = {
    subject,
    verbs: verbsIn(verbs),
    ...(found !== undefined && { before: verbsIn(found.verbs) }),
  }
  const audited = () => writeAuditRow(tx, { action: 'grant.set', target: pattern, namespace, detail }, cause)
  if (found !== undefined) {
    await tx.run('UPDATE access_grant SET verbs = $2 WHERE id = $1', [found.id, verbs])
    await audited()
    return { outcome: 'changed', grant: told(found.id, found.createdAt) }
  }
  const count =
    wild === 1
      ? await tx.get<{ n: number }>(COUNT_WILD, [row.id])
      : await tx.get<{ n: number }>(COUNT_NAMED, [row.id, pattern])
  if ((count?.n ?? 0) >= MAX_GRANTS) return { outcome: 'too-many' }
  const id = (await tx.insert(INSERT, [...place, verbs, cause.now])) as number
  await audited()
  return { outcome: 'created', grant: told(id, cause.now) }
}

const FIND_ID = `SELECT ${COLUMNS} FROM access_grant g ${SUBJECT_JOINS}
  WHERE g.id = $1 AND g.ns_id = $2`

/** See AccessStore.removeGrant. */
export async function removeGrant(
  tx: Tx,
  _dialect: Dialect,
  { remove, cause }: { readonly remove: Parameters<AccessStore['removeGrant']>[0]; readonly cause: Cause },
): Promise<'done' | 'absent'> {
  const { namespace, id } = storable(remove)
  const row = await lockNamespace(tx, namespace)
  if (row === undefined) return 'absent'
  const found = await tx.get<GrantRow>(FIND_ID, [id, row.id])
  if (found === undefined) return 'absent'
  await tx.run('DELETE FROM access_grant WHERE id = $1', [id])
  const detail = { subject: subjectName(found), verbs: verbsIn(found.verbs) }
  await writeAuditRow(tx, { action: 'grant.remove', target: found.pattern, namespace, detail }, cause)
  return 'done'
}
