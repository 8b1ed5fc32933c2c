import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Where a connection breaks or stops: on the first request that matches and gets so far. */
export interface Disturbance {
  readonly method: string
  /** Part of the request's path. */
  readonly path: string
  /** Bytes passed on before it happens: of the request for `up`, of the answer for `down`. */
  readonly after: number
  readonly way: 'up' | 'down'
}

/**
 * A TCP proxy that knows just enough of HTTP to disturb one request: a client without pipelining begins each
 * request with a packet of its own.
 */
export interface CuttingProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  /** Breaks the connection once, in the middle of such a request. Resolves once it did. */
  cut(disturbance: Disturbance): Promise<void>
  /**
   * Stops passing bytes on once, in the middle of such a request. Resolves once it did, with what lets them
   * go on.
   */
  hold(disturbance: Disturbance): Promise<() => void>
}

interface Plan extends Disturbance {
  /** Gets both ends of the connection; what it returns says whether bytes go on. */
  readonly act: (client: Socket, upstream: Socket) => void
}

const LINE_LIMIT = 2048
const REQUEST_LINE = /^([A-Z]+) (\S+) HTTP\/1/

/** Passes bytes on at the pace of the slower side and tells how many went by. */
function pump(from: Socket, to: Socket, passed: (bytes: number) => void): void {
  from.on('data', (chunk) => {
    passed(chunk.length)
    if (to.destroyed) return
    if (!to.write(chunk)) {
      from.pause()
      to.once('drain', () => from.resume())
    }
  })
  from.on('end', () => to.end())
}

/** Starts a proxy in front of a server (`127.0.0.1:PORT`). */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const plans = new Set<Plan>()
  const sockets = new Set<Socket>()
  const port = Number(target.split(':')[1])

  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.end())
    let matching: Plan[] = []
    let counted = { up: 0, down: 0 }
    const pass = (way: 'up' | 'down') => (bytes: number) => {
      counted = { ...counted, [way]: counted[way] + bytes }
      const due = matching.find(
        (plan) => plan.way === way && counted[way] >= plan.after && plans.delete(plan),
      )
      due?.act(client, upstream)
    }
    client.on('data', (chunk) => {
      const [, method, path = ''] = REQUEST_LINE.exec(chunk.toString('latin1', 0, LINE_LIMIT)) ?? []
      if (method === undefined) return
      counted = { up: 0, down: 0 }
      matching = [...plans].filter((plan) => plan.method === method && path.includes(plan.path))
    })
    pump(client, upstream, pass('up'))
    pump(upstream, client, pass('down'))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const plan = <T>(disturbance: Disturbance, act: (client: Socket, upstream: Socket) => T): Promise<T> =>
    new Promise((resolve) => {
      plans.add({ ...disturbance, act: (client, upstream) => resolve(act(client, upstream)) })
    })
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: (disturbance) =>
      plan(disturbance, (client, upstream) => {
        client.resetAndDestroy()
        upstream.resetAndDestroy()
      }),
    hold: (disturbance) =>
      plan(disturbance, (client, upstream) => {
        const source = disturbance.way === 'down' ? upstream : client
        source.pause()
        return () => source.resume()
      }),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
