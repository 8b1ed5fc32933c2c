import { type Body, collect, toStream } from '../../core/body.ts'
import type { Context } from '../../core/context.ts'
import type { RefusalKind } from '../../core/errors.ts'
import type { UploadId } from '../../core/names.ts'
import { refusalOf } from './refusals.ts'

export interface ClientOptions {
  /** `http://HOST:PORT` of the registry. */
  readonly base: string
  readonly fetch?: typeof fetch
  /** Most bytes of a manifest or a list that is read. */
  readonly maxDocumentBytes?: number
}

const MAX_DOCUMENT = 32 * 1024 * 1024

/** One request: what answers it well, and what a bare 404 means. */
export interface Call {
  readonly method: string
  readonly ok: readonly number[]
  readonly absent: RefusalKind
  readonly headers?: Record<string, string>
  readonly body?: Uint8Array | Body
  /** The session it is about: its next location is kept. */
  readonly id?: UploadId
}

/** Requests to one registry. */
export interface Connection {
  /** Where each session goes on, as the registry said last; it may carry state of its own (B1). */
  readonly locations: Map<UploadId, string>
  readonly maxDocumentBytes: number
  /** Sends a request. Throws the refusal that the answer tells of when its status is not one of `ok`. */
  call(ctx: Context, url: string, request: Call): Promise<Response>
  /** A whole small body. Refuses `unavailable` when it is larger than a document may be. */
  document(response: Response): Promise<Uint8Array>
  json(response: Response): Promise<Record<string, unknown>>
}

/** Opens nothing yet: every call is a request of its own. */
export function connect({
  base,
  fetch: send = fetch,
  maxDocumentBytes = MAX_DOCUMENT,
}: ClientOptions): Connection {
  const root = base.replace(/\/+$/, '')
  const locations = new Map<UploadId, string>()

  async function call(
    ctx: Context,
    url: string,
    { method, ok, absent, headers, body, id }: Call,
  ): Promise<Response> {
    const response = await send(new URL(url, root).href, {
      method,
      headers: {
        ...headers,
        ...(body === undefined && method !== 'GET' && method !== 'HEAD' && { 'content-length': '0' }),
      },
      ...(body !== undefined && {
        body: body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : toStream(body),
      }),
      signal: ctx.signal,
    })
    if (!ok.includes(response.status)) throw await refusalOf(response, absent, id)
    const location = response.headers.get('location')
    if (id !== undefined && location !== null) locations.set(id, location)
    return response
  }

  async function document(response: Response): Promise<Uint8Array> {
    const length = response.headers.get('content-length')
    const body = {
      ...(length !== null && { length: Number(length) }),
      [Symbol.asyncIterator]: () => chunksOf(response),
    }
    return collect(body, maxDocumentBytes, 'unavailable', 'the upstream’s answer')
  }

  const json = async (response: Response) =>
    JSON.parse(Buffer.from(await document(response)).toString()) as Record<string, unknown>

  return { locations, maxDocumentBytes, call, document, json }
}

/** The body of an answer as it comes. */
export async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  if (response.body === null) return
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) yield chunk
}
