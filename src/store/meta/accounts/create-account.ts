import type { Cause } from '../access-store.ts'
import { ACCOUNT_KINDS } from '../account-codes.ts'
import type { Account, AccountStore, LinkPurpose } from '../account-store.ts'
import type { Tx } from '../driver.ts'
import { countAdministrators } from './accounts.ts'
import { writeAuditRow } from './audit.ts'
import { lockLink, useLink } from './links.ts'
import { storeMember } from './members.ts'
import { storePassword } from './passwords.ts'
import { findAccount, lockUser } from './rows.ts'

interface NewAccount {
  readonly name: string
  readonly kind: 'user' | 'organisation'
  readonly displayName?: string | undefined
  readonly description?: string | undefined
  readonly email?: string | undefined
  readonly administrator?: boolean
  readonly adopt?: boolean | undefined
}

const LOCK_NAMESPACE = 'SELECT id, account_id AS account FROM namespace WHERE name = $1 FOR UPDATE'

/** A namespace that may become the new account's, held; undefined where it may not. */
async function claimNamespace(tx: Tx, name: string, adopt: boolean, now: number) {
  for (;;) {
    const found = await tx.get<{ id: number; account: number | null }>(LOCK_NAMESPACE, [name])
    // Whose repositories they are is not for who signs up to say.
    if (found !== undefined)
      return adopt && found.account === null ? { id: found.id, adopted: true } : undefined
    const id = await tx.insert(
      'INSERT INTO namespace (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING',
      [name, now],
    )
    if (id !== undefined) return { id, adopted: false }
  }
}

const INSERT = `INSERT INTO account (name, kind, display_name, description, email, administrator, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING`

/** The account and its namespace; undefined, and nothing is changed, where the name is taken. */
async function createAccount(tx: Tx, account: NewAccount, now: number) {
  const { name, kind, displayName = '', description = '', email = '', administrator = false } = account
  if ((await findAccount(tx, name)) !== undefined) return undefined
  // Two who want one name meet at its namespace: the later one finds it owned.
  const namespace = await claimNamespace(tx, name, account.adopt === true, now)
  if (namespace === undefined) return undefined
  const id = await tx.insert(INSERT, [
    name,
    ACCOUNT_KINDS[kind],
    displayName,
    description,
    email,
    administrator ? 1 : 0,
    now,
  ])
  if (id === undefined) return undefined
  await tx.run('UPDATE namespace SET account_id = $2, version = version + 1 WHERE id = $1', [
    namespace.id,
    id,
  ])
  return { id, adopted: namespace.adopted }
}

/** See AccountStore.createUser. */
export async function createUser(
  tx: Tx,
  create: Parameters<AccountStore['createUser']>[0],
  cause: Cause,
): Promise<Awaited<ReturnType<AccountStore['createUser']>>> {
  const link = create.link && (await lockLink(tx, create.link, cause.now))
  if (create.link !== undefined) {
    const purpose = link?.purpose
    if (purpose === undefined || purpose.kind === 'password-reset') return { outcome: 'no-link' }
    // It was made for the first one: who finds it in a log later gets nothing by it.
    if (purpose.kind === 'administrator' && (await countAdministrators(tx)) > 0) return { outcome: 'no-link' }
  }
  const { name, displayName, email, adopt } = create
  const administrator = create.administrator || link?.purpose.kind === 'administrator'
  const made = await createAccount(
    tx,
    { name, kind: 'user', displayName, email, administrator, adopt },
    cause.now,
  )
  if (made === undefined) return { outcome: 'taken' }
  if (create.password !== undefined) await storePassword(tx, made.id, create.password, cause.now)
  if (link !== undefined) await useLink(tx, link, name, cause)
  const detail = { administrator, ...(made.adopted && { adopted: true }), ...(link && { link: link.id }) }
  await writeAuditRow(tx, { action: 'user.create', target: name, namespace: name, detail }, cause)
  if (link !== undefined) await joinInvited(tx, link.purpose, made.id, name, cause)
  return { outcome: 'created', account: (await findAccount(tx, name)) as Account }
}

/** The organisation that an invitation was for. */
async function joinInvited(tx: Tx, purpose: LinkPurpose, user: number, name: string, cause: Cause) {
  if (purpose.kind !== 'invitation' || purpose.organisation === undefined) return
  const organisation = (await findAccount(tx, purpose.organisation)) as Account
  await storeMember(tx, organisation, { id: user, name }, purpose.role ?? 'member', cause)
}

/** See AccountStore.createOrganisation. */
export async function createOrganisation(
  tx: Tx,
  create: Parameters<AccountStore['createOrganisation']>[0],
  cause: Cause,
): Promise<Awaited<ReturnType<AccountStore['createOrganisation']>>> {
  const { name, displayName, description, adopt } = create
  const owner = create.owner === undefined ? undefined : await lockUser(tx, create.owner)
  if (create.owner !== undefined && owner === undefined) return { outcome: 'no-user' }
  const made = await createAccount(
    tx,
    { name, kind: 'organisation', displayName, description, adopt },
    cause.now,
  )
  if (made === undefined) return { outcome: 'taken' }
  const detail = made.adopted ? { adopted: true } : undefined
  await writeAuditRow(tx, { action: 'organisation.create', target: name, namespace: name, detail }, cause)
  if (owner !== undefined) await storeMember(tx, { id: made.id, name }, owner, 'owner', cause)
  return { outcome: 'created', account: (await findAccount(tx, name)) as Account }
}
