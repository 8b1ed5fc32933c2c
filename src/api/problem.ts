import { type RefusalDetail, type RefusalKind, RegistryError } from '../core/errors.ts'
import type { Problem } from './contract/contract.ts'

/** What the API refuses beside what the registry does. */
const OF_THE_API = {
  /** No such thing, told only to who may know. */
  absent: 404,
  /** The name is taken, or the thing is there with other properties. */
  conflict: 409,
  /** What the rules of accounts do not allow, whoever asks: an organisation without owners. */
  'rule-violated': 409,
  /** A one-time link that is unknown, used or over: the same for all three. */
  'link-invalid': 404,
  /** A request that a foreign page made a browser send. */
  'foreign-origin': 403,
} as const

/** The status of every refusal. */
const STATUS = {
  ...OF_THE_API,
  'name-invalid': 400,
  'name-unknown': 404,
  'tag-invalid': 400,
  'digest-invalid': 400,
  'digest-mismatch': 400,
  'blob-unknown': 404,
  'blob-too-large': 413,
  'manifest-unknown': 404,
  'manifest-invalid': 400,
  'manifest-too-large': 413,
  'manifest-references-unknown': 400,
  'upload-unknown': 404,
  'upload-offset': 409,
  'upload-invalid': 400,
  'size-invalid': 400,
  'too-many-uploads': 429,
  'too-many-tags': 400,
  'page-invalid': 400,
  'query-invalid': 400,
  'request-invalid': 400,
  'url-too-long': 414,
  'range-unsatisfiable': 416,
  'range-refused': 400,
  'still-referenced': 409,
  'precondition-failed': 412,
  'pattern-invalid': 400,
  unauthorized: 401,
  'too-many-attempts': 429,
  'tag-exists': 409,
  'tag-immutable': 409,
  protected: 409,
  denied: 403,
  'read-only': 403,
  'method-not-allowed': 405,
  'route-unknown': 404,
  'body-too-slow': 408,
  'body-incomplete': 400,
  'body-too-large': 413,
  'media-type-unsupported': 415,
  'grant-unsupported': 400,
  'storage-full': 507,
  unavailable: 503,
} as const satisfies Record<RefusalKind | keyof typeof OF_THE_API, number>

/** Seconds after which to come back where nothing better is known, as on the wire. */
const RETRY_AFTER = 5

/** Why something was refused, for programs: the end of a problem's `type`. */
export type ProblemKind = keyof typeof STATUS

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
}

/** A refusal of the API: what was tried, with the value, and the next step. `errors`: what is wrong where. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly kind: ProblemKind
  readonly errors: Problem['errors']

  constructor(kind: ProblemKind, message: string, errors?: Problem['errors']) {
    super(message)
    this.kind = kind
    this.errors = errors
  }
}

/** Refuses for a thing that is not there: `there is no team devs in acme`. */
export function absent(message: string): Refusal {
  return new Refusal('absent', message)
}

/** Refuses for a name that is taken or a thing that is there with other properties. */
export function conflict(message: string): Refusal {
  return new Refusal('conflict', message)
}

/** Whether a thrown thing is told to the client. Anything else is a bug. */
export function isTold(error: unknown): error is Refusal | RegistryError {
  return error instanceof Refusal || error instanceof RegistryError
}

/** The answer to a refusal (RFC 9457). */
export function refusalResponse(error: Refusal | RegistryError, requestId: string): Response {
  const detail = error instanceof RegistryError ? error.detail : {}
  const errors = error instanceof Refusal ? error.errors : undefined
  return problemResponse(
    error.kind,
    STATUS[error.kind],
    error.message,
    requestId,
    errors,
    headersOf(error.kind, detail),
  )
}

/** The answer to a bug or a broken part: what it was stands in the log, by the number of the request. */
export function failureResponse(requestId: string): Response {
  const text =
    'something broke while this was done; it may have been done or not. The log of the server tells more under the number of this request'
  return problemResponse('failed', 500, text, requestId)
}

function problemResponse(
  kind: string,
  status: number,
  detail: string,
  requestId: string,
  errors?: Problem['errors'],
  headers: Readonly<Record<string, string>> = {},
): Response {
  const problem: Problem = {
    type: `urn:berth:problem:${kind}`,
    title: TITLES[status] ?? 'Refused',
    status,
    detail,
    requestId,
    ...(errors !== undefined && { errors }),
  }
  return new Response(JSON.stringify(problem), {
    status,
    headers: { ...headers, 'Content-Type': 'application/problem+json' },
  })
}

function headersOf(kind: ProblemKind, detail: RefusalDetail): Record<string, string> {
  const error = detail.challenge?.error
  const waits = STATUS[kind] === 429 || STATUS[kind] === 503
  const after = detail.retryAfter ?? (waits ? RETRY_AFTER : undefined)
  return {
    ...(kind === 'unauthorized' && {
      'WWW-Authenticate': error === undefined ? 'Bearer' : `Bearer error="${error}"`,
    }),
    ...(detail.allow !== undefined && { Allow: detail.allow }),
    ...(after !== undefined && { 'Retry-After': String(after) }),
  }
}
