import type { Address } from '../load/connection.ts'
import { drive } from '../load/drive.ts'
import { payloadOf } from '../load/payload.ts'
import { pushBlob, pushManifest } from '../load/push.ts'
import type { Seeder } from './seeder.ts'

const CONNECTIONS = 64
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'
const EMPTY_INDEX = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [] }))
/** Tags set by one request (the draft's `?tag=`); Berth takes up to 50. */
const TAGS_A_REQUEST = 50

/** Seeds a registry by pushing to it. */
export function wireSeeder(address: Address): Seeder {
  const times = (limit: number, connections: number, operation: Parameters<typeof drive>[2]) =>
    drive(address, { connections, seconds: Number.POSITIVE_INFINITY, limit }, operation)
  return {
    async blob(repo, payload) {
      await times(1, 1, (connection) => pushBlob(connection, repo, payload))
    },
    async manifest(repo, reference, bytes) {
      await times(1, 1, (connection) => pushManifest(connection, repo, reference, bytes))
    },
    async tags(repo, names, manifest) {
      const { digest } = payloadOf(manifest)
      await times(Math.ceil(names.length / TAGS_A_REQUEST), CONNECTIONS, (connection, n) => {
        const tags = names.slice(n * TAGS_A_REQUEST, (n + 1) * TAGS_A_REQUEST)
        const query = tags.map((tag) => `tag=${tag}`).join('&')
        return pushManifest(connection, repo, `${digest}?${query}`, manifest)
      })
    },
    async repositories(names) {
      await times(names.length, CONNECTIONS, (connection, n) =>
        pushManifest(connection, names[n] as string, 'latest', EMPTY_INDEX, INDEX_TYPE),
      )
    },
  }
}
