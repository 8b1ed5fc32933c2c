import { type Digest, digestFromBytes, digestToBytes } from '../../core/digest.ts'
import type { Tag } from '../../core/names.ts'
import type { Expectation } from '../../core/registry.ts'
import { type Dialect, NeedsToBeAlone, type Tx } from './driver.ts'
import { queueManifest } from './garbage.ts'
import { setTag } from './history/set-tag.ts'
import { isTooDeep } from './index-depth.ts'
import { fixedTags } from './protection/fixed-tags.ts'
import { insertMissingSubject, insertReferences, resolveReferences, settleManifest } from './references.ts'
import { createRepo, lockRepo, type RepoRow, touchRepo } from './repositories.ts'
import { mediaCode, refuseUnstorable } from './schema.ts'
import type { PushManifest, PushManifestOutcome } from './store.ts'

const FIND = 'SELECT id FROM manifest WHERE repo_id = $1 AND digest = $2 FOR KEY SHARE'
const INSERT = `INSERT INTO manifest (repo_id, digest, media, size, artifact, subject, created_at, annotations, payload)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (repo_id, digest) DO NOTHING`

/** For those who set no bound: deeper than any index stands, and an integer of both databases. */
const MAX_DEPTH = 1_000_000

/**
 * P: see ContentIndex.pushManifest. The expectation is looked at before the references, as a precondition is (RFC 9110 13.2), and whether
 * a tag would be moved that may not be; an outcome other than `stored` leaves nothing behind.
 */
export async function pushManifest(
  tx: Tx,
  dialect: Dialect,
  push: PushManifest,
): Promise<PushManifestOutcome> {
  refuseUnstorable(push.facts)
  const stays = push.moveTags === false && push.tags.length > 0
  const mode = push.expect === undefined && !stays ? 'shared' : 'alone'
  const alone = dialect.alone || mode === 'alone'
  const { facts, now, maxIndexDepth: maxDepth = MAX_DEPTH } = push
  const digest = digestToBytes(push.digest)
  const subject = facts.subject === undefined ? null : digestToBytes(facts.subject)

  let repo = await lockRepo(tx, dialect, push.repo, mode)
  if (repo === undefined) {
    if (push.expect !== undefined && !meets(undefined, push.expect))
      return { outcome: 'unexpected', current: undefined }
    const { missing } = await resolveReferences(tx, undefined, facts.references, push.sparse)
    if (missing.length > 0) return { outcome: 'missing', digests: missing }
    if (facts.shape === 'index' && maxDepth < 1) return { outcome: 'too-deep' }
    await createRepo(tx, push.repo, push)
    repo = (await lockRepo(tx, dialect, push.repo, mode)) as RepoRow
  }
  if (push.expect !== undefined) {
    const unexpected = await findUnexpected(tx, repo.id, push, push.expect)
    if (unexpected !== undefined) return unexpected
  }
  const taken = stays ? await findMoved(tx, repo.id, push.tags, push.digest) : undefined
  if (taken !== undefined) return { outcome: 'tag-exists', ...taken }
  const fixed = push.tags.filter(fixedTags(repo.immutable))
  const moved = await findMoved(tx, repo.id, fixed, push.digest)
  if (moved !== undefined) return { outcome: 'tag-immutable', ...moved }
  const resolved = await resolveReferences(tx, repo.id, facts.references, push.sparse)
  if (resolved.missing.length > 0) return { outcome: 'missing', digests: resolved.missing }
  if (resolved.wrongSize !== undefined) return { outcome: 'size', ...resolved.wrongSize }
  if (
    facts.shape === 'index' &&
    (await tx.get(FIND, [repo.id, digest])) === undefined &&
    (await isTooDeep(tx, repo.id, digest, resolved.children, maxDepth))
  ) {
    return { outcome: 'too-deep' }
  }

  const subjectMissing = subject !== null && (await tx.get(FIND, [repo.id, subject])) === undefined
  // What is missing here, another writer of the repository may be adding at this moment.
  const depends = resolved.waiting.length > 0 || resolved.childIsBlob || subjectMissing
  if (depends && !alone && (await tx.get(FIND, [repo.id, digest])) === undefined) throw new NeedsToBeAlone()

  const row = [
    repo.id,
    digest,
    mediaCode(push.mediaType),
    push.bytes.byteLength,
    facts.artifactType || null,
    subject,
    now,
    subject === null ? null : (facts.annotations ?? null),
    push.bytes,
  ]
  // Inserted, or found where it stands already, with its references; again if it was collected between the two.
  let id: number | undefined
  while (id === undefined) {
    id = await tx.insert(INSERT, row)
    if (id !== undefined) {
      await insertReferences(tx, repo.id, id, resolved)
      if (subjectMissing) await insertMissingSubject(tx, repo.id, id, subject)
      await settleManifest(tx, repo.id, id, digest)
    } else {
      id = (await tx.get<{ id: number }>(FIND, [repo.id, digest]))?.id
    }
  }

  if (push.tags.length === 0) await queueManifest(tx, repo.id, id, now + push.grace)
  for (const tag of push.tags.length > 1 ? [...push.tags].sort() : push.tags)
    await setTag(
      tx,
      repo.id,
      { tag, manifest: id, digest, mayMove: !fixed.includes(tag), kind: 'push' },
      push,
    )
  await touchRepo(tx, repo, now)
  return { outcome: 'stored' }
}

const TAG_DIGEST = `SELECT m.digest FROM tag t JOIN manifest m ON m.repo_id = t.repo_id AND m.id = t.manifest_id
  WHERE t.repo_id = $1 AND t.name = $2`
const MANIFEST_DIGEST = 'SELECT digest FROM manifest WHERE repo_id = $1 AND digest = $2'

/** The first tag (or the digest, without tags) that is not as expected; the repository is held alone. */
async function findUnexpected(
  tx: Tx,
  repoId: number,
  push: PushManifest,
  expect: Expectation,
): Promise<PushManifestOutcome | undefined> {
  const current = (sql: string, name: string | Uint8Array) => digestOf(tx, sql, repoId, name)
  if (push.tags.length === 0) {
    const stands = await current(MANIFEST_DIGEST, digestToBytes(push.digest))
    return meets(stands, expect) ? undefined : { outcome: 'unexpected', current: stands }
  }
  for (const tag of push.tags) {
    const stands = await current(TAG_DIGEST, tag)
    if (!meets(stands, expect)) return { outcome: 'unexpected', current: stands }
  }
  return undefined
}

async function digestOf(
  tx: Tx,
  sql: string,
  repoId: number,
  name: string | Uint8Array,
): Promise<Digest | undefined> {
  const row = await tx.get<{ digest: Uint8Array }>(sql, [repoId, name])
  return row === undefined ? undefined : digestFromBytes(row.digest)
}

/** The first of the tags that points to another manifest. */
async function findMoved(
  tx: Tx,
  repoId: number,
  tags: readonly Tag[],
  digest: Digest,
): Promise<{ readonly tag: Tag; readonly current: Digest } | undefined> {
  for (const tag of tags) {
    const current = await digestOf(tx, TAG_DIGEST, repoId, tag)
    if (current !== undefined && current !== digest) return { tag, current }
  }
  return undefined
}

/** Whether what stands at a reference is what was expected there. */
export function meets(current: Digest | undefined, expect: Expectation): boolean {
  if ('absent' in expect) return current === undefined
  if (current === undefined) return false
  return 'present' in expect || expect.digests.includes(current)
}
