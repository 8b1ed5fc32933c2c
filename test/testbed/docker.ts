import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDaemon } from './daemon.ts'
import { programPath } from './programs.ts'
import { type CommandOptions, type CommandResult, run, tryRun } from './run.ts'
import { tempFolder } from './temp.ts'

/** A Docker engine of the test's own, and the client that talks to it. */
export interface Docker extends AsyncDisposable {
  /** Runs `docker …` and returns its output. Throws CommandError when it fails. */
  docker(...args: string[]): Promise<string>
  /** Runs `docker …` to whatever end. */
  tryDocker(...args: string[]): Promise<CommandResult>
  readonly pid: number
}

export interface DockerOptions {
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Starts an engine without a network of its own: its data, sockets and configuration lie in a temporary
 * folder, and it takes every registry on the loopback addresses without a certificate, HTTPS first.
 */
export async function startDocker(options: DockerOptions = {}): Promise<Docker> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const at = (name: string) => join(folder.path, name)
  await mkdir(at('config'))
  await mkdir(at('tmp'))
  await writeFile(at('config/config.json'), '{}')
  await writeFile(at('daemon.json'), '{}')
  const socket = `unix://${at('s')}`
  const engine = startDaemon(
    [
      programPath('dockerd'),
      `--config-file=${at('daemon.json')}`,
      `--data-root=${at('data')}`,
      `--exec-root=${at('x')}`,
      `--pidfile=${at('pid')}`,
      `--host=${socket}`,
      '--iptables=false',
      '--ip6tables=false',
      '--bridge=none',
      '--insecure-registry=127.0.0.0/8',
      '--max-concurrent-uploads=5',
    ],
    // containerd leaves a dump of its stacks among the temporary files when a busy machine makes it late.
    { env: { TMPDIR: at('tmp'), ...options.env } },
  )
  stack.use(engine)
  await engine.waitForLine((line) => line.includes('API listen on'), 60)

  const settings: CommandOptions = {
    env: {
      DOCKER_HOST: socket,
      DOCKER_CONFIG: at('config'),
      DOCKER_BUILDKIT: '0',
      DOCKER_CLI_EXPERIMENTAL: 'enabled',
    },
    limit: 300,
  }
  const client = programPath('docker')
  const owned = stack.move()
  return {
    docker: (...args) => run([client, ...args], settings),
    tryDocker: (...args) => tryRun([client, ...args], settings),
    pid: engine.pid,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
