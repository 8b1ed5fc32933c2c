import type { Authenticator, Guard, MaybePromise, TokenService } from '../core/access.ts'
import { type Actor, ANONYMOUS, type Call, type Context } from '../core/context.ts'
import { refuse } from '../core/errors.ts'
import { parseRepoName } from '../core/names.ts'
import type { WireRequest } from './message.ts'

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

/**
 * Lets in at `/v2/` and the list of extensions, which no right on a repository guards. Refuses `unauthorized` to who has shown nothing – not
 * even the token of nobody – since clients learn of the challenge there and nowhere else (PROTOCOL 10.1), and to whose credential is gone.
 */
export async function admit(guard: Guard, ctx: Context): Promise<void> {
  const { actor } = ctx
  if (actor.kind === 'account') {
    await guard.verbs(ctx, ANY_REPOSITORY)
  } else if (actor.kind === 'anonymous' && actor.access === undefined) {
    throw refuse('unauthorized', 'this registry needs a token; log in, or ask for one as nobody', {
      challenge: {},
    })
  }
}

/** Which it is does not matter: asking for the verbs there refuses bad credentials and nothing else. */
const ANY_REPOSITORY = parseRepoName('library/any')

/** Refuses `request-invalid` for headers that were joined: no scheme that is understood here has a comma. */
function refuseSeveral(authorization: string): void {
  if (authorization.includes(','))
    throw refuse('request-invalid', 'several Authorization headers came; send one of them')
}
