import { randomUUID } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { Blob, BlobContent, Span } from '../core/registry.ts'
import { OCTETS } from './headers.ts'

/** A multipart/byteranges body (RFC 9110 14.6). */
export interface ByteRanges {
  readonly contentType: string
  /** Bytes of the whole body, delimiters included. */
  readonly length: number
  readonly stream: AsyncIterable<Uint8Array>
}

const CHUNK = 256 * 1024

/**
 * Sends several spans of a blob, in the order asked for. `first` is the content of the first span, already opened: the caller has
 * looked at its kind. A part that cannot be read breaks the stream.
 */
export function byteRanges(blob: Blob, spans: readonly Span[], first: BlobContent): ByteRanges {
  const boundary = randomUUID()
  const heads = spans.map((span, i) => Buffer.from(partHead(boundary, span, blob.size, i === 0)))
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  let length = tail.byteLength
  for (const head of heads) length += head.byteLength
  for (const span of spans) length += span.end - span.start
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    length,
    stream: coalesce(parts(blob, spans, first, heads, tail)),
  }
}

function partHead(boundary: string, span: Span, size: number, isFirst: boolean): string {
  return `${isFirst ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${OCTETS}\r\nContent-Range: bytes ${span.start}-${span.end - 1}/${size}\r\n\r\n`
}

async function* parts(
  blob: Blob,
  spans: readonly Span[],
  first: BlobContent,
  heads: readonly Uint8Array[],
  tail: Uint8Array,
): AsyncGenerator<Uint8Array> {
  await using files = new OneFile()
  for (const [i, span] of spans.entries()) {
    yield heads[i] as Uint8Array
    const content = i === 0 ? first : await blob.content(span)
    if (content.kind === 'bytes') yield content.bytes
    else if (content.kind === 'stream') yield* content.stream
    else if (content.kind === 'file') yield* files.read(content.path, content.span)
    else throw new Error(`${blob.digest} moved to a redirect in the middle of an answer`)
  }
  yield tail
}

/** Keeps the file of the last read open: the parts of one blob lie in the same one. */
class OneFile implements AsyncDisposable {
  #path: string | undefined
  #handle: FileHandle | undefined

  async *read(path: string, span: Span): AsyncGenerator<Uint8Array> {
    const handle = await this.#open(path)
    for (let at = span.start; at < span.end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, span.end - at))
      const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at)
      if (bytesRead === 0) throw new Error(`${path} ends at byte ${at}, before the span that was promised`)
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  }

  async #open(path: string): Promise<FileHandle> {
    if (this.#handle !== undefined && this.#path === path) return this.#handle
    await this[Symbol.asyncDispose]()
    this.#handle = await open(path)
    this.#path = path
    return this.#handle
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}

/** Joins small chunks: a thousand ranges of a few bytes should not become thousands of writes. */
async function* coalesce(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let size = 0
  for await (const chunk of source) {
    held.push(chunk)
    size += chunk.byteLength
    if (size < CHUNK) continue
    yield Buffer.concat(held, size)
    held = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(held, size)
}
