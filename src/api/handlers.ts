import type { Endpoint } from './contract/contract.ts'
import type { Handlers } from './handler.ts'
import { SITE_HANDLERS } from './handlers/audit.ts'
import { KEY_HANDLERS } from './handlers/keys.ts'
import { LINK_HANDLERS } from './handlers/links.ts'
import { MEMBER_HANDLERS } from './handlers/members.ts'
import { NAMESPACE_HANDLERS } from './handlers/namespaces.ts'
import { ORGANISATION_HANDLERS } from './handlers/organisations.ts'
import { REPOSITORY_HANDLERS } from './handlers/repositories.ts'
import { SESSION_HANDLERS } from './handlers/session.ts'
import { SESSION_LIST_HANDLERS } from './handlers/sessions.ts'
import { SIGNUP_HANDLERS } from './handlers/signup.ts'
import { TEAM_HANDLERS } from './handlers/teams.ts'
import { TOKEN_HANDLERS } from './handlers/tokens.ts'
import { USER_HANDLERS } from './handlers/users.ts'

/** What every endpoint does. */
export const HANDLERS: Handlers<Endpoint> = {
  ...SESSION_HANDLERS,
  ...SIGNUP_HANDLERS,
  ...USER_HANDLERS,
  ...TOKEN_HANDLERS,
  ...KEY_HANDLERS,
  ...SESSION_LIST_HANDLERS,
  ...LINK_HANDLERS,
  ...ORGANISATION_HANDLERS,
  ...MEMBER_HANDLERS,
  ...TEAM_HANDLERS,
  ...NAMESPACE_HANDLERS,
  ...REPOSITORY_HANDLERS,
  ...SITE_HANDLERS,
}
