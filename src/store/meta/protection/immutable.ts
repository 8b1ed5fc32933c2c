import type { RepoName } from '../../../core/names.ts'
import { namespaceOf } from '../access/names.ts'
import { lockNamespace } from '../access/namespaces.ts'
import type { Cause, Changed } from '../access-store.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import { storable } from '../accounts/storable.ts'
import type { Dialect, Reader, Tx } from '../driver.ts'
import type { ProtectionStore } from '../lifecycle-store.ts'
import { repoIdOf } from '../present-repo.ts'
import { patternsIn } from './fixed-tags.ts'

const OF_REPO = `SELECT immutable AS own, version,
    (SELECT immutable FROM namespace n WHERE n.id = repo.ns_id) AS namespace
  FROM repo WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL`
const OF_NAMESPACE = 'SELECT immutable, version FROM namespace WHERE name = $1'

/** See ProtectionStore.findImmutable. */
export async function findImmutable(
  tx: Reader,
  repo: RepoName,
): ReturnType<ProtectionStore['findImmutable']> {
  const row = await tx.get<{ own: string | null; namespace: string | null; version: number }>(OF_REPO, [repo])
  if (row === undefined) return undefined
  const { own, namespace, version } = row
  return { own: own === null ? undefined : patternsIn(own), namespace: patternsIn(namespace), version }
}

/** See ProtectionStore.findNamespaceImmutable. */
export async function findNamespaceImmutable(
  tx: Reader,
  namespace: string,
): ReturnType<ProtectionStore['findNamespaceImmutable']> {
  const row = await tx.get<{ immutable: string | null; version: number }>(OF_NAMESPACE, [storable(namespace)])
  return row && { patterns: patternsIn(row.immutable), version: row.version }
}

interface Held {
  readonly id: number
  readonly immutable: string | null
  readonly version: number
}

// Against pushes, too: none that has looked at the patterns before is still to come.
const HOLD_REPO = `SELECT id, name, immutable, version FROM repo
  WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL FOR UPDATE`

/** See ProtectionStore.setImmutable. */
export async function setImmutable(
  tx: Tx,
  _dialect: Dialect,
  {
    change,
    cause,
  }: { readonly change: Parameters<ProtectionStore['setImmutable']>[0]; readonly cause: Cause },
): Promise<Changed> {
  const { patterns, version } = storable(change)
  const isRepo = 'repo' in change
  const held: (Held & { readonly name?: string }) | undefined = isRepo
    ? await tx.get<Held & { name: string }>(HOLD_REPO, [change.repo])
    : await lockNamespace(tx, storable(change.namespace))
  if (held === undefined) return 'absent'
  if (version !== undefined && version !== held.version) return 'stale'
  const after = patterns === undefined ? null : JSON.stringify(patterns)
  if (after === held.immutable) return 'done'
  const table = isRepo ? 'repo' : 'namespace'
  await tx.run(`UPDATE ${table} SET immutable = $2, version = version + 1 WHERE id = $1`, [held.id, after])
  const target = isRepo ? (held.name as string) : change.namespace
  const before = held.immutable === null ? null : patternsIn(held.immutable)
  const detail = { from: before, to: patterns ?? null }
  const namespace = isRepo ? namespaceOf(target) : target
  await writeAuditRow(tx, { action: 'immutable-tags.set', target, namespace, detail }, cause)
  return 'done'
}
