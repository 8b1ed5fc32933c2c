import type { Handlers } from '../handler.ts'
import { pageRequest, pageResult } from '../paging.ts'
import { absent, Refusal } from '../problem.ts'
import { requireOrganisation } from './find-account.ts'

/** Members of organisations. */
export const MEMBER_HANDLERS: Handlers<
  | 'GET /organisations/{organisation}/members'
  | 'PUT /organisations/{organisation}/members/{user}'
  | 'DELETE /organisations/{organisation}/members/{user}'
> = {
  'GET /organisations/{organisation}/members': async ({ path, query }, parts) => {
    await requireOrganisation(parts, path.organisation)
    const page = await parts.store.listMembers(path.organisation, pageRequest(query))
    return pageResult(
      page,
      ({ user, role }) => ({ user, role }),
      ({ user }) => user,
    )
  },

  'PUT /organisations/{organisation}/members/{user}': async ({ path, body, cause }, { store }) => {
    const { organisation, user } = path
    switch (await store.setMember({ organisation, user, role: body.role }, cause)) {
      case 'absent':
        throw absent(`there is no organisation ${organisation}`)
      case 'no-user':
        throw absent(`there is no user ${user}; invite somebody who has no account yet`)
      case 'last-owner':
        throw lastOwner(organisation, user)
    }
    return { user, role: body.role }
  },

  'DELETE /organisations/{organisation}/members/{user}': async ({ path, query, cause }, { store }) => {
    const { organisation, user } = path
    const { grants = 'keep' } = query
    switch (await store.removeMember({ organisation, user, grants }, cause)) {
      case 'absent':
        throw absent(`${user} is no member of ${organisation}`)
      case 'last-owner':
        throw lastOwner(organisation, user)
    }
  },
}

function lastOwner(organisation: string, user: string): Refusal {
  return new Refusal(
    'rule-violated',
    `${user} is the only owner of ${organisation}; make somebody else an owner first`,
  )
}
