import { causeOf } from '../../core/cause.ts'
import type { Context } from '../../core/context.ts'
import { algorithmOf, type Digest, digestOf } from '../../core/digest.ts'
import { refuse } from '../../core/errors.ts'
import { failpoint } from '../../core/failpoint.ts'
import { readManifest } from '../../core/manifest-reader.ts'
import type { Reference, RepoName, Tag } from '../../core/names.ts'
import type { Expectation, LookOptions, ManifestInfo, Registry } from '../../core/registry.ts'
import type { BlobRow, DeleteOutcome, Queued } from '../../store/meta/store.ts'
import type { LocalOptions } from './options.ts'

type Content = Omit<Registry, 'openUpload' | 'statUpload' | 'appendUpload' | 'commitUpload' | 'abortUpload'>

/** Everything but upload sessions: pulls, manifests, deletes and lists, straight from the metadata. */
export function localContent({
  blobs,
  meta,
  clock,
  limits,
  sparse,
  renewLeases,
  audit,
  onLost,
}: LocalOptions): Content {
  const noBlob = (repo: RepoName, digest: Digest) =>
    refuse('blob-unknown', `there is no blob ${digest} in ${repo}`)
  const noRepo = (repo: RepoName) =>
    refuse('name-unknown', `there is no repository ${repo}; push to it to make it`)
  const noManifest = (repo: RepoName, reference: Reference) =>
    refuse(
      'manifest-unknown',
      'tag' in reference
        ? `${repo} has no tag ${reference.tag}`
        : `${repo} has no manifest ${reference.digest}`,
    )

  /** A lost object is told to the operator and answered as an absent blob, so that clients push it again (CO-6). */
  async function lost(ctx: Context, repo: RepoName, digest: Digest, row: BlobRow): Promise<Error> {
    const { requestId } = ctx
    onLost?.({ id: requestId, digest, key: row.key, expected: row.size, actual: await blobs.stat(row.key) })
    return noBlob(repo, digest)
  }

  function settle(outcome: DeleteOutcome, repo: RepoName, absent: () => Error, what: string): void {
    if (outcome.outcome === 'deleted') return
    if (outcome.outcome === 'no-repository') throw noRepo(repo)
    if (outcome.outcome === 'absent') throw absent()
    if (outcome.outcome === 'immutable') throw immutable(repo, outcome.tag, what, 'delete')
    if (outcome.outcome === 'protected') {
      const why = outcome.reason === '' ? '' : ` (${outcome.reason})`
      throw refuse(
        'protected',
        `${what} of ${repo} is protected against deletion${why}; whoever administers the repository can release it`,
      )
    }
    throw refuse(
      'still-referenced',
      `${what} is still listed by manifest ${outcome.by} of ${repo}; delete that one first`,
    )
  }

  /** H, for manifests: at most one write per manifest and half a lease, and none for what nobody reviews. */
  async function keep(
    repo: RepoName,
    reference: Reference,
    { digest, reviewAfter = Number.POSITIVE_INFINITY }: ManifestInfo & Queued,
    options: LookOptions | undefined,
  ): Promise<void> {
    if (!renewLeases || options?.renewLease === false) return
    const now = clock.now()
    if (reviewAfter - now >= limits.lease / 2) return
    if (!(await meta.postponeReview(repo, digest, now + limits.lease))) throw noManifest(repo, reference)
  }

  const removal = () => ({ now: clock.now(), grace: limits.lease })
  /** As `removal`, with whose doing it is. What makes a repository is audited where there are accounts. */
  const change = (ctx: Context) => {
    const times = removal()
    return { ...times, cause: causeOf(ctx, times.now) }
  }

  return {
    async resolveBlob(ctx, repo, digest, options) {
      const row = await meta.findBlob(repo, digest)
      if (row === undefined) throw noBlob(repo, digest)
      const found = blobs.stat(row.key)
      const actual = typeof found === 'object' ? await found : found
      if (actual !== row.size) throw await lost(ctx, repo, digest, row)
      if (row.leaseUntil !== undefined && renewLeases && options?.renewLease !== false) {
        const now = clock.now()
        // H: at most one write per blob and half a lease. What the collector took meanwhile is not there.
        const isShort = row.leaseUntil - now < limits.lease / 2
        if (isShort && !(await meta.extendLease(repo, digest, now + limits.lease))) throw noBlob(repo, digest)
      }
      return { digest, size: row.size }
    },

    async getBlob(ctx, repo, digest) {
      const row = await meta.findBlob(repo, digest)
      if (row === undefined) throw noBlob(repo, digest)
      return {
        digest,
        size: row.size,
        async content(span) {
          const content = blobs.open(row.key, row.size, span ?? { start: 0, end: row.size })
          if (content === undefined) throw await lost(ctx, repo, digest, row)
          return content
        },
      }
    },

    async resolveManifest(_ctx, repo, reference, options) {
      const found = await meta.findManifest(repo, reference)
      if (found === undefined) throw noManifest(repo, reference)
      if (found.reviewAfter !== undefined) await keep(repo, reference, found, options)
      return found
    },

    async getManifest(_ctx, repo, reference, options) {
      const found = await meta.readManifest(repo, reference)
      if (found === undefined) throw noManifest(repo, reference)
      if (found.reviewAfter !== undefined) await keep(repo, reference, found, options)
      return found
    },

    async mountBlob(ctx, repo, digest, from) {
      await failpoint('mount.before')
      const mounted = await meta.mountBlob({ repo, digest, from, ...change(ctx), audit })
      await failpoint('mount.after')
      if (mounted === undefined) return undefined
      return (await blobs.stat(mounted.key)) === mounted.size ? { digest, size: mounted.size } : undefined
    },

    async pushManifest(ctx, repo, bytes, options) {
      const digest = digestOf(bytes, options.digest === undefined ? 'sha256' : algorithmOf(options.digest))
      if (options.digest !== undefined && options.digest !== digest) {
        throw refuse(
          'digest-mismatch',
          `the manifest has digest ${digest}, not ${options.digest}; nothing was stored`,
        )
      }
      const facts = readManifest(bytes, options.mediaType, limits)
      await failpoint('manifest.before')
      const pushed = await meta.pushManifest({
        repo,
        digest,
        mediaType: facts.mediaType,
        bytes,
        facts,
        tags: options.tags,
        sparse,
        maxIndexDepth: limits.maxIndexDepth,
        ...change(ctx),
        audit,
        ...(options.expect !== undefined && { expect: options.expect }),
        ...(options.moveTags !== undefined && { moveTags: options.moveTags }),
      })
      await failpoint('manifest.after')
      switch (pushed.outcome) {
        case 'stored':
          return { digest, ...(facts.subject !== undefined && { subject: facts.subject }) }
        case 'missing':
          throw refuse(
            'manifest-references-unknown',
            `the manifest lists ${pushed.digests.length} objects that are not in ${repo}; push them first`,
            { digests: pushed.digests },
          )
        case 'size':
          throw refuse(
            'size-invalid',
            `the manifest says that ${pushed.digest} has ${pushed.claimed} bytes, but it has ${pushed.actual}`,
          )
        case 'too-deep':
          throw refuse(
            'manifest-invalid',
            `the index stands on more than ${limits.maxIndexDepth} levels of indexes, the limit of this registry; flatten it`,
          )
        case 'tag-exists':
          throw refuse(
            'tag-exists',
            `tag ${pushed.tag} of ${repo} points to ${pushed.current} and you may not move it; push under a new tag`,
          )
        case 'tag-immutable':
          throw immutable(repo, pushed.tag, `tag ${pushed.tag}`, 'move', pushed.current)
        case 'unexpected':
          throw refuse(
            'precondition-failed',
            `${unexpected(options.expect, pushed.current)}; nothing was stored`,
          )
      }
    },

    async deleteBlob(_ctx, repo, digest) {
      await failpoint('delete.before')
      const outcome = await meta.deleteBlob({ repo, digest, ...removal() })
      await failpoint('delete.after')
      settle(outcome, repo, () => noBlob(repo, digest), `blob ${digest}`)
    },

    async deleteManifest(ctx, repo, digest) {
      await failpoint('delete.before')
      const outcome = await meta.deleteManifest({ repo, digest, ...change(ctx) })
      await failpoint('delete.after')
      settle(outcome, repo, () => noManifest(repo, { digest }), `manifest ${digest}`)
    },

    async deleteTag(ctx, repo, tag) {
      await failpoint('delete.before')
      const outcome = await meta.deleteTag({ repo, tag, ...change(ctx) })
      await failpoint('delete.after')
      settle(outcome, repo, () => noManifest(repo, { tag }), `tag ${tag}`)
    },

    repositories: (_ctx, page, visible) => meta.listRepositories(page, visible),

    async tags(_ctx, repo, page) {
      const found = await meta.listTags(repo, page)
      if (found === undefined) throw noRepo(repo)
      return found
    },

    referrers: (_ctx, repo, subject, page) => meta.listReferrers(repo, subject, page),

    search: (_ctx, request, visible) => meta.search(request, visible),
  }
}

/** `what` would have been done to something of a repository that an immutable tag stands on. */
function immutable(repo: RepoName, tag: Tag, what: string, verb: 'move' | 'delete', current?: Digest): Error {
  const stands = current === undefined ? '' : ` and stays at ${current}`
  const next = verb === 'move' ? 'push under a new tag' : `${what} was not deleted`
  return refuse(
    'tag-immutable',
    `tag ${tag} of ${repo} is immutable${stands}; ${next}, or ask who administers the repository to take it out of its immutable tags`,
  )
}

function unexpected(expect: Expectation | undefined, current: Digest | undefined): string {
  const is = current === undefined ? 'nothing is there' : `it is ${current}`
  if (expect && 'absent' in expect) return `the push expected nothing there, but ${is}`
  if (expect && 'digests' in expect) {
    return `the push expected ${expect.digests.join(' or ') || 'what no digest names'}, but ${is}`
  }
  return `the push expected something there, but ${is}`
}
