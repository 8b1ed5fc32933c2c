import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseRepoName } from '../src/core/names.ts'
import { MIGRATIONS } from '../src/store/meta/migrate.ts'
import { openSqlite } from '../src/store/meta/sqlite.ts'
import { migrateSqlite } from '../src/store/meta/sqlite-connection.ts'
import { WriterThread } from '../src/store/meta/sqlite-writer.ts'
import type { MetadataStore } from '../src/store/meta/store.ts'
import { audit } from './suite/metadata/audit.ts'
import {
  digestAt,
  freshRepo,
  image,
  index,
  NOW,
  newDigest,
  OWNER,
  openUpload,
  push,
  pushBlob,
  pushed,
  rejection,
  remove,
  removeTag,
} from './suite/metadata/fixture.ts'
import { describeNeeding } from './testbed/needs.ts'
import { run, tryRun } from './testbed/run.ts'
import { type TempFolder, tempFolder } from './testbed/temp.ts'

const FAULTY = join(import.meta.dir, 'suite/metadata/faulty.ts')

describe('metadata on SQLite', () => {
  let folder: TempFolder
  let files = 0
  const newPath = () => join(folder.path, `${++files}.db`)
  beforeAll(async () => {
    folder = await tempFolder()
  })
  afterAll(async () => {
    await folder[Symbol.asyncDispose]()
  })

  test('C1: what was answered is there after the program was closed and started again', async () => {
    const path = newPath()
    const repo = freshRepo()
    const first = await openSqlite(path)
    const blob = await pushBlob(first, repo)
    const open = await openUpload(first, repo)
    const manifest = await pushed(first, repo, image([blob]), { tags: ['v'] })
    const parent = await pushed(first, repo, index([manifest], { subject: newDigest() }))
    await first.close()

    const second = await openSqlite(path)
    expect(await digestAt(second, repo, 'v')).toBe(manifest.digest)
    expect(await second.findManifest(repo, parent)).toBeDefined()
    expect((await second.findBlob(repo, blob.digest))?.leaseUntil).toBeUndefined()
    expect((await second.findUpload(repo, open.id, OWNER, NOW))?.key).toBe(open.key)
    expect((await second.search({ query: repo, limit: 1, offset: 0 })).total).toBe(1)
    await second.close()
  })

  test('closing lets what waits finish, and refuses what comes later', async () => {
    const path = newPath()
    const repo = freshRepo()
    const store = await openSqlite(path)
    const pushes = Array.from({ length: 100 }, (_, at) => pushed(store, repo, image(), { tags: [`t${at}`] }))
    const closed = store.close()
    const late = await rejection(push(store, repo, image()))
    expect(late.kind).toBe('unavailable')
    await Promise.all(pushes)
    await closed
    await store.close()
    const again = await openSqlite(path)
    expect((await again.listTags(repo, { limit: 200 }))?.items.length).toBe(100)
    await again.close()
  })

  test('a command that fails is undone alone, those of the same transaction stand', async () => {
    const store = await openSqlite(newPath())
    const [good, bad] = [freshRepo(), freshRepo()]
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, (_, at) =>
        // No such type: the command fails after it has created the repository.
        at % 3 === 1
          ? push(store, bad, { ...image(), mediaType: 'text/plain' })
          : push(store, good, image(), { tags: [`t${at}`] }),
      ),
    )
    expect(results.map(({ status }) => status)).toEqual(
      results.map((_, at) => (at % 3 === 1 ? 'rejected' : 'fulfilled')),
    )
    expect((results[1] as PromiseRejectedResult).reason.message).toContain('text/plain')
    expect((await store.listTags(good, { limit: 99 }))?.items.length).toBe(20)
    expect(await store.deleteTag(removeTag(bad, 'v'))).toEqual({ outcome: 'no-repository' })
    await store.close()
  })

  test('more commands than may wait are refused, and the others done', async () => {
    const store = await openSqlite(newPath(), { maxWaiting: 10 })
    const repo = freshRepo()
    const results = await Promise.allSettled(Array.from({ length: 25 }, () => push(store, repo, image())))
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused.length).toBe(15)
    for (const { reason } of refused as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ kind: 'unavailable', detail: { retryAfter: 1 } })
    }
    await pushed(store, repo, image())
    await store.close()
  })

  test('two writers on one file, opened at once, wait for each other', async () => {
    const path = newPath()
    // Without the cache of hot reads, which relies on a directory's only owner.
    const stores = await Promise.all([1, 2].map(() => openSqlite(path, { readCacheBytes: 0 })))
    const repo = freshRepo()
    await Promise.all(
      Array.from({ length: 60 }, (_, at) =>
        pushed(stores[at % 2] as MetadataStore, repo, image(), { tags: [`t${at}`] }),
      ),
    )
    for (const store of stores) expect((await store.listTags(repo, { limit: 99 }))?.items.length).toBe(60)
    await Promise.all(stores.map((store) => store.close()))
  }, 20_000)

  test('B19: a read that was answered before a commit is not repeated behind it', async () => {
    const store = await openSqlite(newPath())
    const repo = freshRepo()
    for (let round = 0; round < 50; round++) {
      const { digest } = await pushed(store, repo, image(), { tags: ['v'] })
      for (let again = 0; again < 3; again++) expect(await digestAt(store, repo, 'v')).toBe(digest)
      expect((await store.readManifest(repo, { digest }))?.digest).toBe(digest)
      const { digest: blob } = await pushBlob(store, repo)
      expect(await store.findBlob(repo, blob)).toBeDefined()
      await store.deleteBlob(remove(repo, blob))
      expect(await store.findBlob(repo, blob)).toBeUndefined()
    }
    await store.close()
  })

  test('a file of a newer program is refused, and left as it is', async () => {
    const path = newPath()
    await (await openSqlite(path)).close()
    const database = new Database(path)
    database.run("INSERT INTO schema_migration VALUES (99, 'from the future', 0)")
    const error = await rejection(openSqlite(path))
    expect(error.message).toContain('schema version 99')
    expect(error.message).toContain('newer Berth')
    database.run('DELETE FROM schema_migration WHERE version = 99')
    database.close()
    await (await openSqlite(path)).close()
  })

  test('an older file is brought forward and keeps its content; a step that fails changes nothing', async () => {
    const path = newPath()
    const repo = freshRepo()
    const store = await openSqlite(path)
    const { digest } = await pushed(store, repo, image(), { tags: ['v'] })
    await store.close()

    const step = { version: MIGRATIONS.length + 1, name: 'step', postgres: '' }
    const good = { ...step, sqlite: 'CREATE TABLE extra (id INTEGER); INSERT INTO extra VALUES (7)' }
    const bad = { ...step, version: step.version + 1, sqlite: 'CREATE TABLE more (id INTEGER); NONSENSE' }
    const database = new Database(path)
    const tables = () =>
      database.query("SELECT name FROM sqlite_schema WHERE name IN ('extra', 'more')").all()
    expect((await rejection(migrateSqlite(database, [...MIGRATIONS, good, bad]))).message).toContain(
      'NONSENSE',
    )
    expect(tables()).toEqual([])
    await migrateSqlite(database, [...MIGRATIONS, good])
    await migrateSqlite(database, [...MIGRATIONS, good])
    expect(database.query('SELECT id FROM extra').all()).toEqual([{ id: 7 }])
    database.run('DELETE FROM schema_migration WHERE version = ?', [step.version])
    database.close()
    const again = await openSqlite(path)
    expect(await digestAt(again, repo, 'v')).toBe(digest)
    await again.close()
  })

  test('a file that is no database is refused with its reason', async () => {
    const path = newPath()
    await writeFile(path, 'this is not a database, but a text of some length'.repeat(100))
    expect((await rejection(openSqlite(path))).message).toContain('not a database')
    expect((await rejection(openSqlite(join(folder.path, 'nowhere/x.db')))).message).toContain('nowhere')
  })

  test('when the writer dies, what waits and what comes later is unavailable, and closing ends', async () => {
    const worker = new Worker(new URL('./suite/metadata/dying-worker.ts', import.meta.url))
    const writer = new WriterThread(10, worker)
    await writer.open(newPath(), true)
    const waiting = await Promise.all(
      [writer.run('ping', undefined), writer.run('ping', undefined)].map(rejection),
    )
    for (const error of [...waiting, await rejection(writer.run('ping', undefined))]) {
      expect(error.kind).toBe('unavailable')
      expect(error.message).not.toContain('the thread dies')
      expect(String((error.cause as Error).message)).toContain('the thread dies')
    }
    await writer.close()
  })

  test('a command that is no plain value fails alone', async () => {
    const store = await openSqlite(newPath())
    const repo = freshRepo()
    const bad = { ...image(), facts: { shape: () => 'image' } as never }
    expect((await rejection(push(store, repo, bad))).message).toContain('cloned')
    await pushed(store, repo, image())
    await store.close()
  })

  const faulty = async (path: string, failpoints: string) =>
    await tryRun([process.execPath, FAULTY, path], { env: { BERTH_FAILPOINTS: failpoints } })
  const standing = async (path: string) => {
    const store = await openSqlite(path)
    const names = ['one', 'two', 'three']
    const found = await Promise.all(names.map((name) => digestAt(store, parseRepoName(`fault/${name}`), 'v')))
    await store.close()
    const database = new Database(path)
    expect(await audit(async (text) => database.query(text).all())).toEqual([])
    database.close()
    return names.filter((_, at) => found[at] !== undefined)
  }

  test('C2: a transaction that cannot commit has not happened, for none of its commands', async () => {
    const path = newPath()
    const result = await faulty(path, 'tx.before-commit=1*error:ENOSPC')
    expect(JSON.parse(result.stdout)).toEqual(['storage-full', 'storage-full', 'stored'])
    expect(await standing(path)).toEqual(['three'])
  })

  test('C2: a transaction that cannot begin, by an unknown error', async () => {
    const path = newPath()
    const result = await faulty(path, 'tx.begun=1*error:EWHAT')
    const told = 'EWHAT: failpoint tx.begun: EWHAT'
    expect(JSON.parse(result.stdout)).toEqual([told, told, 'stored'])
    expect(await standing(path)).toEqual(['three'])
  })

  for (const [point, expected] of [
    ['tx.begun', []],
    ['tx.before-commit', []],
    ['tx.after-commit', ['one', 'two']],
  ] as const) {
    test(`C1, C2: killed at ${point}, ${expected.length === 0 ? 'nothing' : 'all of it'} is there`, async () => {
      const path = newPath()
      const result = await faulty(path, `${point}=1*kill`)
      expect(result.stdout).toBe('')
      expect(await standing(path)).toEqual([...expected])
    })
  }
})

