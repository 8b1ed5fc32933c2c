import type { Guard, MaybePromise } from '../core/access.ts'
import type { Context } from '../core/context.ts'
import { isRefusal, RegistryError } from '../core/errors.ts'
import type { RepoName } from '../core/names.ts'
import { ACTION, type Action, type LookOptions, type Registry } from '../core/registry.ts'
import { allows, type Verb, type VerbSet } from '../core/verbs.ts'

/** The right behind each action of a repository. Who may only add tags pushes, too; what is pushed is looked at then. */
const VERB = {
  pull: 'pull',
  push: 'create-tag',
  delete: 'delete',
} as const satisfies Record<Exclude<Action, 'list'>, Verb>

/** The operations on one repository. */
type OnRepository = {
  [Operation in keyof Registry]: (typeof ACTION)[Operation] extends 'list' ? never : Operation
}[keyof Registry]

/**
 * Lets through what the guard allows. A guarding filter: every operation is named. Rights are asked for before anything else, so that what
 * is refused is refused alike whether it is there or not (SE-2), with one look at the database.
 */
export function authorize(inner: Registry, guard: Guard): Registry {
  const right = (operation: OnRepository, ctx: Context, repo: RepoName): MaybePromise<VerbSet> =>
    guard.require(ctx, repo, VERB[ACTION[operation]])

  return {
    async resolveBlob(ctx, repo, digest, options) {
      const verbs = await right('resolveBlob', ctx, repo)
      return inner.resolveBlob(ctx, repo, digest, look(verbs, options))
    },
    async getBlob(ctx, repo, digest) {
      await right('getBlob', ctx, repo)
      return inner.getBlob(ctx, repo, digest)
    },
    async resolveManifest(ctx, repo, reference, options) {
      const verbs = await right('resolveManifest', ctx, repo)
      return inner.resolveManifest(ctx, repo, reference, look(verbs, options))
    },
    async getManifest(ctx, repo, reference, options) {
      const verbs = await right('getManifest', ctx, repo)
      return inner.getManifest(ctx, repo, reference, look(verbs, options))
    },

    async openUpload(ctx, repo, options) {
      await right('openUpload', ctx, repo)
      return inner.openUpload(ctx, repo, options)
    },
    async statUpload(ctx, repo, id) {
      await right('statUpload', ctx, repo)
      return inner.statUpload(ctx, repo, id)
    },
    async appendUpload(ctx, repo, id, body, offset) {
      await right('appendUpload', ctx, repo)
      return inner.appendUpload(ctx, repo, id, body, offset)
    },
    async commitUpload(ctx, repo, id, digest, last) {
      await right('commitUpload', ctx, repo)
      return inner.commitUpload(ctx, repo, id, digest, last)
    },
    async abortUpload(ctx, repo, id) {
      await right('abortUpload', ctx, repo)
      return inner.abortUpload(ctx, repo, id)
    },

    async mountBlob(ctx, repo, digest, from) {
      try {
        await right('mountBlob', ctx, repo)
      } catch (error) {
        throw from === undefined ? error : alsoPulling(from, error)
      }
      const source = from ?? (await guard.readableHolder(ctx, digest))
      if (source === undefined) return undefined
      // What may not be pulled is as good as absent: the client uploads instead, and learns nothing (B16, SE-2).
      if (from !== undefined && !allows(await guard.verbs(ctx, from), 'pull')) return undefined
      return inner.mountBlob(ctx, repo, digest, source)
    },

    async pushManifest(ctx, repo, bytes, options) {
      const verbs = await right('pushManifest', ctx, repo)
      return inner.pushManifest(
        ctx,
        repo,
        bytes,
        allows(verbs, 'push') ? options : { ...options, moveTags: false },
      )
    },

    async deleteBlob(ctx, repo, digest) {
      await right('deleteBlob', ctx, repo)
      return inner.deleteBlob(ctx, repo, digest)
    },
    async deleteManifest(ctx, repo, digest) {
      await right('deleteManifest', ctx, repo)
      return inner.deleteManifest(ctx, repo, digest)
    },
    async deleteTag(ctx, repo, tag) {
      await right('deleteTag', ctx, repo)
      return inner.deleteTag(ctx, repo, tag)
    },

    async repositories(ctx, page) {
      return inner.repositories(ctx, page, await guard.visible(ctx, 'catalog'))
    },
    async tags(ctx, repo, page) {
      await right('tags', ctx, repo)
      return inner.tags(ctx, repo, page)
    },
    async referrers(ctx, repo, subject, page) {
      await right('referrers', ctx, repo)
      return inner.referrers(ctx, repo, subject, page)
    },
    async search(ctx, request) {
      return inner.search(ctx, request, await guard.visible(ctx, 'search'))
    },
  }
}

/** Who may not push relies on nothing that a look would keep. */
function look(verbs: VerbSet, options: LookOptions | undefined): LookOptions | undefined {
  return allows(verbs, 'create-tag') ? options : NO_RENEWAL
}
const NO_RENEWAL: LookOptions = { renewLease: false }

/** The challenge of a refused mount names the source, too, behind the target (PROTOCOL 10.2): whoever follows it comes back with both. */
function alsoPulling(from: RepoName, error: unknown): unknown {
  if (!isRefusal(error, 'unauthorized') || error.detail.challenge?.scopes === undefined) return error
  const { challenge } = error.detail
  const scopes = [...(challenge.scopes ?? []), `repository:${from}:pull`]
  return new RegistryError(error.kind, error.message, {
    ...error.detail,
    challenge: { ...challenge, scopes },
  })
}
