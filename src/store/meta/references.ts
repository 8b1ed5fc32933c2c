import { type Digest, digestToBytes } from '../../core/digest.ts'
import type { ManifestReference } from '../../core/manifest.ts'
import { allOf, inStatement, listStatement, runOver, type Tx } from './driver.ts'
import { MISSING_BLOB, MISSING_CHILD, MISSING_SUBJECT } from './schema.ts'
import type { Sparse } from './store.ts'

/** What a manifest's references turned out to be. */
export interface Resolved {
  readonly blobs: readonly number[]
  /** Those of `blobs` that were only leased so far. */
  readonly leased: readonly number[]
  readonly children: readonly number[]
  /** Listed as a manifest, but only a blob has that digest (M15); a manifest may still arrive. */
  readonly childIsBlob: boolean
  /** Not here and accepted so. */
  readonly waiting: readonly ManifestReference[]
  /** Not here and not accepted so. */
  readonly missing: readonly Digest[]
  /** The first one that is here with another size than claimed. */
  readonly wrongSize:
    | { readonly digest: Digest; readonly actual: number; readonly claimed: number }
    | undefined
}

interface Found {
  readonly digest: Uint8Array
  readonly id: number
  readonly size: number
  readonly lease: number | null
}

// Subqueries rather than joins, see migrations/0001-content.ts. `lease` is NULL without a link, and 0 without a lease.
const BLOBS = inStatement(
  1,
  (list) => `SELECT digest, id, size,
      (SELECT coalesce(lease_until, 0) FROM repo_blob WHERE repo_id = $1 AND blob_id = blob.id) AS lease
    FROM blob WHERE digest IN ${list}`,
)
const CHILDREN = inStatement(
  1,
  (list) => `SELECT digest, id, size FROM manifest WHERE repo_id = $1 AND digest IN ${list}`,
)

const key = (digest: Uint8Array) =>
  Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('latin1')

/**
 * Looks a manifest's references up in its repository (P): blobs by their links, children as manifests or else as blobs. A
 * foreign one may always be missing, others as `sparse` says (M5). What is found is held by the foreign keys of the rows that
 * will name it, in the order of the references; if it went meanwhile, those rows are refused and the command runs again.
 */
export async function resolveReferences(
  tx: Tx,
  repoId: number | undefined,
  references: readonly ManifestReference[],
  sparse: Sparse,
): Promise<Resolved> {
  const bytes = references.map((reference) => digestToBytes(reference.digest))
  const blobs = new Map<string, Found>()
  const manifests = new Map<string, Found>()
  if (repoId !== undefined && references.length > 0) {
    for (const row of await allOf<Found>(tx, BLOBS, [repoId], bytes))
      if (row.lease !== null) blobs.set(key(row.digest), row)
    const children = bytes.filter((_, at) => references[at]?.kind === 'child')
    for (const row of await allOf<Found>(tx, CHILDREN, [repoId], children))
      manifests.set(key(row.digest), row)
  }

  const found = { blobs: [] as number[], leased: [] as number[], children: [] as number[] }
  const waiting: ManifestReference[] = []
  const missing: Digest[] = []
  let childIsBlob = false
  let wrongSize: Resolved['wrongSize']
  for (const [at, reference] of references.entries()) {
    const id = key(bytes[at] as Uint8Array)
    const manifest = manifests.get(id)
    const row = manifest ?? blobs.get(id)
    if (row === undefined) {
      const accepted =
        reference.foreign || sparse === 'all' || (sparse === 'index' && reference.kind === 'child')
      if (accepted) waiting.push(reference)
      else missing.push(reference.digest)
      continue
    }
    if (row.size !== reference.size)
      wrongSize ??= { digest: reference.digest, actual: row.size, claimed: reference.size }
    if (manifest !== undefined) {
      found.children.push(row.id)
    } else {
      found.blobs.push(row.id)
      if (row.lease !== 0) found.leased.push(row.id)
      if (reference.kind === 'child') childIsBlob = true
    }
  }
  return { ...found, childIsBlob, waiting, missing, wrongSize }
}

const INSERT_BLOBS = listStatement(
  2,
  (blob) => `($1, $2, $${blob})`,
  (list) => `INSERT INTO manifest_blob (repo_id, manifest_id, blob_id) VALUES ${list} ON CONFLICT DO NOTHING`,
)
const INSERT_CHILDREN = listStatement(
  2,
  (child) => `($1, $2, $${child})`,
  (list) => `INSERT INTO manifest_child (repo_id, parent_id, child_id) VALUES ${list} ON CONFLICT DO NOTHING`,
)
const INSERT_WAITING = listStatement(
  3,
  (digest) => `($1, $2, $3, $${digest})`,
  (list) =>
    `INSERT INTO manifest_missing (repo_id, manifest_id, kind, digest) VALUES ${list} ON CONFLICT DO NOTHING`,
)
const CLEAR_LEASES = inStatement(
  1,
  (list) => `UPDATE repo_blob SET lease_until = NULL WHERE repo_id = $1 AND blob_id IN ${list}`,
)

/** Writes the references of a new manifest; the links it uses need no lease from now on. */
export async function insertReferences(
  tx: Tx,
  repoId: number,
  manifestId: number,
  resolved: Resolved,
): Promise<void> {
  await runOver(tx, INSERT_BLOBS, [repoId, manifestId], resolved.blobs)
  await runOver(tx, INSERT_CHILDREN, [repoId, manifestId], resolved.children)
  await runOver(tx, CLEAR_LEASES, [repoId], resolved.leased)
  for (const [kind, code] of [
    ['blob', MISSING_BLOB],
    ['child', MISSING_CHILD],
  ] as const) {
    const digests = resolved.waiting
      .filter((reference) => reference.kind === kind)
      .map((reference) => digestToBytes(reference.digest))
    await runOver(tx, INSERT_WAITING, [repoId, manifestId, code], digests)
  }
}

/** Records that a manifest's subject is not here (yet). */
export async function insertMissingSubject(
  tx: Tx,
  repoId: number,
  manifestId: number,
  subject: Uint8Array,
): Promise<void> {
  await runOver(tx, INSERT_WAITING, [repoId, manifestId, MISSING_SUBJECT], [subject])
}

const WAITING = 'SELECT manifest_id AS id, kind FROM manifest_missing WHERE repo_id = $1 AND digest = $2'
const LISTED_AS_BLOB = `SELECT manifest_id AS id FROM manifest_blob
  WHERE repo_id = $1 AND blob_id = (SELECT id FROM blob WHERE digest = $2)`

/**
 * A new manifest becomes the child of the indexes that waited for it, and the subject of its referrers; also the child of
 * those that found a blob of its digest instead (M15), since for the client they list this manifest.
 */
export async function settleManifest(
  tx: Tx,
  repoId: number,
  manifestId: number,
  digest: Uint8Array,
): Promise<void> {
  const waiting = await tx.all<{ id: number; kind: number }>(WAITING, [repoId, digest])
  const asBlob = await tx.all<{ id: number }>(LISTED_AS_BLOB, [repoId, digest])
  const parents = [...waiting.filter((row) => row.kind === MISSING_CHILD), ...asBlob]
  for (const parent of parents) {
    await tx.run(
      `INSERT INTO manifest_child (repo_id, parent_id, child_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
      [repoId, parent.id, manifestId],
    )
  }
  if (waiting.length > 0) {
    await tx.run('DELETE FROM manifest_missing WHERE repo_id = $1 AND digest = $2 AND kind IN (2, 3)', [
      repoId,
      digest,
    ])
  }
}
