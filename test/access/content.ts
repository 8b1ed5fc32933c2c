import { createHash } from 'node:crypto'
import type { World } from './world.ts'

/** What the public and the private repository hold. */
export const LAYER = Buffer.from('a layer of the matrix')
export const CONFIG = Buffer.from('{}')
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'

export const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A manifest over nothing: it may be pushed anywhere. */
export function emptyIndex(note = ''): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [],
      annotations: { note },
    }),
  )
}
export const INDEX_HEADERS = { 'Content-Type': 'application/vnd.oci.image.index.v1+json' }

export const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256(CONFIG), size: CONFIG.length },
    layers: [{ mediaType: 'application/octet-stream', digest: sha256(LAYER), size: LAYER.length }],
  }),
)

/** Pushes an image into a repository as the site administrator. */
export async function seed(world: World, repo: string, tag = 'latest'): Promise<void> {
  const url = world.server.url
  const headers = await world.token('site administrator', repo)
  for (const blob of [LAYER, CONFIG]) {
    const pushed = await fetch(`${url}/v2/${repo}/blobs/uploads/?digest=${sha256(blob)}`, {
      method: 'POST',
      headers,
      body: blob,
    })
    if (pushed.status !== 201) throw new Error(`blob: ${pushed.status} ${await pushed.text()}`)
  }
  const pushed = await fetch(`${url}/v2/${repo}/manifests/${tag}`, {
    method: 'PUT',
    headers: { ...headers, 'Content-Type': MANIFEST_TYPE },
    body: MANIFEST,
  })
  if (pushed.status !== 201) throw new Error(`manifest: ${pushed.status} ${await pushed.text()}`)
}
