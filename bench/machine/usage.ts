import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Linux counts processor time in hundredths of a second (USER_HZ), whatever its tick. */
const TICK = 0.01
const UTIME = 11
const RSS_RESET = '5'

/** A process and its descendants. */
export function processTree(pid: number): number[] {
  const found = [pid]
  for (const parent of found) {
    for (const task of readdirSync(`/proc/${parent}/task`)) {
      const children = readFileSync(`/proc/${parent}/task/${task}/children`, 'latin1')
      found.push(...children.split(' ').filter(Boolean).map(Number))
    }
  }
  return found
}

/** Seconds of processor time, user and system, of all threads of a process and its descendants, ended ones included. */
export function cpuSeconds(pid: number): number {
  let ticks = 0
  for (const each of processTree(pid)) {
    const stat = readFileSync(`/proc/${each}/stat`, 'latin1')
    // The name, in brackets, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    for (let i = UTIME; i < UTIME + 4; i++) ticks += Number(fields[i])
  }
  return ticks * TICK
}

/** Bytes: resident now, and the most there was since `resetPeak`. */
export function memory(pid: number): { readonly resident: number; readonly peak: number } {
  let resident = 0
  let peak = 0
  for (const each of processTree(pid)) {
    const status = readFileSync(`/proc/${each}/status`, 'latin1')
    resident += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
    peak += Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  }
  return { resident, peak }
}

/** Starts the peak anew. */
export function resetPeak(pid: number): void {
  for (const each of processTree(pid)) writeFileSync(`/proc/${each}/clear_refs`, RSS_RESET)
}
