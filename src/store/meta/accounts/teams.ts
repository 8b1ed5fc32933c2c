import { refuse } from '../../../core/errors.ts'
import type { Cause, Changed } from '../access-store.ts'
import { ACCOUNT_KINDS } from '../account-codes.ts'
import type { AccountStore, Team } from '../account-store.ts'
import type { Reader, Tx } from '../driver.ts'
import { writeAuditRow } from './audit.ts'
import { dropGrants } from './grants.ts'
import { roleOf } from './members.ts'
import { findAccount, lockOrganisation, lockUser } from './rows.ts'

const COLUMNS = 'id, name, description, created_at AS "createdAt", version'
const ORGANISATION_ID = `(SELECT id FROM account WHERE name = $1 AND kind = ${ACCOUNT_KINDS.organisation})`
const LIST = `SELECT ${COLUMNS} FROM team WHERE organisation_id = ${ORGANISATION_ID} ORDER BY name`
const FIND = `SELECT ${COLUMNS} FROM team WHERE organisation_id = ${ORGANISATION_ID} AND name = $2`
/** Held by who gives a team something, too, so that it is not given to one that goes. */
const LOCK = `SELECT ${COLUMNS} FROM team WHERE organisation_id = $1 AND name = $2 FOR UPDATE`

/** A team and its organisation, held. */
async function lockTeam(tx: Tx, named: { readonly organisation: string; readonly team: string }) {
  const organisation = await lockOrganisation(tx, named.organisation)
  if (organisation === undefined) return undefined
  const team = await tx.get<Team>(LOCK, [organisation.id, named.team])
  return team && { organisation, team }
}

/** See AccountStore.listTeams. */
export async function listTeams(tx: Reader, organisation: string): Promise<Team[]> {
  return await tx.all<Team>(LIST, [organisation])
}

/** See AccountStore.findTeam. */
export async function findTeam(tx: Reader, organisation: string, team: string): Promise<Team | undefined> {
  return await tx.get<Team>(FIND, [organisation, team])
}

const MEMBERS = `SELECT u.name FROM team_member m JOIN account u ON u.id = m.user_id
  WHERE m.team_id = (SELECT id FROM team WHERE organisation_id = ${ORGANISATION_ID} AND name = $2) ORDER BY u.name`

/** See AccountStore.listTeamMembers. */
export async function listTeamMembers(tx: Reader, organisation: string, team: string): Promise<string[]> {
  return (await tx.all<{ name: string }>(MEMBERS, [organisation, team])).map((row) => row.name)
}

const targetOf = (organisation: string, team: string) => `team:${organisation}/${team}`

const INSERT = `INSERT INTO team (organisation_id, name, description, created_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (organisation_id, name) DO NOTHING`

/** See AccountStore.createTeam. */
export async function createTeam(
  tx: Tx,
  create: Parameters<AccountStore['createTeam']>[0],
  cause: Cause,
): Promise<Awaited<ReturnType<AccountStore['createTeam']>>> {
  const { name, description = '' } = create
  const organisation = await lockOrganisation(tx, create.organisation)
  if (organisation === undefined) return { outcome: 'absent' }
  const id = await tx.insert(INSERT, [organisation.id, name, description, cause.now])
  const team = (await tx.get<Team>(LOCK, [organisation.id, name])) as Team
  if (id === undefined) return { outcome: 'exists', team }
  const target = targetOf(organisation.name, name)
  await writeAuditRow(tx, { action: 'team.create', target, namespace: organisation.name }, cause)
  return { outcome: 'created', team }
}

/** See AccountStore.updateTeam. */
export async function updateTeam(
  tx: Tx,
  change: Parameters<AccountStore['updateTeam']>[0],
  cause: Cause,
): Promise<Changed> {
  const { description, version } = change
  const held = await lockTeam(tx, change)
  if (held === undefined) return 'absent'
  const { organisation, team } = held
  if (version !== undefined && version !== team.version) return 'stale'
  if (description === team.description) return 'done'
  await tx.run('UPDATE team SET description = $2, version = version + 1 WHERE id = $1', [
    team.id,
    description,
  ])
  const target = targetOf(organisation.name, team.name)
  const detail = { description }
  await writeAuditRow(tx, { action: 'team.update', target, namespace: organisation.name, detail }, cause)
  return 'done'
}

