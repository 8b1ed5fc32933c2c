import { type Address, Connection } from './connection.ts'
import { type DriveOptions, type Load, loadOf } from './load.ts'

/** One operation, of one request or several on the connection; resolves with the bytes it moved. `n` counts from 0. */
export type Operation = (connection: Connection, n: number) => Promise<number>

/** A closed loop: every connection starts its next operation when the last one is answered. */
export async function drive(address: Address, options: DriveOptions, operation: Operation): Promise<Load> {
  const connections = await Promise.all(
    Array.from({ length: options.connections }, () => Connection.open(address)),
  )
  try {
    const limit = options.limit ?? Number.POSITIVE_INFINITY
    const latencies: number[] = []
    let started = 0
    let bytes = 0
    const from = performance.now()
    const until = from + options.seconds * 1000
    const work = async (connection: Connection) => {
      for (let now = performance.now(); now < until && started < limit; ) {
        const moved = await operation(connection, started++)
        bytes += moved
        const then = performance.now()
        latencies.push(then - now)
        now = then
      }
    }
    await Promise.all(connections.map(work))
    const seconds = (performance.now() - from) / 1000
    return loadOf(latencies, bytes, seconds)
  } finally {
    for (const connection of connections) connection[Symbol.dispose]()
  }
}
