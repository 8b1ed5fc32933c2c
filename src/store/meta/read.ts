import type { Visible } from '../../core/access.ts'
import { type Digest, digestFromBytes, digestToBytes, tryParseDigest } from '../../core/digest.ts'
import type { ObjectKey, Reference, RepoName, Tag } from '../../core/names.ts'
import type {
  Manifest,
  ManifestInfo,
  Page,
  PageRequest,
  Referrer,
  ReferrersRequest,
} from '../../core/registry.ts'
import { ALL_NAMES, behind } from './access/name-ranges.ts'
import { pageOfVisible, Sight, selection } from './access/visible.ts'
import { allOf, inStatement, type Reader } from './driver.ts'
import { lastOf, limitOf, page } from './paging.ts'
import { repoIdOf } from './present-repo.ts'
import { mediaType } from './schema.ts'
import type { BlobRow, Queued } from './store.ts'

/* The hot ones are one statement each, and those that only look never read a payload. */

// Subqueries, not joins: every step is then a look-up by a unique key, which SQLite plans once and for all.
const REPO_ID = repoIdOf('$1')

/** `lease` is NULL without a link, and 0 for a link without a lease. */
const BLOB = `SELECT size, obj,
    (SELECT coalesce(lease_until, 0) FROM repo_blob WHERE repo_id = ${REPO_ID} AND blob_id = blob.id) AS lease
  FROM blob WHERE digest = $2`

/** See ContentIndex.findBlob. */
export async function findBlob(tx: Reader, repo: RepoName, digest: Digest): Promise<BlobRow | undefined> {
  const row = await tx.get<{ size: number; obj: ObjectKey; lease: number | null }>(BLOB, [
    repo,
    digestToBytes(digest),
  ])
  if (row === undefined || row.lease === null) return undefined
  return { size: row.size, key: row.obj, leaseUntil: row.lease === 0 ? undefined : row.lease }
}

/** See ContentIndex.findObject. */
export async function findObject(tx: Reader, digest: Digest) {
  const row = await tx.get<{ size: number; obj: ObjectKey }>('SELECT size, obj FROM blob WHERE digest = $1', [
    digestToBytes(digest),
  ])
  return row && { size: row.size, key: row.obj }
}

const BY_TAG = `FROM manifest WHERE repo_id = ${REPO_ID}
  AND id = (SELECT manifest_id FROM tag WHERE repo_id = ${REPO_ID} AND name = $2)`
const BY_DIGEST = `FROM manifest WHERE repo_id = ${REPO_ID} AND digest = $2`

const REVIEW = `(SELECT g.review_after FROM gc_manifest g
  WHERE g.repo_id = manifest.repo_id AND g.manifest_id = manifest.id) AS review`
const INFO_BY_TAG = `SELECT digest, media, size, ${REVIEW} ${BY_TAG}`
const INFO_BY_DIGEST = `SELECT media, size, ${REVIEW} ${BY_DIGEST}`
const READ_BY_TAG = `SELECT digest, media, payload, ${REVIEW} ${BY_TAG}`
const READ_BY_DIGEST = `SELECT media, payload, ${REVIEW} ${BY_DIGEST}`

interface InfoRow {
  readonly media: number
  readonly size: number
  readonly review: number | null
}

interface PayloadRow {
  readonly media: number
  readonly payload: Uint8Array
  readonly review: number | null
}

/** See ContentIndex.findManifest. */
export async function findManifest(
  tx: Reader,
  repo: RepoName,
  reference: Reference,
): Promise<(ManifestInfo & Queued) | undefined> {
  if ('tag' in reference) {
    const row = await tx.get<InfoRow & { digest: Uint8Array }>(INFO_BY_TAG, [repo, reference.tag])
    return row && info(digestFromBytes(row.digest), row)
  }
  const row = await tx.get<InfoRow>(INFO_BY_DIGEST, [repo, digestToBytes(reference.digest)])
  return row && info(reference.digest, row)
}

/** See ContentIndex.readManifest. */
export async function readManifest(
  tx: Reader,
  repo: RepoName,
  reference: Reference,
): Promise<(Manifest & Queued) | undefined> {
  if ('tag' in reference) {
    const row = await tx.get<PayloadRow & { digest: Uint8Array }>(READ_BY_TAG, [repo, reference.tag])
    return row && manifest(digestFromBytes(row.digest), row)
  }
  const row = await tx.get<PayloadRow>(READ_BY_DIGEST, [repo, digestToBytes(reference.digest)])
  return row && manifest(reference.digest, row)
}

function info(digest: Digest, { media, size, review }: InfoRow): ManifestInfo & Queued {
  return { digest, mediaType: mediaType(media), size, ...(review !== null && { reviewAfter: review }) }
}

function manifest(digest: Digest, { media, payload, review }: PayloadRow): Manifest & Queued {
  const size = payload.byteLength
  const queued = review !== null && { reviewAfter: review }
  return { digest, mediaType: mediaType(media), size, bytes: payload, ...queued }
}

