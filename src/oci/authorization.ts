import type { Authenticator, Guard, MaybePromise, TokenService } from '../core/access.ts'
import type { Actor, Call } from '../core/context.ts'
import { ANONYMOUS } from '../core/context.ts'
import { refuse } from '../core/errors.ts'
import type { WireRequest } from './message.ts'
import type { Operation } from './request.ts'

/** What the wire needs where there are accounts. */
export interface WireAuth {
  readonly authenticator: Authenticator
  readonly tokens: TokenService
  /** Asked before a manifest is read; for everything else the registry asks it. */
  readonly guard: Guard
  /** The `service` of challenges: whom tokens are for. */
  readonly service: string
}

/**
 * Who asks, by the Authorization header. Refuses as the authenticator does, and `request-invalid` where several headers came: which of
 * them counts would be a guess.
 */
export function actorOf(auth: WireAuth, request: WireRequest, call: Call): MaybePromise<Actor> {
  const authorization = request.header('authorization')
  if (authorization === null) return ANONYMOUS
  refuseSeveral(authorization)
  return auth.authenticator.authenticate(call, authorization)
}

/** Refuses `request-invalid` for headers that were joined: no scheme that is understood here has a comma. */
export function refuseSeveral(authorization: string): void {
  if (authorization.includes(','))
    throw refuse('request-invalid', 'several Authorization headers came; send one of them')
}

/**
 * Refuses `unauthorized` to who has shown nothing – not even the token of nobody – where the registry would answer anyone: clients learn
 * of the challenge at `/v2/` and nowhere else (PROTOCOL 10.1).
 */
export function refuseStrangers({ route }: Operation, actor: Actor): void {
  if (route !== 'base' && route !== 'discover') return
  if (actor.kind === 'anonymous' && actor.access === undefined)
    throw refuse('unauthorized', 'this registry needs a token; log in, or ask for one as nobody', {
      challenge: {},
    })
}
