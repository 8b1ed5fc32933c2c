import type { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Visible } from '../../src/core/access.ts'
import { MAX_GRANTS } from '../../src/store/meta/access/grants.ts'
import { COMMANDS, type RunCommand } from '../../src/store/meta/commands.ts'
import type { Reader, Tx } from '../../src/store/meta/driver.ts'
import { metadataStore } from '../../src/store/meta/facade.ts'
import {
  migrateSqlite,
  openDatabase,
  sqliteDialect,
  sqliteTx,
} from '../../src/store/meta/sqlite-connection.ts'
import type { Store } from '../../src/store/meta/store.ts'
import { CAUSE, given, newOrganisation, newUser, repoName } from '../suite/access/fixture.ts'
import { image, NOW, newDigest, pushed } from '../suite/metadata/fixture.ts'
import { type TempFolder, tempFolder } from '../testbed/temp.ts'

/** Rows and statements that a reader asks for, whatever is granted to everyone elsewhere. */
describe('what lists and calls cost while others give grants', () => {
  let folder: TempFolder
  let database: Database
  let store: Store
  const read = { rows: 0, statements: 0 }
  beforeAll(async () => {
    folder = await tempFolder()
    database = openDatabase(join(folder.path, 'berth.db'), 'write')
    await migrateSqlite(database)
    const tx = sqliteTx(database)
    const counted = (rows: unknown[]) => {
      read.statements++
      read.rows += rows.length
    }
    const reader: Reader = {
      get: async (sql, values) => {
        const row = await tx.get<never>(sql, values)
        counted(row === undefined ? [] : [row])
        return row
      },
      all: async (sql, values) => {
        const rows = await tx.all<never>(sql, values)
        counted(rows)
        return rows
      },
    }
    const run = ((name, args) => COMMANDS[name](tx as Tx, sqliteDialect, args as never)) as RunCommand
    store = { ...metadataStore(reader, sqliteDialect, run), async check() {}, async close() {} }
  })
  afterAll(async () => {
    database.close(true)
    await folder[Symbol.asyncDispose]()
  })

  async function costs(account: number | undefined): Promise<Record<string, typeof read>> {
    const visible: Visible = { granted: [], grantee: { account } }
    const looks: Record<string, () => Promise<unknown>> = {
      call: () => store.readReach({ now: NOW, ...(account !== undefined && { account }) }),
      catalogue: () => store.listRepositories({ limit: 20 }, visible),
      'its last page': () => store.listRepositories({ limit: 20, last: 'zz/x' }, visible),
      described: () => store.describeRepositories({ visible }, { limit: 20 }),
      search: () => store.search({ query: 'web', limit: 20, offset: 0 }, visible),
      mount: () => store.findHolder(newDigest(), visible),
    }
    const told: Record<string, typeof read> = {}
    for (const [name, look] of Object.entries(looks)) {
      Object.assign(read, { rows: 0, statements: 0 })
      await look()
      told[name] = { ...read }
    }
    return told
  }

  test('no row more is read, and no statement, for grants on what there is not', async () => {
    const user = await newUser(store)
    const org = await newOrganisation(store)
    for (const name of ['web', 'web-1', 'api']) {
      await pushed(store, repoName(`${org.name}/${name}`), image())
      await given(store, 'everyone', `${org.name}/${name}`)
    }
    await given(store, 'anyone', `${org.name}/a*`)
    const accounts = [user.id, org.owner.id, undefined]
    const small = []
    for (const account of accounts) small.push(await costs(account))
    expect(small[0]?.catalogue?.rows).toBeLessThan(30)
    expect(small[0]?.call).toEqual({ rows: 2, statements: 1 })

    // On names that nothing has, and on every pattern of namespaces without a repository – before and behind all others.
    for (const [at, space] of ['0flood', 'a-flood', 'mmm', 'zzz'].entries()) {
      database.run('INSERT INTO namespace (name, created_at) VALUES (?, 1)', [space])
      const flood = (wild: number, count: number, end: string) =>
        database.run(
          `INSERT INTO access_grant (ns_id, wild, subject_kind, subject_id, pattern, verbs, created_at)
           WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
           SELECT (SELECT id FROM namespace WHERE name = '${space}'), ${wild}, ${3 + (at % 2)}, 0,
             '${space}/r' || i || '${end}', 1, 1 FROM n`,
        )
      flood(0, 10_000, '')
      flood(1, MAX_GRANTS, '*')
    }
    for (const [at, account] of accounts.entries()) {
      for (const [name, cost] of Object.entries(await costs(account))) {
        const then = small[at]?.[name] as typeof read
        // One look at where the next patterns are, for each space without repositories between those with some.
        expect([name, cost.rows - then.rows <= 12, cost.statements - then.statements <= 12]).toEqual([
          name,
          true,
          true,
        ])
      }
    }
  })

  test('a page reads what it shows, of as many repositories as default grants give to anyone', async () => {
    const org = await newOrganisation(store)
    await store.setDefaultGrants({ namespace: org.name, grants: [{ subject: 'anyone', verbs: 1 }] }, CAUSE)
    const some = async (from: number, to: number) => {
      for (let at = from; at < to; at++) await pushed(store, repoName(`${org.name}/r${1_000 + at}`), image())
    }
    await some(0, 100)
    const before = await costs(undefined)
    await some(100, 600)
    const { call, catalogue, described } = await costs(undefined)
    expect([call, catalogue, described]).toEqual([before.call, before.catalogue, before.described] as never)
    expect(catalogue?.rows).toBeLessThan(200)
  }, 60_000)
})
