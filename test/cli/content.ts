import { createHash } from 'node:crypto'
import type { BerthServer } from '../testbed/berth.ts'

const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json'

/** Pushes a tiny image as the administrator; resolves with its digest. */
export async function pushImage(server: BerthServer, repository: string, tags: readonly string[]) {
  const headers = { Authorization: `Basic ${btoa(`${server.admin.name}:${server.admin.password}`)}` }
  const config = '{}'
  const opened = await fetch(`${server.url}/v2/${repository}/blobs/uploads/`, { method: 'POST', headers })
  const location = new URL(opened.headers.get('location') ?? '', server.url)
  location.searchParams.set('digest', digestOf(config))
  const closed = await fetch(location, { method: 'PUT', headers, body: config })
  if (closed.status !== 201)
    throw new Error(`the blob was not taken: ${closed.status} ${await closed.text()}`)
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(config),
      size: config.length,
    },
    layers: [],
    annotations: { in: repository },
  })
  for (const tag of tags) {
    const pushed = await fetch(`${server.url}/v2/${repository}/manifests/${tag}`, {
      method: 'PUT',
      headers: { ...headers, 'Content-Type': MEDIA_TYPE },
      body: manifest,
    })
    if (pushed.status !== 201) throw new Error(`the manifest was not taken: ${pushed.status}`)
  }
  return digestOf(manifest)
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
