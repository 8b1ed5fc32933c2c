import { collect } from '../core/body.ts'
import type { Call } from '../core/context.ts'
import { isRefusal } from '../core/errors.ts'
import type { RequestBody } from './request-body.ts'

/** A call, and who is at the other end of its connection, whatever a proxy says. */
export interface WebCall extends Call {
  readonly peer: string
}

/** What else is served beside the protocol: the management API and its pages. */
export interface Web {
  /** Whether a path is its own. Asked only for what the protocol does not know. */
  wants(path: string): boolean
  /** The answer; undefined where there is nothing after all. The request's body is there, whole. */
  fetch(request: Request, call: WebCall): Promise<Response | undefined>
  /** Bytes that a request's body may have, by its headers: it is kept before anyone is asked who sent it. */
  maxBody(headers: Headers): number
}

/** Statuses of what can be wrong with a body. */
const STATUS = { 'body-too-large': 413, 'body-too-slow': 408, 'body-incomplete': 400 } as const
const TITLES = { 413: 'Content Too Large', 408: 'Request Timeout', 400: 'Bad Request' } as const

/**
 * Asks the web, once the request's body is there: what answers never waits for a sender. A body that is too large (413), too slow (408) or
 * breaks off (400) is refused here, in the form of the API's own refusals (RFC 9457).
 */
export async function askWeb(
  web: Web,
  request: Request,
  body: RequestBody | undefined,
  call: WebCall,
): Promise<Response | undefined> {
  let whole = request
  if (body !== undefined) {
    try {
      whole = await withBody(request, body, web.maxBody(request.headers))
    } catch (error) {
      if (!isRefusal(error)) throw error
      const status = STATUS[error.kind as keyof typeof STATUS]
      if (status === undefined) throw error
      return problem(status, error.message, call.requestId)
    }
  }
  return web.fetch(whole, call)
}

async function withBody(request: Request, body: RequestBody, limit: number): Promise<Request> {
  const bytes = await collect(body, limit, 'body-too-large', 'the request’s body')
  const { method, headers, url } = request
  // A body of a GET means nothing (RFC 9110 9.3.1), and the runtime makes no request of both.
  const none = method === 'GET' || method === 'HEAD'
  return new Request(url, { method, headers, ...(!none && { body: bytes as Uint8Array<ArrayBuffer> }) })
}

/** Closes: what is left of the body would be swallowed for as long as it comes (RS-7). */
function problem(status: keyof typeof TITLES, detail: string, requestId: string): Response {
  const told = { type: 'about:blank', title: TITLES[status], status, detail, requestId }
  return new Response(`${JSON.stringify(told)}\n`, {
    status,
    headers: { 'Content-Type': 'application/problem+json', Connection: 'close', 'Cache-Control': 'no-store' },
  })
}
