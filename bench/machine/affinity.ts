import { readFileSync, writeFileSync } from 'node:fs'
import { run } from '../../test/testbed/run.ts'

/** Which cores the two sides have: one each, or all of them for both. */
export type Placement = 'pinned' | 'free'

const CORE = { client: '0', server: '1' } as const

/** The start of a command line that runs a server on its core. */
export const ON_SERVER_CORE: readonly string[] = ['taskset', '-c', CORE.server]

/** Moves every thread of a process, and of its children, to its side's core, or to all cores. */
export async function place(pids: readonly number[], side: keyof typeof CORE, placement: Placement) {
  const cores = placement === 'pinned' ? CORE[side] : `0-${navigator.hardwareConcurrency - 1}`
  for (const pid of pids) await run(['taskset', '-acp', cores, String(pid)])
}

const GROUP = '/proc/self/autogroup'
const HIGHEST = -20

/**
 * Gives this session, and the servers that it starts, the cores before everything else on the machine until it is disposed of. The
 * kernel schedules sessions against each other, so that `nice` alone would do nothing. Needs root; false where it could not be had.
 */
export function raisePriority(): Disposable & { readonly raised: boolean } {
  try {
    const before = /nice (-?\d+)/.exec(readFileSync(GROUP, 'latin1'))?.[1] ?? '0'
    writeFileSync(GROUP, String(HIGHEST))
    return { raised: true, [Symbol.dispose]: () => writeFileSync(GROUP, before) }
  } catch {
    return { raised: false, [Symbol.dispose]() {} }
  }
}
