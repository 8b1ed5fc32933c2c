import { startBerth } from '../testbed/berth.ts'
import { socketHandler } from './socket.ts'
import { wireSuite } from './suite.ts'

const FOLDED = 'the runtime folds dots before anything of ours sees the path'
const CHUNKED = 'the runtime sends streams chunked, without Content-Length'

wireSuite(
  'the server, through a socket',
  async () => {
    const server = await startBerth()
    const { handler, close } = socketHandler(server.url)
    return {
      handler,
      async dispose() {
        close()
        await server[Symbol.asyncDispose]()
      },
    }
  },
  {
    except: {
      'G1 a bad name is refused: dots that climb': FOLDED,
      'G1 a bad name is refused: encoded dots that climb': FOLDED,
      'P7 several ranges come as parts': CHUNKED,
      'P7 several ranges of which one is there come as parts too': CHUNKED,
      'P7 1,024 ranges are answered': CHUNKED,
      'P7 ranges of twice the size are answered': CHUNKED,
    },
  },
)
