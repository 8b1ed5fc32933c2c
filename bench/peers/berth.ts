import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { freePort } from '../../test/testbed/port.ts'
import { wireSeeder } from '../seed/wire.ts'
import type { PeerKind } from './peer.ts'
import { startServerProcess } from './process.ts'

const PROGRAM = resolve(import.meta.dirname, '../../bin/berth')

/** Berth as it is deployed: access log, metrics and durable commits on, SQLite and the file store. */
export const berth: PeerKind = {
  name: 'berth',
  title: 'Berth',
  async start(store) {
    await mkdir(store, { recursive: true })
    const port = await freePort()
    const process = await startServerProcess({
      argv: [PROGRAM, 'serve', '--listen', `127.0.0.1:${port}`, '--data', join(store, 'data')],
      env: { BERTH_LOG_FORMAT: 'json' },
      folder: store,
      port,
      readyPath: '/readyz',
    })
    return { ...process, name: 'berth', store, seeder: wireSeeder(process.address) }
  },
}
