/** Bytes written at once when few are writing. */
export const LARGE_BUFFER = 1024 * 1024
/** Bytes written at once by the writers beyond that, so that thousands of slow uploads stay small. */
export const SMALL_BUFFER = 64 * 1024

/** Large buffers in use at most. */
const MAX_LARGE = 24
/** Large buffers kept while nobody writes. */
const IDLE_LARGE = 4

/** Reuses write buffers: memory touched for the first time costs more than the copy into it. */
export class BufferPool {
  readonly #free: Uint8Array[] = []
  #largeOut = 0

  /** A buffer of LARGE_BUFFER bytes while there are any, else of SMALL_BUFFER. Its content is arbitrary. */
  take(): Uint8Array {
    if (this.#largeOut >= MAX_LARGE) return Buffer.allocUnsafeSlow(SMALL_BUFFER)
    this.#largeOut++
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(LARGE_BUFFER)
  }

  /** Gives a buffer back; the caller has no further use of it. */
  give(buffer: Uint8Array): void {
    if (buffer.byteLength !== LARGE_BUFFER) return
    this.#largeOut--
    this.#free.push(buffer)
    if (this.#largeOut === 0) this.#free.length = Math.min(this.#free.length, IDLE_LARGE)
  }
}
