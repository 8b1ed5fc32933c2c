import type { Body } from '../core/body.ts'
import type { Call } from '../core/context.ts'
import type { RefusalKind } from '../core/errors.ts'
import type { BlobContent } from '../core/registry.ts'

/** A request as the HTTP edge hands it over: nothing decoded, nothing read yet. */
export interface WireRequest {
  readonly method: string
  /** As received, still percent-encoded, without the query; begins with `/`. */
  readonly path: string
  /** Without `?`; `''` when there is none. */
  readonly query: string
  /** A header by its lower-case name; several lines of it are joined by `, `. */
  header(name: string): string | null
  /** Iterated at most once. `length` is the Content-Length where one was sent. */
  readonly body: Body
  /** Whether the request announces a body: Content-Length above 0, or chunked. */
  readonly hasBody: boolean
}

/** What follows the headers. A `file` is sent from `span.start` up to, not including, `span.end`; a broken `stream` throws. */
export type ReplyBody = null | string | Uint8Array | Extract<BlobContent, { kind: 'file' | 'stream' }>

/** The path templates of the protocol, for metrics and logs. */
export type Route =
  | 'base'
  | 'discover'
  | 'catalog'
  | 'blob'
  | 'manifest'
  | 'uploads'
  | 'upload'
  | 'tags'
  | 'referrers'
  | 'v1-ping'
  | 'search'
  | 'token'
  | 'jwks'
  /** Under `/v2/`, but nothing the protocol knows. */
  | 'unknown'

/**
 * An answer, complete: the edge adds the request id and the date, nothing else. `Content-Length` is there whenever it is known,
 * also for HEAD, whose body is always null, and never with 204 and 304.
 */
export interface WireReply {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: ReplyBody
  readonly route: Route
  /** Why it was refused, for the log. */
  readonly refusal?: RefusalKind
  /** What broke, where the refusal hides it: for the log alone. */
  readonly broke?: unknown
  /** Who asked, for the log: the name of an account, as credentials proved it. */
  account?: string
  /** Send `Connection: close`: the rest of the request's body is not wanted (B5, B22). */
  readonly close?: boolean
}

/**
 * Answers a request of the protocol, or gives undefined for a path that is none of its. Refusals become answers;
 * anything else thrown is a bug or a broken back end and goes through to the edge.
 */
export type WireHandler = (request: WireRequest, call: Call) => Promise<WireReply | undefined>
