import { digestFromBytes, digestToBytes, tryParseDigest } from '../../../core/digest.ts'
import type { RepoName } from '../../../core/names.ts'
import type { Page, PageRequest } from '../../../core/registry.ts'
import type { ManifestRow, TagRow } from '../access-store.ts'
import type { Reader } from '../driver.ts'
import { lastOf, limitOf, page } from '../paging.ts'
import { repoIdOf } from '../present-repo.ts'
import { mediaType } from '../schema.ts'

const REPO = `SELECT id FROM repo WHERE id = ${repoIdOf('$1')} AND deleted_at IS NULL`

const tagsWhere = (condition: string) => `
  SELECT few.name, few.updated_at AS "updatedAt", m.digest, m.media, m.size,
    (SELECT pulled_at FROM tag_use u WHERE u.repo_id = $1 AND u.name = few.name) AS "pulledAt"
  FROM (SELECT name, updated_at, manifest_id FROM tag WHERE repo_id = $1 AND name > $2${condition}
    ORDER BY name LIMIT $3) few
  JOIN manifest m ON m.repo_id = $1 AND m.id = few.manifest_id ORDER BY few.name`
const TAGS = tagsWhere('')
/** Letters count as they are, in both databases: what loses something by the replacement contains it. */
const TAGS_WITH = tagsWhere(" AND replace(name, $4, '') <> name")

/** See RepositoryStore.describeTags. A filter reads the repository's tags as far as the page needs. */
export async function describeTags(
  tx: Reader,
  repo: RepoName,
  request: PageRequest & { readonly filter?: string },
): Promise<Page<TagRow> | undefined> {
  const found = await tx.get<{ id: number }>(REPO, [repo])
  if (found === undefined) return undefined
  const { filter = '' } = request
  if (filter.includes('\0')) return { items: [], more: false }
  const where = [found.id, lastOf(request), limitOf(request)]
  const rows = await tx.all<{
    name: string
    updatedAt: number
    digest: Uint8Array
    media: number
    size: number
    pulledAt: number | null
  }>(filter === '' ? TAGS : TAGS_WITH, filter === '' ? where : [...where, filter])
  return page(rows, request.limit, ({ name, updatedAt, digest, media, size, pulledAt }) => ({
    name,
    digest: digestFromBytes(digest),
    mediaType: mediaType(media),
    size,
    updatedAt,
    pulledAt: pulledAt || undefined,
  }))
}

const MANIFESTS = `SELECT digest, media, artifact, size, created_at AS "createdAt",
    (SELECT pulled_at FROM manifest_use u WHERE u.repo_id = m.repo_id AND u.manifest_id = m.id) AS "pulledAt",
    (SELECT CAST(coalesce(sum(b.size), 0) AS bigint) FROM manifest_blob l JOIN blob b ON b.id = l.blob_id
     WHERE l.repo_id = m.repo_id AND l.manifest_id = m.id) AS "blobBytes"
  FROM manifest m WHERE repo_id = $1 AND digest > $2 ORDER BY digest LIMIT $3`

/** See RepositoryStore.describeManifests. A `last` that is no digest stands before all of them. */
export async function describeManifests(
  tx: Reader,
  repo: RepoName,
  request: PageRequest,
): Promise<Page<ManifestRow> | undefined> {
  const found = await tx.get<{ id: number }>(REPO, [repo])
  if (found === undefined) return undefined
  const last = tryParseDigest(request.last ?? '')
  const rows = await tx.all<{
    digest: Uint8Array
    media: number
    artifact: string | null
    size: number
    createdAt: number
    blobBytes: number
    pulledAt: number | null
  }>(MANIFESTS, [found.id, last === undefined ? new Uint8Array(0) : digestToBytes(last), limitOf(request)])
  return page(rows, request.limit, ({ digest, media, artifact, pulledAt, ...rest }) => ({
    digest: digestFromBytes(digest),
    mediaType: mediaType(media),
    artifactType: artifact ?? undefined,
    pulledAt: pulledAt || undefined,
    ...rest,
  }))
}
