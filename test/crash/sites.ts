import { afterAll, beforeAll, describe } from 'bun:test'
import { join } from 'node:path'
import { Client } from 'pg'
import { describeNeeding } from '../testbed/needs.ts'
import { type Postgres, startPostgres } from '../testbed/postgres.ts'
import { tempFolder } from '../testbed/temp.ts'
import { TRANSACTION } from './failpoint-paths.ts'
import type { Site } from './server.ts'

export interface OwnedSite extends Site, AsyncDisposable {}

/** A new site with the embedded database. */
export async function sqliteSite(): Promise<OwnedSite> {
  const folder = await tempFolder()
  return {
    data: join(folder.path, 'data'),
    database: undefined,
    atStart: [],
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** A new site with a new database of a cluster. */
export async function postgresSite(cluster: Postgres): Promise<OwnedSite> {
  const name = `crash_${crypto.randomUUID().replaceAll('-', '')}`
  await command(cluster, `CREATE DATABASE ${name}`)
  const site = await sqliteSite()
  // It asks the database at every start whether there is something to migrate.
  return { ...site, database: cluster.url.replace(/\/postgres$/, `/${name}`), atStart: TRANSACTION }
}

async function command(cluster: Postgres, sql: string): Promise<void> {
  const client = new Client({ connectionString: cluster.url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** A group of tests for each database; the cluster of the second lives as long as its group. */
export function describeOnBoth(title: string, body: (newSite: () => Promise<OwnedSite>) => void): void {
  describe(`${title}, files and SQLite`, () => body(sqliteSite))
  describeNeeding({ programs: ['initdb', 'postgres'] }, `${title}, files and PostgreSQL`, () => {
    let cluster: Postgres | undefined
    beforeAll(async () => {
      cluster = await startPostgres()
    }, 60_000)
    afterAll(() => cluster?.[Symbol.asyncDispose]())
    body(() => postgresSite(cluster as Postgres))
  })
}
