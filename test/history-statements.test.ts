import type { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { RepoName } from '../src/core/names.ts'
import { COMMANDS, type RunCommand } from '../src/store/meta/commands.ts'
import type { Tx } from '../src/store/meta/driver.ts'
import { metadataStore } from '../src/store/meta/facade.ts'
import { migrateSqlite, openDatabase, sqliteDialect, sqliteTx } from '../src/store/meta/sqlite-connection.ts'
import type { Store } from '../src/store/meta/store.ts'
import { CAUSE } from './suite/access/fixture.ts'
import { beside, newName } from './suite/history/fixture.ts'
import { image, NOW, push, pushBlob, pushed, tag } from './suite/metadata/fixture.ts'
import { type TempFolder, tempFolder } from './testbed/temp.ts'

/* What history costs where it matters: statements, counted. */

let folder: TempFolder
let database: Database
let store: Store
let statements: string[] = []

beforeAll(async () => {
  folder = await tempFolder()
  database = openDatabase(join(folder.path, 'berth.db'), 'write')
  await migrateSqlite(database)
  const { get, all, run, insert } = sqliteTx(database)
  const noting =
    <Args extends unknown[], Result>(ask: (sql: string, ...args: Args) => Result) =>
    (sql: string, ...args: Args) => {
      statements.push(sql)
      return ask(sql, ...args)
    }
  const tx = { get: noting(get), all: noting(all), run: noting(run), insert: noting(insert) } as Tx
  const command = ((name, args) => COMMANDS[name](tx, sqliteDialect, args as never)) as RunCommand
  store = { ...metadataStore(tx, sqliteDialect, command), async check() {}, async close() {} }
})
afterAll(async () => {
  database.close(true)
  await folder[Symbol.asyncDispose]()
})

async function counted(work: () => unknown): Promise<number> {
  statements = []
  await work()
  return statements.length
}

/** A repository with an image under `v1`, called something else before. */
async function renamed() {
  const old = await newName(store)
  const blob = await pushBlob(store, old)
  const { digest } = await pushed(store, old, image([blob]), { tags: ['v1'] })
  const name = beside(old)
  await store.renameRepository({ name: old, to: name }, CAUSE)
  return { old, name, digest, blob: blob.digest, absent: beside(old) }
}

describe('a pull', () => {
  test('asks once for each thing, by the present name, by a former one, and of what is not there', async () => {
    const { old, name, absent, digest, blob } = await renamed()
    for (const repo of [name, old, absent] as RepoName[]) {
      for (const reference of [{ tag: tag('v1') }, { digest }]) {
        expect(await counted(() => store.findManifest(repo, reference))).toBe(1)
        expect(await counted(() => store.readManifest(repo, reference))).toBe(1)
      }
      expect(await counted(() => store.findBlob(repo, blob))).toBe(1)
      expect(await counted(() => store.readAccess({ repo, account: 1, credential: 1, now: NOW }))).toBe(1)
      expect(await counted(() => store.listReferrers(repo, digest, { limit: 5 }))).toBe(1)
    }
  })

  test('by the present name never looks among former ones', async () => {
    const { name, old } = await renamed()
    await counted(() => store.readManifest(name, { tag: tag('v1') }))
    const [sql = ''] = statements
    // Whoever reads a former name now fails; one of them is the present name itself.
    database.run('INSERT INTO repo_alias (name, repo_id, created_at) VALUES (?, 1, 1)', [name])
    database.run('ALTER TABLE repo_alias RENAME TO kept')
    database.run('CREATE VIEW repo_alias AS SELECT name, abs(-9223372036854775808) AS repo_id FROM kept')
    try {
      const ask = (repo: RepoName) => database.prepare(sql.replaceAll('$', '?')).get(repo, 'v1')
      expect(ask(name)).not.toBeNull()
      expect(() => ask(old)).toThrow('integer overflow')
    } finally {
      database.run('DROP VIEW repo_alias')
      database.run('ALTER TABLE kept RENAME TO repo_alias')
    }
  })
})

describe('a push', () => {
  test('writes one row for a tag that is new or moves, and none for the same again', async () => {
    const repo = await newName(store)
    await pushed(store, repo, image(), { tags: ['other'] })
    const events = () => statements.filter((sql) => sql.includes('INSERT INTO tag_event')).length
    const [a, b] = [image(), image()]
    await push(store, repo, a, { tags: ['v1'] })
    const fresh = await counted(() => push(store, repo, b, { tags: ['v2'] }))
    expect(events()).toBe(1)
    await counted(() => push(store, repo, b, { tags: ['v1'] }))
    expect(events()).toBe(1)
    await counted(() => push(store, repo, b, { tags: ['v1'] }))
    expect(events()).toBe(0)
    // Patterns come with the repository's row: a tag that they do not fit costs nothing.
    await store.setImmutable({ repo, patterns: ['fixed'] }, CAUSE)
    expect(await counted(() => push(store, repo, image(), { tags: ['v3'] }))).toBe(fresh)
  })
})
