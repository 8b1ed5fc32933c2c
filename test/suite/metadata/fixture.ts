import { randomBytes, randomUUID } from 'node:crypto'
import { type Algorithm, type Digest, digestOf } from '../../../src/core/digest.ts'
import type { ManifestReference } from '../../../src/core/manifest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../../src/core/media-types.ts'
import {
  type ObjectKey,
  parseRepoName,
  parseTag,
  type RepoName,
  type Tag,
  type UploadId,
} from '../../../src/core/names.ts'
import type {
  FinishUpload,
  MetadataStore,
  OpenUpload,
  PushManifest,
  PushManifestOutcome,
} from '../../../src/store/meta/store.ts'

/** A store and, where there is a database, a look into it. */
export interface MetadataUnderTest {
  readonly store: MetadataStore
  /** The rows of a statement that both databases understand. */
  sql?(text: string): Promise<unknown[]>
  dispose(): Promise<void>
}

/** The time in every test; nothing here follows the clock. */
export const NOW = 1_700_000_000_000
export const GRACE = 10_000
export const DAY = 86_400_000
export const OWNER = 'tester'

export const tag = (text: string): Tag => parseTag(text)
export const newKey = () => randomUUID() as string as ObjectKey
export const newId = () => randomUUID() as string as UploadId

let repositories = 0
/** A repository no other test uses. */
export function freshRepo(prefix = 'meta'): RepoName {
  return parseRepoName(`${prefix}/r${++repositories}-${randomBytes(4).toString('hex')}`)
}

export const newDigest = (algorithm: Algorithm = 'sha256') => digestOf(randomBytes(16), algorithm)

export interface BlobOptions extends Partial<Omit<OpenUpload, 'repo'>>, Partial<FinishUpload> {
  readonly size?: number
}

/** Opens a session with defaults; gives what it was opened with. */
export async function openUpload(
  store: MetadataStore,
  repo: RepoName,
  options: Partial<OpenUpload> = {},
): Promise<OpenUpload> {
  const open: OpenUpload = {
    repo,
    id: newId(),
    owner: OWNER,
    key: newKey(),
    algorithm: 'sha256',
    now: NOW,
    expiresAt: NOW + DAY,
    maxPerRepo: 1_000,
    maxPerOwner: 100_000,
    ...options,
  }
  const outcome = await store.openUpload(open)
  if (outcome !== 'opened') throw new Error(`the session was not opened: ${outcome}`)
  return open
}

/** What closes a session, with defaults. */
export function finishOf(open: { id: UploadId }, options: Partial<FinishUpload> = {}): FinishUpload {
  return {
    id: open.id,
    digest: newDigest(),
    size: 100,
    now: NOW,
    grace: GRACE,
    deleteAfter: NOW + GRACE,
    expiresAt: NOW + DAY,
    ...options,
  }
}

/** Uploads a blob, known only by its digest and size; gives it as a manifest lists it. */
export async function pushBlob(
  store: MetadataStore,
  repo: RepoName,
  digest: Digest = newDigest(),
  options: BlobOptions = {},
): Promise<ManifestReference> {
  const { key, ...finishing } = options
  const open = await openUpload(store, repo, key === undefined ? {} : { key })
  const finish = finishOf(open, { digest, ...finishing })
  const { outcome } = await store.finishUpload(finish)
  if (outcome !== 'finished') throw new Error(`the blob was not stored: ${outcome}`)
  return layer(digest, finish.size)
}

export const layer = (digest: Digest, size = 100): ManifestReference => ({
  digest,
  size,
  kind: 'blob',
  foreign: false,
})

export type TestManifest = Pick<PushManifest, 'digest' | 'mediaType' | 'bytes' | 'facts'>

export interface ManifestOptions {
  readonly subject?: Digest
  readonly artifactType?: string
  readonly annotations?: string
  readonly size?: number
  readonly algorithm?: Algorithm
}

function manifestOf(
  mediaType: string,
  shape: 'image' | 'index',
  references: readonly ManifestReference[],
  { size = 64, algorithm = 'sha256', ...facts }: ManifestOptions,
): TestManifest {
  const bytes = new Uint8Array(randomBytes(size))
  const sorted = [...references].sort((a, b) => (a.digest < b.digest ? -1 : 1))
  return {
    digest: digestOf(bytes, algorithm),
    mediaType,
    bytes,
    facts: { mediaType, shape, references: sorted, ...facts },
  }
}

/** An image over blobs; its bytes mean nothing, the store does not read them. */
export function image(layers: readonly ManifestReference[] = [], options: ManifestOptions = {}) {
  return manifestOf(OCI_MANIFEST, 'image', layers, options)
}

/** An index over manifests (or blobs, M15). */
export function index(
  children: readonly (TestManifest | ManifestReference)[],
  options: ManifestOptions = {},
): TestManifest {
  return manifestOf(OCI_INDEX, 'index', children.map(child), options)
}

export function child(of: TestManifest | ManifestReference): ManifestReference {
  const size = 'bytes' in of ? of.bytes.byteLength : of.size
  return { digest: of.digest, size, kind: 'child', foreign: false }
}

export type PushOptions = Partial<Omit<PushManifest, 'tags'>> & { readonly tags?: readonly string[] }

/** Pushes a manifest with defaults. */
export function push(
  store: MetadataStore,
  repo: RepoName,
  manifest: TestManifest,
  { tags = [], ...options }: PushOptions = {},
): Promise<PushManifestOutcome> {
  return store.pushManifest({
    repo,
    ...manifest,
    tags: tags.map(tag),
    sparse: 'index',
    now: NOW,
    grace: GRACE,
    ...options,
  })
}

/** Pushes a manifest that must be stored. */
export async function pushed(
  store: MetadataStore,
  repo: RepoName,
  manifest: TestManifest,
  options: PushOptions = {},
): Promise<TestManifest> {
  const outcome = await push(store, repo, manifest, options)
  if (outcome.outcome !== 'stored') throw new Error(`not stored: ${JSON.stringify(outcome)}`)
  return manifest
}

export const remove = (repo: RepoName, digest: Digest, now = NOW) => ({ repo, digest, now, grace: GRACE })
export const removeTag = (repo: RepoName, name: string) => ({ repo, tag: tag(name), now: NOW, grace: GRACE })

/** Which of these objects are condemned by a time. */
export async function buried(store: MetadataStore, keys: readonly ObjectKey[], by = NOW + DAY) {
  const due = new Set(await store.dueTombstones(by, 1_000_000))
  return keys.filter((key) => due.has(key))
}

/** The digest a tag stands on. */
export async function digestAt(store: MetadataStore, repo: RepoName, name: string) {
  return (await store.findManifest(repo, { tag: tag(name) }))?.digest
}

/**
 * What a promise is rejected with. Not `expect(…).rejects`: that waits in a loop of its own, in which a worker's messages are
 * not delivered.
 */
export async function rejection(promise: Promise<unknown>): Promise<Error & { kind?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it was expected to fail, and went well')
}
