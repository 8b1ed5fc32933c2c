import { digestFromBytes } from '../../../core/digest.ts'
import { namespaceOf } from '../access/names.ts'
import type { Cause } from '../access-store.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import type { Dialect, Tx } from '../driver.ts'
import type { HistoryStore } from '../lifecycle-store.ts'
import { fixedTags } from '../protection/fixed-tags.ts'
import { lockRepo, touchRepo } from '../repositories.ts'
import { setTag } from './set-tag.ts'

const EVENT = `SELECT from_digest AS "from", to_digest AS "to" FROM tag_event
  WHERE id = $3 AND repo_id = $1 AND name = $2`
const MANIFEST = 'SELECT id FROM manifest WHERE repo_id = $1 AND digest = $2'
const TAG = 'SELECT manifest_id AS id FROM tag WHERE repo_id = $1 AND name = $2'
const NAME = 'SELECT name FROM repo WHERE id = $1'

/**
 * See HistoryStore.restoreTag. Holds the repository alone: what the event left can then neither be collected nor deleted, and no push moves
 * the tag in between.
 */
export async function restoreTag(
  tx: Tx,
  dialect: Dialect,
  { restore, cause }: { readonly restore: Parameters<HistoryStore['restoreTag']>[0]; readonly cause: Cause },
): ReturnType<HistoryStore['restoreTag']> {
  const { tag, side = 'from', grace } = restore
  const repo = await lockRepo(tx, dialect, restore.repo, 'alone')
  if (repo === undefined) return { outcome: 'absent' }
  const event = await tx.get<{ from: Uint8Array | null; to: Uint8Array | null }>(EVENT, [
    repo.id,
    tag,
    restore.event,
  ])
  if (event === undefined) return { outcome: 'absent' }
  const bytes = event[side]
  const manifest = bytes === null ? undefined : await tx.get<{ id: number }>(MANIFEST, [repo.id, bytes])
  if (bytes === null || manifest === undefined) return { outcome: 'gone' }
  const digest = digestFromBytes(bytes)
  const stands = await tx.get<{ id: number }>(TAG, [repo.id, tag])
  if (stands?.id === manifest.id) return { outcome: 'unchanged', digest }
  if (stands !== undefined && fixedTags(repo.immutable)(tag)) return { outcome: 'immutable' }
  const { now } = cause
  const target = { tag, manifest: manifest.id, digest: bytes, kind: 'restore', mayMove: true } as const
  await setTag(tx, repo.id, target, { now, grace, cause })
  await touchRepo(tx, repo, now)
  const { name } = (await tx.get<{ name: string }>(NAME, [repo.id])) as { name: string }
  const detail = { digest, event: restore.event }
  await writeAuditRow(
    tx,
    { action: 'tag.restore', target: `${name}:${tag}`, namespace: namespaceOf(name), detail },
    cause,
  )
  return { outcome: 'restored', digest }
}
