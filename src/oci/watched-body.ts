import type { Body } from '../core/body.ts'

/** A body that tells afterwards how far it was read, so that an answer can say whether the connection is still of use. */
export class WatchedBody implements Body {
  readonly length?: number
  readonly #body: Body
  #state: 'untouched' | 'reading' | 'read' = 'untouched'

  constructor(body: Body) {
    this.#body = body
    if (body.length !== undefined) this.length = body.length
  }

  /** Whether bytes are left that the runtime should not have to swallow: a body given up half-way, or more than `limit` unread. */
  leftMoreThan(limit: number): boolean {
    if (this.#state === 'untouched') return this.length === undefined || this.length > limit
    return this.#state === 'reading'
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    this.#state = 'reading'
    let size = 0
    for await (const chunk of this.#body) {
      size += chunk.byteLength
      // A reader that knows the length need not ask for the end.
      if (size === this.length) this.#state = 'read'
      yield chunk
    }
    this.#state = 'read'
  }
}
