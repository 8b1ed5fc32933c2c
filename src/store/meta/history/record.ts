import type { Tag } from '../../../core/names.ts'
import type { Cause } from '../access-store.ts'
import { MAX_AGENT } from '../accounts/audit.ts'
import type { Tx, Value } from '../driver.ts'
import type { TagEventKind } from '../lifecycle-store.ts'

/** tag_event.kind. Never changed, never reused. */
export const TAG_EVENTS = {
  push: 1,
  delete: 2,
  restore: 3,
  'manifest-delete': 4,
} as const satisfies Record<TagEventKind, number>

/** When a tag changed, and whose doing it was. */
export interface TagChange {
  readonly now: number
  readonly cause?: Cause | undefined
}

/** Of a command's arguments, what its event tells. */
export function changeOf({ now, cause }: TagChange): TagChange {
  return { now, cause }
}

/** The columns behind `kind`, for whoever it was. */
function whose({ cause }: TagChange): Value[] {
  if (cause === undefined) return ['anonymous', null, null, '', '']
  const { actor, account, credential, address, agent } = cause
  return [actor, account ?? null, credential ?? null, address, agent.slice(0, MAX_AGENT)]
}

const COLUMNS =
  'repo_id, name, at, kind, from_id, from_digest, to_digest, actor, account_id, credential_id, address, agent'
const INSERT = `INSERT INTO tag_event (${COLUMNS})
  VALUES ($1, $2, $3, $4, $5, (SELECT digest FROM manifest WHERE repo_id = $1 AND id = $5), $6, $7, $8, $9, $10, $11)`

/** Writes down that a tag changed, in the transaction of the change. `from`: the manifest it left; `to`: the digest it points to now. */
export async function recordTagEvent(
  tx: Tx,
  repoId: number,
  event: {
    readonly tag: Tag
    readonly kind: TagEventKind
    readonly from: number | null
    readonly to: Uint8Array | null
  },
  change: TagChange,
): Promise<void> {
  const { tag, kind, from, to } = event
  await tx.run(INSERT, [repoId, tag, change.now, TAG_EVENTS[kind], from, to, ...whose(change)])
}

const INSERT_LOST = `INSERT INTO tag_event (${COLUMNS})
  SELECT repo_id, name, CAST($3 AS bigint), ${TAG_EVENTS['manifest-delete']}, NULL,
    (SELECT digest FROM manifest WHERE repo_id = $1 AND id = $2), NULL,
    CAST($4 AS text), CAST($5 AS bigint), CAST($6 AS bigint), CAST($7 AS text), CAST($8 AS text)
  FROM tag WHERE repo_id = $1 AND manifest_id = $2`

/** The same for every tag of a manifest that is about to be deleted. */
export async function recordLostTags(
  tx: Tx,
  repoId: number,
  manifestId: number,
  change: TagChange,
): Promise<void> {
  await tx.run(INSERT_LOST, [repoId, manifestId, change.now, ...whose(change)])
}
