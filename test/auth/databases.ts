import { afterAll, beforeAll, describe } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { AccountActor } from '../../src/core/context.ts'
import type { NewCredential } from '../../src/store/meta/account-store.ts'
import { openPostgres } from '../../src/store/meta/postgres.ts'
import { openSqlite } from '../../src/store/meta/sqlite.ts'
import type { Store } from '../../src/store/meta/store.ts'
import { CAUSE } from '../suite/access/fixture.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { tempFolder } from '../testbed/temp.ts'

/** A database as two servers see it; on SQLite there is but one. */
export interface Replicas {
  readonly here: Store
  readonly there: Store
}

/** Runs the cases on both databases. */
export function onDatabases(title: string, cases: (replicas: () => Replicas) => void): void {
  const on = (name: string, open: (owned: AsyncDisposableStack) => Promise<Replicas>) =>
    describe(`${title}: ${name}`, () => {
      const owned = new AsyncDisposableStack()
      let replicas: Replicas
      beforeAll(async () => {
        replicas = await open(owned)
      }, 60_000)
      afterAll(() => owned.disposeAsync(), 60_000)
      cases(() => replicas)
    })
  on('SQLite', async (owned) => {
    const folder = owned.use(await tempFolder())
    const store = await openSqlite(join(folder.path, 'berth.db'))
    owned.defer(() => store.close())
    return { here: store, there: store }
  })
  describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () =>
    on('PostgreSQL', async (owned) => {
      const cluster = owned.use(await startPostgres())
      const here = await openPostgres(cluster.url)
      owned.defer(() => here.close())
      const there = await openPostgres(cluster.url)
      owned.defer(() => there.close())
      return { here, there }
    }),
  )
}

/** An account, signed in with a credential of its own. */
export async function signedIn(
  store: Store,
  { id, name }: { readonly id: number; readonly name: string },
  credential: Partial<NewCredential> = {},
): Promise<AccountActor> {
  const made = await store.createCredential(
    {
      account: name,
      credential: {
        kind: 'token',
        name: randomBytes(6).toString('hex'),
        lookup: new Uint8Array(randomBytes(32)),
        ...credential,
      },
    },
    CAUSE,
  )
  if (made.outcome !== 'created') throw new Error(`no credential: ${made.outcome}`)
  return { kind: 'account', id: `account:${id}`, account: id, name, credential: made.id }
}
