import type { Dialect, Tx } from './driver.ts'
import type { MetadataStore } from './store.ts'

/** See MetadataStore.pairStorage. Two that start at once on one fresh database take turns on the table. */
export async function pairStorage(
  tx: Tx,
  dialect: Dialect,
  storage: Parameters<MetadataStore['pairStorage']>[0],
): Promise<'paired' | 'other'> {
  if (dialect.name === 'postgres') await tx.run('LOCK TABLE storage IN EXCLUSIVE MODE', [])
  const known = await tx.get<{ identity: string }>('SELECT identity FROM storage LIMIT 1', [])
  if (known?.identity === storage.identity) return 'paired'
  if (!storage.empty) return 'other'
  if ((await tx.get('SELECT 1 AS found FROM blob LIMIT 1', [])) !== undefined) return 'other'
  await tx.run('DELETE FROM storage', [])
  await tx.run('INSERT INTO storage (identity) VALUES ($1)', [storage.identity])
  return 'paired'
}
