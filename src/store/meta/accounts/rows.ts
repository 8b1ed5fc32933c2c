import { ACCOUNT_KINDS, wordOf } from '../account-codes.ts'
import type { Account } from '../account-store.ts'
import type { Reader, Tx } from '../driver.ts'

/* Accounts as they stand in the table, and how commands hold them: who decides on a row holds it until the decision is committed. */

interface Row extends Omit<Account, 'kind' | 'administrator' | 'disabled' | 'owner'> {
  readonly kind: number
  readonly administrator: number
  readonly disabled: number
  readonly owner: string | null
}

/** What an account is made of, from `account`. */
export const ACCOUNT_COLUMNS = `id, name, kind, display_name AS "displayName", description, email, administrator, disabled,
  (SELECT o.name FROM account o WHERE o.id = account.owner_id) AS owner, created_at AS "createdAt", version`

const FIND = `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE name = $1`

/**
 * `keep`: it cannot be deleted meanwhile. `change`: nobody else changes it, its members or teams either. `delete`: nobody refers to it
 * anew, either.
 */
const LOCKS = {
  keep: `${FIND} FOR KEY SHARE`,
  change: `${FIND} FOR NO KEY UPDATE`,
  delete: `${FIND} FOR UPDATE`,
} as const

export function toAccount(row: Row): Account {
  return {
    id: row.id,
    name: row.name,
    kind: wordOf(ACCOUNT_KINDS, row.kind),
    displayName: row.displayName,
    description: row.description,
    email: row.email,
    administrator: row.administrator === 1,
    disabled: row.disabled === 1,
    owner: row.owner ?? undefined,
    createdAt: row.createdAt,
    version: row.version,
  }
}

/** Runs a statement that selects ACCOUNT_COLUMNS. */
export async function accountsOf(
  tx: Reader,
  sql: string,
  values: readonly (string | number)[],
): Promise<Account[]> {
  return (await tx.all<Row>(sql, values)).map(toAccount)
}

/** See AccountStore.findAccount. */
export async function findAccount(tx: Reader, name: string): Promise<Account | undefined> {
  const row = await tx.get<Row>(FIND, [name])
  return row && toAccount(row)
}

/** The account, held. */
export async function lockAccount(
  tx: Tx,
  name: string,
  mode: keyof typeof LOCKS,
): Promise<Account | undefined> {
  const row = await tx.get<Row>(LOCKS[mode], [name])
  return row && toAccount(row)
}

/** The organisation, held. */
export async function lockOrganisation(
  tx: Tx,
  name: string,
  mode: keyof typeof LOCKS = 'change',
): Promise<Account | undefined> {
  const account = await lockAccount(tx, name, mode)
  return account?.kind === 'organisation' ? account : undefined
}

/** The user, held so that it cannot be deleted. */
export async function lockUser(tx: Tx, name: string): Promise<Account | undefined> {
  const account = await lockAccount(tx, name, 'keep')
  return account?.kind === 'user' ? account : undefined
}

// By number, so that two who hold all of them do so in one order.
const ADMINISTRATORS = `SELECT id FROM account WHERE administrator = 1 AND disabled = 0 ORDER BY id
  FOR NO KEY UPDATE`

/** The numbers of all administrators who can sign in, held: none of them stops being one. */
export async function lockAdministrators(tx: Tx): Promise<number[]> {
  return (await tx.all<{ id: number }>(ADMINISTRATORS, [])).map((row) => row.id)
}

/** Whether the account is an administrator who can sign in. */
export function administers(account: Pick<Account, 'administrator' | 'disabled'>): boolean {
  return account.administrator && !account.disabled
}

/** Under which namespace the audit tells of an account: its own, or its owner's. */
export function auditedIn(account: Pick<Account, 'name' | 'owner'>): string {
  return account.owner ?? account.name
}
