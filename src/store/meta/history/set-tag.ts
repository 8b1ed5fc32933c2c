import type { Tag } from '../../../core/names.ts'
import { NeedsToBeAlone, type Tx } from '../driver.ts'
import { queueManifest } from '../garbage.ts'
import type { TagEventKind } from '../lifecycle-store.ts'
import { changeOf, recordTagEvent, type TagChange } from './record.ts'

const FIND = 'SELECT manifest_id AS id FROM tag WHERE repo_id = $1 AND name = $2 FOR UPDATE'
const INSERT = `INSERT INTO tag (repo_id, name, manifest_id, updated_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (repo_id, name) DO NOTHING`
const MOVE = 'UPDATE tag SET manifest_id = $3, updated_at = $4 WHERE repo_id = $1 AND name = $2'

export interface TagTarget {
  readonly tag: Tag
  readonly manifest: number
  readonly digest: Uint8Array
  readonly kind: TagEventKind
  /** `false`: whoever calls has looked, and found the tag new or just so. */
  readonly mayMove: boolean
}

/**
 * Sets a tag, last writer wins, queues the manifest it stood on (which is why this is not one upsert), and writes down that it is new or
 * moved. What must not move and was set meanwhile throws NeedsToBeAlone: another look, with nobody beside, tells who was first.
 */
export async function setTag(
  tx: Tx,
  repoId: number,
  { tag, manifest, digest, kind, mayMove }: TagTarget,
  change: TagChange & { readonly grace: number },
): Promise<void> {
  const { now, grace } = change
  let old = await tx.get<{ id: number }>(FIND, [repoId, tag])
  while (old === undefined) {
    if ((await tx.run(INSERT, [repoId, tag, manifest, now])) > 0) {
      await recordTagEvent(tx, repoId, { tag, kind, from: null, to: digest }, changeOf(change))
      return
    }
    old = await tx.get<{ id: number }>(FIND, [repoId, tag])
  }
  const moves = old.id !== manifest
  if (moves && !mayMove) throw new NeedsToBeAlone()
  await tx.run(MOVE, [repoId, tag, manifest, now])
  if (!moves) return
  await queueManifest(tx, repoId, old.id, now + grace)
  await recordTagEvent(tx, repoId, { tag, kind, from: old.id, to: digest }, changeOf(change))
}
