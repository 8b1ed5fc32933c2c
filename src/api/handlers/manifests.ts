import { parseDigest } from '../../core/digest.ts'
import { parseRepoName } from '../../core/names.ts'
import type { ManifestRow } from '../../store/meta/access-store.ts'
import type { REPOSITORIES } from '../contract/repositories.ts'
import type { Handlers } from '../handler.ts'
import { pageRequest, pageResult } from '../paging.ts'
import { momentText, said, timeText } from '../values.ts'
import { noRepository } from './repository-names.ts'

type ManifestEndpoint = Extract<keyof typeof REPOSITORIES, `${string}/manifests${string}`>

export const MANIFEST_HANDLERS: Handlers<ManifestEndpoint> = {
  async 'GET /repositories/{repository}/-/manifests'({ path, query }, { store }) {
    const repo = parseRepoName(path.repository)
    const page = await store.describeManifests(repo, pageRequest(query))
    if (page === undefined) throw noRepository(repo)
    return pageResult(page, told, ({ digest }) => digest)
  },

  async 'GET /repositories/{repository}/-/manifests/{digest}'({ ctx, path }, { registry }) {
    const digest = parseDigest(path.digest)
    const { bytes } = await registry.getManifest(ctx, parseRepoName(path.repository), { digest })
    // Not as its own media type: a browser must take it for JSON, whatever a client said that it was.
    return new Response(bytes as Uint8Array<ArrayBuffer>, {
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': String(bytes.byteLength),
        'Docker-Content-Digest': digest,
      },
    })
  },

  async 'DELETE /repositories/{repository}/-/manifests/{digest}'({ ctx, path }, { registry }) {
    await registry.deleteManifest(ctx, parseRepoName(path.repository), parseDigest(path.digest))
    return undefined
  },
}

function told(row: ManifestRow) {
  const { digest, mediaType, artifactType, size, blobBytes } = row
  const { createdAt, pulledAt } = row
  return said({
    digest,
    mediaType,
    artifactType,
    size,
    blobBytes,
    createdAt: timeText(createdAt),
    lastPulled: momentText(pulledAt),
  })
}
