import type { AuditAction } from '../../../core/audit-actions.ts'
import { verbsIn } from '../../../core/verbs.ts'
import type { Cause } from '../access-store.ts'
import { CREDENTIALS, wordOf } from '../account-codes.ts'
import type { Account, AccountStore, CredentialKind, NewCredential } from '../account-store.ts'
import type { Tx } from '../driver.ts'
import { writeAuditRow } from './audit.ts'
import { boundsOf, removeCredentials } from './credentials.ts'
import { auditedIn, lockAccount } from './rows.ts'

const PARENT = `SELECT scopes, networks, expires_at AS "expiresAt" FROM credential
  WHERE id = $1 AND account_id = $2 AND (expires_at IS NULL OR expires_at > $3) FOR KEY SHARE`

/** With the bounds and the end of the credential it comes from; undefined where that is not there. */
async function inherit(
  tx: Tx,
  account: number,
  credential: NewCredential,
  now: number,
): Promise<NewCredential | undefined> {
  if (credential.parent === undefined) return credential
  const parent = await tx.get<{ scopes: string | null; networks: string | null; expiresAt: number | null }>(
    PARENT,
    [credential.parent, account, now],
  )
  if (parent === undefined) return undefined
  const expiresAt = Math.min(
    credential.expiresAt ?? Number.POSITIVE_INFINITY,
    parent.expiresAt ?? Number.POSITIVE_INFINITY,
  )
  return {
    ...boundsOf(parent),
    ...credential,
    ...(expiresAt !== Number.POSITIVE_INFINITY && { expiresAt }),
  }
}

// Whatever is taken: the name, or the key, which someone has given us already.
const INSERT = `INSERT INTO credential
    (account_id, kind, name, lookup, verifier, scopes, networks, parent_id, created_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`

const json = (value: object | undefined) => (value === undefined ? null : JSON.stringify(value))

/** Stores a credential of an account, which must be held; its number, or undefined where its name or secret is taken. */
export async function storeCredential(
  tx: Tx,
  account: number,
  credential: NewCredential,
  now: number,
): Promise<number | undefined> {
  const { kind, name, lookup, verifier, scopes, networks, parent, expiresAt } = credential
  return await tx.insert(INSERT, [
    account,
    CREDENTIALS[kind],
    name,
    lookup ?? null,
    verifier ?? null,
    json(scopes),
    json(networks),
    parent ?? null,
    now,
    expiresAt ?? null,
  ])
}

/** Sessions and refresh tokens come with logins, which have rows of their own, and are ended by their owners all the time. */
const isAudited = (kind: CredentialKind) => kind !== 'session' && kind !== 'refresh'

const OLDER = `SELECT id, name FROM credential WHERE account_id = $1 AND kind = $2 ORDER BY id DESC
  LIMIT 1000 OFFSET $3`

/** See AccountStore.createCredential. A child has its parent's bounds unless it has its own, and ends when it does at the latest. */
export async function createCredential(
  tx: Tx,
  create: Parameters<AccountStore['createCredential']>[0],
  cause: Cause,
): Promise<Awaited<ReturnType<AccountStore['createCredential']>>> {
  const { keepNewest } = create
  const { kind } = create.credential
  const account = await lockAccount(tx, create.account, keepNewest === undefined ? 'keep' : 'change')
  if (account === undefined || account.kind === 'organisation') return { outcome: 'absent' }
  const credential = await inherit(tx, account.id, create.credential, cause.now)
  if (credential === undefined) return { outcome: 'absent' }
  const id = await storeCredential(tx, account.id, credential, cause.now)
  if (id === undefined) return { outcome: 'taken' }
  let older: { readonly id: number; readonly name: string }[] = []
  if (keepNewest !== undefined) {
    older = await tx.all(OLDER, [account.id, CREDENTIALS[kind], keepNewest])
    await removeCredentials(
      tx,
      older.map((row) => row.id),
    )
  }
  if (create.login !== undefined) {
    const login = { ...cause, credential: id }
    await writeCredentialRow(tx, account, 'login', { door: create.login }, login)
  }
  if (isAudited(kind)) {
    const replaced = older.length === 0 ? undefined : older.map((row) => row.name)
    await writeCredentialRow(tx, account, `${kind}.create`, { ...told(id, credential), replaced }, cause)
  }
  return { outcome: 'created', id }
}

/** What the audit tells of a credential: never the secret, nor what it is found by. */
export function told(id: number, { name, scopes, networks, expiresAt }: Omit<NewCredential, 'kind'>): object {
  const readable = scopes?.map(({ pattern, verbs }) => ({ pattern, verbs: verbsIn(verbs) }))
  return { id, name, scopes: readable, networks, expiresAt }
}

async function writeCredentialRow(
  tx: Tx,
  account: Account,
  action: AuditAction,
  detail: object,
  cause: Cause,
) {
  await writeAuditRow(tx, { action, target: account.name, namespace: auditedIn(account), detail }, cause)
}

const FIND = 'SELECT name, kind FROM credential WHERE id = $1 AND account_id = $2 FOR UPDATE'

/** See AccountStore.deleteCredential. */
export async function deleteCredential(
  tx: Tx,
  remove: Parameters<AccountStore['deleteCredential']>[0],
  cause: Cause,
): Promise<'done' | 'absent'> {
  const { id, kinds } = remove
  const account = await lockAccount(tx, remove.account, 'keep')
  if (account === undefined) return 'absent'
  const row = await tx.get<{ name: string; kind: number }>(FIND, [id, account.id])
  if (row === undefined) return 'absent'
  const kind = wordOf(CREDENTIALS, row.kind)
  if (!kinds.includes(kind)) return 'absent'
  await removeCredentials(tx, [id])
  // Who ends a session of somebody else has no login or logout that would tell of it.
  if (isAudited(kind) || cause.account !== account.id) {
    await writeCredentialRow(tx, account, `${kind}.delete`, { id, name: row.name }, cause)
  }
  return 'done'
}
