import type { Body } from '../core/body.ts'
import { refuse } from '../core/errors.ts'
import type { BodyWatchdog, Watched } from './body-watchdog.ts'

/** As much of a stream's reader as is used; the runtime's and the standard's types differ in the rest. */
interface ChunkReader {
  read(): Promise<{ value?: Uint8Array | undefined }>
  cancel(): Promise<void>
}

/**
 * A request's body as the registry reads it. Refuses `body-too-slow` when the watchdog ends it and `body-incomplete` when the
 * client goes away; both after every byte that arrived was given.
 */
export class RequestBody implements Body, Watched {
  readonly length?: number
  readonly #stream: ReadableStream<Uint8Array> | null
  readonly #watchdog: BodyWatchdog
  readonly #received: (bytes: number) => void
  #reader: ChunkReader | undefined
  #cut: 'idle' | 'rate' | undefined
  waitingSince: number | undefined
  waited = 0
  received = 0
  /** Whether everything the client sent was read. */
  finished = false

  constructor(
    stream: ReadableStream<Uint8Array> | null,
    length: number | undefined,
    watchdog: BodyWatchdog,
    received: (bytes: number) => void,
  ) {
    this.#stream = stream
    if (length !== undefined) this.length = length
    this.#watchdog = watchdog
    this.#received = received
    this.finished = stream === null
  }

  cut(reason: 'idle' | 'rate'): void {
    this.#cut = reason
    // Ends the pending read; the reason is looked at there.
    this.#reader?.cancel().catch(() => {})
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    if (this.#stream === null) return
    const reader = this.#stream.getReader()
    this.#reader = reader
    this.#watchdog.watch(this)
    try {
      for (;;) {
        const chunk = await this.#next(reader)
        if (chunk === undefined) break
        this.received += chunk.byteLength
        this.#received(chunk.byteLength)
        yield chunk
      }
      if (this.length !== undefined && this.received !== this.length) throw this.#incomplete()
      this.finished = true
    } finally {
      this.#watchdog.release(this)
      if (!this.finished) reader.cancel().catch(() => {})
    }
  }

  async #next(reader: ChunkReader): Promise<Uint8Array | undefined> {
    const since = performance.now()
    this.waitingSince = since
    try {
      const { value } = await reader.read()
      if (this.#cut !== undefined) throw this.#tooSlow(this.#cut)
      return value
    } catch (error) {
      if (this.#cut !== undefined) throw this.#tooSlow(this.#cut)
      throw this.#incomplete(error)
    } finally {
      this.waitingSince = undefined
      this.waited += performance.now() - since
    }
  }

  #tooSlow(reason: 'idle' | 'rate') {
    const why = reason === 'idle' ? 'paused for too long' : 'came too slowly'
    return refuse(
      'body-too-slow',
      `the request’s body ${why} after ${this.received} bytes; ask where the upload stands and go on from there`,
    )
  }

  #incomplete(cause?: unknown) {
    const error = refuse(
      'body-incomplete',
      `the request’s body ended after ${this.received} bytes${this.length === undefined ? '' : ` of ${this.length}`}; ask where the upload stands and go on from there`,
    )
    error.cause = cause
    return error
  }
}
