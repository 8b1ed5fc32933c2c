import { head } from '../load/connection.ts'
import { drive } from '../load/drive.ts'
import { deleteManifest, expectStatus } from '../load/push.ts'
import type { Peer, PeerName } from '../peers/peer.ts'
import { CONFIG, LARGE_LAYER, LAYER, manifest, manifestDigest, unique } from './fixture.ts'
import { type LoadRow, REGISTRIES } from './row.ts'

const MANY = 100_000
const REPO = 'bench/tags'
const PAGE = 100
/** Positions in a list that pages are asked from, spread over all of it. */
const POSITIONS = 64

const tag = (i: number) => `v${String(i).padStart(6, '0')}`
const repository = (i: number) =>
  `many-${String(Math.floor(i / 1000)).padStart(3, '0')}/app-${String(i).padStart(6, '0')}`
const names = (name: (i: number) => string) => Array.from({ length: MANY }, (_, i) => name(i))

async function seedTags({ seeder }: Peer): Promise<void> {
  for (const blob of [CONFIG, LAYER, LARGE_LAYER]) await seeder.blob(REPO, blob)
  await seeder.tags(REPO, names(tag), manifest())
}

function list(
  row: Pick<LoadRow, 'id' | 'title' | 'target' | 'seed'>,
  connections: number,
  targets: readonly string[],
): LoadRow {
  const requests = targets.map((target) => head('GET', target))
  return {
    ...row,
    kind: 'load',
    per: 'operation',
    peers: REGISTRIES,
    load: ({ address }, seconds) =>
      drive(address, { connections, seconds }, async (connection, n) => {
        const answer = await connection.send([requests[n % requests.length] as Buffer])
        expectStatus(answer, 200, 'a list')
        return answer.bytes
      }),
  }
}

function pages(path: string, name: (i: number) => string): string[] {
  return Array.from({ length: POSITIONS }, (_, i) => {
    const last = name(Math.floor(((i * 29) % POSITIONS) * (MANY / POSITIONS)))
    return `${path}?n=${PAGE}&last=${encodeURIComponent(last)}`
  })
}

/** How many are deleted in one measurement: docker-registry takes seconds for each. */
const DELETED: Readonly<Record<PeerName, number>> = {
  berth: 1000,
  'berth-accounts': 0,
  distribution: 1,
  'distribution-gogc': 1,
  nginx: 0,
}

function deletion(): LoadRow {
  let run = ''
  const annotation = (n: number) => `${run}-${n}`
  return {
    id: 'manifest-delete',
    title: 'DELETE manifest in a repository of 100,000 tags',
    kind: 'load',
    per: 'operation',
    target: 2000,
    peers: REGISTRIES,
    seed: seedTags,
    async arrange({ name, seeder }) {
      run = unique()
      await Promise.all(
        Array.from({ length: DELETED[name] }, (_, n) =>
          seeder.manifest(REPO, manifestDigest(annotation(n)), manifest(annotation(n))),
        ),
      )
    },
    load: ({ name, address }, seconds) =>
      drive(address, { connections: 1, seconds, limit: DELETED[name] }, (connection, n) =>
        deleteManifest(connection, REPO, manifestDigest(annotation(n))),
      ),
  }
}

export const LISTS: readonly LoadRow[] = [
  list(
    { id: 'tags-page', title: 'page of 100 of 100,000 tags', target: 500, seed: seedTags },
    8,
    pages(`/v2/${REPO}/tags/list`, tag),
  ),
  list({ id: 'tags-all', title: 'list of all 100,000 tags', target: 4, seed: seedTags }, 1, [
    `/v2/${REPO}/tags/list`,
  ]),
  list(
    {
      id: 'catalog-page',
      title: 'page of 100 of 100,000 repositories',
      target: 5000,
      seed: ({ seeder }) => seeder.repositories(names(repository)),
    },
    1,
    pages('/v2/_catalog', repository),
  ),
  deletion(),
]
