import { parseAccountName } from '../../core/account-names.ts'
import { refuse } from '../../core/errors.ts'
import type { Account } from '../../store/meta/account-store.ts'
import type { Caller } from '../caller.ts'
import type { ResultOf } from '../contract/contract.ts'
import { Answer, type ApiParts, type Handlers } from '../handler.ts'
import { pageRequest, pageResult, pageWithin } from '../paging.ts'
import { absent, conflict, Refusal } from '../problem.ts'
import { atMember, said, timeText } from '../values.ts'
import { stale } from '../version-tag.ts'
import { requireOrganisation } from './find-account.ts'

/** Organisations. */
export const ORGANISATION_HANDLERS: Handlers<
  | 'GET /organisations'
  | 'POST /organisations'
  | 'GET /organisations/{organisation}'
  | 'PATCH /organisations/{organisation}'
  | 'DELETE /organisations/{organisation}'
> = {
  'GET /organisations': async ({ query, caller }, { store }) => {
    const request = pageRequest(query)
    const { filter = '' } = query
    if (caller.administrator) {
      const page = await store.listAccounts('organisation', { ...request, filter })
      return pageResult(page, organisationView, ({ name }) => name)
    }
    const own = await store.listOrganisationsOf(caller.name)
    const names = own
      .map(({ organisation }) => organisation)
      .filter((name) => name.includes(filter.toLowerCase()))
    const page = pageWithin(names.sort(), request, (name) => name)
    const found = await Promise.all(page.items.map((name) => store.findAccount(name)))
    const { next } = pageResult(
      page,
      () => undefined,
      (name) => name,
    )
    const items = found.filter((account) => account !== undefined).map(organisationView)
    return { items, ...said({ next }) }
  },

  'POST /organisations': async ({ body, caller, cause }, parts) => {
    const name = atMember('name', () => parseAccountName(body.name))
    const owner = ownerOf(caller, body.owner)
    const { displayName = '', description = '' } = body
    const made = await parts.store.createOrganisation(
      // Whoever makes organisations for others may give them what belongs to nobody.
      { name, displayName, description, owner, adopt: caller.administrator },
      cause,
    )
    if (made.outcome === 'created') return organisationView(made.account)
    if (made.outcome === 'no-user') throw absent(`there is no user ${owner} who could own ${name}`)
    const there = await parts.store.findAccount(name)
    const same = there?.displayName === displayName && there.description === description
    if (there?.kind === 'organisation' && same && (await owns(parts, owner, name)))
      return new Answer(organisationView(there), 200)
    throw conflict(`the name ${name} is taken; choose another`)
  },

  'GET /organisations/{organisation}': async ({ path }, parts) =>
    organisationView(await requireOrganisation(parts, path.organisation)),

  'PATCH /organisations/{organisation}': async ({ path, body, version, cause }, parts) => {
    await requireOrganisation(parts, path.organisation)
    const change = { name: path.organisation, ...said(body), ...said({ version }) }
    if ((await parts.store.updateAccount(change, cause)) === 'stale') throw stale()
    return organisationView(await requireOrganisation(parts, path.organisation))
  },

  'DELETE /organisations/{organisation}': async ({ path, cause }, parts) => {
    await requireOrganisation(parts, path.organisation)
    if ((await parts.store.deleteAccount({ name: path.organisation }, cause)) === 'has-repositories') {
      throw new Refusal(
        'rule-violated',
        `${path.organisation} owns repositories, or deleted ones that are kept to be restored; delete them and let that time end first`,
      )
    }
  },
}

function organisationView(account: Account): ResultOf<'GET /organisations/{organisation}'> {
  const { name, displayName, description, createdAt, version } = account
  return { name, displayName, description, createdAt: timeText(createdAt), version }
}

/** Whose a new organisation is: its maker's, unless an administrator says otherwise; undefined where the operator names nobody. */
function ownerOf(caller: Caller, named: string | undefined): string | undefined {
  const own = caller.kind === 'user' ? caller.name : undefined
  if (named === undefined || named === own || caller.administrator) return named ?? own
  throw refuse(
    'denied',
    'only site administrators make organisations for others; leave owner out to own it yourself',
  )
}

async function owns({ store }: ApiParts, user: string | undefined, organisation: string): Promise<boolean> {
  if (user === undefined) return true
  const memberships = await store.listOrganisationsOf(user)
  return memberships.some((each) => each.organisation === organisation && each.role === 'owner')
}
