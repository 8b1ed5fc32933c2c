import { join, resolve } from 'node:path'
import type { Failpoint } from '../../src/core/failpoint.ts'
import { type Daemon, startDaemon } from '../testbed/daemon.ts'

const ROOT = resolve(import.meta.dirname, '../..')
/** What a shell, and so the runtime, tells of a child that SIGKILL ended. */
const KILLED = 128 + 9

/** Where a registry keeps its things from one start to the next. */
export interface Site {
  /** The data directory. */
  readonly data: string
  /** `postgres://…`, or undefined for the embedded database. */
  readonly database: string | undefined
  /** Failpoints that every start passes before it listens. */
  readonly atStart: readonly Failpoint[]
}

/** What a failpoint does, and at which hit since the server listens, from 1. */
export interface Armed {
  readonly point: Failpoint
  readonly nth: number
  readonly action: 'kill' | 'error:EIO' | 'error:ENOSPC'
}

export interface CrashServer extends AsyncDisposable {
  readonly url: string
  readonly daemon: Daemon
  /** Kills it and waits until it is gone. */
  kill(): Promise<void>
  /** Resolves once it was killed by a failpoint; rejects when it ended otherwise. */
  killed(): Promise<void>
  /** Asks it to stop; resolves with the exit code. */
  stop(): Promise<number>
}

/** No clean-up interferes unless a test asks for it, no disk of the machine is too full, and no log line costs time. */
const QUIET = {
  BERTH_LOG_FORMAT: 'json',
  BERTH_ACCESS_LOG: 'false',
  BERTH_DISK_RESERVE_BYTES: '0',
  BERTH_DISK_RESERVE_RATIO: '0',
  BERTH_SWEEP_SECONDS: '86400',
  BERTH_USES_SECONDS: '86400',
  BERTH_GC_SECONDS: '86400',
  BERTH_SPARSE: 'none',
}

interface StartOptions {
  readonly armed?: readonly Armed[]
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Starts a server on a site, as it would be started after a crash, and waits until it listens – but asks it nothing, so that every hit
 * of a failpoint is the test's doing.
 */
export async function startServer(site: Site, options: StartOptions = {}): Promise<CrashServer> {
  const daemon = launch(site, options)
  const listening = await daemon.waitForLine((line) => line.includes('"listening"'))
  const { address } = JSON.parse(listening) as { address: string }
  const ended = async (expected: number) => {
    const code = await daemon.exited
    if (code !== expected)
      throw new Error(`the server ended with ${code}, not ${expected}:\n${daemon.lines.join('\n')}`)
  }
  return {
    url: `http://${address}`,
    daemon,
    async kill() {
      daemon.kill('SIGKILL')
      await ended(KILLED)
    },
    killed: () => ended(KILLED),
    stop: () => daemon.stop(),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}

/** Starts a server on a site and waits for nothing. */
export function launch(site: Site, options: StartOptions = {}): Daemon {
  const failpoints = (options.armed ?? []).map(({ point, nth, action }) => {
    const before = site.atStart.filter((each) => each === point).length
    return `${point}=${before + nth}*${action}`
  })
  const address = ['--listen', '127.0.0.1:0']
  const command = [join(ROOT, 'bin/berth'), 'serve', '--auth', 'none', ...address, '--data', site.data]
  return startDaemon(command, {
    env: {
      ...withoutOwnSettings(),
      ...QUIET,
      ...(site.database !== undefined && { BERTH_DATABASE_URL: site.database }),
      ...(failpoints.length > 0 && { BERTH_FAILPOINTS: failpoints.join(',') }),
      ...options.env,
    },
  })
}

/** Settings of the machine that runs the tests must not reach the server. */
function withoutOwnSettings(): Record<string, undefined> {
  const names = Object.keys(process.env).filter((name) => name.startsWith('BERTH_'))
  return Object.fromEntries(names.map((name) => [name, undefined]))
}

/** Throws unless the server says that it can serve. */
export async function insistOnReady(server: CrashServer): Promise<void> {
  const answer = await fetch(`${server.url}/readyz`)
  if (!answer.ok) throw new Error(`not ready: ${answer.status} ${await answer.text()}`)
}
