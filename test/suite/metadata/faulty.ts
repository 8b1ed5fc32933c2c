import { isRefusal } from '../../../src/core/errors.ts'
import { parseRepoName } from '../../../src/core/names.ts'
import { openPostgres } from '../../../src/store/meta/postgres.ts'
import { openSqlite } from '../../../src/store/meta/sqlite.ts'
import { image, push } from './fixture.ts'

/*
 * A process that pushes two manifests at once, and a third behind them, and tells how each went. Failpoints strike it by its
 * environment: `faulty.ts PATH-OR-URL`.
 */

const target = process.argv[2] ?? ''
const store = target.startsWith('postgres:') ? await openPostgres(target) : await openSqlite(target)

async function tell(name: string): Promise<string> {
  try {
    return (await push(store, parseRepoName(`fault/${name}`), image(), { tags: ['v'] })).outcome
  } catch (error) {
    return isRefusal(error) ? error.kind : `${(error as { code?: string }).code}: ${(error as Error).message}`
  }
}

const together = await Promise.all([tell('one'), tell('two')])
console.log(JSON.stringify([...together, await tell('three')]))
await store.close()
