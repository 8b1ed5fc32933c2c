import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { Client, types as pgTypes } from 'pg'
import type { Site } from './server.ts'

/** One moment of a site's metadata, for looking only. */
export interface Snapshot extends AsyncDisposable {
  /** The rows of a query that both databases understand; integers below 2^53 come as numbers. */
  rows<Row>(sql: string): Promise<Row[]>
  /** What the database says of its own state; empty when all is well. */
  complaints(): Promise<string[]>
}

/** Opens the metadata of a site behind the back of its server, which may run or not. */
export function snapshotOf(site: Site): Promise<Snapshot> {
  return site.database === undefined
    ? sqliteSnapshot(join(site.data, 'berth.db'))
    : postgresSnapshot(site.database)
}

async function sqliteSnapshot(path: string): Promise<Snapshot> {
  const database = new Database(path, { readonly: true })
  database.run('BEGIN')
  return {
    rows: async <Row>(sql: string) => database.query(sql).all() as Row[],
    async complaints() {
      const check = database.query('PRAGMA integrity_check').all() as { integrity_check: string }[]
      const dangling = database.query('PRAGMA foreign_key_check').all()
      return [
        ...check.map((row) => row.integrity_check).filter((line) => line !== 'ok'),
        ...dangling.map((row) => `foreign key: ${JSON.stringify(row)}`),
      ]
    },
    async [Symbol.asyncDispose]() {
      database.close()
    },
  }
}

async function postgresSnapshot(url: string): Promise<Snapshot> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const BIGINT = 20
  return {
    async rows<Row>(sql: string) {
      const types = {
        getTypeParser: (id: number, format: 'text' | 'binary') =>
          id === BIGINT ? Number : pgTypes.getTypeParser(id, format as 'text'),
      }
      return (await client.query({ text: sql, types: types as never })).rows as Row[]
    },
    complaints: async () => [],
    [Symbol.asyncDispose]: () => client.end(),
  }
}

/** Changes rows behind the back of a site whose server is not running: to make it late, or to damage it. */
export async function tamper(site: Site, ...statements: readonly string[]): Promise<void> {
  if (site.database === undefined) {
    using database = new Database(join(site.data, 'berth.db'), { readwrite: true })
    for (const sql of statements) database.run(sql)
    return
  }
  const client = new Client({ connectionString: site.database })
  await client.connect()
  try {
    for (const sql of statements) await client.query(sql)
  } finally {
    await client.end()
  }
}
