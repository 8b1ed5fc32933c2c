import { refuse } from '../../../core/errors.ts'
import type { Page, PageRequest } from '../../../core/registry.ts'
import type { Cause } from '../access-store.ts'
import { ACCOUNT_KINDS, ROLES, wordOf } from '../account-codes.ts'
import type { Account, AccountStore, Role } from '../account-store.ts'
import type { Reader, Tx } from '../driver.ts'
import { lastOf, limitOf, page } from '../paging.ts'
import { writeAuditRow } from './audit.ts'
import { dropGrants } from './grants.ts'
import { findAccount, lockOrganisation, lockUser } from './rows.ts'

/* Who changes the members or teams of an organisation holds it, so that the last owner is the last one whoever else asks. */

const ORGANISATION_ID = `(SELECT id FROM account WHERE name = $1 AND kind = ${ACCOUNT_KINDS.organisation})`
const MEMBERS = `SELECT u.name AS "user", m.role FROM member m JOIN account u ON u.id = m.user_id
  WHERE m.organisation_id = ${ORGANISATION_ID} AND u.name > $2 ORDER BY u.name LIMIT $3`

/** See AccountStore.listMembers. */
export async function listMembers(
  tx: Reader,
  organisation: string,
  request: PageRequest,
): Promise<Page<{ readonly user: string; readonly role: Role }>> {
  const rows = await tx.all<{ user: string; role: number }>(MEMBERS, [
    organisation,
    lastOf(request),
    limitOf(request),
  ])
  return page(rows, request.limit, ({ user, role }) => ({ user, role: wordOf(ROLES, role) }))
}

const ORGANISATIONS = `SELECT o.name AS organisation, m.role FROM member m JOIN account o ON o.id = m.organisation_id
  WHERE m.user_id = (SELECT id FROM account WHERE name = $1) ORDER BY o.name`

/** See AccountStore.listOrganisationsOf. */
export async function listOrganisationsOf(
  tx: Reader,
  user: string,
): Promise<{ readonly organisation: string; readonly role: Role }[]> {
  const rows = await tx.all<{ organisation: string; role: number }>(ORGANISATIONS, [user])
  return rows.map(({ organisation, role }) => ({ organisation, role: wordOf(ROLES, role) }))
}

const OWNERS = `SELECT user_id AS id FROM member WHERE organisation_id = $1 AND role = ${ROLES.owner} LIMIT 2`

/** Whether the user alone owns the organisation, which is held. */
export async function isLastOwner(tx: Tx, organisation: number, user: number): Promise<boolean> {
  const owners = await tx.all<{ id: number }>(OWNERS, [organisation])
  return owners.length === 1 && owners[0]?.id === user
}

const ROLE = 'SELECT role FROM member WHERE organisation_id = $1 AND user_id = $2'

/** The user's role in the organisation, if it is a member. */
export async function roleOf(tx: Tx, organisation: number, user: number): Promise<Role | undefined> {
  const row = await tx.get<{ role: number }>(ROLE, [organisation, user])
  return row && wordOf(ROLES, row.role)
}

const SET = `INSERT INTO member (organisation_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (organisation_id, user_id) DO UPDATE SET role = excluded.role`

/** Organisations that a user may be a member of: every call of the API reads those it owns, and its session tells them all. */
export const MAX_MEMBERSHIPS = 500

const COUNT = 'SELECT count(*) AS n FROM member WHERE user_id = $1'

/**
 * Makes the user, who is held, a member in a role, or changes it, and says so in the audit. Refuses `request-invalid` for one organisation too
 * many.
 */
export async function storeMember(
  tx: Tx,
  organisation: Pick<Account, 'id' | 'name'>,
  user: Pick<Account, 'id' | 'name'>,
  role: Role,
  cause: Cause,
  before?: Role,
): Promise<void> {
  const count = before === undefined ? await tx.get<{ n: number }>(COUNT, [user.id]) : undefined
  if ((count?.n ?? 0) >= MAX_MEMBERSHIPS) {
    throw refuse(
      'request-invalid',
      `${user.name} is in ${MAX_MEMBERSHIPS} organisations, and nobody can be in more; let it be removed from one first`,
    )
  }
  await tx.run(SET, [organisation.id, user.id, ROLES[role], cause.now])
  const detail = { role, before }
  await writeAuditRow(
    tx,
    { action: 'member.set', target: user.name, namespace: organisation.name, detail },
    cause,
  )
}

/** See AccountStore.setMember. */
export async function setMember(
  tx: Tx,
  member: Parameters<AccountStore['setMember']>[0],
  cause: Cause,
): Promise<Awaited<ReturnType<AccountStore['setMember']>>> {
  // The user first, as who deletes one does.
  const user = await lockUser(tx, member.user)
  const organisation = await lockOrganisation(tx, member.organisation)
  if (organisation === undefined) return 'absent'
  if (user === undefined) return 'no-user'
  const before = await roleOf(tx, organisation.id, user.id)
  if (before === member.role) return 'unchanged'
  if (before === 'owner' && (await isLastOwner(tx, organisation.id, user.id))) return 'last-owner'
  await storeMember(tx, organisation, user, member.role, cause, before)
  return before === undefined ? 'created' : 'changed'
}

const LEAVE_TEAMS = `DELETE FROM team_member WHERE user_id = $2
  AND team_id IN (SELECT id FROM team WHERE organisation_id = $1)`

/** See AccountStore.removeMember. */
export async function removeMember(
  tx: Tx,
  member: Parameters<AccountStore['removeMember']>[0],
  cause: Cause,
): Promise<'done' | 'absent' | 'last-owner'> {
  const organisation = await lockOrganisation(tx, member.organisation)
  const user = await findAccount(tx, member.user)
  if (organisation === undefined || user === undefined) return 'absent'
  const role = await roleOf(tx, organisation.id, user.id)
  if (role === undefined) return 'absent'
  if (role === 'owner' && (await isLastOwner(tx, organisation.id, user.id))) return 'last-owner'
  await tx.run('DELETE FROM member WHERE organisation_id = $1 AND user_id = $2', [organisation.id, user.id])
  await tx.run(LEAVE_TEAMS, [organisation.id, user.id])
  if (member.grants === 'remove') {
    const subject = { kind: 'account', id: user.id, name: `user:${user.name}` } as const
    await dropGrants(tx, subject, cause, organisation.id)
  }
  const detail = { role }
  await writeAuditRow(
    tx,
    { action: 'member.remove', target: user.name, namespace: organisation.name, detail },
    cause,
  )
  return 'done'
}
