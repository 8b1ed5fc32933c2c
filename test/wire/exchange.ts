import { open } from 'node:fs/promises'
import type { Body } from '../../src/core/body.ts'
import type { ReplyBody, WireHandler, WireReply, WireRequest } from '../../src/oci/message.ts'
import { testContext } from '../suite/content.ts'

/** A request as data. `{…}` in path and headers is filled in from the row's variables. */
export interface Asked {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** The body comes in pieces of this many bytes and without Content-Length. */
  readonly chunked?: number
}

/** An answer with its body in memory. */
export interface Answer extends Omit<WireReply, 'body'> {
  readonly body: Uint8Array | null
}

export type Variables = Record<string, string>

export function fill(template: string, variables: Variables): string {
  return template.replace(/\{([a-z]+)\}/g, (whole, name: string) => variables[name] ?? whole)
}

/** Sends a request through a handler and reads the whole answer; undefined where the path is not the protocol's. */
export async function send(
  handler: WireHandler,
  asked: Asked,
  variables: Variables = {},
): Promise<Answer | undefined> {
  const reply = await handler(requestOf(asked, variables), testContext())
  return reply && { ...reply, body: await bytesOf(reply.body) }
}

export function requestOf(asked: Asked, variables: Variables = {}): WireRequest {
  const [path = '', query = ''] = split(fill(asked.path, variables))
  const headers = new Map<string, string>()
  for (const [name, value] of Object.entries(asked.headers ?? {}))
    headers.set(name.toLowerCase(), fill(value, variables))
  const bytes = typeof asked.body === 'string' ? Buffer.from(asked.body) : (asked.body ?? new Uint8Array())
  return {
    method: asked.method,
    path,
    query,
    header: (name) => headers.get(name) ?? null,
    body: new OnceBody(bytes, asked.chunked),
    hasBody: bytes.byteLength > 0 || asked.chunked !== undefined,
  }
}

/** Only the first `?` parts path and query. */
function split(target: string): readonly [string, string] {
  const at = target.indexOf('?')
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)]
}

/** A body as the edge's: it can be read once. */
class OnceBody implements Body {
  readonly length?: number
  readonly #bytes: Uint8Array
  readonly #piece: number
  #begun = false

  constructor(bytes: Uint8Array, chunked: number | undefined) {
    this.#bytes = bytes
    this.#piece = chunked ?? 1024
    if (chunked === undefined) this.length = bytes.byteLength
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.#begun) throw new Error('the body of a request was read twice')
    this.#begun = true
    for (let at = 0; at < this.#bytes.byteLength; at += this.#piece)
      yield this.#bytes.subarray(at, at + this.#piece)
  }
}

async function bytesOf(body: ReplyBody): Promise<Uint8Array | null> {
  if (body === null) return null
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return body
  if (body.kind === 'stream') {
    const chunks: Uint8Array[] = []
    for await (const chunk of body.stream) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
  await using file = await open(body.path)
  const { start, end } = body.span
  const buffer = Buffer.alloc(end - start)
  const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, start)
  return buffer.subarray(0, bytesRead)
}