describeNeeding({ root: true }, 'metadata on a full disk', () => {
  test('CO-4: commands are refused, reads go on, and with space again it goes on without a restart', async () => {
    await using folder = await tempFolder()
    const mounted = join(folder.path, 'small')
    await run(['mkdir', mounted])
    await run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mounted])
    const store = await openSqlite(join(mounted, 'berth.db'))
    const repo = freshRepo()
    const first = await pushed(store, repo, image(), { tags: ['v'] })
    let refused: unknown
    for (let at = 0; at < 100 && refused === undefined; at++) {
      const pushes = [0, 1, 2].map(() => pushed(store, repo, image([], { size: 100_000 })))
      for (const result of await Promise.allSettled(pushes))
        if (result.status === 'rejected') refused = result.reason
    }
    expect(refused).toMatchObject({ kind: 'storage-full' })
    expect(await digestAt(store, repo, 'v')).toBe(first.digest)
    expect((await rejection(pushed(store, repo, image([], { size: 2_000_000 })))).kind).toBe('storage-full')
    await run(['mount', '-o', 'remount,size=64m', mounted])
    const second = await pushed(store, repo, image([], { size: 2_000_000 }), { tags: ['v'] })
    expect(await digestAt(store, repo, 'v')).toBe(second.digest)
    await store.close()
  }, 30_000)
})
