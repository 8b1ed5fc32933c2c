import type { Body } from '../core/body.ts'
import { refuse } from '../core/errors.ts'
import type { Span } from '../core/registry.ts'
import type { WireRequest } from './message.ts'

const RANGE = /^(?:bytes[ =])?([0-9]+)-([0-9]+)(?:\/(?:[0-9]+|\*))?$/

/**
 * Reads the `Content-Range` of a chunk: `a-b`, both inclusive (B4); the form of RFC 9110, `bytes a-b/…`, is taken too.
 * Refuses `upload-invalid`.
 */
export function parseContentRange(header: string): Span {
  const match = RANGE.exec(header.trim())
  const start = Number(match?.[1])
  const end = Number(match?.[2]) + 1
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && end > start) return { start, end }
  throw refuse(
    'upload-invalid',
    `Content-Range ${JSON.stringify(header.slice(0, 80))} is not <first byte>-<last byte>, such as 0-1023`,
  )
}

/** A chunk's body and, where its Content-Range says it, the offset it starts at. */
export interface Chunk {
  readonly body: Body
  readonly offset?: number
}

/**
 * The chunk of a request. With a Content-Range the body must be exactly as long: refused `size-invalid` at once when the
 * Content-Length tells, while reading otherwise.
 */
export function chunkOf(request: WireRequest, body: Body): Chunk {
  const header = request.header('content-range')
  if (header === null) return { body }
  const { start, end } = parseContentRange(header)
  const announced = request.hasBody ? body.length : 0
  if (announced !== undefined && announced !== end - start) throw mismatch(header, end - start, announced)
  return { body: announced === undefined ? exactly(body, end - start, header) : body, offset: start }
}

/** A body that is refused as soon as it shows not to have the length; nothing beyond the length is passed on. */
function exactly(body: Body, length: number, header: string): Body {
  return {
    async *[Symbol.asyncIterator]() {
      let size = 0
      for await (const chunk of body) {
        size += chunk.byteLength
        if (size > length) throw mismatch(header, length, size)
        yield chunk
      }
      if (size < length) throw mismatch(header, length, size)
    },
  }
}

function mismatch(header: string, length: number, sent: number) {
  return refuse(
    'size-invalid',
    `Content-Range ${header.trim()} promises ${length} bytes, the body has ${sent}; they must be equal`,
  )
}
