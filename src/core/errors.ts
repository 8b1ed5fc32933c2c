import type { Digest } from './digest.ts'
import type { UploadId } from './names.ts'

/**
 * Every way a request can be refused, with the wire code each is told by (PROTOCOL G10 and the failure map).
 * The status belongs to the protocol layer: `oci/status.ts`.
 */
export const REFUSALS = {
  'name-invalid': 'NAME_INVALID',
  'name-unknown': 'NAME_UNKNOWN',
  'tag-invalid': 'MANIFEST_INVALID',
  'digest-invalid': 'DIGEST_INVALID',
  'digest-mismatch': 'DIGEST_INVALID',
  'blob-unknown': 'BLOB_UNKNOWN',
  'blob-too-large': 'SIZE_INVALID',
  'manifest-unknown': 'MANIFEST_UNKNOWN',
  'manifest-invalid': 'MANIFEST_INVALID',
  'manifest-too-large': 'SIZE_INVALID',
  'manifest-references-unknown': 'MANIFEST_BLOB_UNKNOWN',
  'upload-unknown': 'BLOB_UPLOAD_UNKNOWN',
  'upload-offset': 'BLOB_UPLOAD_INVALID',
  'upload-invalid': 'BLOB_UPLOAD_INVALID',
  'size-invalid': 'SIZE_INVALID',
  'too-many-uploads': 'TOOMANYREQUESTS',
  'too-many-tags': 'UNSUPPORTED',
  'page-invalid': 'UNSUPPORTED',
  'query-invalid': 'UNSUPPORTED',
  'request-invalid': 'UNSUPPORTED',
  'url-too-long': 'UNSUPPORTED',
  'range-unsatisfiable': 'BLOB_UPLOAD_INVALID',
  'range-refused': 'UNSUPPORTED',
  'still-referenced': 'DENIED',
  'precondition-failed': 'DENIED',
  'pattern-invalid': 'UNSUPPORTED',
  unauthorized: 'UNAUTHORIZED',
  'too-many-attempts': 'TOOMANYREQUESTS',
  'tag-exists': 'DENIED',
  'tag-immutable': 'DENIED',
  protected: 'DENIED',
  denied: 'DENIED',
  'read-only': 'UNSUPPORTED',
  'method-not-allowed': 'UNSUPPORTED',
  'route-unknown': 'UNSUPPORTED',
  'body-too-slow': 'BLOB_UPLOAD_INVALID',
  'body-incomplete': 'BLOB_UPLOAD_INVALID',
  'body-too-large': 'SIZE_INVALID',
  'media-type-unsupported': 'UNSUPPORTED',
  'grant-unsupported': 'UNSUPPORTED',
  'storage-full': 'UNAVAILABLE',
  unavailable: 'UNAVAILABLE',
} as const satisfies Record<string, string>

export type RefusalKind = keyof typeof REFUSALS
export type ErrorCode = (typeof REFUSALS)[RefusalKind] | 'UNKNOWN'

/** What some refusals carry besides their sentence. */
export interface RefusalDetail {
  /** `manifest-references-unknown`: every object that is missing, one error each on the wire (M5). */
  readonly digests?: readonly Digest[]
  /** `upload-offset`: where the session really stands (B5). */
  readonly upload?: { readonly id: UploadId; readonly offset: number }
  /** `method-not-allowed`: the methods that are. */
  readonly allow?: string
  /** `range-unsatisfiable`: the size of the whole object (P7). */
  readonly size?: number
  /** `unauthorized`: what the challenge asks for – scopes, the target's first – and what was wrong with the token that came (RFC 6750). */
  readonly challenge?: {
    readonly scopes?: readonly string[]
    readonly error?: 'invalid_token' | 'insufficient_scope'
  }
  /** `unavailable`, `too-many-uploads`, `too-many-attempts`: seconds after which to try again (G8). */
  readonly retryAfter?: number
}

/** A refusal: the caller's doing or the state of things, told to the client. Anything else thrown is a bug. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly kind: RefusalKind
  readonly detail: RefusalDetail

  constructor(kind: RefusalKind, message: string, detail: RefusalDetail = {}, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
    this.detail = detail
  }

  /** The wire code (G10). */
  get code(): ErrorCode {
    return REFUSALS[this.kind]
  }
}

/** A refusal in place of something that broke unexpectedly: its cause is told to the operator, by the number of the request, and to nobody else. */
export class BrokenPart extends RegistryError {}

/** Makes a refusal to throw: what was tried, with the value, and the next step. */
export function refuse(kind: RefusalKind, message: string, detail: RefusalDetail = {}): RegistryError {
  return new RegistryError(kind, message, detail)
}

/** Whether a thrown thing is a refusal, of one kind where named. */
export function isRefusal(error: unknown, kind?: RefusalKind): error is RegistryError {
  return error instanceof RegistryError && (kind === undefined || error.kind === kind)
}
