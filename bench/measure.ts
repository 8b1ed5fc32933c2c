import { join } from 'node:path'
import { run } from '../test/testbed/run.ts'
import { type Placement, place } from './machine/affinity.ts'
import { cpuSeconds, memory, processTree, resetPeak } from './machine/usage.ts'
import type { Peer } from './peers/peer.ts'
import type { LoadRow } from './rows/row.ts'
import type { LoadSample } from './samples.ts'

/** Measures one load on one server; what earlier ones left to the disk is written out first. */
export async function measure(
  row: LoadRow,
  peer: Peer,
  round: number,
  placement: Placement,
  seconds: number,
): Promise<LoadSample> {
  await row.arrange?.(peer)
  const began = Date.now()
  await run(['sync'])
  if (placement === 'free') await placeBoth(peer, 'free')
  try {
    resetPeak(peer.pid)
    const server = cpuSeconds(peer.pid)
    const client = process.cpuUsage()
    const load = await row.load(peer, seconds)
    const spent = process.cpuUsage(client)
    return {
      ...load,
      row: row.id,
      peer: peer.name,
      round,
      placement,
      serverCpu: cpuSeconds(peer.pid) - server,
      clientCpu: (spent.user + spent.system) / 1e6,
      peak: memory(peer.pid).peak,
    }
  } finally {
    if (placement === 'free') await placeBoth(peer, 'pinned')
    if (row.writes) await removeBlobs(peer.store, began)
  }
}

async function placeBoth(peer: Peer, placement: Placement) {
  await place(processTree(peer.pid), 'server', placement)
  await place([process.pid], 'client', placement)
}

/** Takes large files that appeared since `began` off the disk, behind the server's back; nobody will ask for them again. */
async function removeBlobs(store: string, began: number) {
  const large = ['-type', 'f', '-size', '+500k', '-newermt', `@${began / 1000}`]
  await run(['find', join(store, 'data'), ...large, '!', '-name', '*.db*', '-delete'])
}
