import type { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { COMMANDS, type RunCommand } from '../src/store/meta/commands.ts'
import type { Tx } from '../src/store/meta/driver.ts'
import { metadataStore } from '../src/store/meta/facade.ts'
import { migrateSqlite, openDatabase, sqliteDialect, sqliteTx } from '../src/store/meta/sqlite-connection.ts'
import type { Store } from '../src/store/meta/store.ts'
import { CAUSE, newUser } from './suite/access/fixture.ts'
import { visitAccess } from './suite/access/visit.ts'
import { visitAccounts } from './suite/accounts/visit.ts'
import { visitCollection } from './suite/collection/visit.ts'
import { visitHistory } from './suite/history/visit.ts'
import {
  finishOf,
  freshRepo,
  GRACE,
  image,
  index,
  layer,
  NOW,
  newDigest,
  OWNER,
  openUpload,
  push,
  pushBlob,
  pushed,
  remove,
  removeTag,
  tag,
} from './suite/metadata/fixture.ts'
import { type TempFolder, tempFolder } from './testbed/temp.ts'

/** Lists of constants, a few rows found before, full-text indexes, the keys that sign and the jobs are read whole by nature. The queues
 * are counted, up to a bound. */
const BY_NATURE =
  /^SCAN (\d+-ROW VALUES CLAUSE|(\d+ )?CONSTANT ROWS?|use|few|signing_key|job|\w+ VIRTUAL TABLE)\b/
/** So are the queues of recursion. */
const QUEUE = /^SCAN (below|b|above|a)\b/
const isWhole = (detail: string, sql: string) =>
  detail.startsWith('SCAN') &&
  !BY_NATURE.test(detail) &&
  !(QUEUE.test(detail) && sql.includes('WITH RECURSIVE'))
/** All of a repository. */
const WHOLE_REPOSITORY = /\(repo_id=\?\)$/
/** A repository has few old names, and they are read to be deleted. */
const OLD_NAMES = /^SEARCH repo_alias USING (COVERING )?INDEX repo_alias_repo\b/
/** All repositories, or all public ones. */
const ALL_REPOSITORIES = /\((visibility=\?( AND )?)?(listed=\?)?\)$/

/** Every statement the store has, run once; SQLite tells how it finds the rows. */
describe('the statements of the metadata', () => {
  let folder: TempFolder
  let database: Database
  const statements = new Set<string>()
  beforeAll(async () => {
    folder = await tempFolder()
    database = openDatabase(join(folder.path, 'berth.db'), 'write')
    await migrateSqlite(database)
    await visitAll(recording(sqliteTx(database)))
  })
  afterAll(async () => {
    database.close(true)
    await folder[Symbol.asyncDispose]()
  })

  const recording = (tx: Tx): Tx => {
    const noting =
      <Args extends unknown[], Result>(run: (sql: string, ...args: Args) => Result) =>
      (sql: string, ...args: Args) => {
        statements.add(sql)
        return run(sql, ...args)
      }
    const { get, all, run, insert } = tx
    return { get: noting(get), all: noting(all), run: noting(run), insert: noting(insert) } as Tx
  }

  test('find their rows by index, whatever the size of the repository', async () => {
    expect(statements.size).toBeGreaterThan(240)
    const explain = sqliteTx(database)
    const slow: string[] = []
    for (const sql of statements) {
      const highest = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])))
      const values = Array.from({ length: highest }, () => 'x')
      for (const { detail } of await explain.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, values))
        if (
          isWhole(detail, sql) ||
          (WHOLE_REPOSITORY.test(detail) && !OLD_NAMES.test(detail)) ||
          ALL_REPOSITORIES.test(detail)
        )
          slow.push(`${detail}: ${sql}`)
    }
    expect(slow).toEqual([])
  })
})

