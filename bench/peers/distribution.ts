import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../test/testbed/port.ts'
import { programPath } from '../../test/testbed/programs.ts'
import { distributionSeeder } from '../seed/distribution.ts'
import type { PeerKind, PeerName } from './peer.ts'
import { startServerProcess } from './process.ts'

/** What a Go program that has memory to spare is given: a heap that grows ninefold before it is collected. */
export const RELAXED_GOGC = '800'

/** Debian's docker-registry in its favour: no access log, errors only, descriptors cached in memory. */
function distribution(name: PeerName, title: string, env: Readonly<Record<string, string>>): PeerKind {
  return {
    name,
    title,
    async start(store) {
      const data = join(store, 'data')
      await mkdir(data, { recursive: true })
      const port = await freePort()
      const config = join(store, `${port}.yml`)
      await writeFile(
        config,
        JSON.stringify({
          version: '0.1',
          log: { level: 'error', accesslog: { disabled: true } },
          storage: {
            filesystem: { rootdirectory: data },
            delete: { enabled: true },
            cache: { blobdescriptor: 'inmemory' },
          },
          http: { addr: `127.0.0.1:${port}` },
        }),
      )
      const process = await startServerProcess({
        argv: [programPath('docker-registry'), 'serve', config],
        env: { OTEL_TRACES_EXPORTER: 'none', ...env },
        folder: store,
        port,
        readyPath: '/v2/',
      })
      return { ...process, name, store, seeder: distributionSeeder(process.address, data) }
    },
  }
}

export const distributionDefault = distribution('distribution', 'docker-registry', {})
export const distributionRelaxed = distribution('distribution-gogc', `… GOGC=${RELAXED_GOGC}`, {
  GOGC: RELAXED_GOGC,
})
