import { readFileSync } from 'node:fs'

/** Resident memory of a process, in bytes. */
export function residentMemory(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (kibibytes === undefined) throw new Error(`process ${pid} is gone`)
  return Number(kibibytes) * 1024
}

/** The most memory a process has while something goes on. */
export async function peakMemory<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ result: T; peak: number }> {
  let peak = residentMemory(pid)
  const timer = setInterval(() => (peak = Math.max(peak, residentMemory(pid))), 20)
  try {
    return { result: await work(), peak: Math.max(peak, residentMemory(pid)) }
  } finally {
    clearInterval(timer)
  }
}

/**
 * Waits until a process holds no more than `bound` bytes, which it may need some quiet for: what is unused goes back to the system
 * late. Returns what it holds in the end, which is more only when it never came down.
 */
export async function settledMemory(pid: number, bound: number, seconds = 20): Promise<number> {
  for (let tries = 0; residentMemory(pid) > bound && tries < seconds * 10; tries++) await Bun.sleep(100)
  return residentMemory(pid)
}

export const MiB = 1024 * 1024
