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
  /** Resolves when the round that runs is over. */
  stop(): Promise<void>
}

/** Does some work now and then until stopped; a failed round is logged and tried again at the next. */
export function startRounds({ name, every, log, round }: RoundsOptions): Rounds {
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = Promise.resolve()

  async function run(): Promise<void> {
    try {
      await round(() => stopped)
    } catch (error) {
      log.warn(`${name} failed and will be tried again`, { error: (error as Error).message })
    }
    if (!stopped) schedule()
  }
  function schedule(): void {
    timer = setTimeout(() => {
      running = run()
    }, every)
  }
  schedule()
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
