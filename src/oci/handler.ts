import type { Context } from '../core/context.ts'
import { isRefusal, refuse } from '../core/errors.ts'
import type { Registry } from '../core/registry.ts'
import { base, discover, v1Ping } from './base.ts'
import { blobHandler } from './blobs.ts'
import { catalogHandler } from './catalog.ts'
import { errorReply } from './error-reply.ts'
import type { WireLimits } from './limits.ts'
import { manifestHandler } from './manifests.ts'
import type { WireHandler, WireReply, WireRequest } from './message.ts'
import { locate, type Place } from './path.ts'
import { referrersHandler } from './referrers.ts'
import { parseOperation } from './request.ts'
import { searchHandler } from './search.ts'
import { tagsHandler } from './tags.ts'
import { uploadHandler, uploadsHandler } from './uploads.ts'
import { WatchedBody } from './watched-body.ts'

/** Serves a registry by the OCI Distribution Specification and Docker's additions to it. */
export function wireHandler(registry: Registry, { limits }: { readonly limits: WireLimits }): WireHandler {
  const blob = blobHandler(registry, limits)
  const manifest = manifestHandler(registry, limits)
  const uploads = uploadsHandler(registry)
  const upload = uploadHandler(registry)
  const tags = tagsHandler(registry, limits)
  const referrers = referrersHandler(registry, limits)
  const catalog = catalogHandler(registry, limits)
  const search = searchHandler(registry, limits)

  function perform(
    place: Place,
    request: WireRequest,
    body: WireRequest['body'],
    ctx: Context,
  ): WireReply | Promise<WireReply> {
    const operation = parseOperation(place, request.method, request.query)
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

  return async (request, ctx) => {
    const { path, query, hasBody } = request
    let place: Place | undefined
    let reply: WireReply
    const watched = hasBody ? new WatchedBody(request.body) : undefined
    try {
      place = locate(path)
      if (place === undefined) return undefined
      if (path.length + query.length > limits.maxUrlLength) {
        throw refuse(
          'url-too-long',
          `the URL has ${path.length + query.length} characters; at most ${limits.maxUrlLength} are read`,
        )
      }
      reply = await perform(place, request, watched ?? request.body, ctx)
    } catch (error) {
      if (!isRefusal(error)) throw error
      reply = errorReply(error, place?.route ?? 'unknown', place?.name ?? '')
    }
    if (request.method === 'HEAD' && reply.body !== null) reply = { ...reply, body: null }
    // The runtime swallows what is left of a body without end, and sends 100 by itself: only closing stops the sender (B5, B22).
    return watched?.leftMoreThan(limits.maxUnreadBody) ? { ...reply, close: true } : reply
  }
}
