import { createHash, randomBytes } from 'node:crypto'
import { parseRepoName, type RepoName } from '../../../src/core/names.ts'
import type { Cause } from '../../../src/store/meta/access-store.ts'
import type { Account, AccountStore, NewCredential } from '../../../src/store/meta/account-store.ts'
import type { Store } from '../../../src/store/meta/store.ts'
import { NOW } from '../metadata/fixture.ts'

/** A database with accounts, and a look into it. */
export interface AccountsUnderTest {
  readonly store: Store
  /** The rows of a statement that both databases understand. */
  sql(text: string): Promise<Record<string, unknown>[]>
  dispose(): Promise<void>
}

export const CAUSE: Cause = {
  now: NOW,
  actor: 'root',
  account: 1,
  credential: 2,
  address: '192.0.2.1',
  agent: 'tester/1',
  requestId: 'r1',
}

/** Of who runs the server, whose links rest on nobody's right. */
export const OPERATOR: Cause = { now: NOW, actor: 'root', address: '', agent: '', requestId: 'r1' }

export const at = (now: number): Cause => ({ ...CAUSE, now })

let names = 0
/** A name no other test uses. */
export const freshName = (prefix = 'u') => `${prefix}${++names}-${randomBytes(4).toString('hex')}`

/** Stands for an argon2id text; must never be seen where it does not belong. */
export const VERIFIER = '$argon2id$canary-verifier'

/** What a secret is found by. */
export const newLookup = () => new Uint8Array(createHash('sha256').update(randomBytes(8)).digest())

export interface UserOptions {
  readonly administrator?: boolean
  readonly password?: string
}

/** Makes a user that must be made. */
export async function newUser(
  store: AccountStore,
  { administrator = false, password }: UserOptions = {},
): Promise<Account> {
  const made = await store.createUser({ name: freshName(), administrator, password }, CAUSE)
  if (made.outcome !== 'created') throw new Error(`no user: ${made.outcome}`)
  return made.account
}

/** Those of other tests step back, so that these administrators are all there are. */
export async function disableOtherAdministrators({ store, sql }: AccountsUnderTest, but: readonly string[]) {
  for (const { name } of await sql('SELECT name FROM account WHERE administrator = 1 AND disabled = 0'))
    if (!but.includes(name as string))
      await store.updateAccount({ name: name as string, disabled: true }, CAUSE)
}

export async function newOrganisation(store: AccountStore, owner?: string): Promise<Account> {
  const made = await store.createOrganisation({ name: freshName('o'), owner }, CAUSE)
  if (made.outcome !== 'created') throw new Error(`no organisation: ${made.outcome}`)
  return made.account
}

/** A credential with a secret of its own. */
export function credential(
  kind: NewCredential['kind'],
  options: Partial<NewCredential> = {},
): NewCredential & { readonly lookup: Uint8Array } {
  return { kind, name: freshName(kind), lookup: newLookup(), ...options } as never
}

/** Gives an account a credential; its number. */
export async function give(
  store: AccountStore,
  account: string,
  given: NewCredential,
  keepNewest?: number,
): Promise<number> {
  const made = await store.createCredential(
    { account, credential: given, ...(keepNewest !== undefined && { keepNewest }) },
    CAUSE,
  )
  if (made.outcome !== 'created') throw new Error(`no credential: ${made.outcome}`)
  return made.id
}

/** What the audit has of a namespace, oldest first; `null`: of the site. */
export async function audited(sql: AccountsUnderTest['sql'], namespace: string | null) {
  const where = namespace === null ? 'namespace IS NULL' : `namespace = '${namespace}'`
  const rows = await sql(`SELECT action, target, detail FROM audit WHERE ${where} ORDER BY id`)
  return rows.map(({ action, target, detail }) => ({
    action,
    target,
    ...(detail !== null && { detail: JSON.parse(detail as string) }),
  }))
}

export const repoIn = (namespace: string, name = 'app'): RepoName => parseRepoName(`${namespace}/${name}`)

/** What must find nothing, on both databases. */
const INVARIANTS: Readonly<Record<string, string>> = {
  'a user or organisation without a namespace of its name': `SELECT 1 FROM account a WHERE a.kind IN (1, 2)
    AND NOT EXISTS (SELECT 1 FROM namespace n WHERE n.name = a.name AND n.account_id = a.id)`,
  'a robot without an owner': 'SELECT 1 FROM account WHERE (kind = 3) <> (owner_id IS NOT NULL)',
  'an administrator who is no user': 'SELECT 1 FROM account WHERE administrator = 1 AND kind <> 1',
  'a member of what is no organisation': `SELECT 1 FROM member m JOIN account o ON o.id = m.organisation_id
    JOIN account u ON u.id = m.user_id WHERE o.kind <> 2 OR u.kind <> 1`,
  'someone in a team who is not in its organisation': `SELECT 1 FROM team_member m JOIN team t ON t.id = m.team_id
    WHERE NOT EXISTS (SELECT 1 FROM member o WHERE o.organisation_id = t.organisation_id AND o.user_id = m.user_id)`,
  'a grant to an account that is gone': `SELECT 1 FROM access_grant WHERE subject_kind = 1
    AND subject_id NOT IN (SELECT id FROM account)`,
  'a grant to a team that is gone': `SELECT 1 FROM access_grant WHERE subject_kind = 2
    AND subject_id NOT IN (SELECT id FROM team)`,
  'a default grant to nobody': `SELECT 1 FROM default_grant WHERE (subject_kind = 1
    AND subject_id NOT IN (SELECT id FROM account)) OR (subject_kind = 2 AND subject_id NOT IN (SELECT id FROM team))`,
  'a credential of an organisation': `SELECT 1 FROM credential c JOIN account a ON a.id = c.account_id
    WHERE a.kind = 2`,
  'a credential that came from one of another account': `SELECT 1 FROM credential c
    JOIN credential p ON p.id = c.parent_id WHERE p.account_id <> c.account_id`,
  'a repository of no namespace': 'SELECT 1 FROM repo WHERE ns_id NOT IN (SELECT id FROM namespace)',
  'a link of a repository that is gone': 'SELECT 1 FROM repo_blob WHERE repo_id NOT IN (SELECT id FROM repo)',
  'a secret in the audit': `SELECT 1 FROM audit WHERE detail LIKE '%canary%' OR target LIKE '%canary%'`,
}

/** Names what is wrong; empty when nothing is. */
export async function brokenInvariants(sql: AccountsUnderTest['sql']): Promise<string[]> {
  const wrong: string[] = []
  for (const [what, statement] of Object.entries(INVARIANTS))
    if ((await sql(`${statement} LIMIT 1`)).length > 0) wrong.push(what)
  return wrong
}
