import { BrokenPart, type RegistryError } from '../core/errors.ts'
import { API_VERSION, heldRange, JSON_TYPE } from './headers.ts'
import type { Route, WireReply } from './message.ts'
import { uploadPath } from './path.ts'
import { STATUS } from './status.ts'

/** Seconds a client is told to wait when the refusal does not know better; whole seconds, as oras-go reads no dates (G8). */
const RETRY_AFTER = 5

/**
 * A refusal as an answer: the JSON of G9, and the headers that tell the way on – `Allow`, `Retry-After`, where an upload stands
 * (B5), how large the object is (P7). `spelling` is the repository as the request wrote it.
 */
export function errorReply(error: RegistryError, route: Route, spelling: string): WireReply {
  const status = STATUS[error.kind]
  const { detail } = error
  const body = errorBody(error)
  const headers: Record<string, string> = {
    'Docker-Distribution-API-Version': API_VERSION,
    'Content-Type': JSON_TYPE,
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Content-Type-Options': 'nosniff',
  }
  // What is left when a write is refused for the state of things (RFC 9110 wants the header on every 405).
  if (status === 405) headers.Allow = detail.allow ?? 'GET, HEAD'
  if (status === 429 || status === 503) headers['Retry-After'] = String(detail.retryAfter ?? RETRY_AFTER)
  if (detail.upload !== undefined) {
    headers.Location = uploadPath(spelling, detail.upload.id)
    headers.Range = heldRange(detail.upload.offset)
    headers['Docker-Upload-UUID'] = detail.upload.id
  }
  if (detail.size !== undefined) headers['Content-Range'] = `bytes */${detail.size}`
  return {
    status,
    headers,
    body,
    route,
    refusal: error.kind,
    ...(error instanceof BrokenPart && { broke: error.cause }),
  }
}

function errorBody(error: RegistryError): string {
  const { digests } = error.detail
  if (digests === undefined || digests.length === 0)
    return JSON.stringify({ errors: [{ code: error.code, message: error.message }] })
  // One error per missing object (M5); dockerd shows the message and not the detail.
  return JSON.stringify({
    errors: digests.map((digest) => ({
      code: error.code,
      message: `${digest} is missing: ${error.message}`,
      detail: { digest },
    })),
  })
}
