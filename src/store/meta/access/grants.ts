import { refuse } from '../../../core/errors.ts'
import { fitsGlob, literalPrefix, parseGlob } from '../../../core/glob.ts'
import type { RepoName } from '../../../core/names.ts'
import type { Page } from '../../../core/registry.ts'
import { type VerbSet, verbsIn } from '../../../core/verbs.ts'
import type { AccessStore, Cause, Grant, PageById, SubjectName } from '../access-store.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import { storable } from '../accounts/storable.ts'
import type { Dialect, Reader, Tx, Value } from '../driver.ts'
import { page } from '../paging.ts'
import { namespaceOf } from './names.ts'
import { lockNamespace, lookAtNamespace } from './namespaces.ts'
import { STAGES, stageOf } from './stages.ts'
import {
  findSubject,
  grantable,
  SUBJECT_COLUMNS,
  SUBJECT_JOINS,
  type SubjectRow,
  subjectName,
} from './subjects.ts'

/** Grants on patterns that a namespace may have: every decision, and every list, looks at those of its subject. */
export const MAX_GRANTS = 250
/** Grants on one repository by its name: a decision about it looks at those of its subject. */
export const MAX_NAMED_GRANTS = 1_000
/** Grants on names in a namespace that no repository has yet: more than anybody prepares, and nobody fills the database with them. */
export const MAX_GRANTS_AHEAD = 10_000

interface GrantRow extends SubjectRow {
  readonly id: number
  readonly pattern: string
  readonly verbs: VerbSet
  readonly createdAt: number
}

const COLUMNS = `g.id, g.pattern, g.verbs, g.created_at AS "createdAt", ${SUBJECT_COLUMNS}`
/** Where there is a subject; grants go with theirs. */
const GRANTS = `SELECT ${COLUMNS} FROM access_grant g ${SUBJECT_JOINS}
  WHERE g.ns_id = (SELECT id FROM namespace WHERE name = $1) 
    AND (g.subject_id = 0 OR a.id IS NOT NULL OR t.id IS NOT NULL)`
const LIST = `${GRANTS} AND g.id > $2 ORDER BY g.id LIMIT $3`
const LIST_NAMED = `${GRANTS} AND g.pattern = $2 AND g.id > $3 ORDER BY g.id LIMIT $4`
const LIST_WILD = `${GRANTS} AND g.wild = 1`

function grantOf(row: GrantRow): Grant {
  const { id, pattern, verbs, createdAt } = row
  return { id, subject: subjectName(row) as SubjectName, pattern, verbs, createdAt }
}

/** See AccessStore.listGrants. */
export async function listGrants(
  tx: Reader,
  namespace: string,
  { limit, last = 0 }: PageById,
  { repository }: { readonly repository?: RepoName } = {},
): Promise<Page<Grant>> {
  const name = storable(namespace)
  const rows =
    repository === undefined
      ? await tx.all<GrantRow>(LIST, [name, storable(last), limit + 1])
      : await grantsOn(tx, name, repository, { limit, last: storable(last) })
  return page(rows, limit, grantOf)
}

/** One row more than the page has: of a name's grants, whose number has no bound, only these; patterns are as few as every decision reads. */
async function grantsOn(tx: Reader, namespace: string, repo: RepoName, { limit, last = 0 }: PageById) {
  const named = await tx.all<GrantRow>(LIST_NAMED, [namespace, repo, last, limit + 1])
  const wild = await tx.all<GrantRow>(LIST_WILD, [namespace])
  const fitting = wild.filter(({ id, pattern }) => id > last && fitsGlob(repo, pattern))
  return [...named, ...fitting].sort((one, other) => one.id - other.id).slice(0, limit + 1)
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
const COUNT_AHEAD = `SELECT count(*) AS n FROM access_grant WHERE ns_id = $1 AND wild = 0 AND stage = ${STAGES.none}`
const INSERT = `INSERT INTO access_grant (ns_id, wild, subject_kind, subject_id, pattern, verbs, created_at, stage)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

/** Whether the namespace may have no more grants of the kind. */
async function isFull(tx: Tx, namespace: number, stage: number, name: string | undefined): Promise<boolean> {
  const reached = async (sql: string, values: Value[], limit: number) =>
    ((await tx.get<{ n: number }>(sql, values))?.n ?? 0) >= limit
  if (name === undefined) return reached(COUNT_WILD, [namespace], MAX_GRANTS)
  if (await reached(COUNT_NAMED, [namespace, name], MAX_NAMED_GRANTS)) return true
  return stage === STAGES.none && (await reached(COUNT_AHEAD, [namespace], MAX_GRANTS_AHEAD))
}

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
  const wild = literalPrefix(pattern) === pattern ? 0 : 1
  // So that no repository of the name is made meanwhile.
  const row = await lockNamespace(tx, namespace, wild === 1 ? 'change' : 'alone')
  if (row === undefined) return { outcome: 'absent' }

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
  const stage = wild === 1 ? STAGES.none : await stageOf(tx, pattern)
  if (await isFull(tx, row.id, stage, wild === 1 ? undefined : pattern)) return { outcome: 'too-many' }
  const id = (await tx.insert(INSERT, [...place, verbs, cause.now, stage])) as number
  await audited()
  return { outcome: 'created', grant: told(id, cause.now) }
}

const FIND_ID = `SELECT ${COLUMNS} FROM access_grant g ${SUBJECT_JOINS}
  WHERE g.id = $1 AND g.ns_id = $2`

/** See AccessStore.findGrant. */
export async function findGrant(
  tx: Reader,
  find: { readonly namespace: string; readonly id: number },
): Promise<Grant | undefined> {
  const { namespace, id } = storable(find)
  const row = await tx.get<GrantRow>(`${GRANTS} AND g.id = $2`, [namespace, id])
  return row && grantOf(row)
}

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
