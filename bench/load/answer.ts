const HEAD_END = Buffer.from('\r\n\r\n')

/** What came back for one request; bodies are counted, not kept. */
export interface Answer {
  readonly status: number
  /** Status line and header fields, as they came. */
  readonly head: string
  /** Bytes of the body, without the framing of chunks. */
  readonly bytes: number
}

/** A header field of an answer, its name in lower case. */
export function headerOf(answer: Answer, name: string): string | undefined {
  return new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(answer.head)?.[1]
}

/** Reads answers off one connection, in order, without holding more than a head. */
export class AnswerReader {
  #head: Buffer | undefined
  #text = ''
  #status = 0
  #bytes = 0
  /** Bytes of the body still to come; undefined while the head is, -1 for a body in chunks. */
  #left: number | undefined
  #chunks: ChunkCounter | undefined

  /** Takes what arrived; the answer, once it is whole. `bodiless`: the request was a HEAD. */
  take(data: Buffer, bodiless: boolean): Answer | undefined {
    let rest = data
    if (this.#left === undefined) {
      const seen = this.#head === undefined ? data : Buffer.concat([this.#head, data])
      const end = seen.indexOf(HEAD_END)
      if (end < 0) {
        this.#head = seen
        return undefined
      }
      this.#head = undefined
      this.#read(seen.toString('latin1', 0, end), bodiless)
      rest = seen.subarray(end + 4)
    }
    if (this.#chunks !== undefined) {
      if (!this.#chunks.take(rest)) return undefined
      return this.#done(this.#chunks.bytes)
    }
    this.#bytes += rest.byteLength
    if (this.#bytes < (this.#left as number)) return undefined
    if (this.#bytes > (this.#left as number)) throw new Error('the server sent more than one answer')
    return this.#done(this.#bytes)
  }

  #read(text: string, bodiless: boolean): void {
    this.#text = text
    this.#status = Number(text.slice(9, 12))
    this.#bytes = 0
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
    this.#left = bodiless || length === undefined ? 0 : Number(length)
    const chunked = !bodiless && length === undefined && /\r\ntransfer-encoding: *chunked/i.test(text)
    this.#chunks = chunked ? new ChunkCounter() : undefined
  }

  #done(bytes: number): Answer {
    this.#left = undefined
    this.#chunks = undefined
    return { status: this.#status, head: this.#text, bytes }
  }
}

/** Counts a body sent in chunks (RFC 9112 7.1), without trailers. */
class ChunkCounter {
  bytes = 0
  #size = ''
  /** Bytes of the chunk and of the line break after it still to come; 0 while its size is read. */
  #left = 0
  #last = false

  /** Whether the body is whole. */
  take(data: Buffer): boolean {
    let at = 0
    while (at < data.byteLength) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, data.byteLength - at)
        this.#left -= step
        at += step
        if (this.#left === 0 && this.#last) return true
        continue
      }
      const end = data.indexOf(10, at)
      this.#size += data.toString('latin1', at, end < 0 ? data.byteLength : end)
      if (end < 0) return false
      at = end + 1
      const size = Number.parseInt(this.#size, 16)
      this.#size = ''
      this.bytes += size
      this.#last = size === 0
      this.#left = size + 2
    }
    return false
  }
}
