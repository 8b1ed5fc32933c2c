import type { Cause } from '../access-store.ts'
import { ROLES } from '../account-codes.ts'
import type { Account, AccountStore } from '../account-store.ts'
import { inStatement, runOver, type Tx } from '../driver.ts'
import { DELETE_STARS, dropStarsOf } from '../use/stars.ts'
import { writeAuditRow } from './audit.ts'
import { dropGrants } from './grants.ts'
import { isLastOwner } from './members.ts'
import { administers, auditedIn, findAccount, lockAccount, lockAdministrators } from './rows.ts'
import { removeTeam } from './teams.ts'

/** See AccountStore.deleteAccount. Everything that may refuse comes before everything that removes. */
export async function deleteAccount(
  tx: Tx,
  { name }: Parameters<AccountStore['deleteAccount']>[0],
  cause: Cause,
): Promise<Awaited<ReturnType<AccountStore['deleteAccount']>>> {
  const seen = await findAccount(tx, name)
  if (seen !== undefined && administers(seen)) await lockAdministrators(tx)
  const account = await lockAccount(tx, name, 'delete')
  if (account === undefined) return 'absent'
  if (administers(account) && (await lockAdministrators(tx)).every((id) => id === account.id))
    return 'last-administrator'
  const memberships = await lockMemberships(tx, account.id)
  for (const { id, role } of memberships)
    if (role === ROLES.owner && (await isLastOwner(tx, id, account.id))) return 'last-owner'
  const namespaces = await lockNamespaces(tx, account.id)
  if (namespaces === undefined) return 'has-repositories'

  for (const organisation of memberships) await leave(tx, organisation.name, account, cause)
  await tx.run('DELETE FROM team_member WHERE user_id = $1', [account.id])
  await tx.run('DELETE FROM member WHERE user_id = $1', [account.id])
  const robots = await tx.all<{ id: number; name: string }>(ROBOTS, [account.id])
  for (const robot of robots) await removeProofs(tx, { ...robot, kind: 'robot' }, cause)
  const teams = await tx.all<{ id: number; name: string }>(TEAMS, [account.id])
  for (const team of teams) await removeTeam(tx, account, team, cause)
  await removeProofs(tx, account, cause)
  await tx.run('DELETE FROM member WHERE organisation_id = $1', [account.id])
  await tx.run(DELETE_LINKS, [account.id])
  await dropStarsOf(tx, account.id)
  for (const namespace of namespaces) await removeNamespace(tx, namespace)
  await tx.run('DELETE FROM account WHERE owner_id = $1', [account.id])
  await tx.run('DELETE FROM account WHERE id = $1', [account.id])
  const action = `${account.kind}.delete` as const
  const names = robots.map((robot) => robot.name)
  const detail = names.length === 0 ? undefined : { robots: names }
  await writeAuditRow(tx, { action, target: name, namespace: auditedIn(account), detail }, cause)
  return 'done'
}

const ROBOTS = 'SELECT id, name FROM account WHERE owner_id = $1 ORDER BY name FOR UPDATE'
const TEAMS = 'SELECT id, name FROM team WHERE organisation_id = $1 ORDER BY name FOR UPDATE'
const DELETE_LINKS = 'DELETE FROM one_time_link WHERE account_id = $1'

const ORGANISATIONS = 'SELECT organisation_id AS id FROM member WHERE user_id = $1 ORDER BY organisation_id'
const HOLD = 'SELECT name FROM account WHERE id = $1 FOR NO KEY UPDATE'
const ROLE = 'SELECT role FROM member WHERE organisation_id = $1 AND user_id = $2'

/** The organisations the user is in, each held so that its owners stay the same. */
async function lockMemberships(tx: Tx, user: number) {
  const memberships: { readonly id: number; readonly name: string; readonly role: number }[] = []
  for (const { id } of await tx.all<{ id: number }>(ORGANISATIONS, [user])) {
    const organisation = await tx.get<{ name: string }>(HOLD, [id])
    const member = await tx.get<{ role: number }>(ROLE, [id, user])
    if (organisation !== undefined && member !== undefined) {
      memberships.push({ id, name: organisation.name, role: member.role })
    }
  }
  return memberships
}

