import { afterAll, beforeAll, describe } from 'bun:test'
import { join } from 'node:path'
import { Client } from 'pg'
import { describeNeeding } from '../testbed/needs.ts'
import { type Postgres, startPostgres } from '../testbed/postgres.ts'
import { tempFolder } from '../testbed/temp.ts'
import { TRANSACTION } from './failpoint-paths.ts'
import type { Site } from './server.ts'

export interface OwnedSite extends Site, AsyncDisposable {}

/** Lets only so many sites be in use at once. */
class Places {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Makes a site when there is a place, and frees the place when the site is disposed of. */
  async during(make: () => Promise<OwnedSite>): Promise<OwnedSite> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    const leave = () => {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
    try {
      const site = await make()
      return {
        ...site,
        [Symbol.asyncDispose]: () => Promise.resolve(site[Symbol.asyncDispose]()).finally(leave),
      }
    } catch (error) {
      leave()
      throw error
    }
  }
}

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

/** Tests of a group that run at the same time: most of each is waiting for a start. */
const AT_ONCE = 3
const places = new Places(AT_ONCE)

/**
 * A group of tests for each database, some of them at the same time; the cluster of the second lives as long as its group. A test's
 * time limit has to allow for the others, as it counts while it waits for its site.
 */
export function describeOnBoth(title: string, body: (newSite: () => Promise<OwnedSite>) => void): void {
  describe.concurrent(`${title}, files and SQLite`, () => body(() => places.during(sqliteSite)))
  describeNeeding({ programs: ['initdb', 'postgres'] }, `${title}, files and PostgreSQL`, () => {
    let cluster: Postgres | undefined
    beforeAll(async () => {
      cluster = await startPostgres()
    }, 60_000)
    afterAll(() => cluster?.[Symbol.asyncDispose]())
    describe.concurrent('', () => body(() => places.during(() => postgresSite(cluster as Postgres))))
  })
}