async function visitAll(tx: Tx): Promise<void> {
  const run = ((name, args) => COMMANDS[name](tx, sqliteDialect, args as never)) as RunCommand
  const store: Store = {
    ...metadataStore(tx, sqliteDialect, run),
    async check() {},
    async close() {},
  }
  await visitAccounts(store)
  await visitAccess(store)
  await visitCollection(store, tx)
  await visitHistory(store)
  await visitUses(store)
  const [repo, other] = [freshRepo(), freshRepo()]

  const blob = await pushBlob(store, repo)
  const replace = (await store.findObject(blob.digest))?.key ?? ('' as never)
  await pushBlob(store, repo, blob.digest, { replace })
  for (const from of [repo, undefined])
    await store.mountBlob({ repo: other, digest: blob.digest, from, now: NOW, grace: GRACE })
  await store.extendLease(other, blob.digest, NOW + 2 * GRACE)
  await store.findBlob(repo, blob.digest)
  const open = await openUpload(store, repo)
  await store.advanceUpload({ id: open.id, from: 0, to: 1, expiresAt: NOW })
  await store.findUpload(repo, open.id, OWNER, NOW)
  await store.finishUpload(finishOf(open, { now: NOW - 1, expiresAt: NOW }))
  for (let at = 0; at < 2; at++) await openUpload(store, repo, { now: NOW, expiresAt: NOW })
  await store.countUploads()
  await store.sweepUploads({ now: NOW, deleteAfter: NOW, limit: 10 })
  const cancelled = await openUpload(store, repo)
  await store.abortUpload({ id: cancelled.id, now: NOW, deleteAfter: NOW })
  await store.clearTombstones(await store.dueTombstones(NOW + GRACE, 10))

  const conditional = { tags: ['a', 'b'], expect: { absent: true } } as const
  const first = await pushed(store, repo, image([blob]), conditional)
  await push(store, repo, first, { expect: { present: true } })
  await push(store, repo, first, conditional)
  const subject = { subject: first.digest, artifactType: 'x/y', annotations: '{}' }
  await pushed(store, repo, image([blob], subject), { tags: ['a'], now: NOW + 1e6 })
  await pushed(store, repo, image([layer(newDigest())], { subject: newDigest() }), { sparse: 'all' })
  const late = image()
  const children = [first, late]
  for (let at = 0; at < 4; at++) children.push(await pushed(store, repo, image([blob], subject)))
  const many = await Promise.all(Array.from({ length: 5 }, () => pushBlob(store, repo)))
  const large = await pushed(store, repo, image(many))
  await store.deleteManifest(remove(repo, large.digest))
  const parent = await pushed(store, repo, index(children), { maxIndexDepth: 4 })
  await pushed(store, repo, late)

  for (const reference of [{ tag: tag('b') }, { digest: first.digest }]) {
    await store.findManifest(repo, reference)
    await store.readManifest(repo, reference)
  }
  for (const until of [NOW, NOW + 1e9]) await store.postponeReview(repo, late.digest, until)
  await store.hasRepository(repo)
  await store.listRepositories({ limit: 5 })
  await store.listTags(repo, { limit: 5 })
  await store.listReferrers(repo, first.digest, { limit: 5 })
  await store.listReferrers(repo, first.digest, { limit: 5, artifactTypes: ['x/y', ''] })
  for (const query of ['', 'me', 'meta/', 'eta/']) await store.search({ query, limit: 5, offset: 0 })

  for (const { digest } of [first, parent, first]) await store.deleteManifest(remove(repo, digest))
  await store.deleteTag(removeTag(repo, 'a'))
  for (const where of [repo, other]) await store.deleteBlob(remove(where, blob.digest))
}

async function visitUses(store: Store): Promise<void> {
  const repo = freshRepo()
  const one = await pushed(store, repo, image(), { tags: ['v1', 'v2'] })
  await pushed(store, repo, index([one]), { tags: ['v3'] })
  const use = { repo, day: 1, digest: one.digest, looks: 1, referrers: 0, pulls: 1, pulledAt: 1, lookedAt: 1 }
  for (const tags of [['v1'], ['v1', 'v2']])
    await store.recordUses(tags.map((name) => ({ ...use, tag: tag(name) })))
  await store.recordUses([
    { ...use, tag: undefined },
    { ...use, repo: freshRepo(), tag: undefined },
  ])
  await store.listPulls(repo, { from: 0, to: 9 }, { limit: 5 })
  const { name: user } = await newUser(store)
  for (const starred of [true, true, false, true])
    await store.setStar({ user, repo, starred, now: NOW, max: 5 })
  await store.hasStar(user, repo)
  await store.listStars(user, { limit: 5 }, 'everything')
  await store.deleteAccount({ name: user }, CAUSE)
}
