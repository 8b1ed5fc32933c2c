import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP line to a server that can be taken away and given back. */
export interface Valve extends AsyncDisposable {
  readonly port: number
  /** Breaks every connection and refuses new ones. */
  shut(): Promise<void>
  /** Lets connections through again, on the same port. */
  open(): Promise<void>
  /** Keeps connections, old and new, but passes nothing on. */
  stall(): void
  /** Passes on what was held back, and everything from now on. */
  flow(): void
}

/** Opens a line to a port of this machine. */
export async function openValve(target: number): Promise<Valve> {
  const sockets = new Set<Socket>()
  let stalled = false
  let server: Server | undefined
  let port = 0

  const join = (client: Socket) => {
    const upstream = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => from.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.on('data', (chunk) => to.write(chunk))
      if (stalled) from.pause()
    }
  }

  const open = () =>
    new Promise<void>((resolve, reject) => {
      const opened = createServer(join)
      server = opened
      opened.once('error', reject)
      opened.listen(port, '127.0.0.1', () => {
        port = (opened.address() as AddressInfo).port
        resolve()
      })
    })

  const shut = async () => {
    const closing = new Promise((resolve) =>
      server === undefined ? resolve(undefined) : server.close(resolve),
    )
    server = undefined
    for (const socket of sockets) socket.destroy()
    await closing
  }

  await open()
  return {
    get port() {
      return port
    },
    shut,
    open,
    stall() {
      stalled = true
      for (const socket of sockets) socket.pause()
    },
    flow() {
      stalled = false
      for (const socket of sockets) socket.resume()
    },
    [Symbol.asyncDispose]: shut,
  }
}
