import type { Dialect, Tx } from './driver.ts'
import type { MetadataStore } from './store.ts'

const FIND = 'SELECT identity FROM storage WHERE one = 1'

/** Whether the database is bound to this storage already, as nearly always: then a start writes nothing. */
export async function isPaired(tx: Pick<Tx, 'get'>, identity: string): Promise<boolean> {
  return (await tx.get<{ identity: string }>(FIND, []))?.identity === identity
}

/** See MetadataStore.pairStorage. Of two that start at once on a fresh database the first one has it. */
export async function pairStorage(
  tx: Tx,
  _dialect: Dialect,
  storage: Parameters<MetadataStore['pairStorage']>[0],
): Promise<'paired' | 'other'> {
  const { identity, empty } = storage
  let known = await tx.get<{ identity: string }>(FIND, [])
  if (known === undefined && empty) {
    await tx.run('INSERT INTO storage (one, identity) VALUES (1, $1) ON CONFLICT (one) DO NOTHING', [
      identity,
    ])
    known = await tx.get<{ identity: string }>(FIND, [])
  }
  if (known === undefined) return 'other'
  if (known.identity === identity) return 'paired'
  if (!empty || (await tx.get('SELECT 1 AS found FROM blob LIMIT 1', [])) !== undefined) return 'other'
  const moved = await tx.run('UPDATE storage SET identity = $1 WHERE identity = $2', [
    identity,
    known.identity,
  ])
  return moved > 0 ? 'paired' : 'other'
}
