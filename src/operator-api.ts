import { composeAccounts } from './accounts.ts'
import { openMetadata, registryStack } from './app.ts'
import { collectOptions } from './collection.ts'
import type { Config } from './config.ts'
import { systemClock } from './core/clock.ts'
import type { Call } from './core/context.ts'
import { collectOnce } from './jobs/collect.ts'
import { memoryBlobStore } from './store/blob-memory.ts'
import { DirectoryInUse, lockDirectory } from './store/meta/sqlite-lock.ts'
import { createLog } from './telemetry/log.ts'

/** The management API in this process, for who runs the server. */
export interface OperatorApi extends AsyncDisposable {
  fetch(request: Request): Promise<Response>
}

/**
 * Opens the database of a registry and lets its operator in, without a server: what commands use while none runs. The embedded database is
 * had alone; a PostgreSQL one is shared with the servers on it. `undefined` while another process has the data directory.
 */
export async function openOperatorApi(
  config: Config,
  { agent, origin }: Pick<Call, 'agent' | 'origin'>,
): Promise<OperatorApi | undefined> {
  await using undo = new AsyncDisposableStack()
  if (config.databaseUrl === undefined) {
    const lock = tryLock(config.data)
    if (lock === undefined) return undefined
    undo.use(lock)
  }
  const log = createLog({ level: 'warn', json: false, fd: 2 })
  undo.defer(() => log.flush())
  const store = await openMetadata(config, { existing: true })
  undo.defer(() => store.close())
  const collect = async () => {
    const outcome = await collectOnce(collectOptions(config, store, log))
    return outcome === 'started' ? 'finished' : outcome
  }
  const accounts = undo.use(composeAccounts({ config, store, clock: systemClock, log, collect }))
  // Of content the API touches the metadata alone; what becomes garbage by it, the server sweeps.
  const registry = registryStack(config, memoryBlobStore(), store, log, accounts.auth.guard)
  const web = accounts.web(registry, { admits: () => true })
  const owned = undo.move()
  return {
    async fetch(request) {
      const requestId = crypto.randomUUID()
      const { signal } = request
      const call = { signal, requestId, address: '', peer: '', agent, origin }
      return (await web.fetch(request, call)) ?? new Response(null, { status: 404 })
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function tryLock(directory: string): Disposable | undefined {
  try {
    return lockDirectory(directory)
  } catch (error) {
    if (error instanceof DirectoryInUse) return undefined
    throw error
  }
}
