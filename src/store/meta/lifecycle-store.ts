import type { Visible } from '../../core/access.ts'
import type { Digest } from '../../core/digest.ts'
import type { RepoName, Tag } from '../../core/names.ts'
import type { Page, PageRequest } from '../../core/registry.ts'
import type { Cause, Changed, Versioned } from './access-store.ts'

/* What becomes of content. Commands as in store.ts; the letters name the rules of docs/adr on collection. Times are ms since the epoch. */

/** What one step of collection did. */
export interface Reviewed {
  /** Entries of the queue looked at. */
  readonly reviewed: number
  /** Rows deleted. */
  readonly deleted: number
  /** Bytes of the objects that now await their deletion from storage; of blobs only. */
  readonly bytes: number
  /** Whether there may be more due. */
  readonly more: boolean
}

export interface ReviewRequest {
  readonly now: number
  /** Entries of the queue at most. */
  readonly limit: number
}

/** What waits for review, and what was freed. */
export interface GarbageState {
  readonly manifests: number
  readonly links: number
  readonly blobs: number
  /** Objects whose rows are gone and whose bytes are not yet. */
  readonly objects: number
  /** When the oldest entry came due that was not reviewed yet; undefined: nothing is late. */
  readonly oldestDue: number | undefined
  /** In all, since the database was made. */
  readonly collected: {
    readonly manifests: number
    readonly links: number
    readonly blobs: number
    readonly bytes: number
  }
}

/** What a collection would delete, were everything due that is queued. */
export interface GarbagePreview {
  readonly manifests: number
  readonly links: number
  readonly blobs: number
  readonly bytes: number
  /** False where there was more than the preview looked at. */
  readonly complete: boolean
  /** Some of the manifests, for people to look at. */
  readonly examples: readonly {
    readonly repository: RepoName
    readonly digest: Digest
    readonly size: number
  }[]
}

/** Collection while serving. Each step is a transaction of its own that holds what it decides on (rules G1 to G3). */
export interface CollectionStore {
  /**
   * G1: manifests that are due and have no tag, no parent, no subject here, no protection, and that no change of a tag left within the time
   * it can be undone. Others are taken off the queue, or put back for when their time to undo is over. `undo`: ms, of namespaces that do not
   * say it; `grace`: ms that what they referenced stays.
   */
  reviewManifests(
    request: ReviewRequest & { readonly undo: number; readonly grace: number },
  ): Promise<Reviewed>
  /** G2: links that are due, that nothing references and whose lease is over. */
  reviewLinks(request: ReviewRequest & { readonly grace: number }): Promise<Reviewed>
  /** G3: blobs that are due and that no repository links: the row goes and its object gets a tombstone, in one transaction. */
  reviewBlobs(request: ReviewRequest & { readonly deleteAfter: number }): Promise<Reviewed>
  /** Deleted repositories whose time to undo is over: their tags and links are queued, piece by piece, then the rows go. */
  purgeRepositories(
    request: ReviewRequest & { readonly undo: number; readonly grace: number },
  ): Promise<Reviewed>
  /** Forgets changes of tags that can no longer be undone. How many. */
  sweepHistory(request: ReviewRequest & { readonly undo: number }): Promise<number>
  garbageState(now: number): Promise<GarbageState>
  /** Whether anything of the above has something to do; reads only, and little. */
  isCollectionDue(when: { readonly now: number; readonly undo: number }): Promise<boolean>
  /** Reads only. `undo` as above; looks at `limit` entries of each queue at most. */
  previewGarbage(request: ReviewRequest & { readonly undo: number }): Promise<GarbagePreview>
}

export interface JobRow {
  readonly name: string
  readonly holder: string | undefined
  readonly leaseUntil: number
  readonly paused: boolean
  readonly startedAt: number | undefined
  readonly finishedAt: number | undefined
  /** Why the last run failed; undefined when it did not. */
  readonly failure: string | undefined
  /** What the last run did, as JSON. */
  readonly detail: string | undefined
}

