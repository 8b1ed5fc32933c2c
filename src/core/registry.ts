import type { Visible } from './access.ts'
import type { Body } from './body.ts'
import type { Context } from './context.ts'
import type { Algorithm, Digest } from './digest.ts'
import type { Reference, RepoName, Tag, UploadId } from './names.ts'

/** Size and address of a blob. */
export interface BlobInfo {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** A half-open span of bytes, already checked against the size. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Where the bytes of a blob are to be had; the edge picks the cheapest way for each kind. */
export type BlobContent =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** A whole file; the edge sends the span of it that was asked for. */
  | { readonly kind: 'file'; readonly path: string; readonly span: Span }
  | { readonly kind: 'stream'; readonly stream: AsyncIterable<Uint8Array> }
  /** A presigned address the client fetches by itself. */
  | { readonly kind: 'redirect'; readonly url: string }

/** A blob that is there: its size is known, its bytes are opened when asked for. */
export interface Blob extends BlobInfo {
  /** The bytes of one span (the whole without one). May be called several times. Refuses `blob-unknown` when they are lost. */
  content(span?: Span): Promise<BlobContent>
}

export interface ManifestInfo {
  /** With the algorithm it was pushed under (PROTOCOL P2). */
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
}

export interface Manifest extends ManifestInfo {
  /** Exactly as pushed (P1). */
  readonly bytes: Uint8Array
}

export interface UploadStatus {
  readonly id: UploadId
  /** Bytes held; the next chunk starts here. */
  readonly offset: number
}

/** What a conditional push expects of its reference (M11): nothing there, something there, or one of these digests. */
export type Expectation =
  | { readonly absent: true }
  | { readonly present: true }
  | { readonly digests: readonly Digest[] }

export interface PushManifestOptions {
  /** The Content-Type without parameters; undefined when the client sent none (M3). */
  readonly mediaType: string | undefined
  /** The digest the client pushes by; the bytes must have it. Without it the manifest goes under its sha256. */
  readonly digest?: Digest
  /** Set in the same transaction (M9). */
  readonly tags: readonly Tag[]
  /** `false`: new tags only, one that points to another manifest stays and the push is refused. */
  readonly moveTags?: boolean
  readonly expect?: Expectation
}

export interface PushedManifest {
  readonly digest: Digest
  /** The subject as written in the manifest (M8). */
  readonly subject?: Digest
}

/** A page asked for: at most `limit` items behind `last`, in byte order. */
export interface PageRequest {
  readonly limit: number
  readonly last?: string
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Whether there are more behind the last item. */
  readonly more: boolean
}

/** A descriptor in a referrers list (R3). */
export interface Referrer {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly artifactType?: string
  /** The manifest's annotations as JSON text, copied as they are. */
  readonly annotations?: string
}

export interface ReferrersRequest extends PageRequest {
  /** Any of these types; undefined asks for all, an empty string for those without one (R5). */
  readonly artifactTypes?: readonly string[]
}

/** One hit of `docker search` (PROTOCOL 10.4). */
export interface SearchHit {
  readonly name: RepoName
  readonly description: string
  readonly stars: number
  readonly pulls: number
  readonly official: boolean
}

export interface SearchRequest {
  readonly query: string
  readonly limit: number
  readonly offset: number
}

export interface SearchResult {
  readonly hits: readonly SearchHit[]
  /** Hits in all, counted up to the search's candidate limit. */
  readonly total: number
}

/** Of a look at content. */
export interface LookOptions {
  /** Whether what is looked at stays for a while, so that whoever was told of it can push what lists it; yes unless told. */
  readonly renewLease?: boolean
}

/** Pull: end-2, end-3. */
export interface Reader {
  /**
   * Size of a blob. Refuses `blob-unknown`. Renews the blob's lease (DL-10) unless told not to, as for callers who may not push: what
   * they look at is kept by nobody.
   */
  resolveBlob(ctx: Context, repo: RepoName, digest: Digest, options?: LookOptions): Promise<BlobInfo>
  /** A blob to read from. Refuses `blob-unknown`. */
  getBlob(ctx: Context, repo: RepoName, digest: Digest): Promise<Blob>
  /** What a reference points to. Refuses `manifest-unknown`. What nothing keeps is kept a while, as by resolveBlob. */
  resolveManifest(
    ctx: Context,
    repo: RepoName,
    reference: Reference,
    options?: LookOptions,
  ): Promise<ManifestInfo>
  /** A manifest's bytes. Refuses `manifest-unknown`. What nothing keeps is kept a while, as by resolveBlob. */
  getManifest(ctx: Context, repo: RepoName, reference: Reference, options?: LookOptions): Promise<Manifest>
}

/** Push: end-4 to end-7, end-11, end-13, end-14. */
export interface Writer {
  /** Starts a session (end-4a). `algorithm` is announced by B11. Refuses `too-many-uploads`, `storage-full`. */
  openUpload(
    ctx: Context,
    repo: RepoName,
    options?: { readonly algorithm?: Algorithm },
  ): Promise<UploadStatus>
  /** Where a session stands (end-13). Refuses `upload-unknown`. */
  statUpload(ctx: Context, repo: RepoName, id: UploadId): Promise<UploadStatus>
  /**
   * Appends a chunk (end-5); without `offset` it goes to the end (B8). What arrived before a broken body stays.
   * Refuses `upload-unknown`, `upload-offset` (also for a second writer), `size-invalid`, `storage-full`.
   */
  appendUpload(ctx: Context, repo: RepoName, id: UploadId, body: Body, offset?: number): Promise<UploadStatus>
  /**
   * Closes a session under a digest (end-6), after a last chunk where there is one. Durable and visible when it returns.
   * Repeating it answers the same (B23). Refuses as appendUpload, and `digest-mismatch` (the session stays).
   */
  commitUpload(
    ctx: Context,
    repo: RepoName,
    id: UploadId,
    digest: Digest,
    last?: { readonly body: Body; readonly offset?: number },
  ): Promise<BlobInfo>
  /** Cancels a session (end-14). Refuses `upload-unknown`. */
  abortUpload(ctx: Context, repo: RepoName, id: UploadId): Promise<void>
  /** Links a blob of another repository (end-11), of any readable one without `from` (B16); undefined when it cannot. */
  mountBlob(ctx: Context, repo: RepoName, digest: Digest, from?: RepoName): Promise<BlobInfo | undefined>
  /**
   * Stores a manifest and sets its tags in one transaction (end-7). Refuses `manifest-invalid`, `manifest-references-unknown`,
   * `digest-mismatch`, `size-invalid`, `precondition-failed`, `tag-exists` (with `moveTags: false`), `tag-immutable`.
   */
  pushManifest(
    ctx: Context,
    repo: RepoName,
    bytes: Uint8Array,
    options: PushManifestOptions,
  ): Promise<PushedManifest>
}

/** Delete: end-9, end-10. */
export interface Deleter {
  /** Unlinks a blob. Refuses `blob-unknown`, `still-referenced` (D3). */
  deleteBlob(ctx: Context, repo: RepoName, digest: Digest): Promise<void>
  /** Deletes a manifest and every tag on it. Refuses `manifest-unknown`, `name-unknown`, `still-referenced` (D2, D4), `protected`. */
  deleteManifest(ctx: Context, repo: RepoName, digest: Digest): Promise<void>
  /** Deletes one tag. Refuses `manifest-unknown`, `name-unknown` (D1), `tag-immutable`. */
  deleteTag(ctx: Context, repo: RepoName, tag: Tag): Promise<void>
}

/** Discover: end-8, end-12, `_catalog`, `docker search`. Pages in byte order (T2). */
export interface Lister {
  /** `visible`: what a guard lets the actor see; everything without. */
  repositories(ctx: Context, page: PageRequest, visible?: Visible): Promise<Page<RepoName>>
  /** Refuses `name-unknown`. */
  tags(ctx: Context, repo: RepoName, page: PageRequest): Promise<Page<Tag>>
  /** Empty for an unknown repository or subject (R1). */
  referrers(ctx: Context, repo: RepoName, subject: Digest, page: ReferrersRequest): Promise<Page<Referrer>>
  search(ctx: Context, request: SearchRequest, visible?: Visible): Promise<SearchResult>
}

/**
 * The one interface: storage makes one, the network makes one, policy wraps one, HTTP serves one.
 * Every method rejects with RegistryError for a refusal; anything else it throws is a bug or a broken back end.
 */
export interface Registry extends Reader, Writer, Deleter, Lister {}

export type Action = 'pull' | 'push' | 'delete' | 'list'

/** What right each operation needs. A new operation does not compile until it stands here, and so in every guard. */
export const ACTION = {
  resolveBlob: 'pull',
  getBlob: 'pull',
  resolveManifest: 'pull',
  getManifest: 'pull',
  openUpload: 'push',
  statUpload: 'push',
  appendUpload: 'push',
  commitUpload: 'push',
  abortUpload: 'push',
  mountBlob: 'push',
  pushManifest: 'push',
  deleteBlob: 'delete',
  deleteManifest: 'delete',
  deleteTag: 'delete',
  repositories: 'list',
  tags: 'pull',
  referrers: 'pull',
  search: 'list',
} as const satisfies Record<keyof Registry, Action>
