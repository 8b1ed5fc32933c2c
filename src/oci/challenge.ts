import type { RegistryError } from '../core/errors.ts'
import type { Operation } from './request.ts'

/** Characters of a description; it is a header of every refused request. */
const MAX_DESCRIPTION = 300

/** What a challenge tells besides its scopes. */
export interface Realm {
  /** Where clients reach this server: `https://registry.example.com`. */
  readonly origin: string
  /** Whom tokens are for. */
  readonly service: string
}

/**
 * The `WWW-Authenticate` of a refusal (PROTOCOL 10.2, RFC 6750): one Bearer challenge, every value quoted. Its scopes are those of the
 * refusal or else what `operation` needs, the target's first – some clients read no further – and under the name that the request wrote.
 */
export function challengeOf(error: RegistryError, operation: Operation | undefined, realm: Realm): string {
  const { scopes, error: reason } = error.detail.challenge ?? {}
  const asked = scopesOf(operation, scopes)
  let challenge = `Bearer realm=${quoted(`${realm.origin}/token`)},service=${quoted(realm.service)}`
  if (asked.length > 0) challenge += `,scope=${quoted(asked.join(' '))}`
  if (reason !== undefined)
    challenge += `,error=${quoted(reason)},error_description="${described(error.message)}"`
  return challenge
}

function scopesOf(operation: Operation | undefined, refused: readonly string[] | undefined): string[] {
  const needed = refused !== undefined && refused.length > 0 ? refused : neededBy(operation)
  if (operation === undefined || !('repo' in operation)) return [...needed]
  const full = `repository:${operation.repo}:`
  const written = needed.map((scope) =>
    scope.startsWith(full) ? `repository:${operation.spelling}:${scope.slice(full.length)}` : scope,
  )
  const from = operation.route === 'uploads' ? operation.mount?.from : undefined
  const source = `repository:${from}:pull`
  if (from === undefined || from === operation.repo || written.includes(source)) return written
  return [...written, source]
}

/** What a token must be for, where the refusal does not say it: whoever sent a bad one is told which to get. */
function neededBy(operation: Operation | undefined): string[] {
  switch (operation?.route) {
    case undefined:
    case 'base':
    case 'discover':
    case 'v1-ping':
      return []
    case 'catalog':
      return ['registry:catalog:*']
    case 'search':
      return ['registry:catalog:search']
    case 'uploads':
    case 'upload':
      return [`repository:${operation.repo}:pull,push`]
    case 'blob':
    case 'manifest':
      return [`repository:${operation.repo}:${ACTIONS[operation.method]}`]
    case 'tags':
    case 'referrers':
      return [`repository:${operation.repo}:pull`]
  }
}

const ACTIONS = { GET: 'pull', HEAD: 'pull', PUT: 'pull,push', DELETE: 'delete' } as const

/** A quoted string (RFC 9110 5.6.4). */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** RFC 6750 allows neither quotes nor backslashes nor anything beyond ASCII here, escaped or not. */
function described(message: string): string {
  return message
    .slice(0, MAX_DESCRIPTION)
    .replace(/["’‘“”]/g, "'")
    .replace(/–/g, '-')
    .replace(/[^\x20-\x5b\x5d-\x7e]/g, '?')
}