/** Work that one process at a time does. */
export interface JobStore {
  /** Takes, or keeps, the lease of a job; false when another holds it or it is paused. */
  leaseJob(lease: { name: string; holder: string; now: number; until: number }): Promise<boolean>
  /** Gives the lease back with how it went; nothing, where another holds it by now. */
  finishJob(end: {
    name: string
    holder: string
    now: number
    failure?: string
    detail?: string
  }): Promise<void>
  listJobs(): Promise<JobRow[]>
  pauseJob(pause: { name: string; paused: boolean }, cause: Cause): Promise<void>
}

export type TagEventKind = 'push' | 'delete' | 'restore' | 'manifest-delete'

/** One change of a tag. */
export interface TagEvent {
  readonly id: number
  readonly tag: Tag
  readonly at: number
  readonly kind: TagEventKind
  /** undefined: the tag was new. */
  readonly from: Digest | undefined
  /** undefined: the tag went. */
  readonly to: Digest | undefined
  readonly actor: string
  readonly credential: number | undefined
  readonly address: string
  readonly agent: string
  /** Whether what it left is still here to be restored. */
  readonly restorable: boolean
}

export interface DeletedRepository {
  readonly id: number
  readonly name: RepoName
  readonly deletedAt: number
  /** Until when it can be restored. */
  readonly until: number
}

/** What can be undone. */
export interface HistoryStore {
  /** Newest first; `last` is the id of the last event seen. undefined: no such repository. */
  listTagEvents(
    repo: RepoName,
    filter: { readonly tag?: Tag },
    page: { readonly limit: number; readonly last?: number },
  ): Promise<Page<TagEvent> | undefined>
  /** Tags that went and can be brought back, by name. */
  listDeletedTags(repo: RepoName, page: PageRequest): Promise<Page<TagEvent> | undefined>
  /**
   * Sets the tag to what the event left (or, with `to`, to what it made). `gone`: that manifest is no more; `immutable`: the tag must not
   * move. `unchanged`: it points there already.
   */
  restoreTag(
    restore: { repo: RepoName; tag: Tag; event: number; side?: 'from' | 'to'; grace: number },
    cause: Cause,
  ): Promise<
    | { readonly outcome: 'restored' | 'unchanged'; readonly digest: Digest }
    | { readonly outcome: 'absent' | 'gone' | 'immutable' }
  >

  /**
   * Its name is free at once; everything in it stays for as long as it can be restored. Aliases of it go. `immutable`: it has tags or
   * manifests that nobody deletes.
   */
  deleteRepository(remove: { name: RepoName }, cause: Cause): Promise<'done' | 'absent' | 'immutable'>
  /** Those that can be restored, by the names they had; MAX_DELETED_LISTED at most. */
  listDeletedRepositories(namespace: string, now: number, undo: number): Promise<DeletedRepository[]>
  /** Under its old name or another. `taken`: a repository has that name. */
  restoreRepository(
    restore: { namespace: string; id: number; name?: RepoName; undo: number },
    cause: Cause,
  ): Promise<
    | { readonly outcome: 'restored' | 'taken'; readonly name: RepoName }
    | { readonly outcome: 'absent' | 'no-namespace' }
  >
  /**
   * The old name leads to it from then on, until something else takes that name, or MAX_ALIASES newer ones do. Grants on exactly the old name go along within a
   * namespace, and end where the repository leaves it: they are its owner's.
   */
  renameRepository(
    rename: { name: RepoName; to: RepoName },
    cause: Cause,
  ): Promise<'done' | 'absent' | 'taken' | 'no-namespace'>
  /** The present name of the repository that had this one; undefined where the name is a repository's, or nothing's. */
  findAlias(name: RepoName): Promise<RepoName | undefined>
  /** Old names that lead elsewhere, each with the present name; by name. */
  listAliases(limit: number): Promise<{ readonly name: RepoName; readonly target: RepoName }[]>
}

/** Protected manifests of one repository at most. */
export const MAX_PROTECTED = 1_000

export interface ProtectedManifest {
  readonly digest: Digest
  readonly reason: string
  readonly at: number
}

