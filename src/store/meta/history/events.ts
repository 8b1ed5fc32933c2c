import { digestFromBytes } from '../../../core/digest.ts'
import type { RepoName, Tag } from '../../../core/names.ts'
import type { Page, PageRequest } from '../../../core/registry.ts'
import { wordOf } from '../account-codes.ts'
import type { Reader } from '../driver.ts'
import type { HistoryStore, TagEvent } from '../lifecycle-store.ts'
import { lastOf, limitOf, page } from '../paging.ts'
import { repoIdOf } from '../present-repo.ts'
import { TAG_EVENTS } from './record.ts'

const REPO = `SELECT id FROM repo WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL`

interface Row {
  readonly id: number
  readonly tag: Tag
  readonly at: number
  readonly kind: number
  readonly from: Uint8Array | null
  readonly to: Uint8Array | null
  readonly actor: string
  readonly credential: number | null
  readonly address: string
  readonly agent: string
  readonly restorable: number
}

const IS_THERE = `EXISTS (SELECT 1 FROM manifest m WHERE m.repo_id = e.repo_id AND m.digest = e.from_digest)`
const EVENTS = `SELECT e.id, e.name AS tag, e.at, e.kind, e.from_digest AS "from", e.to_digest AS "to", e.actor,
    e.credential_id AS credential, e.address, e.agent, CASE WHEN ${IS_THERE} THEN 1 ELSE 0 END AS restorable
  FROM tag_event e WHERE e.repo_id = $1`
const OF_REPO = `${EVENTS} AND e.id < $2 ORDER BY e.id DESC LIMIT $3`
const OF_TAG = `${EVENTS} AND e.name = $4 AND e.id < $2 ORDER BY e.id DESC LIMIT $3`
/** The last that happened to each tag, where that was its end, and it can be brought back. */
const GONE = `${EVENTS} AND e.to_digest IS NULL AND e.name > $2 AND ${IS_THERE}
    AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repo_id = e.repo_id AND t.name = e.name)
    AND NOT EXISTS (SELECT 1 FROM tag_event l WHERE l.repo_id = e.repo_id AND l.name = e.name AND l.id > e.id)
  ORDER BY e.name LIMIT $3`

function tagEvent(row: Row): TagEvent {
  const { from, to, credential } = row
  return {
    ...row,
    kind: wordOf(TAG_EVENTS, row.kind),
    from: from === null ? undefined : digestFromBytes(from),
    to: to === null ? undefined : digestFromBytes(to),
    credential: credential ?? undefined,
    restorable: row.restorable !== 0,
  }
}

/** See HistoryStore.listTagEvents. */
export async function listTagEvents(
  tx: Reader,
  repo: RepoName,
  { tag }: Parameters<HistoryStore['listTagEvents']>[1],
  { limit, last = Number.MAX_SAFE_INTEGER }: Parameters<HistoryStore['listTagEvents']>[2],
): ReturnType<HistoryStore['listTagEvents']> {
  const found = await tx.get<{ id: number }>(REPO, [repo])
  if (found === undefined) return undefined
  const where = [found.id, last, limit + 1]
  const rows =
    tag === undefined ? await tx.all<Row>(OF_REPO, where) : await tx.all<Row>(OF_TAG, [...where, tag])
  return page(rows, limit, tagEvent)
}

/** See HistoryStore.listDeletedTags. It reads the deletions of the repository as far as the page needs. */
export async function listDeletedTags(
  tx: Reader,
  repo: RepoName,
  request: PageRequest,
): Promise<Page<TagEvent> | undefined> {
  const found = await tx.get<{ id: number }>(REPO, [repo])
  if (found === undefined) return undefined
  const rows = await tx.all<Row>(GONE, [found.id, lastOf(request), limitOf(request)])
  return page(rows, request.limit, tagEvent)
}
