import type { IssuedToken } from '../core/access.ts'
import type { RefusalKind, RegistryError } from '../core/errors.ts'
import { quoted } from './challenge.ts'
import { errorReply } from './error-reply.ts'
import type { WireReply } from './message.ts'
import { json } from './replies.ts'

/** An answer that no cache may keep: it is, or asks for, a secret (RFC 6749 5.1). */
const NO_STORE = { 'Cache-Control': 'no-store', Pragma: 'no-cache' } as const

/** What OAuth calls a refusal (RFC 6749 5.2). */
const ERRORS: Partial<Record<RefusalKind, string>> = {
  unauthorized: 'invalid_grant',
  'too-many-attempts': 'temporarily_unavailable',
  unavailable: 'temporarily_unavailable',
  'grant-unsupported': 'unsupported_grant_type',
}

/** A token as clients read it: `token` for the older ones, `access_token` for the others (PROTOCOL 10.2). */
export function tokenReply(issued: IssuedToken): WireReply {
  const { token, expiresIn, issuedAt, scope, refreshToken } = issued
  const body = {
    token,
    access_token: token,
    token_type: 'Bearer',
    expires_in: expiresIn,
    issued_at: issuedAt.toISOString(),
    scope,
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
  }
  return json('token', JSON.stringify(body), NO_STORE)
}

/**
 * A refusal of a token: the errors of the registry, which docker shows, and for a form those of OAuth beside them. Bad credentials are 401
 * in either case, upon which containerd tries GET; the challenge is Basic, as that is what the end-point takes.
 */
export function tokenRefusal(error: RegistryError, service: string, form: boolean): WireReply {
  const reply = errorReply(error, 'token', '')
  Object.assign(reply.headers, NO_STORE)
  if (reply.status === 401)
    reply.headers['WWW-Authenticate'] = `Basic realm=${quoted(service)},charset="UTF-8"`
  if (!form) return reply
  const body = JSON.stringify({
    error: ERRORS[error.kind] ?? 'invalid_request',
    error_description: error.message,
    errors: [{ code: error.code, message: error.message }],
  })
  reply.headers['Content-Length'] = String(Buffer.byteLength(body))
  return { ...reply, body }
}
