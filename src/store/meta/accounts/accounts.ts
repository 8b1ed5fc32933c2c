import { refuse } from '../../../core/errors.ts'
import type { Page } from '../../../core/registry.ts'
import type { Cause, Changed } from '../access-store.ts'
import { ACCOUNT_KINDS } from '../account-codes.ts'
import type { Account, AccountStore } from '../account-store.ts'
import type { Reader, Tx } from '../driver.ts'
import { lastOf, limitOf, page } from '../paging.ts'
import { writeAuditRow } from './audit.ts'
import {
  ACCOUNT_COLUMNS,
  accountsOf,
  administers,
  auditedIn,
  lockAccount,
  lockAdministrators,
} from './rows.ts'

const LIST = `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE kind = $1 AND name > $2 ORDER BY name LIMIT $3`
const LIST_CONTAINING = `SELECT ${ACCOUNT_COLUMNS} FROM account
  WHERE kind = $1 AND name > $2 AND name LIKE $4 ESCAPE '\\' ORDER BY name LIMIT $3`

/** See AccountStore.listAccounts. */
export async function listAccounts(
  tx: Reader,
  kind: 'user' | 'organisation',
  request: Parameters<AccountStore['listAccounts']>[1],
): Promise<Page<Account>> {
  const { filter = '' } = request
  const values = [ACCOUNT_KINDS[kind], lastOf(request), limitOf(request)]
  // Names are in lower case; only SQLite's LIKE would find them for other letters, too.
  const pattern = `%${filter.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
  const rows =
    filter === ''
      ? await accountsOf(tx, LIST, values)
      : await accountsOf(tx, LIST_CONTAINING, [...values, pattern])
  return page(rows, request.limit, (account) => account)
}

/** See AccountStore.countAdministrators. */
export async function countAdministrators(tx: Reader): Promise<number> {
  const row = await tx.get<{ n: number }>(
    'SELECT count(*) AS n FROM account WHERE administrator = 1 AND disabled = 0',
    [],
  )
  return row?.n ?? 0
}

const UPDATE = `UPDATE account SET display_name = $2, description = $3, email = $4, administrator = $5, disabled = $6,
  version = version + 1 WHERE id = $1`

/** See AccountStore.updateAccount. Refuses `request-invalid` for an administrator who is no user. */
export async function updateAccount(
  tx: Tx,
  change: Parameters<AccountStore['updateAccount']>[0],
  cause: Cause,
): Promise<Changed | 'last-administrator'> {
  // Held before the account itself, as everywhere: two who take the right from each other would wait for each other.
  const mayEnd = change.administrator === false || change.disabled === true
  const others = mayEnd ? await lockAdministrators(tx) : []
  const account = await lockAccount(tx, change.name, 'change')
  if (account === undefined) return 'absent'
  if (change.version !== undefined && change.version !== account.version) return 'stale'
  if (change.administrator && account.kind !== 'user') {
    throw refuse('request-invalid', `${account.name} is no user, and only users can be administrators`)
  }
  const { name: _, version: __, ...wanted } = change
  const changed = Object.fromEntries(
    Object.entries(wanted).filter(
      ([key, value]) => value !== undefined && value !== account[key as keyof Account],
    ),
  )
  if (Object.keys(changed).length === 0) return 'done'
  const next: Account = { ...account, ...changed }
  if (administers(account) && !administers(next) && others.every((id) => id === account.id))
    return 'last-administrator'
  await tx.run(UPDATE, [
    account.id,
    next.displayName,
    next.description,
    next.email,
    next.administrator ? 1 : 0,
    next.disabled ? 1 : 0,
  ])
  const action = `${account.kind}.update` as const
  await writeAuditRow(
    tx,
    { action, target: account.name, namespace: auditedIn(account), detail: changed },
    cause,
  )
  return 'done'
}
