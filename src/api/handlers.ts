import type { Endpoint } from './contract/contract.ts'
import type { Handlers } from './handler.ts'
import { SITE_HANDLERS } from './handlers/audit.ts'
import { COLLECTION_HANDLERS } from './handlers/collection.ts'
import { HISTORY_HANDLERS } from './handlers/history.ts'
import { KEY_HANDLERS } from './handlers/keys.ts'
import { LINK_HANDLERS } from './handlers/links.ts'
import { MEMBER_HANDLERS } from './handlers/members.ts'
import { NAMESPACE_HANDLERS } from './handlers/namespaces.ts'
import { ORGANISATION_HANDLERS } from './handlers/organisations.ts'
import { PROTECTION_HANDLERS } from './handlers/protection.ts'
import { REPOSITORY_HANDLERS } from './handlers/repositories.ts'
import { REPOSITORY_LIFE_HANDLERS } from './handlers/repository-life.ts'
import { SESSION_HANDLERS } from './handlers/session.ts'
import { SESSION_LIST_HANDLERS } from './handlers/sessions.ts'
import { SIGNUP_HANDLERS } from './handlers/signup.ts'
import { STATISTICS_HANDLERS } from './handlers/statistics.ts'
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
  ...STATISTICS_HANDLERS,
  ...REPOSITORY_LIFE_HANDLERS,
  ...HISTORY_HANDLERS,
  ...PROTECTION_HANDLERS,
  ...COLLECTION_HANDLERS,
  ...SITE_HANDLERS,
}
