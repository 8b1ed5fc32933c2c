import type { MaybePromise } from './driver.ts'
import { content } from './migrations/0001-content.ts'
import { accounts } from './migrations/0002-accounts.ts'
import { lifecycle } from './migrations/0003-lifecycle.ts'

/** One step of the schema's history, for both databases. A step that was released is never changed. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sqlite: string
  readonly postgres: string
}

/** The whole history, oldest first; versions count from 1 without gaps. */
export const MIGRATIONS: readonly Migration[] = [content, accounts, lifecycle]

/** What a migration needs of a database; everything happens in one transaction that excludes other migrators. */
export interface Migrator {
  readonly dialect: 'sqlite' | 'postgres'
  /** Runs a text of several statements. */
  exec(sql: string): MaybePromise<unknown>
  /** The highest version recorded. */
  version(): MaybePromise<number>
  record(migration: Migration, appliedAt: number): MaybePromise<unknown>
}

export const MIGRATION_TABLE = `
  CREATE TABLE IF NOT EXISTS schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at bigint NOT NULL
  )`

/** Brings a database forward to this program's schema. Refuses one that is newer: going back is not possible. */
export async function migrate(
  migrator: Migrator,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  await migrator.exec(MIGRATION_TABLE)
  const from = await migrator.version()
  const newest = migrations.length
  if (from > newest) {
    throw new Error(
      `the metadata database has schema version ${from}, but this program knows versions up to ${newest}: it was used by a newer Berth; start that version, or restore a backup made before the upgrade`,
    )
  }
  for (const migration of migrations.slice(from)) {
    await migrator.exec(migration[migrator.dialect])
    await migrator.record(migration, Date.now())
  }
}
