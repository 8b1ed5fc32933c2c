import type { Parameters } from 'fast-check'

/** The same cases each time, so that a red run can be repeated; another seed, and more runs, for long campaigns. */
const SEED = Number(process.env.BERTH_FUZZ_SEED ?? 20_260)
const FACTOR = Number(process.env.BERTH_FUZZ_RUNS ?? 1)

/** How a property is run: `runs` times, or BERTH_FUZZ_RUNS times as often. fast-check prints seed and path when it fails. */
export function runs<T>(count: number): Parameters<T> {
  return { numRuns: Math.ceil(count * FACTOR), seed: SEED, verbose: 1 }
}

/** ms that a test may take which is run so often. */
export const patience = (ms: number): number => ms * Math.max(1, FACTOR)
