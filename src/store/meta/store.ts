import type { MaybePromise, Visible } from '../../core/access.ts'
import type { Algorithm, Digest } from '../../core/digest.ts'
import type { ManifestFacts } from '../../core/manifest.ts'
import type { ObjectKey, Reference, RepoName, Tag, UploadId } from '../../core/names.ts'
import type {
  Expectation,
  Manifest,
  ManifestInfo,
  Page,
  PageRequest,
  Referrer,
  ReferrersRequest,
  SearchRequest,
  SearchResult,
} from '../../core/registry.ts'
import type { AccessStore, Cause, RepositoryStore } from './access-store.ts'
import type { AccountStore } from './account-store.ts'
import type { CollectionStore, HistoryStore, JobStore, ProtectionStore, UseStore } from './lifecycle-store.ts'

/*
 * The metadata is the only truth. Its methods are commands, not transactions: each is one transaction, durable when it
 * resolves and visible to the next call on any replica; no caller ever holds one. Outcomes that a caller branches on are
 * returned. Times are milliseconds since the epoch, given by the caller. The letters U, H, P, D, R, S name the rules of
 * docs/adr on collection.
 */

/** A change, and whose doing it is; nobody's in particular without a cause. */
interface Caused {
  readonly cause?: Cause
}

/** Something that may make a repository. With a cause, that it did is an audit row in the same transaction, unless told not to. */
interface MayCreate extends Caused {
  readonly audit?: boolean
}

/** References without a row may be accepted: of nothing, of an index's children, of everything (M5). */
export type Sparse = 'none' | 'index' | 'all'

export interface BlobRow {
  readonly size: number
  readonly key: ObjectKey
  /** Until when the link is protected though nothing references it; undefined when something does. */
  readonly leaseUntil: number | undefined
}

export interface PushManifest extends MayCreate {
  readonly repo: RepoName
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Uint8Array
  readonly facts: ManifestFacts
  readonly tags: readonly Tag[]
  readonly sparse: Sparse
  readonly now: number
  /** How long the replaced and the untagged stay before they may be reviewed, in ms. */
  readonly grace: number
  /** Most levels of indexes, the pushed one counted; unchecked without. */
  readonly maxIndexDepth?: number
  /** `false`: a tag that points to another manifest stays, and nothing is stored. */
  readonly moveTags?: boolean
  /** Checked in the same transaction against every tag, or against the digest where there are no tags. */
  readonly expect?: Expectation
}

export type PushManifestOutcome =
  | { readonly outcome: 'stored' }
  /** Nothing was stored: these references are not in the repository. */
  | { readonly outcome: 'missing'; readonly digests: readonly Digest[] }
  /** Nothing was stored: the descriptor's size is not the blob's (M13). */
  | { readonly outcome: 'size'; readonly digest: Digest; readonly actual: number; readonly claimed: number }
  /** Nothing was stored: indexes are nested deeper than `maxIndexDepth`. */
  | { readonly outcome: 'too-deep' }
  /** Nothing was stored: the expectation failed; `current` is what stands there. */
  | { readonly outcome: 'unexpected'; readonly current: Digest | undefined }
  /** Nothing was stored: this tag would have been moved. */
  | { readonly outcome: 'tag-exists'; readonly tag: Tag; readonly current: Digest }
  /** Nothing was stored: this tag would have been moved, and nobody may. */
  | { readonly outcome: 'tag-immutable'; readonly tag: Tag; readonly current: Digest }

export type DeleteOutcome =
  | { readonly outcome: 'deleted' }
  | { readonly outcome: 'no-repository' }
  | { readonly outcome: 'absent' }
  /** Refused: a manifest of this repository still lists it. */
  | { readonly outcome: 'referenced'; readonly by: Digest }
  /** Refused: this tag, which points to it, is immutable. */
  | { readonly outcome: 'immutable'; readonly tag: Tag }
  /** Refused: the manifest is protected. */
  | { readonly outcome: 'protected'; readonly reason: string }

/** Of a manifest that may have become garbage. */
export interface Queued {
  /** When the collector looks whether something keeps it, in ms; undefined where it was not queued. */
  readonly reviewAfter?: number
}

/** Repositories, manifests, tags, links. */
export interface ContentIndex {
  /** A blob linked in the repository. */
  findBlob(repo: RepoName, digest: Digest): MaybePromise<BlobRow | undefined>
  /** The stored object of a digest, in whatever repository (for deduplication; says nothing to clients). */
  findObject(digest: Digest): Promise<{ readonly size: number; readonly key: ObjectKey } | undefined>
  findManifest(repo: RepoName, reference: Reference): MaybePromise<(ManifestInfo & Queued) | undefined>
  readManifest(repo: RepoName, reference: Reference): MaybePromise<(Manifest & Queued) | undefined>
  /** Whether the repository was ever published (had a manifest) and is not deleted. */
  hasRepository(repo: RepoName): Promise<boolean>
  /** Published repositories that are visible (all, unless told). */
  listRepositories(page: PageRequest, visible?: Visible): Promise<Page<RepoName>>
  /** undefined when the repository is unknown. */
  listTags(repo: RepoName, page: PageRequest): Promise<Page<Tag> | undefined>
  /** Manifests whose subject is this digest, by digest in the byte order of its text. */
  listReferrers(repo: RepoName, subject: Digest, page: ReferrersRequest): Promise<Page<Referrer>>
  /** Published repositories: exact name, then prefix, then substring, then description. */
  search(request: SearchRequest, visible?: Visible): Promise<SearchResult>

