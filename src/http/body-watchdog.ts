export interface BodyPace {
  /** ms a body may pause. */
  readonly idle: number
  /** Bytes a second it must keep on average once `grace` is over. */
  readonly minRate: number
  /** ms it may be slower than that. */
  readonly grace: number
}

/** A body whose sender is watched. */
export interface Watched {
  /** When we began to wait for the next chunk; undefined while we work on one. */
  waitingSince: number | undefined
  /** ms waited in all, before the present wait. */
  waited: number
  received: number
  cut(reason: 'idle' | 'rate'): void
}

/**
 * One timer for all request bodies: ends those whose sender stalls or trickles (RS-1). Only time that we wait for the sender counts,
 * so a slow disk never cuts a client.
 */
export class BodyWatchdog {
  readonly #bodies = new Set<Watched>()
  readonly #pace: BodyPace
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(pace: BodyPace) {
    this.#pace = pace
  }

  watch(body: Watched): void {
    this.#bodies.add(body)
    if (this.#timer === undefined) {
      const every = Math.max(10, Math.min(1000, this.#pace.idle / 4, this.#pace.grace / 4))
      this.#timer = setInterval(() => this.#look(), every)
      this.#timer.unref()
    }
  }

  release(body: Watched): void {
    this.#bodies.delete(body)
    if (this.#bodies.size === 0) this.close()
  }

  #look(): void {
    const now = performance.now()
    const { idle, grace, minRate } = this.#pace
    for (const body of this.#bodies) {
      if (body.waitingSince === undefined) continue
      const waiting = now - body.waitingSince
      const waited = body.waited + waiting
      if (waiting > idle) body.cut('idle')
      else if (waited > grace && body.received < (waited / 1000) * minRate) body.cut('rate')
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
