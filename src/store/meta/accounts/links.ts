import type { AuditAction } from '../../../core/audit-actions.ts'
import { refuse } from '../../../core/errors.ts'
import type { Cause } from '../access-store.ts'
import { CREDENTIALS, PURPOSES, ROLES, wordOf } from '../account-codes.ts'
import type { Account, AccountStore, Link, LinkPurpose } from '../account-store.ts'
import type { Reader, Tx } from '../driver.ts'
import { writeAuditRow } from './audit.ts'
import { lockAccount } from './rows.ts'

interface Row {
  readonly id: number
  readonly purpose: number
  readonly account: string | null
  readonly role: number | null
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number
}

const COLUMNS = `id, purpose, (SELECT name FROM account a WHERE a.id = account_id) AS account, role,
  created_by AS "createdBy", created_at AS "createdAt", expires_at AS "expiresAt"`

const OWNS = `EXISTS (SELECT 1 FROM member o
  WHERE o.organisation_id = one_time_link.account_id AND o.user_id = m.id AND o.role = ${ROLES.owner})`

/**
 * That a link is good at the time `now` (a placeholder): in its time, and its maker could make it still. What was made with a token or a key
 * ends with that; sessions end every day, and passwords are changed, without anything being taken from their user. The link for the first
 * administrator is void once there is one, however that came to be.
 */
const isLive = (now: string) => `expires_at > ${now}
  AND (purpose <> ${PURPOSES.administrator}
    OR NOT EXISTS (SELECT 1 FROM account WHERE administrator = 1 AND disabled = 0))
  AND (maker_id IS NULL OR EXISTS (SELECT 1 FROM account m WHERE m.id = maker_id AND m.disabled = 0
    AND (m.administrator = 1 OR (purpose = ${PURPOSES.invitation} AND ${OWNS}))))
  AND (credential_id IS NULL OR EXISTS (SELECT 1 FROM credential c
    WHERE c.id = credential_id AND (c.expires_at IS NULL OR c.expires_at > ${now})))`

const FIND = `SELECT ${COLUMNS} FROM one_time_link WHERE lookup = $1 AND ${isLive('$2')}`
const OF_ORGANISATION = `SELECT ${COLUMNS} FROM one_time_link WHERE purpose = ${PURPOSES.invitation}
  AND account_id = (SELECT id FROM account WHERE name = $1) AND ${isLive('$2')} ORDER BY expires_at DESC, id DESC`
/** Of the site: all but the invitations of organisations. */
const OF_SITE = `SELECT ${COLUMNS} FROM one_time_link WHERE ${isLive('$1')}
  AND (purpose <> ${PURPOSES.invitation} OR account_id IS NULL) ORDER BY expires_at DESC, id DESC`

function toLink(row: Row): Link {
  const { id, createdBy, createdAt, expiresAt } = row
  return { id, purpose: purposeOf(row), createdBy, createdAt, expiresAt }
}

function purposeOf({ purpose, account, role }: Row): LinkPurpose {
  const kind = wordOf(PURPOSES, purpose)
  if (kind === 'administrator') return { kind }
  if (kind === 'password-reset') return { kind, user: account as string }
  if (account === null) return { kind }
  return { kind, organisation: account, ...(role !== null && { role: wordOf(ROLES, role) }) }
}

/** See AccountStore.findLink. */
export async function findLink(tx: Reader, lookup: Uint8Array, now: number): Promise<Link | undefined> {
  const row = await tx.get<Row>(FIND, [lookup, now])
  return row && toLink(row)
}

/** See AccountStore.listLinks. */
export async function listLinks(tx: Reader, organisation: string | undefined, now: number): Promise<Link[]> {
  const rows =
    organisation === undefined
      ? await tx.all<Row>(OF_SITE, [now])
      : await tx.all<Row>(OF_ORGANISATION, [organisation, now])
  return rows.map(toLink)
}

/** A live link, held: whoever else wants to use it waits, and finds it gone if it is used. */
export async function lockLink(tx: Tx, lookup: Uint8Array, now: number): Promise<Link | undefined> {
  const row = await tx.get<Row>(`${FIND} FOR UPDATE`, [lookup, now])
  return row && toLink(row)
}

/** The namespace whose audit tells of a link; undefined for what is the site's. */
function auditedIn(purpose: LinkPurpose): string | undefined {
  if (purpose.kind === 'invitation') return purpose.organisation
  return purpose.kind === 'password-reset' ? purpose.user : undefined
}

async function writeLinkRow(
  tx: Tx,
  action: AuditAction,
  link: Pick<Link, 'id' | 'purpose'>,
  cause: Cause,
  more?: object,
) {
  const { id, purpose } = link
  const detail = { purpose, ...more }
  await writeAuditRow(tx, { action, target: `link:${id}`, namespace: auditedIn(purpose), detail }, cause)
}

const DELETE = 'DELETE FROM one_time_link WHERE id = $1'

