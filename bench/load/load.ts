/** What a load of requests came to. */
export interface Load {
  readonly operations: number
  /** Bytes of bodies moved, in the direction the row is about. */
  readonly bytes: number
  /** From the first request to the last answer. */
  readonly seconds: number
  /** ms */
  readonly p50: number
  readonly p99: number
}

export interface DriveOptions {
  readonly connections: number
  /** No operation starts after so many seconds; those under way end. */
  readonly seconds: number
  /** No more operations than this. */
  readonly limit?: number
}

/** Sums up a load by the time that each of its operations took, in ms. */
export function loadOf(latencies: readonly number[], bytes: number, seconds: number): Load {
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { operations: sorted.length, bytes, seconds, p50: at(0.5), p99: at(0.99) }
}
