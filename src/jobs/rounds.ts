import type { Log } from '../core/log.ts'

export interface RoundsOptions {
  /** What the work is called where it fails: `clean-up`. */
  readonly name: string
  /** ms between two rounds. */
  readonly every: number
  readonly log: Log
  /** One round; long ones look at `stopped` now and then. */
  readonly round: (stopped: () => boolean) => Promise<void>
}

/** A job under way. */
export interface Rounds {
  /** Begins the next round now; nothing, while one is under way. */
  hurry(): void
  /** Resolves when the round that runs is over. */
  stop(): Promise<void>
}

/** Does some work now and then until stopped; a failed round is logged and tried again at the next. */
export function startRounds({ name, every, log, round }: RoundsOptions): Rounds {
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = Promise.resolve()
  let isRunning = false

  async function run(): Promise<void> {
    isRunning = true
    try {
      await round(() => stopped)
    } catch (error) {
      log.warn(`${name} failed and will be tried again`, { error: (error as Error).message })
    }
    isRunning = false
    if (!stopped) schedule()
  }
  function begin(): void {
    running = run()
  }
  function schedule(): void {
    timer = setTimeout(begin, every)
  }
  schedule()
  return {
    hurry() {
      if (stopped || isRunning) return
      clearTimeout(timer)
      begin()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
