import { join } from 'node:path'
import { Connection, head } from '../load/connection.ts'
import { openUpload } from '../load/push.ts'
import { memory, resetPeak } from '../machine/usage.ts'
import { seedMillionManifests } from '../seed/million-manifests.ts'
import { KIB, MIB } from './fixture.ts'
import { type GaugeRow, REGISTRIES } from './row.ts'

const UPLOADS = 200
const ANNOUNCED = 10 * 1024 ** 3
/** 64 KiB a second each, long enough for a MiB: what a server gathers before it writes. */
const PIECE = 16 * KIB
const PIECE_EVERY = 250
const SLOW_SECONDS = 17
const SETTLE = 1500

async function get(url: string): Promise<void> {
  await (await fetch(url)).arrayBuffer()
}

const start: GaugeRow = {
  id: 'start-ready',
  title: 'start until ready, with a million manifests',
  kind: 'gauge',
  unit: 'ms',
  target: 100,
  peers: ['berth'],
  seed: (_, folder) => seedMillionManifests(folder),
  async measure(kind, folder) {
    await using peer = await kind.start(folder)
    return peer.readyAfter
  },
}

const idle: GaugeRow = {
  id: 'rss-idle',
  title: 'resident memory when idle',
  kind: 'gauge',
  unit: 'MiB',
  rounds: 3,
  target: 64,
  peers: REGISTRIES,
  async measure(kind, folder) {
    await using peer = await kind.start(join(folder, crypto.randomUUID()))
    const { hostname, port } = peer.address
    await get(`http://${hostname}:${port}/v2/`)
    await Bun.sleep(SETTLE)
    return memory(peer.pid).resident / MIB
  },
}

const slowUploads: GaugeRow = {
  id: 'rss-slow-uploads',
  title: 'peak memory, 200 uploads of 10 GiB each at 64 KiB/s',
  kind: 'gauge',
  unit: 'MiB',
  rounds: 2,
  target: 160,
  peers: REGISTRIES,
  async measure(kind, folder) {
    await using peer = await kind.start(join(folder, crypto.randomUUID()))
    resetPeak(peer.pid)
    const connections = await Promise.all(
      Array.from({ length: UPLOADS }, () => Connection.open(peer.address)),
    )
    try {
      await Promise.all(connections.map(startUpload))
      const piece = new Uint8Array(PIECE)
      for (let ms = 0; ms < SLOW_SECONDS * 1000; ms += PIECE_EVERY) {
        for (const connection of connections) connection.feed(piece)
        await Bun.sleep(PIECE_EVERY)
      }
      return memory(peer.pid).peak / MIB
    } finally {
      for (const connection of connections) connection[Symbol.dispose]()
    }
  },
}

async function startUpload(connection: Connection): Promise<void> {
  const location = await openUpload(connection, 'bench/slow')
  connection.feed(
    head('PATCH', location, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': String(ANNOUNCED),
      'Content-Range': `0-${ANNOUNCED - 1}`,
    }),
  )
}

export const PROCESS: readonly GaugeRow[] = [start, idle, slowUploads]