async function leave(tx: Tx, organisation: string, user: Account, cause: Cause) {
  const detail = { deleted: true }
  await writeAuditRow(
    tx,
    { action: 'member.remove', target: user.name, namespace: organisation, detail },
    cause,
  )
}

/** What proves that one is the account, and what was granted to it. */
async function removeProofs(tx: Tx, account: Pick<Account, 'id' | 'name' | 'kind'>, cause: Cause) {
  await dropGrants(tx, { kind: 'account', id: account.id, name: `${account.kind}:${account.name}` }, cause)
  await tx.run('DELETE FROM credential WHERE account_id = $1', [account.id])
}

const NAMESPACES = 'SELECT id, name FROM namespace WHERE account_id = $1 FOR UPDATE'
const LOCK_REPOS = 'SELECT id FROM repo WHERE ns_id = $1 ORDER BY id FOR UPDATE'
const PUBLISHED = 'SELECT 1 AS found FROM repo WHERE ns_id = $1 AND published_at IS NOT NULL LIMIT 1'
/** Something was pushed, or is being pushed; the first row of each suffices. What has manifests is published. */
const IN_USE = `SELECT 1 AS found FROM repo r WHERE r.ns_id = $1 AND (
    EXISTS (SELECT 1 FROM repo_blob l WHERE l.repo_id = r.id AND l.blob_id > 0)
    OR EXISTS (SELECT 1 FROM upload u WHERE u.repo_id = r.id AND u.state >= 0)
    OR EXISTS (SELECT 1 FROM gc_link g WHERE g.repo_id = r.id AND g.blob_id > 0)
    OR EXISTS (SELECT 1 FROM gc_manifest g WHERE g.repo_id = r.id AND g.manifest_id > 0))
  LIMIT 1`

/** The account's namespaces, held with their repositories, to which nothing was pushed; undefined where something was. */
async function lockNamespaces(tx: Tx, account: number): Promise<OwnNamespace[] | undefined> {
  const namespaces = await tx.all<OwnNamespace>(NAMESPACES, [account])
  for (const { id } of namespaces) {
    if ((await tx.get(PUBLISHED, [id])) !== undefined) return undefined
    await tx.all(LOCK_REPOS, [id])
    if ((await tx.get(PUBLISHED, [id])) ?? (await tx.get(IN_USE, [id]))) return undefined
  }
  return namespaces
}

interface OwnNamespace {
  readonly id: number
  readonly name: string
}

const DELETE_ALIASES = inStatement(0, (ids) => `DELETE FROM repo_alias WHERE repo_id IN ${ids}`)
const DELETE_OLD_NAMES = 'DELETE FROM repo_alias WHERE name >= $1 AND name < $2'
const REPOS = 'SELECT id FROM repo WHERE ns_id = $1'
const DELETE_READMES = inStatement(0, (ids) => `DELETE FROM repo_readme WHERE repo_id IN ${ids}`)

async function removeNamespace(tx: Tx, { id, name }: OwnNamespace) {
  const repos = (await tx.all<{ id: number }>(REPOS, [id])).map((row) => row.id)
  await runOver(tx, DELETE_READMES, [], repos)
  await runOver(tx, DELETE_STARS, [], repos)
  await runOver(tx, DELETE_ALIASES, [], repos)
  // Names that repositories had before they were moved elsewhere: whoever has the namespace next has all of it. `0` follows `/`.
  await tx.run(DELETE_OLD_NAMES, [`${name}/`, `${name}0`])
  for (const table of ['access_grant', 'default_grant', 'repo'])
    await tx.run(`DELETE FROM ${table} WHERE ns_id = $1`, [id])
  await tx.run('DELETE FROM namespace WHERE id = $1', [id])
}
