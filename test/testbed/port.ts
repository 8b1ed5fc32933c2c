import { type AddressInfo, createServer } from 'node:net'

/**
 * A port of the loopback address that nothing listens on, for servers that cannot ask the kernel for one
 * themselves. Another process may take it before they do; they then fail to start, and say so.
 */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
