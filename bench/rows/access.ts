import { head } from '../load/connection.ts'
import { drive } from '../load/drive.ts'
import type { Peer, PeerName } from '../peers/peer.ts'
import { IMAGE, LAYER, PRIVATE_IMAGE, seedImage, TAG } from './fixture.ts'
import { ACCEPT, CONNECTIONS, repeat } from './pull.ts'
import type { LoadRow } from './row.ts'

const PEERS: readonly PeerName[] = ['berth-accounts', 'distribution', 'distribution-gogc']

/** A request that Berth answers for somebody with a registry token, and docker-registry for anyone: it has no accounts of its own. */
function authorised(
  row: Pick<LoadRow, 'id' | 'title'>,
  repo: string,
  request: (headers: Readonly<Record<string, string>>) => Buffer,
  bodiless = false,
): LoadRow {
  return {
    ...row,
    kind: 'load',
    per: 'operation',
    target: 20,
    peers: PEERS,
    ours: 'berth-accounts',
    // Berth's with accounts brings its images along.
    seed: async (peer) => {
      if (peer.authorization === undefined) await seedImage(peer, repo)
    },
    load: ({ address, authorization }: Peer, seconds) =>
      drive(
        address,
        { connections: CONNECTIONS, seconds },
        repeat([request(authorization ? { Authorization: authorization(repo) } : {})], 200, bodiless),
      ),
  }
}

function manifestOf(repo: string, title: string, id: string): LoadRow {
  return authorised({ id, title: `GET manifest by tag, ${title}` }, repo, (headers) =>
    head('GET', `/v2/${repo}/manifests/${TAG}`, { ...ACCEPT, ...headers }),
  )
}

function blobOf(repo: string, title: string, id: string): LoadRow {
  return authorised(
    { id, title: `HEAD blob, ${title}` },
    repo,
    (headers) => head('HEAD', `/v2/${repo}/blobs/${LAYER.digest}`, headers),
    true,
  )
}

/** What rights cost: signatures are verified once, rights are looked up at every request. */
export const ACCESS: readonly LoadRow[] = [
  manifestOf(IMAGE, 'token, public repository', 'access-manifest-public'),
  manifestOf(PRIVATE_IMAGE, 'token, private repository', 'access-manifest-private'),
  blobOf(IMAGE, 'token, public repository', 'access-blob-public'),
  blobOf(PRIVATE_IMAGE, 'token, private repository', 'access-blob-private'),
]
