import { join } from 'node:path'
import { startBerth } from '../testbed/berth.ts'
import { unmet } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { person } from './command.ts'
import { pushImage } from './content.ts'
import { apiInProcess } from './in-process.ts'
import { commandSuite } from './suite.ts'

if (unmet({ programs: ['initdb', 'postgres', 'setpriv'] }) === undefined) {
  commandSuite('commands on a PostgreSQL database that a server runs on elsewhere', async () => {
    await using stack = new AsyncDisposableStack()
    const { url: databaseUrl } = stack.use(await startPostgres())
    const server = stack.use(await startBerth({ accounts: true, env: { BERTH_DATABASE_URL: databaseUrl } }))
    const digest = await pushImage(server, 'admin/hello', ['one', 'two', 'three'])
    // Of the data directory they know nothing.
    const who = stack.use(await person({ BERTH_DATABASE_URL: databaseUrl }))
    const api = apiInProcess({ databaseUrl, data: join(who.path, 'none') })
    const owned = stack.move()
    return { who, digest, api, [Symbol.asyncDispose]: () => owned.disposeAsync() }
  })
}
