import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Placement } from './machine/affinity.ts'
import { measure } from './measure.ts'
import type { Options } from './options.ts'
import type { Peer, PeerKind } from './peers/peer.ts'
import type { GaugeRow, LoadRow, Row } from './rows/row.ts'
import type { GaugeSample, LoadSample, Samples } from './samples.ts'

export interface Bench {
  readonly rows: readonly Row[]
  readonly kinds: readonly PeerKind[]
  readonly options: Options
  /** A temporary folder, with room for some tens of gigabytes. */
  readonly folder: string
  /** Ends the run between two measurements. */
  readonly signal: AbortSignal
  readonly say: (text: string) => void
}

/** Measures every row on every server: all servers in turn, and that again for each round. */
export async function runBench(bench: Bench): Promise<Samples> {
  await using servers = new AsyncDisposableStack()
  const peers: Peer[] = []
  const loads = bench.rows.filter((row) => row.kind === 'load')
  for (const kind of bench.kinds) {
    if (!loads.some((row) => row.peers.includes(kind.name))) continue
    peers.push(servers.use(await kind.start(join(bench.folder, storeOf(kind)))))
  }
  const seeded = new Map<unknown, Set<string>>()
  const samples: LoadSample[] = []
  for (const row of loads) samples.push(...(await runLoad(bench, row, peers, seeded)))
  const gauges: GaugeSample[] = []
  for (const row of bench.rows) if (row.kind === 'gauge') gauges.push(...(await runGauge(bench, row)))
  return { loads: samples, gauges }
}

/** Both docker-registries read one store, seeded once; they keep nothing in memory that the other could change. */
function storeOf(kind: PeerKind): string {
  return kind.name.startsWith('distribution') ? 'distribution' : kind.name
}

async function runLoad(
  { options, say, signal }: Bench,
  row: LoadRow,
  all: readonly Peer[],
  seeded: Map<unknown, Set<string>>,
): Promise<LoadSample[]> {
  const peers = all.filter(({ name }) => row.peers.includes(name))
  say(row.title)
  for (const peer of peers) {
    const stores = seeded.get(row.seed) ?? new Set()
    seeded.set(row.seed, stores)
    if (row.seed !== undefined && !stores.has(peer.store)) await row.seed(peer)
    stores.add(peer.store)
  }
  const placements: Placement[] = row.free && !options.quick ? ['pinned', 'free'] : ['pinned']
  // Warms the caches and the compilers; not counted.
  for (const peer of peers) await measure(row, peer, 0, 'pinned', options.seconds / 2)
  const samples: LoadSample[] = []
  for (let round = 1; round <= options.rounds; round++) {
    for (const placement of placements)
      for (const peer of peers) {
        signal.throwIfAborted()
        samples.push(await measure(row, peer, round, placement, options.seconds))
      }
  }
  return samples
}

async function runGauge(
  { options, say, folder, signal, kinds }: Bench,
  row: GaugeRow,
): Promise<GaugeSample[]> {
  say(row.title)
  const folderOf = (kind: PeerKind) => join(folder, `${row.id}-${kind.name}`)
  const peers = kinds.filter(({ name }) => row.peers.includes(name))
  for (const kind of peers) {
    await mkdir(folderOf(kind))
    await row.seed?.(kind, folderOf(kind))
  }
  const samples: GaugeSample[] = []
  const rounds = options.quick ? 1 : Math.min(options.rounds, row.rounds ?? options.rounds)
  for (let round = 1; round <= rounds; round++) {
    for (const kind of peers) {
      signal.throwIfAborted()
      const value = await row.measure(kind, folderOf(kind))
      samples.push({ row: row.id, peer: kind.name, round, value })
    }
  }
  return samples
}
