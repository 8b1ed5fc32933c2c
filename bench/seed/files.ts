import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Seeder } from './seeder.ts'

/** Seeds a server of plain files: every answer's body under the path that is asked. */
export function fileSeeder(root: string): Seeder {
  const put = (path: string, bytes: Uint8Array) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), bytes)
  }
  const cannot = async () => {
    throw new Error('a server of files lists nothing')
  }
  return {
    async blob(repo, payload) {
      put(`v2/${repo}/blobs/${payload.digest}`, Buffer.concat(payload.parts))
    },
    async manifest(repo, reference, bytes) {
      put(`v2/${repo}/manifests/${reference}`, bytes)
    },
    tags: cannot,
    repositories: cannot,
  }
}
