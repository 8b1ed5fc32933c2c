import type { MaybePromise } from '../core/access.ts'
import { type Actor, ANONYMOUS, type Context, contextOf } from '../core/context.ts'
import { isRefusal, refuse } from '../core/errors.ts'
import type { RepoName } from '../core/names.ts'
import type { Registry } from '../core/registry.ts'
import { actorOf, admit, type WireAuth } from './authorization.ts'
import { base, discover, v1Ping } from './base.ts'
import { blobHandler } from './blobs.ts'
import { keepPrivate } from './caching.ts'
import { catalogHandler } from './catalog.ts'
import { challengeOf } from './challenge.ts'
import { errorReply } from './error-reply.ts'
import { isJwksPath, jwksHandler } from './jwks.ts'
import type { WireLimits } from './limits.ts'
import { manifestHandler } from './manifests.ts'
import type { WireHandler, WireReply, WireRequest } from './message.ts'
import { locate, type Place } from './path.ts'
import { referrersHandler } from './referrers.ts'
import { type Operation, parseOperation } from './request.ts'
import { refuseWithoutLogin, searchHandler } from './search.ts'
import { tagsHandler } from './tags.ts'
import { isTokenPath, tokenHandler } from './token.ts'
import { uploadHandler, uploadsHandler } from './uploads.ts'
import { WatchedBody } from './watched-body.ts'

export interface WireOptions {
  readonly limits: WireLimits
  /** Knows what repositories are called now that a request names as they were called before. */
  readonly formerNames?: { presentName(name: RepoName): MaybePromise<RepoName | undefined> }
  /** Absent: everyone is nobody, and nothing asks who they are. */
  readonly auth?: WireAuth
}

/** G11: a remark that clients show their users. Names have nothing in them that is to be escaped. */
function renamed(from: RepoName, to: RepoName): string {
  return `299 - "${from} is now called ${to}; use that name"`
}

/** What the registry is not asked for, and so no guard around it. */
const OPEN: ReadonlySet<Operation['route']> = new Set(['base', 'discover'])

/**
 * Serves a registry by the OCI Distribution Specification and Docker's additions to it; with `auth` also the tokens for it, and every
 * request is somebody's before its body is read.
 */
export function wireHandler(registry: Registry, { limits, auth, formerNames }: WireOptions): WireHandler {
  const blob = blobHandler(registry, limits)
  const manifest = manifestHandler(registry, limits, auth?.guard)
  const uploads = uploadsHandler(registry)
  const upload = uploadHandler(registry)
  const tags = tagsHandler(registry, limits)
  const referrers = referrersHandler(registry, limits)
  const catalog = catalogHandler(registry, limits)
  const search = searchHandler(registry, limits)
  const token = auth && tokenHandler(auth, limits)
  const jwks = auth && jwksHandler(auth.tokens)

  function perform(
    operation: Operation,
    request: WireRequest,
    body: WireRequest['body'],
    ctx: Context,
  ): WireReply | Promise<WireReply> {
    switch (operation.route) {
      case 'manifest':
        return manifest(operation, request, body, ctx)
      case 'blob':
        return blob(operation, request, ctx)
      case 'uploads':
        return uploads(operation, body, ctx)
      case 'upload':
        return upload(operation, request, body, ctx)
      case 'tags':
        return tags(operation, ctx)
      case 'referrers':
        return referrers(operation, ctx)
      case 'catalog':
        return catalog(operation, ctx)
      case 'search':
        return search(operation, ctx)
      case 'base':
        return base()
      case 'discover':
        return discover()
      case 'v1-ping':
        return v1Ping()
    }
  }

  return async (request, call) => {
    const { path, query, hasBody } = request
    let place: Place | undefined
    let operation: Operation | undefined
    let actor: Actor = ANONYMOUS
    let reply: WireReply
    const watched = hasBody ? new WatchedBody(request.body) : undefined
    const body = watched ?? request.body
    try {
      place = locate(path)
      const other = place === undefined || place.route === 'unknown'
      const asksToken = other && token !== undefined && isTokenPath(path)
      const asksKeys = other && jwks !== undefined && isJwksPath(path)
      if (place === undefined && !asksToken && !asksKeys) return undefined
      if (path.length + query.length > limits.maxUrlLength) {
        throw refuse(
          'url-too-long',
          `the URL has ${path.length + query.length} characters; at most ${limits.maxUrlLength} are read`,
        )
      }
      if (asksToken) reply = await token(request, body, call)
      else if (asksKeys) reply = await jwks(request)
      else {
        operation = parseOperation(place as Place, request.method, query)
        if (auth !== undefined && operation.route !== 'v1-ping') {
          const asking = actorOf(auth, request, call)
          actor = asking instanceof Promise ? await asking : asking
        }
        if (auth !== undefined && operation.route === 'search') refuseWithoutLogin(request, actor)
        const ctx = contextOf(call, actor)
        if (auth !== undefined && actor.kind === 'account') auth.authenticator.used(ctx, 'request')
        if (auth !== undefined && OPEN.has(operation.route)) await admit(auth.guard, ctx)
        reply = await perform(operation, request, body, ctx)
        if (formerNames !== undefined && 'repo' in operation) {
          const known = formerNames.presentName(operation.repo)
          const name = known instanceof Promise ? await known : known
          // Only here, behind what was done: whoever may not see the repository is not told that there is one.
          if (name !== undefined) reply.headers.Warning = renamed(operation.repo, name)
        }
      }
    } catch (error) {
      if (!isRefusal(error)) throw error
      reply = errorReply(error, place?.route ?? 'unknown', place?.name ?? '')
      if (auth !== undefined && reply.status === 401) {
        const realm = { origin: call.origin, service: auth.service }
        reply.headers['WWW-Authenticate'] = challengeOf(error, operation, realm)
      }
    }
    if (auth !== undefined) keepPrivate(reply.headers)
    if (actor.kind === 'account') reply.account = actor.name
    if (request.method === 'HEAD' && reply.body !== null) reply = { ...reply, body: null }
    // The runtime swallows what is left of a body without end, and sends 100 by itself: only closing stops the sender (B5, B22).
    return watched?.leftMoreThan(limits.maxUnreadBody) ? { ...reply, close: true } : reply
  }
}
