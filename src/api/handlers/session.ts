import { randomUUID } from 'node:crypto'
import { newSecret } from '../../auth/secrets.ts'
import { causeOf } from '../../core/cause.ts'
import { type Context, contextOf } from '../../core/context.ts'
import { type Caller, callerOf } from '../caller.ts'
import type { ResultOf } from '../contract/contract.ts'
import { Answer, type ApiParts, type Handlers } from '../handler.ts'
import { endedCookie, sessionCookie } from '../session-cookie.ts'
import { byOwnPassword, changedMeanwhile } from './passwords.ts'
import { scopesView } from './views.ts'

/** Sessions of one user; with more the oldest end. */
export const MAX_SESSIONS = 100

/** Signing in and out. */
export const SESSION_HANDLERS: Handlers<'GET /session' | 'POST /session' | 'DELETE /session'> = {
  'GET /session': async ({ caller }, parts) => me(caller, parts),

  // A secret of its own each time, whatever cookie came: one that somebody else put there never becomes the user's.
  'POST /session': async ({ ctx, body, cause }, parts) => {
    const actor = await byOwnPassword(ctx, parts, body.username, body.password)
    const { store, clock, settings } = parts
    const { secret, lookup } = newSecret('session')
    const made = await store.createCredential(
      {
        account: actor.name,
        credential: {
          kind: 'session',
          name: randomUUID(),
          lookup,
          expiresAt: clock.now() + settings.sessionSeconds * 1000,
          parent: actor.credential,
        },
        keepNewest: MAX_SESSIONS,
        login: 'session',
      },
      causeOf(contextOf(ctx, actor), clock.now()),
    )
    if (made.outcome !== 'created') throw changedMeanwhile()
    const inside = contextOf(ctx, { ...actor, credential: made.id })
    await endSession(ctx, parts, cause)
    const result = await me(await callerOf(inside, parts), parts)
    return new Answer(result, 200, { 'Set-Cookie': sessionCookie(secret, ctx, settings.sessionSeconds) })
  },

  'DELETE /session': async ({ ctx, cause }, parts) => {
    await endSession(ctx, parts, cause)
    return new Answer(undefined, 204, { 'Set-Cookie': endedCookie(ctx) })
  },
}

/** The session that the request came with, over. */
async function endSession(
  { actor }: Context,
  { store }: Pick<ApiParts, 'store'>,
  cause: Parameters<ApiParts['store']['deleteCredential']>[1],
) {
  if (actor.kind !== 'account') return
  await store.deleteCredential({ account: actor.name, kinds: ['session'], id: actor.credential }, cause)
}

async function me(
  { kind, name, administrator, scopes }: Caller,
  { store, settings }: Pick<ApiParts, 'store' | 'settings'>,
): Promise<ResultOf<'GET /session'>> {
  const isAccount = kind === 'user' || kind === 'robot'
  return {
    kind,
    ...(isAccount && { name }),
    administrator,
    organisations: kind === 'user' ? await store.listOrganisationsOf(name) : [],
    ...(scopes !== undefined && { scopes: scopesView(scopes) }),
    signUp: settings.signUp,
  }
}
