import type { Cause } from '../access-store.ts'
import { CREDENTIALS } from '../account-codes.ts'
import type { AccountStore } from '../account-store.ts'
import type { Tx } from '../driver.ts'
import { writeAuditRow } from './audit.ts'
import { removeCredentials } from './credentials.ts'
import { dropResets, lockLink, useLink } from './links.ts'
import { lockAccount } from './rows.ts'

/** The name of the one password that an account has. */
export const PASSWORD = 'password'

const INSERT = `INSERT INTO credential (account_id, kind, name, verifier, created_at)
  VALUES ($1, ${CREDENTIALS.password}, '${PASSWORD}', $2, $3)`

/** Stores the first password of a user. */
export async function storePassword(tx: Tx, user: number, verifier: string, now: number): Promise<number> {
  return (await tx.insert(INSERT, [user, verifier, now])) as number
}

const PASSWORD_ID = `SELECT id FROM credential
  WHERE account_id = $1 AND kind = ${CREDENTIALS.password} AND name = '${PASSWORD}'`
const IS_LOGIN = `kind IN (${CREDENTIALS.session}, ${CREDENTIALS.refresh})`
const LOGINS = `SELECT id, kind FROM credential WHERE account_id = $1 AND ${IS_LOGIN} AND id <> $2`
const KEEP = `UPDATE credential SET parent_id = $3 WHERE id = $1 AND account_id = $2 AND ${IS_LOGIN}`

/**
 * See AccountStore.setPassword. The new password is a row of its own: registry tokens name the credential they came from, and those of
 * the old password end with it.
 */
export async function setPassword(
  tx: Tx,
  change: Parameters<AccountStore['setPassword']>[0],
  cause: Cause,
): Promise<'done' | 'absent' | 'no-link'> {
  const { user, verifier, keep = 0 } = change
  // The link first, as who makes an account by one does.
  const link = change.link && (await lockLink(tx, change.link, cause.now))
  const account = await lockAccount(tx, user, 'change')
  if (account?.kind !== 'user' || account.id !== (change.account ?? account.id)) return 'absent'
  if (change.link !== undefined) {
    if (link?.purpose.kind !== 'password-reset' || link.purpose.user !== user) return 'no-link'
    await useLink(tx, link, user, cause)
  }
  await dropResets(tx, account.id)

  const old = await tx.get<{ id: number }>(PASSWORD_ID, [account.id])
  // Out of the way: an account has one password, and what is kept must have one to hang on.
  if (old !== undefined) {
    await tx.run(`UPDATE credential SET name = '' WHERE id = $1`, [old.id])
  }
  const id = await storePassword(tx, account.id, verifier, cause.now)
  await tx.run(KEEP, [keep, account.id, id])
  const logins = await tx.all<{ id: number; kind: number }>(LOGINS, [account.id, keep])
  await removeCredentials(
    tx,
    [...logins, ...(old === undefined ? [] : [old])].map((row) => row.id),
  )
  const sessions = logins.filter(({ kind }) => kind === CREDENTIALS.session).length
  const detail = link || sessions > 0 ? { link: link?.id, sessions: sessions || undefined } : undefined
  await writeAuditRow(tx, { action: 'password.set', target: user, namespace: user, detail }, cause)
  return 'done'
}
