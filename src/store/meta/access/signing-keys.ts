import type { AccessStore, SigningKey } from '../access-store.ts'
import type { Dialect, Reader, Tx } from '../driver.ts'

const LIST = `SELECT kid, private_key AS "privateKey", public_key AS "publicKey", created_at AS "createdAt"
  FROM signing_key ORDER BY created_at DESC, kid DESC`

/** See AccessStore.listSigningKeys. */
export async function listSigningKeys(tx: Reader): Promise<SigningKey[]> {
  return await tx.all<SigningKey>(LIST, [])
}

/** One at a time: there may be no key to hold yet, but the step that made their table has a row. */
const HOLD = 'SELECT version FROM schema_migration WHERE version = 2 FOR UPDATE'

/** See AccessStore.rotateSigningKey. A key made by a clock that runs behind still becomes the newest; that one is never forgotten. */
export async function rotateSigningKey(
  tx: Tx,
  _dialect: Dialect,
  { key, newest, forgetBefore }: Parameters<AccessStore['rotateSigningKey']>[0],
): Promise<SigningKey[]> {
  await tx.get(HOLD, [])
  const [last] = await listSigningKeys(tx)
  let kept = last?.kid
  if (last?.kid === newest) {
    const createdAt = Math.max(key.createdAt, (last?.createdAt ?? 0) + 1)
    await tx.run(
      'INSERT INTO signing_key (kid, private_key, public_key, created_at) VALUES ($1, $2, $3, $4)',
      [key.kid, key.privateKey, key.publicKey, createdAt],
    )
    kept = key.kid
  }
  await tx.run('DELETE FROM signing_key WHERE created_at < $1 AND kid <> $2', [forgetBefore, kept ?? ''])
  return await listSigningKeys(tx)
}
