import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import pg from 'pg'
import { parseRepoName } from '../src/core/names.ts'
import { openPostgres } from '../src/store/meta/postgres.ts'
import { audit } from './suite/metadata/audit.ts'
import {
  digestAt,
  freshRepo,
  image,
  push,
  pushBlob,
  pushed,
  rejection,
  remove,
} from './suite/metadata/fixture.ts'
import { describeNeeding } from './testbed/needs.ts'
import { type Postgres, startPostgres } from './testbed/postgres.ts'
import { tryRun } from './testbed/run.ts'

const FAULTY = join(import.meta.dir, 'suite/metadata/faulty.ts')

describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'metadata on PostgreSQL', () => {
  let cluster: Postgres
  let admin: pg.Client
  let databases = 0
  /** A database of the test's own. */
  const newDatabase = async () => {
    const name = `test${++databases}`
    await admin.query(`CREATE DATABASE ${name}`)
    return cluster.url.replace(/postgres$/, name)
  }
  const connect = async (url: string) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    return client
  }
  beforeAll(async () => {
    cluster = await startPostgres()
    admin = await connect(cluster.url)
  }, 60_000)
  afterAll(async () => {
    await admin.end()
    await cluster[Symbol.asyncDispose]()
  }, 60_000)

  /** Resolves when somebody waits for a lock in the newest database. */
  const untilLocked = async () => {
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
    while ((await admin.query(waiting, [`test${databases}`])).rows.length === 0);
  }

  test('RC-5: eight replicas that start at once on an empty database, and see each other at once', async () => {
    const url = await newDatabase()
    const stores = await Promise.all(Array.from({ length: 8 }, () => openPostgres(url, { pool: 2 })))
    const repo = freshRepo()
    for (const [at, store] of stores.entries()) {
      const { digest } = await pushed(store, repo, image(), { tags: ['v'] })
      for (const other of stores) expect(await digestAt(other, repo, 'v')).toBe(digest)
      const blob = await pushBlob(store, repo)
      expect(await stores[(at + 1) % 8]?.findBlob(repo, blob.digest)).toBeDefined()
    }
    await Promise.all(stores.map((store) => store.close()))
  }, 30_000)

  test('a database of a newer program is refused, and left as it is', async () => {
    const url = await newDatabase()
    await (await openPostgres(url)).close()
    const client = await connect(url)
    await client.query("INSERT INTO schema_migration VALUES (99, 'from the future', 0)")
    expect((await rejection(openPostgres(url))).message).toContain('schema version 99')
    await client.query('DELETE FROM schema_migration WHERE version = 99')
    await client.end()
    await (await openPostgres(url)).close()
  })

  test('a database that is not there is told so', async () => {
    const error = await rejection(openPostgres('postgres://postgres@127.0.0.1:1/none'))
    expect(error.message).toContain('cannot be reached')
    expect((await rejection(openPostgres(cluster.url.replace(/postgres$/, 'none')))).message).toContain(
      'none',
    )
  })

  test('broken connections are replaced: calls behind them go on', async () => {
    const url = await newDatabase()
    const store = await openPostgres(url)
    const repo = freshRepo()
    await Promise.all(Array.from({ length: 10 }, () => pushed(store, repo, image())))
    const { digest } = await pushed(store, repo, image(), { tags: ['v'] })
    for (let round = 0; round < 5; round++) {
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
        `test${databases}`,
      ])
      expect(await digestAt(store, repo, 'v')).toBe(digest)
      await pushed(store, repo, image())
    }
    await store.check()
    await store.close()
  })

  test('more calls than may wait are refused, and the others done', async () => {
    const store = await openPostgres(await newDatabase(), { pool: 1, maxWaiting: 5 })
    const repo = freshRepo()
    await pushed(store, repo, image(), { tags: ['v'] })
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => digestAt(store, repo, 'v')))
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused.length).toBeGreaterThanOrEqual(14)
    expect(refused.length).toBeLessThan(20)
    for (const { reason } of refused as PromiseRejectedResult[])
      expect(reason).toMatchObject({ kind: 'unavailable' })
    await pushed(store, repo, image())
    await store.close()
  })

  test('closing lets what waits finish, and refuses what comes later', async () => {
    const url = await newDatabase()
    const store = await openPostgres(url, { pool: 2 })
    const repo = freshRepo()
    const pushes = Array.from({ length: 40 }, (_, at) => pushed(store, repo, image(), { tags: [`t${at}`] }))
    const closed = store.close()
    expect((await rejection(store.check())).kind).toBe('unavailable')
    await Promise.all(pushes)
    await closed
    const again = await openPostgres(url)
    expect((await again.listTags(repo, { limit: 99 }))?.items.length).toBe(40)
    await again.close()
  })

  test('P: a link collected between look and insert is missing, one that was kept is referenced', async () => {
    const url = await newDatabase()
    const store = await openPostgres(url)
    const collector = await connect(url)
    for (const collected of [true, false]) {
      const repo = freshRepo()
      const blob = await pushBlob(store, repo)
      // As rule G2 does it: the link is locked, looked at, and goes or stays.
      const link = 'repo_id = (SELECT id FROM repo WHERE name = $1)'
      await collector.query('BEGIN')
      await collector.query(`SELECT 1 FROM repo_blob WHERE ${link} FOR UPDATE`, [repo])
      const outcome = push(store, repo, image([blob]))
      await untilLocked()
      if (collected) await collector.query(`DELETE FROM repo_blob WHERE ${link}`, [repo])
      await collector.query('COMMIT')
      expect(await outcome).toEqual(
        collected ? { outcome: 'missing', digests: [blob.digest] } : { outcome: 'stored' },
      )
    }
    await collector.end()
    await store.close()
  }, 30_000)

  test('a command that the database gave up for another is repeated', async () => {
    const url = await newDatabase()
    const store = await openPostgres(url)
    const other = await connect(url)
    const repo = freshRepo()
    const blobs = [await pushBlob(store, repo), await pushBlob(store, repo)].sort((a, b) =>
      a.digest < b.digest ? -1 : 1,
    )
    const lock = (at: number) =>
      other.query(
        `SELECT 1 FROM repo_blob WHERE blob_id = (SELECT id FROM blob WHERE digest = decode($1, 'hex')) FOR UPDATE`,
        [`01${blobs[at]?.digest.slice(7)}`],
      )
    await other.query("SET deadlock_timeout = '60s'")
    await other.query('BEGIN')
    await lock(1)
    // It holds the first link and waits for the second; now the circle closes, and it is the one to give way.
    const outcome = push(store, repo, image(blobs))
    await untilLocked()
    await lock(0)
    await other.query('COMMIT')
    expect(await outcome).toEqual({ outcome: 'stored' })
    const gaveWay = 'SELECT 1 FROM pg_stat_database WHERE datname = $1 AND deadlocks = 1'
    while ((await admin.query(gaveWay, [`test${databases}`])).rows.length === 0);
    await other.end()
    await store.close()
  }, 30_000)

  test('a deletion waits for the push it meets', async () => {
    const url = await newDatabase()
    const store = await openPostgres(url)
    const blocker = await connect(url)
    const repo = freshRepo()
    const blob = await pushBlob(store, repo)
    await blocker.query('BEGIN')
    await blocker.query('SELECT 1 FROM repo_blob FOR UPDATE')
    const manifest = image([blob])
    const stored = push(store, repo, manifest)
    await untilLocked()
    const deleted = store.deleteBlob(remove(repo, blob.digest))
    await blocker.query('COMMIT')
    expect(await stored).toEqual({ outcome: 'stored' })
    expect(await deleted).toEqual({ outcome: 'referenced', by: manifest.digest })
    await blocker.end()
    await store.close()
  }, 30_000)

  for (const [failpoints, told, expected] of [
    ['tx.before-commit=2*error:ENOSPC', ['storage-full'], 2],
    ['tx.begun=2*error:EWHAT', ['EWHAT: failpoint tx.begun: EWHAT'], 2],
    ['tx.before-commit=2*kill', [], 0],
    ['tx.after-commit=4*kill', [], 3],
  ] as const) {
    test(`C1, C2: ${failpoints}`, async () => {
      const url = await newDatabase()
      const result = await tryRun([process.execPath, FAULTY, url], { env: { BERTH_FAILPOINTS: failpoints } })
      const outcomes = result.stdout === '' ? [] : JSON.parse(result.stdout)
      expect(outcomes.filter((outcome: string) => outcome !== 'stored')).toEqual([...told])
      const store = await openPostgres(url)
      const names = ['one', 'two', 'three'].map((name) => parseRepoName(`fault/${name}`))
      const found = await Promise.all(names.map((name) => digestAt(store, name, 'v')))
      expect(found.filter((digest) => digest !== undefined).length).toBe(expected)
      await store.close()
      const client = await connect(url)
      expect(await audit(async (text) => (await client.query(text)).rows)).toEqual([])
      await client.end()
    }, 30_000)
  }

  test('a database that went is unavailable, and when it is asked for readiness, too', async () => {
    const doomed = await startPostgres()
    const store = await openPostgres(doomed.url)
    const repo = freshRepo()
    await pushed(store, repo, image())
    await doomed[Symbol.asyncDispose]()
    for (const call of [
      () => push(store, repo, image()),
      () => digestAt(store, repo, 'v'),
      () => store.check(),
    ])
      expect(await rejection(call())).toMatchObject({ kind: 'unavailable', detail: { retryAfter: 5 } })
    await store.close()
  }, 60_000)
})
