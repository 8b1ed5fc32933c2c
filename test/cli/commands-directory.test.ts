import { join } from 'node:path'
import { startBerth } from '../testbed/berth.ts'
import { tempFolder } from '../testbed/temp.ts'
import { person } from './command.ts'
import { pushImage } from './content.ts'
import { apiInProcess } from './in-process.ts'
import { commandSuite } from './suite.ts'

commandSuite('commands on a data directory without a server', async () => {
  await using stack = new AsyncDisposableStack()
  const data = join(stack.use(await tempFolder()).path, 'data')
  let digest: string
  {
    await using server = await startBerth({ accounts: true, data })
    digest = await pushImage(server, 'admin/hello', ['one', 'two', 'three'])
  }
  const who = stack.use(await person({ BERTH_DATA: data }))
  const owned = stack.move()
  return { who, digest, api: apiInProcess({ data }), [Symbol.asyncDispose]: () => owned.disposeAsync() }
})
