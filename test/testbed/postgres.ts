import { chmod, chown } from 'node:fs/promises'
import { join } from 'node:path'
import { startDaemon } from './daemon.ts'
import { freePort } from './port.ts'
import { programPath } from './programs.ts'
import { run } from './run.ts'
import { tempFolder } from './temp.ts'

/** A PostgreSQL cluster of the test's own. */
export interface Postgres extends AsyncDisposable {
  readonly port: number
  readonly pid: number
  /** Address of the database that every cluster starts with. */
  readonly url: string
}

export interface PostgresOptions {
  /**
   * Settings by name. Durability is off unless told: it costs time and proves nothing while the machine
   * stays up.
   */
  readonly settings?: Readonly<Record<string, string>>
}

async function userId(flag: '-u' | '-g'): Promise<number> {
  return Number(await run(['id', flag, 'postgres']))
}

/**
 * Starts a cluster on a free loopback port. It will not run as root, so root runs it as Debian's `postgres`
 * user.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const data = join(folder.path, 'data')
  const root = process.getuid?.() === 0
  const setpriv = programPath('setpriv')
  if (root) {
    await chmod(folder.path, 0o755)
    await chown(folder.path, await userId('-u'), await userId('-g'))
  }
  const asPostgres = root ? [setpriv, '--reuid=postgres', '--regid=postgres', '--clear-groups', '--'] : []
  await run(
    [
      ...asPostgres,
      programPath('initdb'),
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--no-locale',
      '--no-sync',
    ],
    { cwd: folder.path },
  )
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder.path,
    fsync: 'off',
    full_page_writes: 'off',
    ...options.settings,
  }
  const server = startDaemon(
    [
      programPath('postgres'),
      '-D',
      data,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { cwd: folder.path, stopSignal: 'SIGINT', ...(root ? { user: 'postgres' } : {}) },
  )
  stack.use(server)
  await server.waitForLine((line) => line.includes('database system is ready to accept connections'))
  const owned = stack.move()
  return {
    port,
    pid: server.pid,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
