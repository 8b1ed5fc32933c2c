import type { Handlers } from '../handler.ts'
import { credentialsOf, revokeCredential } from './credentials.ts'
import { requireUser } from './find-account.ts'
import { timesView } from './views.ts'

/** Browser sessions of users. */
export const SESSION_LIST_HANDLERS: Handlers<
  'GET /users/{user}/sessions' | 'DELETE /users/{user}/sessions/{id}'
> = {
  'GET /users/{user}/sessions': async ({ path, ctx, cause }, parts) => {
    await requireUser(parts, path.user)
    const sessions = await credentialsOf(parts, path.user, 'session')
    const current = ctx.actor.kind === 'account' ? ctx.actor.credential : undefined
    return {
      items: sessions
        .filter(({ expiresAt = Number.POSITIVE_INFINITY }) => expiresAt > cause.now)
        .map((session) => ({
          id: session.id,
          current: session.id === current,
          ...timesView(session),
        })),
    }
  },

  'DELETE /users/{user}/sessions/{id}': async ({ path, cause }, parts) => {
    await revokeCredential(parts, path.user, 'session', path.id, cause)
  },
}
