import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import pg from 'pg'
import type { Use } from '../src/store/meta/lifecycle-store.ts'
import { openPostgres } from '../src/store/meta/postgres.ts'
import { openSqlite } from '../src/store/meta/sqlite.ts'
import type { Store } from '../src/store/meta/store.ts'
import { freshRepo, image, NOW, pushed } from './suite/metadata/fixture.ts'
import { describeNeeding } from './testbed/needs.ts'
import { startPostgres } from './testbed/postgres.ts'
import { tempFolder } from './testbed/temp.ts'

/** Two repositories, and uses of both. */
async function twoUsed(store: Store) {
  const [gone, stays] = [freshRepo(), freshRepo()]
  const uses: Use[] = []
  for (const repo of [gone, stays]) {
    const { digest } = await pushed(store, repo, image(), { tags: ['v1'] })
    const counts = { pulls: 1, looks: 0, referrers: 0, pulledAt: NOW, lookedAt: 0 }
    uses.push({ repo, digest, day: 1, tag: 'v1' as never, ...counts })
  }
  return { gone, stays, uses }
}

const SPAN = { from: 0, to: 9 }
const rowsOf = async (store: Store, repo: Use['repo']) =>
  (await store.listPulls(repo, SPAN, { limit: 9 }))?.items.map(({ pulls }) => pulls)
const LEFT_OVER = `SELECT repo_id FROM pull_day p WHERE NOT EXISTS
  (SELECT 1 FROM repo r WHERE r.id = p.repo_id AND r.deleted_at IS NULL)`
const REMOVE = `UPDATE repo SET deleted_at = 1, deleted_name = name, name = '/deleted' WHERE name = `

describe('uses of a repository that is deleted before they are written', () => {
  test('are dropped, and count for the repository where it has another name', async () => {
    await using folder = await tempFolder()
    const path = join(folder.path, 'berth.db')
    const store = await openSqlite(path)
    await using _ = { [Symbol.asyncDispose]: () => store.close() }
    const { gone, stays, uses } = await twoUsed(store)
    const database = new Database(path)
    database.run(`${REMOVE} '${gone}'`)
    await store.recordUses(uses)
    expect([await rowsOf(store, gone), await rowsOf(store, stays)]).toEqual([undefined, [1]])
    expect(database.query(LEFT_OVER).all()).toEqual([])

    const renamed = freshRepo()
    database.run(`INSERT INTO repo_alias (name, repo_id, created_at)
      SELECT name, id, 1 FROM repo WHERE name = '${stays}'`)
    database.run(`UPDATE repo SET name = '${renamed}' WHERE name = '${stays}'`)
    database.close()
    const again = uses.map((use) => ({ ...use, repo: renamed }))
    await store.recordUses([...uses, ...again])
    expect([await rowsOf(store, renamed), (await store.findRepository(renamed))?.pulls]).toEqual([[3], 3])
  }, 30_000)

  describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'on PostgreSQL', () => {
    test('also where it is being deleted at that moment', async () => {
      await using cluster = await startPostgres()
      const store = await openPostgres(cluster.url)
      await using _ = { [Symbol.asyncDispose]: () => store.close() }
      const { gone, stays, uses } = await twoUsed(store)
      const client = new pg.Client({ connectionString: cluster.url })
      await client.connect()
      await using __ = { [Symbol.asyncDispose]: () => client.end() }
      await client.query('BEGIN')
      await client.query('SELECT id FROM repo WHERE name = $1 FOR UPDATE', [gone])
      const writing = store.recordUses(uses)
      const waiting = async () =>
        (await client.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rowCount
      while ((await waiting()) === 0);
      await client.query(`${REMOVE} $1`, [gone])
      await client.query('COMMIT')
      await writing
      expect([await rowsOf(store, gone), await rowsOf(store, stays)]).toEqual([undefined, [1]])
      expect((await client.query(LEFT_OVER)).rows).toEqual([])
    }, 60_000)
  })
})
