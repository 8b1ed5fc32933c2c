import { answerOf } from '../auth/answer.ts'
import { inNetworks } from '../auth/networks.ts'
import type { Context } from '../core/context.ts'
import { refuse } from '../core/errors.ts'
import { EVERYTHING } from '../core/glob.ts'
import { ALL_VERBS, closed } from '../core/verbs.ts'
import type { CredentialBounds } from '../store/meta/access-store.ts'
import type { ApiParts } from './handler.ts'

/** Who calls, as far as the API asks beside rights on repositories. Read from the database at each call. */
export interface Caller {
  readonly kind: 'anonymous' | 'user' | 'robot' | 'operator'
  /** As the audit tells it: `alice`, `acme+ci`, `anonymous`, `operator`. */
  readonly name: string
  /** By a credential that may do whatever its account may. */
  readonly whole: boolean
  /** A site administrator by such a credential, or the operator. */
  readonly administrator: boolean
  /** Its own namespace and those of organisations it is an owner of; none by a credential that is narrowed. */
  readonly owned: readonly string[]
  /** What the credential is limited to; undefined: to nothing. */
  readonly scopes?: CredentialBounds['scopes']
}

const NOBODY = { whole: false, administrator: false, owned: [] } as const

/** Who calls. Refuses `unauthorized` for a credential that has ended, or that is used from an address it is not for. */
export async function callerOf(
  ctx: Context,
  { store, clock }: Pick<ApiParts, 'store' | 'clock'>,
): Promise<Caller> {
  const { actor } = ctx
  if (actor.kind === 'anonymous') return { ...NOBODY, kind: 'anonymous', name: actor.id }
  if (actor.kind === 'operator')
    return { kind: 'operator', name: actor.id, whole: true, administrator: true, owned: [] }
  const { account, credential: id } = actor
  const { subject, credential, owned } = await answerOf(
    store.readReach({ account, credential: id, now: clock.now() }),
  )
  if (
    subject === undefined ||
    subject.disabled ||
    credential === undefined ||
    !inNetworks(ctx.address, credential.networks)
  ) {
    throw refuse('unauthorized', 'what you signed in with is not valid any more; sign in again', {
      challenge: { error: 'invalid_token' },
    })
  }
  const { kind, name } = subject
  const { scopes } = credential
  const whole = kind === 'user' && actor.access === undefined && isWhole(credential)
  const limits = scopes !== undefined && { scopes }
  if (!whole) return { ...NOBODY, kind, name, ...limits }
  return { kind, name, whole, administrator: subject.administrator, owned, ...limits }
}

function isWhole({ scopes }: CredentialBounds): boolean {
  return (
    scopes === undefined ||
    scopes.some(({ pattern, verbs }) => pattern === EVERYTHING && closed(verbs) === ALL_VERBS)
  )
}
