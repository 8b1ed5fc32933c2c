import { type Connection, head } from '../load/connection.ts'
import { download } from '../load/download.ts'
import { drive } from '../load/drive.ts'
import type { Load } from '../load/load.ts'
import { expectStatus } from '../load/push.ts'
import type { Peer } from '../peers/peer.ts'
import { CONFIG, IMAGE, KIB, LARGE_LAYER, LAYER, seedImage, TAG } from './fixture.ts'
import { type LoadRow, READERS } from './row.ts'

export const CONNECTIONS = 16
export const ACCEPT = {
  Accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json',
}
const RANGE = 64 * KIB

/** The same requests in turn, again and again. */
export function repeat(requests: readonly Buffer[], status: number, bodiless = false) {
  return async (connection: Connection, n: number) => {
    const answer = await connection.send([requests[n % requests.length] as Buffer], bodiless)
    if (answer.status !== status) expectStatus(answer, status, 'a request')
    return answer.bytes
  }
}

function small(
  row: Pick<LoadRow, 'id' | 'title' | 'target' | 'free'>,
  requests: readonly Buffer[],
  { status = 200, bodiless = false } = {},
): LoadRow {
  return {
    ...row,
    kind: 'load',
    per: 'operation',
    peers: READERS,
    seed: seedImage,
    load: ({ address }, seconds) =>
      drive(address, { connections: CONNECTIONS, seconds }, repeat(requests, status, bodiless)),
  }
}

/** Every 64 KiB of the blob, in an order that no read-ahead guesses. */
function ranges(): Buffer[] {
  const count = Math.floor(LARGE_LAYER.size / RANGE)
  return Array.from({ length: count }, (_, i) => {
    const start = ((i * 7919) % count) * RANGE
    return head('GET', blobPath(LARGE_LAYER.digest), { Range: `bytes=${start}-${start + RANGE - 1}` })
  })
}

function large(connections: number, target: number): LoadRow {
  const request = head('GET', blobPath(LARGE_LAYER.digest))
  return {
    id: `blob-get-100m-${connections}`,
    title: `GET blob of 100 MiB, ${connections} connection${connections > 1 ? 's' : ''}`,
    kind: 'load',
    per: 'byte',
    target,
    peers: READERS,
    free: true,
    seed: seedImage,
    load: async ({ address }: Peer, seconds: number): Promise<Load> =>
      download(address, { connections, seconds }, request, LARGE_LAYER.size),
  }
}

function blobPath(digest: string): string {
  return `/v2/${IMAGE}/blobs/${digest}`
}

const MANIFEST = `/v2/${IMAGE}/manifests/${TAG}`

export const PULL: readonly LoadRow[] = [
  small({ id: 'manifest-get', title: 'GET manifest by tag', target: 20, free: true }, [
    head('GET', MANIFEST, ACCEPT),
  ]),
  small(
    { id: 'manifest-head', title: 'HEAD manifest by tag', target: 20 },
    [head('HEAD', MANIFEST, ACCEPT)],
    { bodiless: true },
  ),
  small({ id: 'blob-head', title: 'HEAD blob', target: 20 }, [head('HEAD', blobPath(LAYER.digest))], {
    bodiless: true,
  }),
  small({ id: 'blob-get-4k', title: 'GET blob of 4 KiB', target: 35 }, [
    head('GET', blobPath(CONFIG.digest)),
  ]),
  small({ id: 'blob-range-64k', title: 'GET ranges of 64 KiB of a blob of 100 MiB', target: 25 }, ranges(), {
    status: 206,
  }),
  large(1, 1.5),
  large(8, 1),
]
