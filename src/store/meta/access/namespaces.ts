import type { AccessStore, Cause, Changed, Namespace } from '../access-store.ts'
import { ACCOUNT_KINDS, VISIBILITIES, wordOf } from '../account-codes.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import { storable } from '../accounts/storable.ts'
import type { Dialect, Reader, Tx } from '../driver.ts'

const FIND = `SELECT n.created_at AS "createdAt", n.default_visibility AS visibility, n.undo_seconds AS undo,
  n.version, a.kind, a.name AS owner
  FROM namespace n LEFT JOIN account a ON a.id = n.account_id WHERE n.name = $1`

/** See AccessStore.findNamespace. */
export async function findNamespace(tx: Reader, name: string): Promise<Namespace | undefined> {
  const row = await tx.get<{
    createdAt: number
    visibility: number
    undo: number | null
    version: number
    kind: number | null
    owner: string | null
  }>(FIND, [storable(name)])
  if (row === undefined) return undefined
  return {
    name,
    createdAt: row.createdAt,
    owner:
      row.owner === null
        ? undefined
        : {
            kind: wordOf(ACCOUNT_KINDS, row.kind as number) as 'user' | 'organisation',
            name: row.owner,
          },
    defaultVisibility: wordOf(VISIBILITIES, row.visibility),
    undoSeconds: row.undo ?? undefined,
    version: row.version,
  }
}

export interface NamespaceRow {
  readonly id: number
  readonly owner: number | null
  readonly visibility: number
  readonly undo: number | null
  readonly immutable: string | null
  readonly version: number
}

const LOOK = `SELECT id, account_id AS owner, default_visibility AS visibility, undo_seconds AS undo, immutable, version
  FROM namespace WHERE name = $1`

/** The namespace's row without a lock. */
export async function lookAtNamespace(tx: Tx, name: string): Promise<NamespaceRow | undefined> {
  return await tx.get<NamespaceRow>(LOOK, [name])
}

/**
 * The namespace's row, held against others who change it; those who push into it need not wait, but with `alone` those who make a
 * repository in it.
 */
export async function lockNamespace(
  tx: Tx,
  name: string,
  mode: 'change' | 'alone' = 'change',
): Promise<NamespaceRow | undefined> {
  return await tx.get<NamespaceRow>(`${LOOK} ${mode === 'alone' ? 'FOR UPDATE' : 'FOR NO KEY UPDATE'}`, [
    name,
  ])
}

const UPDATE =
  'UPDATE namespace SET default_visibility = $2, undo_seconds = $3, version = version + 1 WHERE id = $1'

/** See AccessStore.updateNamespace. */
export async function updateNamespace(
  tx: Tx,
  _dialect: Dialect,
  {
    change,
    cause,
  }: { readonly change: Parameters<AccessStore['updateNamespace']>[0]; readonly cause: Cause },
): Promise<Changed> {
  const { name, defaultVisibility, undoSeconds, version } = storable(change)
  const row = await lockNamespace(tx, name)
  if (row === undefined) return 'absent'
  if (version !== undefined && version !== row.version) return 'stale'
  const before = wordOf(VISIBILITIES, row.visibility)
  const visibility = defaultVisibility ?? before
  const undo = undoSeconds === undefined ? row.undo : undoSeconds
  if (visibility === before && undo === row.undo) return 'done'
  await tx.run(UPDATE, [row.id, VISIBILITIES[visibility], undo])
  const detail = {
    ...(visibility !== before && { defaultVisibility: { from: before, to: visibility } }),
    ...(undo !== row.undo && { undoSeconds: { from: row.undo, to: undo } }),
  }
  await writeAuditRow(tx, { action: 'namespace.update', target: name, namespace: name, detail }, cause)
  return 'done'
}
