import type { Context } from '../core/context.ts'
import type { Blob, BlobContent, BlobInfo, Registry, Span } from '../core/registry.ts'
import { byteRanges } from './byteranges.ts'
import { etagOf, isFresh, refuseConditions } from './conditional.ts'
import { API_VERSION, IMMUTABLE, OCTETS, SANDBOX } from './headers.ts'
import type { WireLimits } from './limits.ts'
import type { WireReply, WireRequest } from './message.ts'
import { parseRange, type RangesAsked } from './range.ts'
import { accepted, notModified } from './replies.ts'
import type { BlobOperation } from './request.ts'

/** GET, HEAD and DELETE of a blob (end-2, end-10). */
export function blobHandler(registry: Registry, limits: WireLimits) {
  return async (operation: BlobOperation, request: WireRequest, ctx: Context): Promise<WireReply> => {
    const { repo, digest } = operation
    if (operation.method === 'DELETE') {
      refuseConditions(request)
      await registry.deleteBlob(ctx, repo, digest)
      return accepted('blob')
    }
    // Never redirected and without ranges: a presigned address is good for GET only (P9), a range is of a body.
    if (operation.method === 'HEAD') {
      const info = await registry.resolveBlob(ctx, repo, digest)
      if (isFresh(request, info.digest)) return notModified('blob', info.digest, IMMUTABLE)
      return { status: 200, headers: blobHeaders(info, info.size, OCTETS), body: null, route: 'blob' }
    }
    const blob = await registry.getBlob(ctx, repo, digest)
    if (isFresh(request, blob.digest)) return notModified('blob', blob.digest, IMMUTABLE)
    const asked = rangesOf(request, blob, limits)
    if (asked === undefined) return content(blob, await blob.content())
    // A single part would answer a question that was not asked (P7).
    return asked.several ? several(blob, asked.spans) : one(blob, asked.spans[0] as Span)
  }
}

/** If-Range that names other content, or a date, makes the whole the answer (RFC 9110 13.1.5). */
function rangesOf(request: WireRequest, blob: BlobInfo, limits: WireLimits): RangesAsked | undefined {
  const header = request.header('range')
  if (header === null) return undefined
  const ifRange = request.header('if-range')
  if (ifRange !== null && ifRange.trim() !== etagOf(blob.digest)) return undefined
  return parseRange(header, blob.size, limits)
}

async function one(blob: Blob, span: Span): Promise<WireReply> {
  const reply = content(blob, await blob.content(span), span)
  if (reply.status !== 200) return reply
  reply.headers['Content-Range'] = `bytes ${span.start}-${span.end - 1}/${blob.size}`
  return { ...reply, status: 206 }
}

async function several(blob: Blob, spans: readonly Span[]): Promise<WireReply> {
  const first = await blob.content(spans[0])
  if (first.kind === 'redirect') return redirect(blob, first.url)
  const { contentType, length, stream } = byteRanges(blob, spans, first)
  const headers = blobHeaders(blob, length, contentType)
  return { status: 206, headers, body: { kind: 'stream', stream }, route: 'blob' }
}

function content(blob: BlobInfo, content: BlobContent, span?: Span): WireReply {
  if (content.kind === 'redirect') return redirect(blob, content.url)
  const length = span === undefined ? blob.size : span.end - span.start
  const body = content.kind === 'bytes' ? content.bytes : content
  return { status: 200, headers: blobHeaders(blob, length, OCTETS), body, route: 'blob' }
}

/** To a presigned address (P9); it expires, so that the answer must not be kept. */
function redirect(blob: BlobInfo, url: string): WireReply {
  return {
    status: 307,
    headers: {
      'Docker-Distribution-API-Version': API_VERSION,
      'Docker-Content-Digest': blob.digest,
      'Content-Length': '0',
      'Cache-Control': 'no-store',
      Location: url,
    },
    body: null,
    route: 'blob',
  }
}

function blobHeaders(blob: BlobInfo, length: number, contentType: string): Record<string, string> {
  return {
    'Docker-Distribution-API-Version': API_VERSION,
    'Content-Type': contentType,
    'Content-Length': String(length),
    'Docker-Content-Digest': blob.digest,
    ETag: etagOf(blob.digest),
    'Cache-Control': IMMUTABLE,
    'Accept-Ranges': 'bytes',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': SANDBOX,
    'Content-Disposition': 'attachment',
  }
}
