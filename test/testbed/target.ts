import { type BerthOptions, startBerth } from './berth.ts'
import { startDistribution } from './distribution.ts'
import type { LoggedRequest, RegistryServer } from './server.ts'

/**
 * `BERTH_CLIENT_TARGET=distribution` runs the client tests against Debian's docker-registry, to see what is
 * the client's manner.
 */
export const TARGET_IS_PEER = process.env.BERTH_CLIENT_TARGET === 'distribution'

/** Starts the registry that the client tests talk to. */
export function startTarget(options: BerthOptions = {}): Promise<RegistryServer> {
  return TARGET_IS_PEER ? startDistribution() : startBerth(options)
}

/** Runs something and returns the requests that the server answered meanwhile. */
export async function requestsOf(
  server: RegistryServer,
  action: () => Promise<unknown>,
): Promise<readonly LoggedRequest[]> {
  const before = (await server.requests()).length
  await action()
  return (await server.requests()).slice(before)
}

/** How many requests have this method, and this status where one is named. */
export function countRequests(requests: readonly LoggedRequest[], method: string, status?: number): number {
  return requests.filter((each) => each.method === method && (status === undefined || each.status === status))
    .length
}
