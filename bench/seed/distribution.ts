import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Address } from '../load/connection.ts'
import { payloadOf } from '../load/payload.ts'
import type { Seeder } from './seeder.ts'
import { wireSeeder } from './wire.ts'

/**
 * Seeds a docker-registry. What would take it minutes is written into its storage, as far as the requests of the benchmark read
 * it: a tag is its `current/link`, a repository is a folder that holds `_layers`.
 */
export function distributionSeeder(address: Address, data: string): Seeder {
  const repositories = join(data, 'docker/registry/v2/repositories')
  const wire = wireSeeder(address)
  return {
    blob: wire.blob,
    manifest: wire.manifest,
    async tags(repo, names, manifest) {
      const { digest } = payloadOf(manifest)
      await wire.manifest(repo, digest, manifest)
      for (const name of names) {
        const current = join(repositories, repo, '_manifests/tags', name, 'current')
        mkdirSync(current, { recursive: true })
        writeFileSync(join(current, 'link'), digest)
      }
    },
    async repositories(names) {
      for (const name of names) mkdirSync(join(repositories, name, '_layers'), { recursive: true })
    },
  }
}
