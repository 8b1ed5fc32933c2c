import type { AccountStore } from '../account-store.ts'
import type { CommandArgs, CommandName, CommandResult, RunCommand } from '../commands.ts'
import type { Reader } from '../driver.ts'
import { countAdministrators, listAccounts } from './accounts.ts'
import { findCredential, findPassword, listCredentials, readCredential } from './credentials.ts'
import { findLink, listLinks } from './links.ts'
import { listMembers, listOrganisationsOf } from './members.ts'
import { listRobots } from './robots.ts'
import { findAccount } from './rows.ts'
import { storable } from './storable.ts'
import { findTeam, listTeamMembers, listTeams } from './teams.ts'

/** Accounts over a database. Every call refuses `request-invalid` for a text or number that no database can hold. */
export function accountStore(reader: Reader, run: RunCommand): AccountStore {
  const checked = async <Name extends CommandName>(
    name: Name,
    args: CommandArgs<Name>,
  ): Promise<CommandResult<Name>> => run(name, storable(args))
  /** A query whose arguments were looked at. */
  const query =
    <Args extends unknown[], Result>(read: (reader: Reader, ...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> =>
      read(reader, ...storable(args))

  return {
    findAccount: query(findAccount),
    listAccounts: query(listAccounts),
    countAdministrators: query(countAdministrators),
    createUser: (input, cause) => checked('createUser', { input, cause }),
    createOrganisation: (input, cause) => checked('createOrganisation', { input, cause }),
    updateAccount: (input, cause) => checked('updateAccount', { input, cause }),
    deleteAccount: (input, cause) => checked('deleteAccount', { input, cause }),

    listMembers: query(listMembers),
    listOrganisationsOf: query(listOrganisationsOf),
    setMember: (input, cause) => checked('setMember', { input, cause }),
    removeMember: (input, cause) => checked('removeMember', { input, cause }),

    listTeams: query(listTeams),
    findTeam: query(findTeam),
    createTeam: (input, cause) => checked('createTeam', { input, cause }),
    updateTeam: (input, cause) => checked('updateTeam', { input, cause }),
    deleteTeam: (input, cause) => checked('deleteTeam', { input, cause }),
    listTeamMembers: query(listTeamMembers),
    addTeamMember: (input, cause) => checked('addTeamMember', { input, cause }),
    removeTeamMember: (input, cause) => checked('removeTeamMember', { input, cause }),

    listRobots: query(listRobots),
    createRobot: (input, cause) => checked('createRobot', { input, cause }),

    findCredential: query(findCredential),
    findPassword: query(findPassword),
    readCredential: query(readCredential),
    listCredentials: query(listCredentials),
    createCredential: (input, cause) => checked('createCredential', { input, cause }),
    deleteCredential: (input, cause) => checked('deleteCredential', { input, cause }),
    setPassword: (input, cause) => checked('setPassword', { input, cause }),
    touchCredentials: (uses) => checked('touchCredentials', uses),
    useAssertion: (use) => checked('useAssertion', use),
    sweepCredentials: (sweep) => checked('sweepCredentials', sweep),

    createLink: (input, cause) => checked('createLink', { input, cause }),
    findLink: query(findLink),
    listLinks: query(listLinks),
    deleteLink: (input, cause) => checked('deleteLink', { input, cause }),
  }
}