/** Tags and manifests that nobody moves or deletes. */
export interface ProtectionStore {
  /** Patterns of tags (`*`, `?`; `!` in front excepts) that may be pushed once; `own` undefined: as the namespace has it. */
  findImmutable(repo: RepoName): Promise<
    | {
        readonly own: readonly string[] | undefined
        readonly namespace: readonly string[]
        readonly version: number
      }
    | undefined
  >
  /** Those of the namespace. */
  findNamespaceImmutable(
    namespace: string,
  ): Promise<{ readonly patterns: readonly string[]; readonly version: number } | undefined>
  /** Of a repository: no push that began before moves a tag once this is answered; of a namespace, one that is under way still may. */
  setImmutable(
    change: Versioned &
      ({ repo: RepoName } | { namespace: string }) & { patterns: readonly string[] | undefined },
    cause: Cause,
  ): Promise<Changed>
  /** A protected manifest is deleted neither by clients nor by collection. */
  protectManifest(
    protect: { repo: RepoName; digest: Digest; reason: string },
    cause: Cause,
  ): Promise<'done' | 'unchanged' | 'absent' | 'too-many'>
  releaseManifest(release: { repo: RepoName; digest: Digest }, cause: Cause): Promise<'done' | 'absent'>
  /** All, oldest first: there are MAX_PROTECTED of a repository at most. undefined: no such repository. */
  listProtected(repo: RepoName): Promise<ProtectedManifest[] | undefined>
}

/**
 * How often one thing was asked for, as it was asked for, since that was written down last. One in which nothing was asked only says which
 * digest a tag led to a moment ago, for what is written beside it.
 */
export interface Use {
  readonly repo: RepoName
  /** Days since the epoch, UTC. */
  readonly day: number
  /** undefined: by digest. */
  readonly tag: Tag | undefined
  readonly digest: Digest
  /** GETs of a manifest; of clients that do not count they are looks. */
  readonly pulls: number
  /** HEADs of a manifest. */
  readonly looks: number
  /** Lists of its referrers. */
  readonly referrers: number
  /** When the last pull and the last look were; 0 for none. */
  readonly pulledAt: number
  readonly lookedAt: number
}

/** What was done in a repository. */
export interface UseCounts {
  /** Images and other artifacts that were given out; of an index each child counts, and not the index. */
  readonly pulls: number
  /** HEADs, GETs of an index, everything of clients that do not count. */
  readonly looks: number
  /** Lists of referrers, and GETs of referrers: signatures, SBOMs, attestations. */
  readonly referrers: number
}

export interface PullDay extends UseCounts {
  readonly day: number
  /** `''`: by digest. */
  readonly tag: string
  /** `linux/arm64`; `''` where it is not known. */
  readonly platform: string
}

/** How content is used. */
export interface UseStore {
  /**
   * Adds up. What is about repositories or manifests that are gone is dropped; what was asked for under an old name of a repository counts
   * for the repository. What was asked for by digest counts for the tag that led there, as far as these uses tell.
   */
  recordUses(uses: readonly Use[]): Promise<void>
  /**
   * By day, tag and platform, within days (both included), with the sums of the whole span; undefined: no such repository. `last` is
   * `DAY/TAG/PLATFORM` of the last row seen.
   */
  listPulls(
    repo: RepoName,
    span: { readonly from: number; readonly to: number },
    page: PageRequest,
  ): Promise<(Page<PullDay> & { readonly totals: UseCounts }) | undefined>
  /** `absent`: no such repository, or no such user. `too-many`: the user has given as many as there may be. */
  setStar(star: {
    user: string
    repo: RepoName
    starred: boolean
    now: number
    /** Stars of the user at most. */
    max: number
  }): Promise<'done' | 'unchanged' | 'absent' | 'too-many'>
  hasStar(user: string, repo: RepoName): Promise<boolean>
  /** By name; those that are visible. */
  listStars(user: string, page: PageRequest, visible: Visible): Promise<Page<RepoName>>
}

export interface LifecycleStore extends CollectionStore, JobStore, HistoryStore, ProtectionStore, UseStore {}
