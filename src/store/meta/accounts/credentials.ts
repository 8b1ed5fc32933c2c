import type { CredentialBounds } from '../access-store.ts'
import { ACCOUNT_KINDS, CREDENTIALS, wordOf } from '../account-codes.ts'
import type { Credential, CredentialKind, FoundCredential } from '../account-store.ts'
import { allOf, inStatement, type Reader, runOver, type Tx, type Value } from '../driver.ts'

interface Row {
  readonly id: number
  readonly account: number
  readonly kind: number
  readonly name: string
  /** Of keys alone. */
  readonly key: Uint8Array | null
  readonly scopes: string | null
  readonly networks: string | null
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly usedAt: number | null
  readonly usedAddress: string | null
  readonly usedAgent: string | null
}

const COLUMNS = `c.id, c.account_id AS account, c.kind, c.name,
  CASE WHEN c.kind = ${CREDENTIALS.key} THEN c.lookup END AS key, c.scopes, c.networks, c.created_at AS "createdAt",
  c.expires_at AS "expiresAt", c.used_at AS "usedAt", c.used_address AS "usedAddress", c.used_agent AS "usedAgent"`

function toCredential(row: Row): Credential {
  return {
    id: row.id,
    account: row.account,
    kind: wordOf(CREDENTIALS, row.kind),
    name: row.name,
    keyId: row.key === null ? undefined : Buffer.from(row.key).toString('hex'),
    ...boundsOf(row),
    createdAt: row.createdAt,
    expiresAt: row.expiresAt ?? undefined,
    lastUsed:
      row.usedAt === null
        ? undefined
        : { at: row.usedAt, address: row.usedAddress ?? '', agent: row.usedAgent ?? '' },
  }
}

/** The bounds of a credential as they stand in its row, as JSON. */
export function boundsOf(row: Pick<Row, 'scopes' | 'networks'>): CredentialBounds {
  return {
    ...(row.scopes !== null && { scopes: JSON.parse(row.scopes) as never }),
    ...(row.networks !== null && { networks: JSON.parse(row.networks) as never }),
  }
}

interface FoundRow extends Row {
  readonly verifier: string | null
  readonly accountName: string
  readonly accountKind: number
  readonly disabled: number
}

const FOUND = `SELECT ${COLUMNS}, c.verifier, a.name AS "accountName", a.kind AS "accountKind",
    CASE WHEN a.disabled = 1 THEN 1
      ELSE coalesce((SELECT o.disabled FROM account o WHERE o.id = a.owner_id), 0) END AS disabled
  FROM credential c JOIN account a ON a.id = c.account_id`
const LIVE = '(c.expires_at IS NULL OR c.expires_at > $2)'

const BY_LOOKUP = `${FOUND} WHERE c.lookup = $1 AND ${LIVE}`
const BY_ID = `${FOUND} WHERE c.id = $1 AND ${LIVE}`
const PASSWORD = `${FOUND} WHERE a.name = $1 AND c.kind = ${CREDENTIALS.password}`

async function found(
  tx: Reader,
  sql: string,
  values: readonly Value[],
): Promise<FoundCredential | undefined> {
  const row = await tx.get<FoundRow>(sql, values)
  if (row === undefined) return undefined
  return {
    ...toCredential(row),
    verifier: row.verifier ?? undefined,
    accountName: row.accountName,
    accountKind: wordOf({ user: ACCOUNT_KINDS.user, robot: ACCOUNT_KINDS.robot }, row.accountKind),
    disabled: row.disabled === 1,
  }
}

/** See AccountStore.findCredential. */
export async function findCredential(tx: Reader, lookup: Uint8Array, now: number) {
  return await found(tx, BY_LOOKUP, [lookup, now])
}

/** See AccountStore.readCredential. */
export async function readCredential(tx: Reader, id: number, now: number) {
  return await found(tx, BY_ID, [id, now])
}

/** See AccountStore.findPassword. */
export async function findPassword(tx: Reader, name: string) {
  return await found(tx, PASSWORD, [name])
}

const LIST = inStatement(
  1,
  (kinds) => `SELECT ${COLUMNS} FROM credential c
    WHERE c.account_id = (SELECT id FROM account WHERE name = $1) AND c.kind IN ${kinds} ORDER BY c.id DESC`,
)

/** See AccountStore.listCredentials. */
export async function listCredentials(
  tx: Reader,
  account: string,
  kinds: readonly CredentialKind[],
): Promise<Credential[]> {
  const codes = kinds.map((kind) => CREDENTIALS[kind])
  return (await allOf<Row>(tx, LIST, [account], codes)).map(toCredential)
}

const CHILDREN = inStatement(0, (parents) => `SELECT id FROM credential WHERE parent_id IN ${parents}`)
const LOCK = inStatement(0, (ids) => `SELECT id FROM credential WHERE id IN ${ids} ORDER BY id FOR UPDATE`)
const DELETE = inStatement(0, (ids) => `DELETE FROM credential WHERE id IN ${ids}`)

/** Deletes credentials with everything that came from them, what came last first. */
export async function removeCredentials(tx: Tx, ids: readonly number[]): Promise<void> {
  const depths = new Map<number, number>()
  let level = [...ids]
  for (let depth = 0; level.length > 0; depth++) {
    for (const id of level) depths.set(id, depth)
    // Held, so that no more come from them.
    await allOf(tx, LOCK, [], level)
    level = (await allOf<{ id: number }>(tx, CHILDREN, [], level)).map((row) => row.id)
  }
  const lastFirst = [...depths].sort(([, a], [, b]) => b - a).map(([id]) => id)
  await runOver(tx, DELETE, [], lastFirst)
}
