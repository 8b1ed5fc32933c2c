const INTERVAL = 100

/** How late timers fire: what everyone waits behind a long computation. */
export class EventLoopDelay {
  #max = 0
  #expected = performance.now() + INTERVAL
  readonly #timer: ReturnType<typeof setInterval>

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now()
      this.#max = Math.max(this.#max, now - this.#expected)
      this.#expected = now + INTERVAL
    }, INTERVAL)
    this.#timer.unref()
  }

  /** Seconds of the longest delay since this was last asked. */
  takeMax(): number {
    const max = Math.max(this.#max, performance.now() - this.#expected, 0)
    this.#max = 0
    return max / 1000
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
