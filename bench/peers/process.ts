import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { programPath } from '../../test/testbed/programs.ts'
import type { Address } from '../load/connection.ts'
import { ON_SERVER_CORE } from '../machine/affinity.ts'

const READY_LIMIT = 60_000

/** A server's process, its output in a file as a service manager would keep it. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number
  readonly address: Address
  /** ms from the start of the process until it first answered. */
  readonly readyAfter: number
}

export interface ServerCommand {
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Folder of `server.log`. */
  readonly folder: string
  readonly port: number
  /** A path that it answers with 2xx as soon as it serves. */
  readonly readyPath: string
}

/** Starts a server on its core and waits until it answers. It ends with this process at the latest. */
export async function startServerProcess(command: ServerCommand): Promise<ServerProcess> {
  const log = openSync(join(command.folder, 'server.log'), 'a')
  const started = performance.now()
  const child = Bun.spawn(
    [programPath('setpriv'), '--pdeathsig=TERM', '--', ...ON_SERVER_CORE, ...command.argv],
    { env: { ...withoutOwnSettings(), ...command.env }, stdin: 'ignore', stdout: log, stderr: log },
  )
  closeSync(log)
  const stop = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    child.kill('SIGTERM')
    await child.exited
    clearTimeout(timer)
  }
  const address = { hostname: '127.0.0.1', port: command.port }
  const url = `http://${address.hostname}:${address.port}${command.readyPath}`
  for (;;) {
    const ready = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    const readyAfter = performance.now() - started
    if (ready) return { pid: child.pid, address, readyAfter, [Symbol.asyncDispose]: stop }
    if (child.exitCode !== null || readyAfter > READY_LIMIT) {
      await stop()
      throw new Error(
        `${command.argv.join(' ')} did not start:\n${await Bun.file(join(command.folder, 'server.log')).text()}`,
      )
    }
    await Bun.sleep(1)
  }
}

/** The settings of the machine that measures must not reach the server. */
function withoutOwnSettings(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => !/^(BERTH_|REGISTRY_|GOGC)/.test(entry[0]),
    ),
  )
}
