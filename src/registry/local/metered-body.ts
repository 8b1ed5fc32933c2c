import type { Hash } from 'node:crypto'
import type { Body } from '../../core/body.ts'
import { refuse } from '../../core/errors.ts'

/**
 * Passes a body on, hashing and counting it on the way. When the body breaks it ends as if complete and keeps the error, so that
 * the store makes durable what arrived; the caller looks at `error` afterwards.
 */
export class MeteredBody implements AsyncIterable<Uint8Array> {
  readonly #body: Body
  readonly #hash: Hash
  readonly #max: number
  size = 0
  error: unknown

  /** `max`: how many more bytes the blob may grow. */
  constructor(body: Body, hash: Hash, max: number) {
    this.#body = body
    this.#hash = hash
    this.#max = max
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    try {
      for await (const chunk of this.#body) {
        if (this.size + chunk.byteLength > this.#max) {
          this.error = refuse(
            'blob-too-large',
            `the blob is larger than this registry accepts (${this.#max} more bytes were allowed)`,
          )
          return
        }
        this.size += chunk.byteLength
        this.#hash.update(chunk)
        yield chunk
      }
    } catch (error) {
      this.error = error
    }
  }

  /** Reads to the end without keeping anything. */
  async drain(): Promise<void> {
    for await (const _ of this);
  }
}
