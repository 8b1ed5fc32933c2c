import { algorithmOf, digestOf, parseDigest } from '../../src/core/digest.ts'

/** An answer that arrived whole. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
  json(): Record<string, unknown>
}

/** The connection ended before the answer did: what was asked for may have happened or not. */
export class Cut extends Error {
  override readonly name = 'Cut'
}

/** The server said that it failed (5xx), where a test made it fail. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly answer: Answer

  constructor(message: string, answer: Answer) {
    super(message)
    this.answer = answer
  }
}

/** The server broke its contract. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/**
 * Single requests to a registry, as bare as possible: the crash programme has to know exactly what was acknowledged, so that it does
 * not use a client that asks for more than it is told to.
 */
export interface Wire {
  readonly base: string
  /** Throws Cut when there is no whole answer, and on a 5xx Fault where faults are expected, else Violation (C7). */
  send(
    method: string,
    path: string,
    options?: { readonly headers?: Record<string, string>; readonly body?: Uint8Array },
  ): Promise<Answer>
}

export function wireTo(base: string, options: { readonly faults?: boolean } = {}): Wire {
  return {
    base,
    async send(method, path, { headers = {}, body } = {}) {
      let answer: Answer
      try {
        const response = await fetch(base + path, {
          method,
          headers: { ...(body === undefined && method !== 'GET' && { 'content-length': '0' }), ...headers },
          ...(body !== undefined && { body: body as Uint8Array<ArrayBuffer> }),
          redirect: 'error',
        })
        const bytes = await response.bytes()
        const announced = response.headers.get('content-length')
        if (method !== 'HEAD' && announced !== null && Number(announced) !== bytes.byteLength) {
          throw new Cut(`${method} ${path}: ${bytes.byteLength} of ${announced} bytes came`)
        }
        answer = {
          status: response.status,
          headers: response.headers,
          bytes,
          json: () => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>,
        }
      } catch (error) {
        if (error instanceof Cut) throw error
        throw new Cut(`${method} ${path}: ${(error as Error).message}`)
      }
      if (answer.status < 500) return answer
      const violation = unexpected(method, path, answer)
      throw options.faults === true ? new Fault(violation.message, answer) : violation
    },
  }
}

export function unexpected(method: string, path: string, answer: Answer): Violation {
  const text = Buffer.from(answer.bytes).toString().slice(0, 500)
  return new Violation(`${method} ${path} was answered ${answer.status}: ${text}`)
}

/** Sends, and insists on one of the statuses. */
export async function ask(
  wire: Wire,
  method: string,
  path: string,
  statuses: readonly number[],
  options?: Parameters<Wire['send']>[2],
): Promise<Answer> {
  const answer = await wire.send(method, path, options)
  if (!statuses.includes(answer.status)) throw unexpected(method, path, answer)
  return answer
}

/** A blob's bytes, or undefined where it is absent. A wrong byte, or a HEAD and a GET that disagree, is a violation (C3, C4). */
export async function readBlob(wire: Wire, repo: string, digest: string): Promise<Uint8Array | undefined> {
  const path = `/v2/${repo}/blobs/${digest}`
  const { status, bytes } = await ask(wire, 'GET', path, [200, 404])
  if (status === 404) return undefined
  insistOnDigest(path, bytes, digest)
  return bytes
}

export interface ReadManifest {
  readonly digest: string
  readonly mediaType: string
  readonly content: ManifestContent
}

/** As much of a manifest as the checks look at. */
export interface ManifestContent {
  readonly config?: Descriptor
  readonly layers?: readonly Descriptor[]
  readonly manifests?: readonly Descriptor[]
  readonly subject?: Descriptor
}

export interface Descriptor {
  readonly digest: string
  readonly size: number
  readonly mediaType: string
}

/** The manifest of a tag or digest, or undefined where there is none. */
export async function readManifest(
  wire: Wire,
  repo: string,
  reference: string,
): Promise<ReadManifest | undefined> {
  const path = `/v2/${repo}/manifests/${reference}`
  const answer = await ask(wire, 'GET', path, [200, 404])
  if (answer.status === 404) return undefined
  const digest = answer.headers.get('docker-content-digest') ?? ''
  if (reference.includes(':') && reference !== digest) throw new Violation(`${path} gave ${digest}`)
  insistOnDigest(path, answer.bytes, digest)
  return {
    digest,
    mediaType: answer.headers.get('content-type') ?? '',
    content: answer.json() as ManifestContent,
  }
}

function insistOnDigest(path: string, bytes: Uint8Array, digest: string): void {
  const actual = digestOf(bytes, algorithmOf(parseDigest(digest)))
  if (actual !== digest) throw new Violation(`${path} gave ${bytes.byteLength} bytes of ${actual}`)
}
