import { startApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { createLog } from '../../src/telemetry/log.ts'

/*
 * Run as a program with a data directory and a mode: starts a server, asks it for one thing after the other, and prints as JSON what of the
 * parts that cost start-up and memory was loaded by then.
 */

const PART = /\/node_modules\/(hono|zod|jose|pg|prom-client)\/|\/src\/(accounts|api)\b/

function loaded(): string[] {
  const parts = Object.keys(require.cache).map((path) => PART.exec(path))
  return [...new Set(parts.flatMap((match) => match?.[1] ?? match?.[2] ?? []))].sort()
}

const [data = '', auth = ''] = process.argv.slice(2)
const config = readConfig(
  { BERTH_DISK_RESERVE_BYTES: '0', BERTH_DISK_RESERVE_RATIO: '0' },
  { listen: '127.0.0.1:0', data, auth },
)
const app = await startApp(config, createLog({ level: 'error', json: true }))
const seen: Record<string, string[]> = { start: loaded() }
for (const path of ['/v2/', '/token', '/api/v1/session']) {
  await (await fetch(`http://${app.address}${path}`)).arrayBuffer()
  seen[path] = loaded()
}
await app.stop()
console.log(JSON.stringify(seen))
