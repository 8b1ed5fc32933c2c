import { type RefusalKind, refuse } from './errors.ts'

/** A body as it arrives: chunks, and the length where the sender announced one. Iterate once. */
export interface Body extends AsyncIterable<Uint8Array> {
  readonly length?: number
}

/** A body of bytes at hand. */
export function bodyOf(bytes: Uint8Array): Body {
  return {
    length: bytes.byteLength,
    async *[Symbol.asyncIterator]() {
      if (bytes.byteLength > 0) yield bytes
    },
  }
}

/** Reads a whole body of at most `limit` bytes. Refuses with `kind` when it is larger, without keeping the rest. */
export async function collect(
  body: Body,
  limit: number,
  kind: RefusalKind,
  what: string,
): Promise<Uint8Array> {
  const tooLarge = () => refuse(kind, `${what} is larger than ${limit} bytes, the limit of this registry`)
  if (body.length !== undefined && body.length > limit) throw tooLarge()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge()
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size)
}

/** The bytes as a web stream, pulled by its reader's pace; a failure of the source breaks it, so that a short body never looks whole. */
export function toStream(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}
