/** Milliseconds since the epoch. Injected, so that tests move time and replicas can follow their database's. */
export interface Clock {
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }
