import { type Actor, ANONYMOUS, type Call, contextOf } from '../core/context.ts'
import { isRefusal } from '../core/errors.ts'
import type { ApiParts } from './handler.ts'
import { sessionFrom } from './session-cookie.ts'

/** Who sent a request, and by what that is known. */
export interface Sender {
  readonly actor: Actor
  /** `cookie` and `basic` are sent by browsers by themselves, whoever's page made them send the request. */
  readonly proof: 'none' | 'cookie' | 'basic' | 'bearer'
}

/**
 * Who sent a request: by its Authorization header, else by its session cookie. Refuses `unauthorized` for a bad header; a session that has
 * ended is nobody, so that its browser can sign in again.
 */
export async function identify(
  request: Request,
  call: Call,
  { authenticator }: Pick<ApiParts, 'authenticator'>,
): Promise<Sender> {
  const authorization = request.headers.get('Authorization')
  if (authorization !== null) {
    const proof = /^bearer /i.test(authorization) ? 'bearer' : 'basic'
    const actor = await authenticator.authenticate(call, authorization)
    authenticator.used(contextOf(call, actor), 'request')
    return { actor, proof }
  }
  const cookie = sessionFrom(request.headers.get('Cookie'), call)
  if (cookie === undefined) return { actor: ANONYMOUS, proof: 'none' }
  try {
    return { actor: await authenticator.session(call, cookie), proof: 'cookie' }
  } catch (error) {
    if (!isRefusal(error, 'unauthorized')) throw error
    return { actor: ANONYMOUS, proof: 'none' }
  }
}
