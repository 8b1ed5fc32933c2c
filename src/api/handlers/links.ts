import { makeLink } from '../../auth/links.ts'
import type { LinkPurpose } from '../../store/meta/account-store.ts'
import type { Endpoint, ResultOf } from '../contract/contract.ts'
import type { ApiCall, ApiParts, Handlers } from '../handler.ts'
import { absent, Refusal } from '../problem.ts'
import { idFrom } from '../values.ts'
import { requireOrganisation } from './find-account.ts'
import { linkView } from './views.ts'

const DAY = 86_400

/** One-time links that are handed on: to make an account, to set a password. */
export const LINK_HANDLERS: Handlers<
  | 'GET /invitations'
  | 'POST /invitations'
  | 'DELETE /invitations/{id}'
  | 'GET /organisations/{organisation}/invitations'
  | 'POST /organisations/{organisation}/invitations'
  | 'DELETE /organisations/{organisation}/invitations/{id}'
  | 'POST /users/{user}/password-reset'
> = {
  'GET /invitations': async ({ cause }, { store }) => ({
    items: (await store.listLinks(undefined, cause.now)).map(linkView),
  }),
  'POST /invitations': async (call, parts) => {
    refuseUseless(parts)
    return handOut(call, parts, { kind: 'invitation' }, call.body?.days)
  },
  'DELETE /invitations/{id}': async (call, parts) => {
    await withdraw(call, parts, call.path.id, undefined)
  },

  'GET /organisations/{organisation}/invitations': async ({ path, cause }, parts) => {
    await requireOrganisation(parts, path.organisation)
    return { items: (await parts.store.listLinks(path.organisation, cause.now)).map(linkView) }
  },
  'POST /organisations/{organisation}/invitations': async (call, parts) => {
    const { organisation } = call.path
    await requireOrganisation(parts, organisation)
    refuseUseless(parts)
    const { role = 'member', days } = call.body ?? {}
    return handOut(call, parts, { kind: 'invitation', organisation, role }, days)
  },
  'DELETE /organisations/{organisation}/invitations/{id}': async (call, parts) => {
    await withdraw(call, parts, call.path.id, call.path.organisation)
  },

  'POST /users/{user}/password-reset': async (call, parts) =>
    handOut(call, parts, { kind: 'password-reset', user: call.path.user }),
}

type Calling = Pick<ApiCall<Endpoint>, 'ctx' | 'cause'>

/** Makes a link; refuses `absent` where whom it is about is not there. */
async function handOut(
  { ctx, cause }: Calling,
  { store }: Pick<ApiParts, 'store'>,
  purpose: LinkPurpose,
  days?: number,
): Promise<ResultOf<'POST /invitations'>> {
  const seconds = days === undefined ? undefined : days * DAY
  const made = await makeLink(store, purpose, { origin: ctx.origin, cause, seconds })
  if (made === undefined) {
    throw absent(
      purpose.kind === 'password-reset' ? `there is no user ${purpose.user}` : 'the organisation is gone',
    )
  }
  const { id, url, expiresAt } = made
  return { ...linkView({ id, purpose, createdBy: cause.actor, createdAt: cause.now, expiresAt }), url }
}

/** Refuses `rule-violated` for an invitation that could not be used. */
function refuseUseless({ settings }: Pick<ApiParts, 'settings'>): void {
  if (settings.signUp !== 'closed') return
  throw new Refusal(
    'rule-violated',
    'sign-up is closed here, so nobody could use an invitation; let an administrator make the user, and add it as a member',
  )
}

async function withdraw(
  { cause }: Calling,
  { store }: Pick<ApiParts, 'store'>,
  number: string,
  organisation: string | undefined,
): Promise<void> {
  const none = () => absent(`there is no link with the number ${number}; it may have been used`)
  const id = idFrom(number, none)
  if ((await store.deleteLink({ id, organisation }, cause)) === 'absent') throw none()
}
