import { algorithmOf, digestOf, parseDigest } from '../../core/digest.ts'
import { MANIFEST_TYPES } from '../../core/media-types.ts'
import type { Reference, RepoName } from '../../core/names.ts'
import type { ManifestInfo, Reader } from '../../core/registry.ts'
import { type Connection, chunksOf } from './connection.ts'
import { verified } from './verify.ts'

const ACCEPT = [...Object.keys(MANIFEST_TYPES), '*/*'].join(', ')

export const manifestPath = (repo: RepoName, reference: Reference) =>
  `/v2/${repo}/manifests/${'tag' in reference ? reference.tag : reference.digest}`

/** Pull. */
export function clientReader({ call, document }: Connection): Reader {
  const resolveBlob: Reader['resolveBlob'] = async (ctx, repo, digest) => {
    const response = await call(ctx, `/v2/${repo}/blobs/${digest}`, {
      method: 'HEAD',
      ok: [200],
      absent: 'blob-unknown',
    })
    return { digest, size: Number(response.headers.get('content-length')) }
  }

  return {
    resolveBlob,

    async getBlob(ctx, repo, digest) {
      const { size } = await resolveBlob(ctx, repo, digest)
      return {
        digest,
        size,
        async content(span) {
          const whole = span === undefined || (span.start === 0 && span.end === size)
          const start = span?.start ?? 0
          const end = span?.end ?? size
          if (start === end) return { kind: 'bytes', bytes: new Uint8Array() }
          const response = await call(ctx, `/v2/${repo}/blobs/${digest}`, {
            method: 'GET',
            ok: [whole ? 200 : 206],
            absent: 'blob-unknown',
            ...(!whole && { headers: { range: `bytes=${start}-${end - 1}` } }),
          })
          return {
            kind: 'stream',
            stream: verified(chunksOf(response), end - start, whole ? digest : undefined),
          }
        },
      }
    },

    async resolveManifest(ctx, repo, reference) {
      const response = await call(ctx, manifestPath(repo, reference), {
        method: 'HEAD',
        ok: [200],
        absent: 'manifest-unknown',
        headers: { accept: ACCEPT },
      })
      return manifestInfo(response, repo, reference)
    },

    async getManifest(ctx, repo, reference) {
      const response = await call(ctx, manifestPath(repo, reference), {
        method: 'GET',
        ok: [200],
        absent: 'manifest-unknown',
        headers: { accept: ACCEPT },
      })
      const info = manifestInfo(response, repo, reference)
      const bytes = await document(response)
      if (digestOf(bytes, algorithmOf(info.digest)) !== info.digest)
        throw new Error(`the upstream sent other content than ${info.digest}`)
      return { ...info, size: bytes.byteLength, bytes }
    },
  }
}

function manifestInfo(response: Response, repo: RepoName, reference: Reference): ManifestInfo {
  const told = response.headers.get('docker-content-digest')
  const digest = told !== null ? parseDigest(told) : 'digest' in reference ? reference.digest : undefined
  if (digest === undefined) throw new Error(`the upstream did not tell the digest of ${repo}`)
  return {
    digest,
    mediaType: (response.headers.get('content-type') ?? '').replace(/;.*/, '').trim(),
    size: Number(response.headers.get('content-length')),
  }
}
