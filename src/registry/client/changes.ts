import { type Digest, digestOf, parseDigest } from '../../core/digest.ts'
import type { Deleter, Expectation, Writer } from '../../core/registry.ts'
import type { Connection } from './connection.ts'
import { manifestPath } from './reading.ts'

/** Push of manifests, and deletes. */
export function clientChanges({ call }: Connection): Pick<Writer, 'pushManifest'> & Deleter {
  return {
    async pushManifest(ctx, repo, bytes, options) {
      const [only, ...others] = options.tags
      const byTag = options.digest === undefined && only !== undefined && others.length === 0
      const digest = options.digest ?? digestOf(bytes)
      const tags =
        byTag || options.tags.length === 0 ? '' : `?${options.tags.map((tag) => `tag=${tag}`).join('&')}`
      const response = await call(ctx, `${manifestPath(repo, byTag ? { tag: only } : { digest })}${tags}`, {
        method: 'PUT',
        ok: [201],
        absent: 'manifest-unknown',
        headers: {
          ...(options.mediaType !== undefined && { 'content-type': options.mediaType }),
          ...conditions(options.expect),
        },
        body: bytes,
      })
      const subject = response.headers.get('oci-subject')
      return {
        digest: parseDigest(response.headers.get('docker-content-digest') ?? digest),
        ...(subject !== null && { subject: parseDigest(subject) }),
      }
    },

    async deleteBlob(ctx, repo, digest) {
      await call(ctx, `/v2/${repo}/blobs/${digest}`, { method: 'DELETE', ok: [202], absent: 'blob-unknown' })
    },

    async deleteManifest(ctx, repo, digest) {
      await call(ctx, manifestPath(repo, { digest }), {
        method: 'DELETE',
        ok: [202],
        absent: 'manifest-unknown',
      })
    },

    async deleteTag(ctx, repo, tag) {
      await call(ctx, manifestPath(repo, { tag }), {
        method: 'DELETE',
        ok: [202],
        absent: 'manifest-unknown',
      })
    },
  }
}

function conditions(expect: Expectation | undefined): Record<string, string> {
  if (expect === undefined) return {}
  if ('absent' in expect) return { 'if-none-match': '*' }
  if ('present' in expect) return { 'if-match': '*' }
  return { 'if-match': expect.digests.map((digest: Digest) => `"${digest}"`).join(', ') }
}
