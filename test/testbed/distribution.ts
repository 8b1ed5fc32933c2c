import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDaemon } from './daemon.ts'
import { freePort } from './port.ts'
import { programPath } from './programs.ts'
import type { LoggedRequest, RegistryServer } from './server.ts'
import { tempFolder } from './temp.ts'

const ACCESS = /"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d{3}) /

/**
 * Starts Debian's docker-registry: what the client tests can be tried against, to tell a client's manner
 * from a fault of ours.
 */
export async function startDistribution(): Promise<RegistryServer> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const data = join(folder.path, 'data')
  await mkdir(data)
  const port = await freePort()
  const host = `127.0.0.1:${port}`
  const config = join(folder.path, 'config.yml')
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'info' },
      storage: { filesystem: { rootdirectory: data }, delete: { enabled: true } },
      http: { addr: host },
    }),
  )
  const server = startDaemon([programPath('docker-registry'), 'serve', config], {
    env: { OTEL_TRACES_EXPORTER: 'none' },
  })
  stack.use(server)
  await server.waitForLine((line) => line.includes('listening on'))
  const owned = stack.move()
  return {
    host,
    url: `http://${host}`,
    daemon: server,
    async requests() {
      const mark = `/v2/?mark=${crypto.randomUUID()}`
      await fetch(`http://${host}${mark}`)
      await server.waitForLine((line) => line.includes(mark))
      return server.lines.flatMap((line): LoggedRequest[] => {
        const [, method = '', path = '', status = ''] = ACCESS.exec(line) ?? []
        return method === '' || path.includes('?mark=') ? [] : [{ method, path, status: Number(status) }]
      })
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
