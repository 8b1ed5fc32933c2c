import { write, writeSync } from 'node:fs'

const FLUSH_AT = 64 * 1024
const FLUSH_EVERY = 100
/** More than this waiting for a stuck reader of our log is dropped: a slow log must not stop the registry. */
const MAX_WAITING = 8 * 1024 * 1024

/**
 * Lines to a file descriptor in large writes: a system call a line would cost more than answering from memory does. At most 100 ms
 * of lines are lost by a kill; `flush` at the end of the program and at errors writes them at once.
 */
export class LineWriter {
  readonly #fd: number
  #waiting = ''
  #writing = false
  #urgent = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  line(text: string): void {
    if (this.#waiting.length > MAX_WAITING) return
    this.#waiting += `${text}\n`
    if (this.#waiting.length >= FLUSH_AT) this.#send()
    else this.#timer ??= setTimeout(() => this.#send(), FLUSH_EVERY)
  }

  #send(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#writing || this.#waiting === '') return
    this.#writing = true
    this.#urgent = false
    const bytes = Buffer.from(this.#waiting)
    this.#waiting = ''
    this.#write(bytes)
  }

  #write(bytes: Buffer): void {
    write(this.#fd, bytes, 0, bytes.byteLength, null, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#write(bytes), 10)
        return
      }
      if (!error && written < bytes.byteLength) {
        this.#write(bytes.subarray(written))
        return
      }
      this.#writing = false
      if (this.#urgent || this.#waiting.length >= FLUSH_AT) this.#send()
      else if (this.#waiting !== '') this.#timer ??= setTimeout(() => this.#send(), FLUSH_EVERY)
    })
  }

  /** Writes what waits, at once, as far as the reader takes it; behind a write under way, which it would tear apart, right after. */
  flush(): void {
    if (this.#writing) {
      this.#urgent = true
      return
    }
    const text = this.#waiting
    this.#waiting = ''
    if (text === '') return
    try {
      writeSync(this.#fd, text)
    } catch {
      // The reader of the log is gone; there is nobody left to tell.
    }
  }
}
