import { findLink, lookupOfLink } from '../../auth/links.ts'
import { parseAccountName } from '../../core/account-names.ts'
import { refuse } from '../../core/errors.ts'
import type { Link } from '../../store/meta/account-store.ts'
import type { ApiParts, ApiSettings, Handlers } from '../handler.ts'
import { conflict, Refusal } from '../problem.ts'
import { atMember, said } from '../values.ts'
import { newPassword } from './passwords.ts'
import { fullUserView, publicLinkView } from './views.ts'

/** Accounts of one's own, and what one-time links do. */
export const SIGNUP_HANDLERS: Handlers<'POST /signup' | 'POST /links/inspect' | 'POST /password-resets'> = {
  'POST /signup': async ({ body, cause }, parts) => {
    const { store, settings } = parts
    const link = body.link === undefined ? undefined : await requireLink(parts, body.link, cause.now)
    refuseSignUp(settings.signUp, link)
    const name = atMember('username', () => parseAccountName(body.username))
    const password = await newPassword(parts, name, body.password)
    const made = await store.createUser(
      {
        name,
        ...said({ displayName: body.displayName, email: body.email }),
        administrator: false,
        password,
        // Namespaces that belong to nobody are for administrators to give away.
        adopt: link?.purpose.kind === 'administrator',
        ...(body.link !== undefined && { link: secretOf(body.link) }),
      },
      cause,
    )
    if (made.outcome === 'no-link') throw noLink()
    if (made.outcome !== 'created') throw conflict(`the name ${name} is taken; choose another`)
    return fullUserView(made.account)
  },

  'POST /links/inspect': async ({ body, cause }, parts) =>
    publicLinkView(await requireLink(parts, body.link, cause.now)),

  'POST /password-resets': async ({ body, cause }, parts) => {
    const { purpose } = await requireLink(parts, body.link, cause.now)
    if (purpose.kind !== 'password-reset') throw noLink()
    const { user } = purpose
    const verifier = await newPassword(parts, user, body.password)
    const outcome = await parts.store.setPassword({ user, verifier, link: secretOf(body.link) }, cause)
    if (outcome !== 'done') throw noLink()
  },
}

/** Refuses `denied` where nobody makes an account like this. The first administrator always may. */
function refuseSignUp(signUp: ApiSettings['signUp'], link: Link | undefined): void {
  if (link?.purpose.kind === 'password-reset') throw noLink()
  if (link?.purpose.kind === 'administrator' || signUp === 'open') return
  if (signUp === 'closed')
    throw refuse('denied', 'accounts are made by administrators here; ask one of them for yours')
  if (link === undefined)
    throw refuse(
      'denied',
      'accounts are made by invitation here; ask an administrator or an owner of your organisation for a link',
    )
}

async function requireLink({ store }: Pick<ApiParts, 'store'>, secret: string, now: number): Promise<Link> {
  const link = await findLink(store, secret, now)
  if (link === undefined) throw noLink()
  return link
}

function secretOf(secret: string): Uint8Array {
  const lookup = lookupOfLink(secret)
  if (lookup === undefined) throw noLink()
  return lookup
}

function noLink(): Refusal {
  return new Refusal(
    'link-invalid',
    'the link is wrong, used or over, or it is for something else; ask for a new one where you got it',
  )
}