/** Uses a link up, which is held. `user`: whose account or password it was used for. */
export async function useLink(tx: Tx, link: Link, user: string, cause: Cause): Promise<void> {
  await tx.run(DELETE, [link.id])
  await writeLinkRow(tx, 'link.use', link, cause, { user })
}

const DELETE_ADMINISTRATORS = `DELETE FROM one_time_link
  WHERE account_id IS NULL AND purpose = ${PURPOSES.administrator}`
const INSERT = `INSERT INTO one_time_link
    (lookup, purpose, account_id, role, created_by, maker_id, credential_id, created_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

/** See AccountStore.createLink. */
export async function createLink(
  tx: Tx,
  create: Parameters<AccountStore['createLink']>[0],
  cause: Cause,
): Promise<Awaited<ReturnType<AccountStore['createLink']>>> {
  const { lookup, purpose, expiresAt } = create
  const account = await accountOf(tx, purpose)
  if (account === 'absent') return { outcome: 'absent' }
  if (purpose.kind === 'administrator') {
    await tx.run(DELETE_ADMINISTRATORS, [])
  } else if (purpose.kind === 'password-reset') {
    await dropResets(tx, (account as Account).id)
  }
  if (purpose.kind === 'invitation') await refuseTooMany(tx, account?.id, cause.now)
  const role = purpose.kind === 'invitation' && account !== undefined ? (purpose.role ?? 'member') : undefined
  const id = (await tx.insert(INSERT, [
    lookup,
    PURPOSES[purpose.kind],
    account?.id ?? null,
    role === undefined ? null : ROLES[role],
    cause.actor,
    cause.account ?? null,
    (await boundTo(tx, cause)) ?? null,
    cause.now,
    expiresAt,
  ])) as number
  await writeLinkRow(tx, 'link.create', { id, purpose }, cause, { expiresAt })
  return { outcome: 'created', id }
}

/** Open invitations of an organisation, and of the site: they are listed at once. */
export const MAX_INVITATIONS = 1_000

const countOpen = (whose: string) => `SELECT count(*) AS n FROM one_time_link
  WHERE purpose = ${PURPOSES.invitation} AND expires_at > $1 AND account_id ${whose}`
const COUNT_OF_ORGANISATION = countOpen('= $2')
const COUNT_OF_SITE = countOpen('IS NULL')

/** Refuses `request-invalid` for one invitation too many. */
async function refuseTooMany(tx: Tx, organisation: number | undefined, now: number): Promise<void> {
  const open =
    organisation === undefined
      ? await tx.get<{ n: number }>(COUNT_OF_SITE, [now])
      : await tx.get<{ n: number }>(COUNT_OF_ORGANISATION, [now, organisation])
  if ((open?.n ?? 0) < MAX_INVITATIONS) return
  throw refuse(
    'request-invalid',
    `${MAX_INVITATIONS} invitations are open, and there can be no more; withdraw some that nobody uses`,
  )
}

/** Of what a link that was made with it does not end with: sessions end every day. */
const LEAVES_LINKS: readonly number[] = [CREDENTIALS.password, CREDENTIALS.session]

/** The credential that a link ends with. Also one that is gone by now: then it is none. */
async function boundTo(tx: Tx, { credential }: Cause): Promise<number | undefined> {
  if (credential === undefined) return undefined
  const kept = await tx.get<{ kind: number }>('SELECT kind FROM credential WHERE id = $1', [credential])
  return kept !== undefined && LEAVES_LINKS.includes(kept.kind) ? undefined : credential
}

/** Whom the link is about, held; undefined where it is about nobody who is here. */
async function accountOf(tx: Tx, purpose: LinkPurpose): Promise<Account | undefined | 'absent'> {
  const [name, kind] =
    purpose.kind === 'password-reset'
      ? [purpose.user, 'user']
      : purpose.kind === 'invitation'
        ? [purpose.organisation, 'organisation']
        : []
  if (name === undefined) return undefined
  const account = await lockAccount(tx, name, 'change')
  return account?.kind === kind ? account : 'absent'
}

/** Ends every link that would set the user's password. */
export async function dropResets(tx: Tx, user: number): Promise<void> {
  await tx.run('DELETE FROM one_time_link WHERE account_id = $1 AND purpose = $2', [
    user,
    PURPOSES['password-reset'],
  ])
}

const LOCK_BY_ID = `SELECT ${COLUMNS} FROM one_time_link WHERE id = $1 FOR UPDATE`

/** See AccountStore.deleteLink. */
export async function deleteLink(
  tx: Tx,
  remove: Parameters<AccountStore['deleteLink']>[0],
  cause: Cause,
): Promise<'done' | 'absent'> {
  const row = await tx.get<Row>(LOCK_BY_ID, [remove.id])
  const link = row && toLink(row)
  const of = link?.purpose.kind === 'invitation' ? link.purpose.organisation : undefined
  if (link === undefined || of !== remove.organisation) return 'absent'
  await tx.run(DELETE, [link.id])
  await writeLinkRow(tx, 'link.delete', link, cause)
  return 'done'
}