/** Removes a team with its members and what was granted to it. */
export async function removeTeam(
  tx: Tx,
  organisation: { readonly name: string },
  team: { readonly id: number; readonly name: string },
  cause: Cause,
): Promise<void> {
  const target = targetOf(organisation.name, team.name)
  await dropGrants(tx, { kind: 'team', id: team.id, name: target }, cause)
  await tx.run('DELETE FROM team_member WHERE team_id = $1', [team.id])
  await tx.run('DELETE FROM team WHERE id = $1', [team.id])
  await writeAuditRow(tx, { action: 'team.delete', target, namespace: organisation.name }, cause)
}

/** See AccountStore.deleteTeam. */
export async function deleteTeam(
  tx: Tx,
  remove: Parameters<AccountStore['deleteTeam']>[0],
  cause: Cause,
): Promise<'done' | 'absent'> {
  const held = await lockTeam(tx, remove)
  if (held === undefined) return 'absent'
  const { organisation, team } = held
  await removeTeam(tx, organisation, team, cause)
  return 'done'
}

const ADD = `INSERT INTO team_member (team_id, user_id) VALUES ($1, $2)
  ON CONFLICT (team_id, user_id) DO NOTHING`

/** Members of one team: they are listed at once. */
export const MAX_TEAM_MEMBERS = 1_000
/** Teams that a user may be in: lists look at what is granted to each of them. */
export const MAX_TEAMS_OF_USER = 250

const COUNT_MEMBERS = 'SELECT count(*) AS n FROM team_member WHERE team_id = $1'
const COUNT_TEAMS = 'SELECT count(*) AS n FROM team_member WHERE user_id = $1'

/** Refuses `request-invalid` for one member more than the team may have, or one team more than the user may be in. */
async function refuseTooMany(tx: Tx, team: { id: number; name: string }, user: { id: number; name: string }) {
  const count = async (sql: string, id: number) => (await tx.get<{ n: number }>(sql, [id]))?.n ?? 0
  if ((await count(COUNT_MEMBERS, team.id)) > MAX_TEAM_MEMBERS) {
    throw refuse(
      'request-invalid',
      `the team ${team.name} has ${MAX_TEAM_MEMBERS} members, and can have no more; make a second team`,
    )
  }
  if ((await count(COUNT_TEAMS, user.id)) > MAX_TEAMS_OF_USER) {
    throw refuse(
      'request-invalid',
      `${user.name} is in ${MAX_TEAMS_OF_USER} teams, and nobody can be in more; take it out of one first`,
    )
  }
}

/** See AccountStore.addTeamMember. User and organisation are held: the one stays a member of the other until this is done. */
export async function addTeamMember(
  tx: Tx,
  member: Parameters<AccountStore['addTeamMember']>[0],
  cause: Cause,
): Promise<'created' | 'unchanged' | 'absent' | 'no-user'> {
  const user = await lockUser(tx, member.user)
  const held = await lockTeam(tx, member)
  if (held === undefined) return 'absent'
  const { organisation, team } = held
  if (user === undefined || (await roleOf(tx, organisation.id, user.id)) === undefined) return 'no-user'
  if ((await tx.run(ADD, [team.id, user.id])) === 0) return 'unchanged'
  await refuseTooMany(tx, team, user)
  const target = targetOf(organisation.name, team.name)
  const detail = { user: user.name }
  await writeAuditRow(tx, { action: 'team.member.add', target, namespace: organisation.name, detail }, cause)
  return 'created'
}

/** See AccountStore.removeTeamMember. */
export async function removeTeamMember(
  tx: Tx,
  member: Parameters<AccountStore['removeTeamMember']>[0],
  cause: Cause,
): Promise<'done' | 'absent'> {
  const held = await lockTeam(tx, member)
  const user = await findAccount(tx, member.user)
  if (held === undefined || user === undefined) return 'absent'
  const { organisation, team } = held
  const gone = await tx.run('DELETE FROM team_member WHERE team_id = $1 AND user_id = $2', [team.id, user.id])
  if (gone === 0) return 'absent'
  const target = targetOf(organisation.name, team.name)
  const detail = { user: user.name }
  await writeAuditRow(
    tx,
    { action: 'team.member.remove', target, namespace: organisation.name, detail },
    cause,
  )
  return 'done'
}
