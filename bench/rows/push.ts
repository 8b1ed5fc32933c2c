import type { Connection } from '../load/connection.ts'
import { drive } from '../load/drive.ts'
import { type Payload, payloads } from '../load/payload.ts'
import { mountBlob, pushBlob, pushManifest } from '../load/push.ts'
import type { Peer } from '../peers/peer.ts'
import { IMAGE, KIB, LAYER, MIB, manifest, seedImage, unique } from './fixture.ts'
import { type LoadRow, REGISTRIES } from './row.ts'

/** As many layers as docker pushes at once. */
const DOCKER_LAYERS = 5
/** Blobs that are mounted together into one new repository. */
const MOUNTED = 200
const MOUNT_SOURCE = 'bench/mount-source'

type Operation = (peer: Peer) => (connection: Connection, n: number) => Promise<number>

function push(
  row: Pick<LoadRow, 'id' | 'title' | 'target'> & Partial<LoadRow>,
  connections: number,
  operation: Operation,
  limit = Number.POSITIVE_INFINITY,
): LoadRow {
  return {
    kind: 'load',
    per: 'operation',
    peers: REGISTRIES,
    ...row,
    load: (peer, seconds) => drive(peer.address, { connections, seconds, limit }, operation(peer)),
  }
}

/** Unique blobs; as many at most as fill 2 GB, since disks of test machines are small. */
function unseen(row: Pick<LoadRow, 'id' | 'title' | 'target' | 'per'>, size: number): LoadRow {
  let next: (() => Payload) | undefined
  return push(
    { ...row, free: true, writes: true },
    DOCKER_LAYERS,
    () => {
      const make = (next ??= payloads(size))
      return (connection) => pushBlob(connection, 'bench/push', make())
    },
    Math.floor(2e9 / size),
  )
}

/** Every mount is of a blob that the repository does not have; a new repository follows when it has them all. */
function mount(id: string, title: string, connections: number, target: number): LoadRow {
  return push({ id, title, target, seed: seedMountSource }, connections, () => {
    const run = unique()
    return (connection, n) =>
      mountBlob(
        connection,
        `bench/mounted-${run}-${Math.floor(n / MOUNTED)}`,
        MOUNT_SOURCE,
        (SOURCE[n % MOUNTED] as Payload).digest,
      )
  })
}

const SOURCE = Array.from({ length: MOUNTED }, payloads(KIB))

async function seedMountSource({ seeder }: Peer): Promise<void> {
  for (const blob of SOURCE) await seeder.blob(MOUNT_SOURCE, blob)
}

/** Manifests of their own content under tags of their own, in one repository. */
function manifests(id: string, title: string, connections: number, target: number): LoadRow {
  return push({ id, title, target, seed: seedImage }, connections, () => {
    const run = unique()
    return (connection, n) => {
      const tag = `${run}-${n}`
      return pushManifest(connection, IMAGE, tag, manifest(tag))
    }
  })
}

export const PUSH: readonly LoadRow[] = [
  unseen(
    { id: 'push-1m', title: 'push unique blobs of 1 MiB, 5 connections', per: 'operation', target: 3.5 },
    MIB,
  ),
  unseen(
    { id: 'push-10m', title: 'push unique blobs of 10 MiB, 5 connections', per: 'byte', target: 2.5 },
    10 * MIB,
  ),
  unseen(
    { id: 'push-100m', title: 'push unique blobs of 100 MiB, 5 connections', per: 'byte', target: 3 },
    100 * MIB,
  ),
  push(
    {
      id: 'push-known',
      title: 'push a blob of 1 MiB that is there, 5 connections',
      target: 5,
      free: true,
      seed: seedImage,
    },
    DOCKER_LAYERS,
    () => (connection) => pushBlob(connection, IMAGE, LAYER),
  ),
  mount('mount-1', 'mount, one by one', 1, 8),
  mount('mount-64', 'mount, 64 connections', 64, 50),
  manifests('manifest-put-1', 'PUT manifest, one by one', 1, 8),
  manifests('manifest-put-64', 'PUT manifest, 64 connections', 64, 8),
]