const LISTED_ID = `SELECT id FROM repo WHERE id = ${REPO_ID} AND listed = 1`

/** See ContentIndex.hasRepository. */
export async function hasRepository(tx: Reader, repo: RepoName): Promise<boolean> {
  return (await tx.get(LISTED_ID, [repo])) !== undefined
}

const REPOSITORIES = 'SELECT name FROM repo WHERE listed = 1 AND name > $1 ORDER BY name LIMIT $2'

const NAMES = selection('id')

/** See ContentIndex.listRepositories. */
export async function listRepositories(
  tx: Reader,
  request: PageRequest,
  visible: Visible = 'everything',
): Promise<Page<RepoName>> {
  if (visible !== 'everything') {
    const space = { ...ALL_NAMES, from: behind(lastOf(request)) }
    const walk = { sight: new Sight(visible), space, wanted: limitOf(request), limit: request.limit }
    const { rows, more } = await pageOfVisible<{ name: RepoName }>(tx, NAMES, walk)
    return { items: rows.map(({ name }) => name), more }
  }
  const rows = await tx.all<{ name: RepoName }>(REPOSITORIES, [lastOf(request), limitOf(request)])
  return page(rows, request.limit, (row) => row.name)
}

const TAGS = 'SELECT name FROM tag WHERE repo_id = $1 AND name > $2 ORDER BY name LIMIT $3'

/** See ContentIndex.listTags. */
export async function listTags(
  tx: Reader,
  repo: RepoName,
  request: PageRequest,
): Promise<Page<Tag> | undefined> {
  const row = await tx.get<{ id: number }>(LISTED_ID, [repo])
  if (row === undefined) return undefined
  const rows = await tx.all<{ name: Tag }>(TAGS, [row.id, lastOf(request), limitOf(request)])
  return page(rows, request.limit, (tag) => tag.name)
}

interface ReferrerRow {
  readonly id: number
  readonly repo: number
  readonly digest: Uint8Array
  readonly media: number
  readonly size: number
  readonly artifact: string | null
}

const REFERRER = `SELECT m.id, m.repo_id AS repo, m.digest, m.media, m.size, m.artifact
  FROM manifest m WHERE m.repo_id = ${REPO_ID} AND m.subject = $2 AND m.digest > $3`
const REFERRERS = `${REFERRER} ORDER BY m.digest LIMIT $4`
const REFERRERS_OF = inStatement(
  4,
  (list) => `${REFERRER} AND coalesce(m.artifact, '') IN ${list} ORDER BY m.digest LIMIT $4`,
)
const ANNOTATIONS = inStatement(
  1,
  (list) =>
    `SELECT id, annotations FROM manifest WHERE repo_id = $1 AND annotations IS NOT NULL AND id IN ${list}`,
)

/**
 * A page of referrers ends here at the latest, in bytes of their manifests: annotations may be nearly as large as those, and a
 * page is held in memory (R4).
 */
export const REFERRERS_PAGE_BYTES = 4 * 1024 * 1024

/** See ContentIndex.listReferrers. A `last` that is no digest stands before all of them. */
export async function listReferrers(
  tx: Reader,
  repo: RepoName,
  subject: Digest,
  request: ReferrersRequest,
): Promise<Page<Referrer>> {
  const last = request.last === undefined ? undefined : tryParseDigest(request.last)
  const fixed = [
    repo,
    digestToBytes(subject),
    last === undefined ? new Uint8Array(0) : digestToBytes(last),
    limitOf(request),
  ]
  const types = request.artifactTypes?.filter((type) => !type.includes('\0'))
  if (types?.length === 0) return { items: [], more: false }
  const rows =
    types === undefined
      ? await tx.all<ReferrerRow>(REFERRERS, fixed)
      : await tx.all<ReferrerRow>(REFERRERS_OF.text(types.length), REFERRERS_OF.values(fixed, types))

  const count = Math.min(request.limit, fitting(rows))
  const { items, more } = page(rows, count, (row) => row)
  const annotations = new Map<number, string>()
  if (items[0] !== undefined) {
    const ids = items.map((row) => row.id)
    for (const row of await allOf<{ id: number; annotations: string }>(tx, ANNOTATIONS, [items[0].repo], ids))
      annotations.set(row.id, row.annotations)
  }
  return { items: items.map((row) => referrer(row, annotations.get(row.id))), more }
}

/** How many of these, at least one, make a page of REFERRERS_PAGE_BYTES. */
export function fitting(rows: readonly { readonly size: number }[]): number {
  let bytes = 0
  let count = 0
  for (const row of rows) {
    bytes += row.size
    if (bytes > REFERRERS_PAGE_BYTES && count > 0) break
    count++
  }
  return count
}

function referrer(row: ReferrerRow, annotations: string | undefined): Referrer {
  return {
    mediaType: mediaType(row.media),
    digest: digestFromBytes(row.digest),
    size: row.size,
    ...(row.artifact !== null && { artifactType: row.artifact }),
    ...(annotations !== undefined && { annotations }),
  }
}
