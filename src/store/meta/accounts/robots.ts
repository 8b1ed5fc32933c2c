import type { Cause } from '../access-store.ts'
import { ACCOUNT_KINDS } from '../account-codes.ts'
import type { Account, AccountStore } from '../account-store.ts'
import type { Reader, Tx } from '../driver.ts'
import { writeAuditRow } from './audit.ts'
import { storeCredential, told } from './credential-changes.ts'
import { ACCOUNT_COLUMNS, accountsOf, findAccount, lockAccount } from './rows.ts'

const LIST = `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE owner_id = (SELECT o.id FROM account o WHERE o.name = $1)
  ORDER BY name`

/** See AccountStore.listRobots. */
export async function listRobots(tx: Reader, owner: string): Promise<Account[]> {
  return await accountsOf(tx, LIST, [owner])
}

const INSERT = `INSERT INTO account (name, kind, description, owner_id, created_at)
  VALUES ($1, ${ACCOUNT_KINDS.robot}, $2, $3, $4) ON CONFLICT (name) DO NOTHING`

/** See AccountStore.createRobot. */
export async function createRobot(
  tx: Tx,
  create: Parameters<AccountStore['createRobot']>[0],
  cause: Cause,
): Promise<Awaited<ReturnType<AccountStore['createRobot']>>> {
  const { description = '', secret } = create
  const owner = await lockAccount(tx, create.owner, 'keep')
  if (owner === undefined || owner.kind === 'robot') return { outcome: 'absent' }
  const name = `${owner.name}+${create.name}`
  const id = await tx.insert(INSERT, [name, description, owner.id, cause.now])
  if (id === undefined) return { outcome: 'taken' }
  const credential = await storeCredential(tx, id, secret, cause.now)
  if (credential === undefined) throw new Error(`the first ${secret.kind} of ${name} is in use already`)
  const detail = { [secret.kind]: told(credential, secret) }
  await writeAuditRow(tx, { action: 'robot.create', target: name, namespace: owner.name, detail }, cause)
  return { outcome: 'created', account: (await findAccount(tx, name)) as Account }
}
