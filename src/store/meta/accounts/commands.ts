import type { Cause } from '../access-store.ts'
import type { Dialect, Tx } from '../driver.ts'
import { updateAccount } from './accounts.ts'
import { createOrganisation, createUser } from './create-account.ts'
import { createCredential, deleteCredential } from './credential-changes.ts'
import { sweepCredentials } from './credential-sweep.ts'
import { touchCredentials, useAssertion } from './credential-use.ts'
import { deleteAccount } from './delete-account.ts'
import { createLink, deleteLink } from './links.ts'
import { removeMember, setMember } from './members.ts'
import { setPassword } from './passwords.ts'
import { createRobot } from './robots.ts'
import { addTeamMember, createTeam, deleteTeam, removeTeamMember, updateTeam } from './teams.ts'

/** What is asked for and why, as one argument. */
export interface Caused<Input> {
  readonly input: Input
  readonly cause: Cause
}

/** A command that tells the audit why it was run. */
const caused =
  <Input, Result>(command: (tx: Tx, input: Input, cause: Cause) => Promise<Result>) =>
  (tx: Tx, _dialect: Dialect, { input, cause }: Caused<Input>) =>
    command(tx, input, cause)

const plain =
  <Input, Result>(command: (tx: Tx, input: Input) => Promise<Result>) =>
  (tx: Tx, _dialect: Dialect, input: Input) =>
    command(tx, input)

/** The commands of AccountStore. */
export const ACCOUNT_COMMANDS = {
  addTeamMember: caused(addTeamMember),
  createCredential: caused(createCredential),
  createLink: caused(createLink),
  createOrganisation: caused(createOrganisation),
  createRobot: caused(createRobot),
  createTeam: caused(createTeam),
  createUser: caused(createUser),
  deleteAccount: caused(deleteAccount),
  deleteCredential: caused(deleteCredential),
  deleteLink: caused(deleteLink),
  deleteTeam: caused(deleteTeam),
  removeMember: caused(removeMember),
  removeTeamMember: caused(removeTeamMember),
  setMember: caused(setMember),
  setPassword: caused(setPassword),
  sweepCredentials: plain(sweepCredentials),
  touchCredentials: plain(touchCredentials),
  updateAccount: caused(updateAccount),
  updateTeam: caused(updateTeam),
  useAssertion: plain(useAssertion),
} as const
