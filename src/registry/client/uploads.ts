import { type Body, collect } from '../../core/body.ts'
import type { Context } from '../../core/context.ts'
import { isRefusal, refuse } from '../../core/errors.ts'
import { type RepoName, tryParseUploadId, type UploadId } from '../../core/names.ts'
import type { Reader, Writer } from '../../core/registry.ts'
import type { Connection } from './connection.ts'
import { offsetOf } from './refusals.ts'

/** Pieces of a body whose length is not known, when an offset has to be told with each. */
const CHUNK = 8 * 1024 * 1024

/** Push of blobs. */
export function clientUploads(
  { call, locations, maxDocumentBytes }: Connection,
  { resolveBlob }: Pick<Reader, 'resolveBlob'>,
): Omit<Writer, 'pushManifest'> {
  const uploadPath = (repo: RepoName, id: UploadId) => locations.get(id) ?? `/v2/${repo}/blobs/uploads/${id}`

  async function patch(
    ctx: Context,
    repo: RepoName,
    id: UploadId,
    body: Uint8Array | Body,
    offset: number | undefined,
    length: number | undefined,
  ) {
    const response = await call(ctx, uploadPath(repo, id), {
      method: 'PATCH',
      ok: [202],
      absent: 'upload-unknown',
      headers: { 'content-type': 'application/octet-stream', ...contentRange(offset, length) },
      body,
      id,
    })
    // At one byte and at none a registry tells 0-0; what was sent tells them apart.
    const told = offsetOf(response)
    return { id, offset: told === 0 && length === 1 ? 1 : told }
  }

  return {
    async openUpload(ctx, repo, options) {
      const query = options?.algorithm === undefined ? '' : `?digest-algorithm=${options.algorithm}`
      const response = await call(ctx, `/v2/${repo}/blobs/uploads/${query}`, {
        method: 'POST',
        ok: [202],
        absent: 'name-unknown',
      })
      const location = response.headers.get('location') ?? ''
      const told =
        response.headers.get('docker-upload-uuid') ??
        location
          .replace(/[?#].*/, '')
          .split('/')
          .pop() ??
        ''
      const id = tryParseUploadId(told)
      if (id === undefined) throw new Error('the upstream did not tell the id of the upload')
      locations.set(id, location)
      return { id, offset: 0 }
    },

    async statUpload(ctx, repo, id) {
      const response = await call(ctx, uploadPath(repo, id), {
        method: 'GET',
        ok: [204],
        absent: 'upload-unknown',
        id,
      })
      return { id, offset: offsetOf(response) }
    },

    async appendUpload(ctx, repo, id, body, offset) {
      if (offset === undefined || body.length !== undefined)
        return patch(ctx, repo, id, body, offset, body.length)
      let status = { id, offset }
      for await (const piece of pieces(body))
        status = await patch(ctx, repo, id, piece, status.offset, piece.byteLength)
      return status
    },

    async commitUpload(ctx, repo, id, digest, last) {
      let body = last?.body as Uint8Array | Body | undefined
      let length = last?.body.length
      if (last?.offset !== undefined && length === undefined) {
        // An offset is told with an end; so the last chunk must be had first.
        body = await collect(last.body, maxDocumentBytes, 'blob-too-large', 'the last chunk')
        length = body.byteLength
      }
      const location = uploadPath(repo, id)
      await call(
        ctx,
        `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`,
        {
          method: 'PUT',
          ok: [201],
          absent: 'upload-unknown',
          headers: { 'content-type': 'application/octet-stream', ...contentRange(last?.offset, length) },
          ...(body !== undefined && { body }),
        },
      ).catch((error: unknown) => {
        if (isRefusal(error, 'upload-offset'))
          throw refuse('upload-offset', error.message, {
            upload: { id, offset: error.detail.upload?.offset ?? 0 },
          })
        throw error
      })
      locations.delete(id)
      return resolveBlob(ctx, repo, digest)
    },

    async abortUpload(ctx, repo, id) {
      await call(ctx, uploadPath(repo, id), { method: 'DELETE', ok: [202, 204], absent: 'upload-unknown' })
      locations.delete(id)
    },

    async mountBlob(ctx, repo, digest, from) {
      const query = `mount=${encodeURIComponent(digest)}${from === undefined ? '' : `&from=${encodeURIComponent(from)}`}`
      const response = await call(ctx, `/v2/${repo}/blobs/uploads/?${query}`, {
        method: 'POST',
        ok: [201, 202],
        absent: 'name-unknown',
      })
      if (response.status === 201) return resolveBlob(ctx, repo, digest)
      // It opened an upload instead, which nobody asked for.
      const location = response.headers.get('location')
      if (location !== null)
        await call(ctx, location, { method: 'DELETE', ok: [202, 204, 404, 405], absent: 'upload-unknown' })
      return undefined
    },
  }
}

async function* pieces(body: Body): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    waiting.push(chunk)
    size += chunk.byteLength
    if (size < CHUNK) continue
    yield Buffer.concat(waiting)
    waiting = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(waiting)
}

/** Where a chunk stands, when that is known of both its ends (B4). */
function contentRange(offset: number | undefined, length: number | undefined): Record<string, string> {
  if (offset === undefined || length === undefined || length === 0) return {}
  return { 'content-range': `${offset}-${offset + length - 1}` }
}
