import type { Body } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import { algorithmOf, type Digest } from '../core/digest.ts'
import type { Registry, UploadStatus } from '../core/registry.ts'
import { type Chunk, chunkOf } from './content-range.ts'
import { API_VERSION, heldRange } from './headers.ts'
import type { WireReply, WireRequest } from './message.ts'
import { blobPath, uploadPath } from './path.ts'
import { created } from './replies.ts'
import type { UploadOperation, UploadsOperation } from './request.ts'

/** POST of a new upload: a mount, a whole blob in one request, or the start of a session (end-4, end-11). */
export function uploadsHandler(registry: Registry) {
  return async (operation: UploadsOperation, body: Body, ctx: Context): Promise<WireReply> => {
    const { repo, spelling, digest, mount } = operation
    if (mount !== undefined) {
      const blob = await registry.mountBlob(ctx, repo, mount.digest, mount.from)
      if (blob !== undefined) return created('uploads', blobPath(spelling, blob.digest), blob.digest)
    }
    const algorithm = operation.algorithm ?? (digest && algorithmOf(digest))
    const session = await registry.openUpload(ctx, repo, algorithm && { algorithm })
    if (digest === undefined) return standing(202, 'uploads', spelling, session)
    try {
      const blob = await registry.commitUpload(ctx, repo, session.id, digest, { body })
      return created('uploads', blobPath(spelling, blob.digest), blob.digest)
    } catch (error) {
      // Nobody learns of this session, so nobody could go on with it. If this fails too, it expires like any other.
      await registry.abortUpload(ctx, repo, session.id).catch(() => undefined)
      throw error
    }
  }
}

/** GET, PATCH, PUT and DELETE of a session (end-5, end-6, end-13, end-14). */
export function uploadHandler(registry: Registry) {
  return async (
    operation: UploadOperation,
    request: WireRequest,
    body: Body,
    ctx: Context,
  ): Promise<WireReply> => {
    const { repo, spelling, id } = operation
    switch (operation.method) {
      case 'GET':
      case 'HEAD':
        return standing(204, 'upload', spelling, await registry.statUpload(ctx, repo, id))
      case 'PATCH': {
        const chunk = chunkOf(request, body)
        return standing(
          202,
          'upload',
          spelling,
          await registry.appendUpload(ctx, repo, id, chunk.body, chunk.offset),
        )
      }
      case 'PUT': {
        const last = lastChunkOf(request, body)
        const { digest } = await registry.commitUpload(ctx, repo, id, operation.digest, last)
        return closed(spelling, digest)
      }
      case 'DELETE':
        await registry.abortUpload(ctx, repo, id)
        return {
          status: 204,
          headers: { 'Docker-Distribution-API-Version': API_VERSION },
          body: null,
          route: 'upload',
        }
    }
  }
}

/** The closing PUT may bring the last chunk (B9); without a body only its Content-Range is judged. */
function lastChunkOf(request: WireRequest, body: Body): Chunk | undefined {
  const chunk = chunkOf(request, body)
  return request.hasBody ? chunk : undefined
}

function closed(spelling: string, digest: Digest): WireReply {
  return created('upload', blobPath(spelling, digest), digest)
}

/** Where a session stands (B1, B4, B7). */
function standing(
  status: 202 | 204,
  route: 'uploads' | 'upload',
  spelling: string,
  session: UploadStatus,
): WireReply {
  const headers: Record<string, string> = {
    'Docker-Distribution-API-Version': API_VERSION,
    Location: uploadPath(spelling, session.id),
    Range: heldRange(session.offset),
    'Docker-Upload-UUID': session.id,
  }
  if (status === 202) headers['Content-Length'] = '0'
  return { status, headers, body: null, route }
}