  /**
   * H: extends the lease of a link that has one; a link without (referenced) stays as it is. False when there is no such link (any more):
   * nothing may be promised then.
   */
  extendLease(repo: RepoName, digest: Digest, until: number): Promise<boolean>
  /** H: a manifest that is queued for review is not looked at before then. False when there is no such manifest (any more). */
  postponeReview(repo: RepoName, digest: Digest, until: number): Promise<boolean>
  /**
   * Links a blob of `from` (of any repository without it) into `repo` under a lease, and settles references that waited for
   * it; undefined when it is not there. Creates the repository.
   */
  mountBlob(
    mount: MayCreate & {
      repo: RepoName
      digest: Digest
      from: RepoName | undefined
      now: number
      grace: number
    },
  ): Promise<{ readonly size: number; readonly key: ObjectKey } | undefined>
  /** P: manifest, references, tags, expectation – all or nothing. Creates and publishes the repository. */
  pushManifest(push: PushManifest): Promise<PushManifestOutcome>
  /** D: the manifest, its tags and references go; links and children are queued for review. */
  deleteManifest(
    remove: Caused & { repo: RepoName; digest: Digest; now: number; grace: number },
  ): Promise<DeleteOutcome>
  deleteTag(remove: Caused & { repo: RepoName; tag: Tag; now: number; grace: number }): Promise<DeleteOutcome>
  /** Unlinks a blob that no manifest of the repository lists. */
  deleteBlob(remove: { repo: RepoName; digest: Digest; now: number; grace: number }): Promise<DeleteOutcome>
}

export interface UploadRow {
  readonly id: UploadId
  readonly repo: RepoName
  readonly owner: string
  readonly key: ObjectKey
  /** Durable length. */
  readonly offset: number
  readonly algorithm: Algorithm
  readonly state: 'open' | 'committed'
  /** What a committed session was closed under (B23), with its size. */
  readonly committed: { readonly digest: Digest; readonly size: number } | undefined
}

export interface OpenUpload extends MayCreate {
  readonly id: UploadId
  readonly repo: RepoName
  readonly owner: string
  readonly key: ObjectKey
  readonly algorithm: Algorithm
  readonly now: number
  readonly expiresAt: number
  /** At most so many open sessions of the repository, and of the owner. */
  readonly maxPerRepo: number
  readonly maxPerOwner: number
}

export interface FinishUpload {
  readonly id: UploadId
  readonly digest: Digest
  readonly size: number
  readonly now: number
  /** Lease of the new link, in ms. */
  readonly grace: number
  /** When the object that lost may be deleted from storage. */
  readonly deleteAfter: number
  /** Until when a repeated close is answered the same (B23). */
  readonly expiresAt: number
  /** The bytes were not written, since this object already held them: the row must still name it (rule U). */
  readonly reuse?: ObjectKey
  /** This object was found lost or short; if the row still names it, it is replaced by the upload's own (CO-2). */
  readonly replace?: ObjectKey
}

export type FinishUploadOutcome =
  | { readonly outcome: 'finished' }
  /** No such open session (expired, cancelled, finished meanwhile). */
  | { readonly outcome: 'gone' }
  /** `reuse` is no longer what the digest's row names; nothing changed. */
  | { readonly outcome: 'vanished' }

/** Upload sessions: the intent log. A row stands here before any byte is stored. */
export interface UploadIndex {
  /** U, first half. Creates the repository (unpublished) if needed. Says which limit was met. */
  openUpload(open: OpenUpload): Promise<'opened' | 'repo-limit' | 'owner-limit'>
  /** An unexpired session of the repository and owner (SE-1). */
  findUpload(repo: RepoName, id: UploadId, owner: string, now: number): Promise<UploadRow | undefined>
  /** Records the durable length, if the session is open and stands at `from`; false when not. */
  advanceUpload(advance: { id: UploadId; from: number; to: number; expiresAt: number }): Promise<boolean>
  /**
   * U, second half: blob row (first one wins, a loser's object gets a tombstone), link under a lease, references that waited for
   * it settled, session committed.
   */
  finishUpload(finish: FinishUpload): Promise<FinishUploadOutcome>
  /** Cancels an open session: row gone, tombstone set. False when it is not open. */
  abortUpload(abort: { id: UploadId; now: number; deleteAfter: number }): Promise<boolean>
  /** S: at most `limit` sessions whose time is over: open ones get a tombstone, all go. Returns how many. */
  sweepUploads(sweep: { now: number; deleteAfter: number; limit: number }): Promise<number>
  /** Open sessions in all, for the metrics. */
  countUploads(): Promise<number>
}

/** Objects that no row names any more. */
export interface GarbageIndex {
  /** R: objects due for deletion from storage, oldest first. */
  dueTombstones(now: number, limit: number): Promise<ObjectKey[]>
  /** R: forgets them, after their bytes are gone. */
  clearTombstones(keys: readonly ObjectKey[]): Promise<void>
}

/** What the registry itself needs; a memory store has this much. */
export interface MetadataStore extends ContentIndex, UploadIndex, GarbageIndex {
  /**
   * Binds these metadata to the storage that holds their bytes, for good: a fresh database to any storage that is empty, a database
   * that knows no blob to another that is empty. `other` when they belong to different ones, and nothing changed.
   */
  pairStorage(storage: { readonly identity: string; readonly empty: boolean }): Promise<'paired' | 'other'>
  /** Answers when the database does; rejects with the reason when it does not (readiness). */
  check(): Promise<void>
  close(): Promise<void>
}

/** What a database holds: the registry's metadata, who may do what with it, what becomes of it and how it is used. */
export interface Store
  extends MetadataStore,
    AccountStore,
    AccessStore,
    RepositoryStore,
    CollectionStore,
    JobStore,
    HistoryStore,
    ProtectionStore,
    UseStore {}
