import type { Context } from '../core/context.ts'
import { refuse } from '../core/errors.ts'
import type { RepoName } from '../core/names.ts'
import type { Caller } from './caller.ts'
import type { Access, Route } from './contract/route.ts'
import type { ApiParts } from './handler.ts'
import { timeText } from './values.ts'

/** The parts of a path that decide. */
export interface PathNames {
  readonly user?: string
  readonly organisation?: string
  readonly namespace?: string
  readonly repository?: RepoName
}

/**
 * Lets a call through to its handler, or refuses it by who calls and the names in its path alone: `unauthorized` where nobody signed in,
 * `denied` otherwise, in the same words whether there is anything of that name (SE-2).
 */
export async function checkAccess(
  { access, lasting }: Pick<Route, 'access' | 'lasting'>,
  path: PathNames,
  caller: Caller,
  ctx: Context,
  parts: Pick<ApiParts, 'guard' | 'store' | 'clock'>,
): Promise<void> {
  await checkRight(access, path, caller, ctx, parts)
  if (lasting) await requireUnbounded(ctx, parts)
}

const INSTEAD = 'sign in with your password, or use a personal access token that has no end and no networks'

/**
 * Refuses `denied` for who came with something that ends, or that is good from some addresses alone: what is made to sign in with would
 * know neither bound. A session is as good as the password it is from.
 */
export async function requireUnbounded(
  { actor }: Pick<Context, 'actor'>,
  { store, clock }: Pick<ApiParts, 'store' | 'clock'>,
): Promise<void> {
  if (actor.kind !== 'account') return
  const credential = await store.readCredential(actor.credential, clock.now())
  if (credential === undefined)
    throw refuse('unauthorized', 'what you signed in with is not valid any more; sign in again')
  const { kind, networks, expiresAt } = credential
  const ends = actor.until ?? (kind === 'session' ? undefined : expiresAt)
  if (ends !== undefined) {
    throw refuse(
      'denied',
      `what you signed in with ends at ${timeText(ends)} and may make nothing to sign in with that lives on; ${INSTEAD}`,
    )
  }
  if (networks !== undefined) {
    throw refuse(
      'denied',
      `what you signed in with is good from ${networks.join(', ')} alone and may make nothing to sign in with that is good from elsewhere; ${INSTEAD}`,
    )
  }
}

async function checkRight(
  access: Access,
  path: PathNames,
  caller: Caller,
  ctx: Context,
  { guard, store }: Pick<ApiParts, 'guard' | 'store'>,
): Promise<void> {
  if (access.kind === 'anyone') return
  if (access.kind === 'repository') {
    await guard.require(ctx, path.repository as RepoName, access.verb)
    return
  }
  if (caller.kind === 'anonymous') {
    throw refuse(
      'unauthorized',
      'this is for people who are signed in; sign in, or send a token in Authorization',
    )
  }
  if (access.kind === 'signed-in' || caller.administrator) return
  if (!caller.whole) {
    throw refuse(
      'denied',
      caller.kind === 'robot'
        ? 'robots may not do this, whatever they are granted; use an account of a person'
        : 'what you signed in with is limited to some repositories or verbs, and this is not among them; sign in with your password, or use a token for ** with every verb',
    )
  }
  switch (access.kind) {
    case 'user':
      return
    case 'self':
      if (caller.kind === 'user' && caller.name === path.user) return
      throw refuse('denied', `only ${path.user} and site administrators may do this; ask one of them`)
    case 'administrator':
      throw refuse('denied', 'only site administrators may do this; ask one of them')
    case 'owner':
    case 'member': {
      const name = path.organisation ?? path.namespace ?? ''
      if (caller.owned.includes(name)) return
      if (access.kind === 'owner')
        throw refuse('denied', `only who owns ${name} and site administrators may do this; ask one of them`)
      const memberships = await store.listOrganisationsOf(caller.name)
      if (memberships.some(({ organisation }) => organisation === name)) return
      throw refuse(
        'denied',
        `only members of ${name} and site administrators may do this; ask one of its owners`,
      )
    }
  }
}
