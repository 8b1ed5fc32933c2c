import type { Guard } from '../core/access.ts'
import { type Body, collect } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import { refuse } from '../core/errors.ts'
import type { ManifestInfo, PushManifestOptions, Registry } from '../core/registry.ts'
import { etagOf, expectationOf, isFresh, refuseConditions } from './conditional.ts'
import { API_VERSION, IMMUTABLE, REVALIDATE, SANDBOX } from './headers.ts'
import type { WireLimits } from './limits.ts'
import type { WireReply, WireRequest } from './message.ts'
import { manifestPath } from './path.ts'
import { accepted, created, notModified } from './replies.ts'
import type { ManifestOperation } from './request.ts'

type Push = Extract<ManifestOperation, { method: 'PUT' }>

/** GET, HEAD, PUT and DELETE of a manifest (end-3, end-7, end-9). `Accept` is not looked at: what is stored is served (P5). */
export function manifestHandler(registry: Registry, limits: WireLimits, guard?: Guard) {
  async function push(operation: Push, request: WireRequest, body: Body, ctx: Context): Promise<WireReply> {
    const { repo, spelling, reference, tags } = operation
    if (tags.length > limits.maxTagParameters) {
      throw refuse(
        'too-many-tags',
        `${tags.length} tags are to be set; at most ${limits.maxTagParameters} go with one push`,
      )
    }
    const expect = expectationOf(request)
    const options: PushManifestOptions = {
      mediaType: mediaTypeOf(request.header('content-type')),
      ...('digest' in reference ? { digest: reference.digest, tags } : { tags: [reference.tag] }),
      ...(expect !== undefined && { expect }),
    }
    // The registry asks, too, but only once it has the bytes; strangers are not read from.
    await guard?.require(ctx, repo, 'create-tag')
    const bytes = await collect(body, limits.maxManifestBytes, 'manifest-too-large', 'the manifest')
    const { digest, subject } = await registry.pushManifest(ctx, repo, bytes, options)
    return created('manifest', manifestPath(spelling, reference), digest, {
      ETag: etagOf(digest),
      ...(subject !== undefined && { 'OCI-Subject': subject }),
      ...(tags.length > 0 && { 'OCI-Tag': tags.join(', ') }),
    })
  }

  return async (
    operation: ManifestOperation,
    request: WireRequest,
    body: Body,
    ctx: Context,
  ): Promise<WireReply> => {
    const { repo, reference } = operation
    if (operation.method === 'PUT') return push(operation, request, body, ctx)
    if (operation.method === 'DELETE') {
      refuseConditions(request)
      if ('digest' in reference) await registry.deleteManifest(ctx, repo, reference.digest)
      else await registry.deleteTag(ctx, repo, reference.tag)
      return accepted('manifest')
    }
    const caching = 'digest' in reference ? IMMUTABLE : REVALIDATE
    if (operation.method === 'HEAD') {
      const info = await registry.resolveManifest(ctx, repo, reference)
      if (isFresh(request, info.digest)) return notModified('manifest', info.digest, caching)
      return { status: 200, headers: manifestHeaders(info, caching), body: null, route: 'manifest' }
    }
    const manifest = await registry.getManifest(ctx, repo, reference)
    if (isFresh(request, manifest.digest)) return notModified('manifest', manifest.digest, caching)
    return {
      status: 200,
      headers: manifestHeaders(manifest, caching),
      body: manifest.bytes,
      route: 'manifest',
    }
  }
}

/** A Content-Type without its parameters (M3); undefined where none was sent. */
function mediaTypeOf(contentType: string | null): string | undefined {
  const type = contentType?.split(';', 1)[0]?.trim()
  return type === '' ? undefined : type
}

function manifestHeaders(manifest: ManifestInfo, caching: string): Record<string, string> {
  return {
    'Docker-Distribution-API-Version': API_VERSION,
    'Content-Type': manifest.mediaType,
    'Content-Length': String(manifest.size),
    'Docker-Content-Digest': manifest.digest,
    ETag: etagOf(manifest.digest),
    'Cache-Control': caching,
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': SANDBOX,
    'Content-Disposition': 'attachment',
  }
}
