import type { Digest } from '../core/digest.ts'
import { etagOf } from './conditional.ts'
import { API_VERSION, JSON_TYPE } from './headers.ts'
import type { Route, WireReply } from './message.ts'

/** 202 of a delete (end-9, end-10). */
export function accepted(route: Route): WireReply {
  return {
    status: 202,
    headers: { 'Docker-Distribution-API-Version': API_VERSION, 'Content-Length': '0' },
    body: null,
    route,
  }
}

/** 201 for content that is now to be pulled from `location` (B2, B15, M1). */
export function created(
  route: Route,
  location: string,
  digest: Digest,
  more?: Record<string, string>,
): WireReply {
  return {
    status: 201,
    headers: {
      'Docker-Distribution-API-Version': API_VERSION,
      'Content-Length': '0',
      Location: location,
      'Docker-Content-Digest': digest,
      ...more,
    },
    body: null,
    route,
  }
}

/** 304 with the headers a 200 would have for caches (RFC 9110 15.4.5, P8). */
export function notModified(route: Route, digest: Digest, cacheControl: string): WireReply {
  return {
    status: 304,
    headers: {
      'Docker-Distribution-API-Version': API_VERSION,
      'Docker-Content-Digest': digest,
      ETag: etagOf(digest),
      'Cache-Control': cacheControl,
    },
    body: null,
    route,
  }
}

/** 200 with a JSON text. */
export function json(route: Route, text: string, more?: Record<string, string>): WireReply {
  return {
    status: 200,
    headers: {
      'Docker-Distribution-API-Version': API_VERSION,
      'Content-Type': JSON_TYPE,
      'Content-Length': String(Buffer.byteLength(text)),
      'X-Content-Type-Options': 'nosniff',
      ...more,
    },
    body: text,
    route,
  }
}
