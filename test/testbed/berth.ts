import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startDaemon } from './daemon.ts'
import type { LoggedRequest, RegistryServer } from './server.ts'
import { tempFolder } from './temp.ts'

const ERRORS_SHOWN = 5
const ROOT = resolve(import.meta.dirname, '../..')

export interface BerthOptions {
  /** With accounts, and an administrator whose password is told. Without, everyone may do everything. */
  readonly accounts?: boolean
  /** More arguments for `berth serve`. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The program: `bin/berth` of this tree unless told. */
  readonly executable?: string
  /** Where the data lies; a temporary folder, removed with the server, unless told. */
  readonly data?: string
  /**
   * Set where a test breaks something under the server. Otherwise a line logged as an error fails the test.
   */
  readonly mayLogErrors?: boolean
}

/** The administrator of a server with accounts. */
export interface Administrator {
  readonly name: string
  readonly password: string
}

/** Berth under test. */
export interface BerthServer extends RegistryServer {
  readonly data: string
  /** There where accounts were asked for; its password lets nobody in elsewhere. */
  readonly admin: Administrator
}

interface LogLine {
  readonly level?: string
  readonly msg?: string
  readonly address?: string
  readonly method?: string
  readonly path?: string
  readonly status?: number
}

function parseLine(line: string): LogLine {
  return line.startsWith('{') ? (JSON.parse(line) as LogLine) : {}
}

/** Settings of the machine that runs the tests must not reach the server. */
function withoutOwnSettings(): Record<string, undefined> {
  const names = Object.keys(process.env).filter((name) => name.startsWith('BERTH_'))
  return Object.fromEntries(names.map((name) => [name, undefined]))
}

/**
 * Starts `berth serve` on a free loopback port and waits until it is ready. Disposing of it stops it in good
 * order.
 */
export async function startBerth(options: BerthOptions = {}): Promise<BerthServer> {
  await using stack = new AsyncDisposableStack()
  const data = options.data ?? join(stack.use(await tempFolder()).path, 'data')
  const admin = { name: 'admin', password: `administrator ${crypto.randomUUID()}` }
  const executable = options.executable ?? join(ROOT, 'bin/berth')
  const daemon = startDaemon(
    [executable, 'serve', '--listen', '127.0.0.1:0', '--data', data, ...(options.args ?? [])],
    {
      // Not the tree: what works there by accident must fail here.
      cwd: tmpdir(),
      env: {
        ...withoutOwnSettings(),
        BERTH_LOG_FORMAT: 'json',
        // What most tests are about needs nobody to sign in; the others say `accounts`.
        BERTH_AUTH: 'none',
        ...(options.accounts && { BERTH_AUTH: 'accounts', BERTH_ADMIN_PASSWORD: admin.password }),
        // A nearly full disk of the machine that runs the tests is not what they are about.
        BERTH_DISK_RESERVE_BYTES: '0',
        BERTH_DISK_RESERVE_RATIO: '0',
        ...options.env,
      },
    },
  )
  stack.defer(async () => {
    await daemon.stop()
    const errors = daemon.lines.filter((line) => parseLine(line).level === 'error')
    if (errors.length > 0 && options.mayLogErrors !== true) {
      throw new Error(`Berth logged errors:\n${errors.slice(0, ERRORS_SHOWN).join('\n')}`)
    }
  })
  const host =
    parseLine(await daemon.waitForLine((line) => parseLine(line).msg === 'listening')).address ?? ''
  const url = `http://${host}`
  const ready = await fetch(`${url}/readyz`)
  if (!ready.ok) throw new Error(`Berth is not ready: ${ready.status} ${await ready.text()}`)
  const owned = stack.move()
  return {
    host,
    url,
    daemon,
    data,
    admin,
    async requests() {
      // Lines come in the order of the answers, so everything answered before this request stands before its
      // line.
      const mark = `/v2/mark-${crypto.randomUUID()}`
      await fetch(`${url}${mark}`)
      await daemon.waitForLine((line) => line.includes(mark))
      return daemon.lines.map(parseLine).flatMap(({ method, path, status }): LoggedRequest[] => {
        if (method === undefined || path === undefined || status === undefined) return []
        return path.includes('/v2/mark-') ? [] : [{ method, path, status }]
      })
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
