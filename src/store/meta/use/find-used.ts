import { type Digest, digestFromBytes, digestToBytes } from '../../../core/digest.ts'
import type { RepoName } from '../../../core/names.ts'
import { allOf, inStatement, type Tx } from '../driver.ts'
import { INDEX_CODES } from '../schema.ts'
import { platformsIn } from './platforms.ts'

const NAMED = inStatement(
  0,
  (list) => `SELECT name, id FROM repo WHERE deleted_at IS NULL AND name IN ${list}`,
)
const NAMED_BEFORE = inStatement(
  0,
  (list) => `SELECT name, repo_id AS id FROM repo_alias WHERE name IN ${list}`,
)
const HOLD = inStatement(
  0,
  (list) => `SELECT id FROM repo WHERE id IN ${list} AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE`,
)

/**
 * The repositories of these names, old ones included, held so that nothing in them goes meanwhile; those that are gone are left out. Held in
 * the order of their numbers, so that two who write uses do not wait for each other.
 */
export async function holdRepositories(
  tx: Tx,
  names: readonly RepoName[],
): Promise<ReadonlyMap<RepoName, number>> {
  type Row = { name: RepoName; id: number }
  const found = new Map((await allOf<Row>(tx, NAMED, [], names)).map(({ name, id }) => [name, id]))
  const others = names.filter((name) => !found.has(name))
  for (const { name, id } of await allOf<Row>(tx, NAMED_BEFORE, [], others)) found.set(name, id)
  const ids = [...new Set(found.values())].sort((a, b) => a - b)
  const held = new Set((await allOf<{ id: number }>(tx, HOLD, [], ids)).map(({ id }) => id))
  return new Map([...found].filter(([, id]) => held.has(id)))
}

/** A manifest that was used. */
export interface UsedManifest {
  readonly id: number
  readonly isIndex: boolean
  /** Whether it says of itself that it is about another. */
  readonly refers: boolean
  /** As an index says it; null where none lists it. */
  readonly platform: string | null
  /** The newest index that lists it. */
  readonly parent: number | null
}

const MANIFESTS = inStatement(
  1,
  (list) => `SELECT m.id, m.digest,
      CASE WHEN m.media IN (${INDEX_CODES}) THEN 1 ELSE 0 END AS "isIndex",
      CASE WHEN m.subject IS NULL THEN 0 ELSE 1 END AS refers,
      (SELECT u.platform FROM manifest_use u WHERE u.repo_id = m.repo_id AND u.manifest_id = m.id) AS platform,
      (SELECT c.parent_id FROM manifest_child c WHERE c.repo_id = m.repo_id AND c.child_id = m.id
       ORDER BY c.parent_id DESC LIMIT 1) AS parent
    FROM manifest m WHERE m.repo_id = $1 AND m.digest IN ${list}`,
)

/** Larger indexes are not read for the platforms of their children, in bytes. */
const MAX_PAYLOAD = 256 * 1024
const PAYLOADS = inStatement(
  1,
  (list) =>
    `SELECT id, payload FROM manifest WHERE repo_id = $1 AND id IN ${list} AND size <= ${MAX_PAYLOAD}`,
)

interface Row {
  readonly id: number
  readonly digest: Uint8Array
  readonly isIndex: number
  readonly refers: number
  readonly platform: string | null
  readonly parent: number | null
}

/** The manifests of these digests in a repository, with their platforms: an index is read for those of which it was never known. */
export async function findManifests(
  tx: Tx,
  repo: number,
  digests: readonly Digest[],
): Promise<ReadonlyMap<Digest, UsedManifest>> {
  const rows = await allOf<Row>(tx, MANIFESTS, [repo], digests.map(digestToBytes))
  const parents = rows.flatMap(({ platform, parent }) =>
    platform === null && parent !== null ? [parent] : [],
  )
  const payloads = await allOf<{ id: number; payload: Uint8Array }>(
    tx,
    PAYLOADS,
    [repo],
    [...new Set(parents)],
  )
  const platforms = new Map(payloads.map(({ id, payload }) => [id, platformsIn(payload)]))
  return new Map(
    rows.map(({ digest: bytes, isIndex, refers, ...row }) => {
      const digest = digestFromBytes(bytes)
      const said = row.parent === null ? null : (platforms.get(row.parent)?.get(digest) ?? '')
      const platform = row.platform ?? said
      return [digest, { ...row, isIndex: isIndex === 1, refers: refers === 1, platform }]
    }),
  )
}
