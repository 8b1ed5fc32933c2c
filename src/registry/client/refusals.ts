import { parseDigest, tryParseDigest } from '../../core/digest.ts'
import { type RefusalDetail, type RefusalKind, RegistryError } from '../../core/errors.ts'
import type { UploadId } from '../../core/names.ts'

interface WireError {
  readonly code: string
  readonly message: string
  readonly detail: unknown
}

const MAX_ERROR_BYTES = 64 * 1024

const BY_CODE: Readonly<Record<string, RefusalKind>> = {
  NAME_INVALID: 'name-invalid',
  NAME_UNKNOWN: 'name-unknown',
  BLOB_UNKNOWN: 'blob-unknown',
  MANIFEST_UNKNOWN: 'manifest-unknown',
  MANIFEST_INVALID: 'manifest-invalid',
  MANIFEST_BLOB_UNKNOWN: 'manifest-references-unknown',
  BLOB_UPLOAD_UNKNOWN: 'upload-unknown',
  BLOB_UPLOAD_INVALID: 'upload-invalid',
  // Digests are checked before they are sent, so the content is what was wrong.
  DIGEST_INVALID: 'digest-mismatch',
  SIZE_INVALID: 'size-invalid',
  TOOMANYREQUESTS: 'too-many-uploads',
  UNSUPPORTED: 'query-invalid',
  UNAUTHORIZED: 'unauthorized',
  DENIED: 'denied',
}

/** What a status says by itself, and where it says more than the code. */
const BY_STATUS: Readonly<Record<number, RefusalKind>> = {
  401: 'unauthorized',
  403: 'denied',
  408: 'body-too-slow',
  412: 'precondition-failed',
  416: 'upload-offset',
  429: 'too-many-uploads',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
  507: 'storage-full',
}

/** Turns an answer that is no success into the refusal it tells of. `absent` names what a bare 404 means for this operation. */
export async function refusalOf(response: Response, absent: RefusalKind, id?: UploadId): Promise<Error> {
  const errors = await errorsOf(response)
  const first = errors[0]
  const kind = kindOf(response.status, first?.code, absent)
  if (kind === undefined)
    return new Error(`unexpected answer ${response.status} from ${new URL(response.url).host}`)
  return new RegistryError(
    kind,
    first?.message || `the registry answered ${response.status}`,
    detailOf(kind, response, errors, id),
  )
}

function kindOf(status: number, code: string | undefined, absent: RefusalKind): RefusalKind | undefined {
  if (status === 405) return code === 'DENIED' ? 'still-referenced' : 'read-only'
  if (status === 413) return absent === 'manifest-unknown' ? 'manifest-too-large' : 'blob-too-large'
  return (
    BY_STATUS[status] ??
    (code === undefined ? undefined : BY_CODE[code]) ??
    (status === 404 ? absent : undefined)
  )
}

function detailOf(
  kind: RefusalKind,
  response: Response,
  errors: readonly WireError[],
  id: UploadId | undefined,
): RefusalDetail {
  if (kind === 'manifest-references-unknown') {
    const digests = errors.flatMap(({ detail }) => {
      const text = typeof detail === 'string' ? detail : (detail as { digest?: unknown } | null)?.digest
      return typeof text === 'string' && tryParseDigest(text) ? [parseDigest(text)] : []
    })
    return { digests }
  }
  if (kind === 'upload-offset' && id !== undefined) return { upload: { id, offset: offsetOf(response) } }
  const after = Number(response.headers.get('retry-after'))
  return Number.isFinite(after) && after > 0 ? { retryAfter: after } : {}
}

/** Where an upload stands by its Range header: `0-N` is N + 1 bytes; `0-0` is told at none and at one (B7), read as none. */
export function offsetOf(response: Response): number {
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1])
  return Number.isSafeInteger(last) && last > 0 ? last + 1 : 0
}

async function errorsOf(response: Response): Promise<WireError[]> {
  try {
    const text = await beginningOf(response)
    const { errors } = JSON.parse(text) as { errors?: unknown }
    return Array.isArray(errors)
      ? errors
          .filter((error) => typeof error?.code === 'string')
          .map((error) => ({ code: error.code, message: String(error.message ?? ''), detail: error.detail }))
      : []
  } catch {
    return []
  }
}

/** A body up to the bound; what is longer is no error of a registry's. */
async function beginningOf(response: Response): Promise<string> {
  if (response.body === null) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > MAX_ERROR_BYTES) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
