import type { TokenService } from '../core/access.ts'
import { refuse } from '../core/errors.ts'
import type { WireReply, WireRequest } from './message.ts'
import { json } from './replies.ts'

const PATH = '/.well-known/jwks.json'
/** Seconds the keys may be kept: a new one signs long before its predecessor goes. */
const CACHED = 'public, max-age=300'

export function isJwksPath(path: string): boolean {
  return path === PATH
}

/** GET of the keys that tokens are verified with (RFC 7517). */
export function jwksHandler(tokens: TokenService) {
  return async ({ method }: WireRequest): Promise<WireReply> => {
    if (method !== 'GET' && method !== 'HEAD')
      throw refuse('method-not-allowed', 'the keys can only be read; use GET', { allow: 'GET, HEAD' })
    const keys = await tokens.jwks()
    return json('jwks', JSON.stringify(keys), {
      'Content-Type': 'application/jwk-set+json',
      'Cache-Control': CACHED,
    })
  }
}
