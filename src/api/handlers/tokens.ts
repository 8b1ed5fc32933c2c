import { newSecret } from '../../auth/secrets.ts'
import { parseGlob } from '../../core/glob.ts'
import type { Handlers } from '../handler.ts'
import { verbsFrom } from '../rights.ts'
import { atMember, futureTime } from '../values.ts'
import { addCredential, credentialsOf, networksFrom, revokeCredential } from './credentials.ts'
import { requireUser } from './find-account.ts'
import { tokenView } from './views.ts'

/** Personal access tokens. */
export const TOKEN_HANDLERS: Handlers<
  'GET /users/{user}/tokens' | 'POST /users/{user}/tokens' | 'DELETE /users/{user}/tokens/{id}'
> = {
  'GET /users/{user}/tokens': async ({ path }, parts) => {
    await requireUser(parts, path.user)
    return { items: (await credentialsOf(parts, path.user, 'token')).map(tokenView) }
  },

  'POST /users/{user}/tokens': async ({ path, body, cause }, parts) => {
    await requireUser(parts, path.user)
    const { secret, lookup } = newSecret('token')
    const networks = networksFrom(body.networks)
    const expiresAt = futureTime(body.expiresAt, cause.now)
    const token = await addCredential(
      parts,
      path.user,
      {
        kind: 'token',
        name: body.name,
        lookup,
        scopes: body.scopes.map(({ pattern, verbs }, at) => ({
          pattern: atMember(`scopes.${at}.pattern`, () => parseGlob(pattern)),
          verbs: verbsFrom(verbs),
        })),
        ...(networks !== undefined && { networks }),
        ...(expiresAt !== undefined && { expiresAt }),
      },
      await credentialsOf(parts, path.user, 'token'),
      cause,
    )
    return { ...tokenView(token), secret }
  },

  'DELETE /users/{user}/tokens/{id}': async ({ path, cause }, parts) => {
    await revokeCredential(parts, path.user, 'token', path.id, cause)
  },
}
