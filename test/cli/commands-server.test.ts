import { apiClient } from '../../src/api/client.ts'
import { operatorFile } from '../../src/operator-file.ts'
import { startBerth } from '../testbed/berth.ts'
import { person } from './command.ts'
import { pushImage } from './content.ts'
import { commandSuite } from './suite.ts'

commandSuite('commands through the server on a data directory', async () => {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startBerth({ accounts: true }))
  const digest = await pushImage(server, 'admin/hello', ['one', 'two', 'three'])
  const who = stack.use(await person({ BERTH_DATA: server.data }))
  const headers = { Authorization: `Bearer ${operatorFile(server.data).read()?.token}` }
  const owned = stack.move()
  return {
    who,
    digest,
    api: apiClient({ base: server.url, headers }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
})
