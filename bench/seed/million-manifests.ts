import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { berth } from '../peers/berth.ts'

export const MANIFESTS = 1_000_000
const REPOSITORIES = 10_000
const PAYLOAD = 400
/** manifest.media of an OCI image manifest. */
const MEDIA = 1

/** 1…n as a table. */
const COUNT = (n: number) => `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})`

/**
 * Fills a new store of Berth with a million tagged manifests in ten thousand repositories, two blobs each. Berth makes the
 * schema; the rows are written past it, since pushing them would take minutes.
 */
export async function seedMillionManifests(store: string): Promise<void> {
  await (await berth.start(store))[Symbol.asyncDispose]()
  const database = new Database(join(store, 'data/berth.db'))
  try {
    database.run('PRAGMA synchronous = OFF')
    database.run('PRAGMA foreign_keys = OFF')
    database.transaction(() => {
      for (const sql of rows(Date.now())) database.run(sql)
    })()
    database.run('PRAGMA wal_checkpoint(TRUNCATE)')
  } finally {
    database.close()
  }
}

function rows(now: number): string[] {
  return [
    `INSERT INTO namespace (id, name, created_at) VALUES (1, 'bench', ${now})`,
    `${COUNT(REPOSITORIES)} INSERT INTO repo (id, ns_id, name, created_at, updated_at)
     SELECT i, 1, printf('bench/repo-%05d', i), ${now}, ${now} FROM n`,
    // The search index follows this column.
    `UPDATE repo SET published_at = ${now}`,
    `${COUNT(2 * REPOSITORIES)} INSERT INTO blob (id, digest, size, obj, created_at)
     SELECT i, CAST(x'01' || randomblob(32) AS BLOB), 1000, printf('%08x-0000-4000-8000-000000000000', i), ${now} FROM n`,
    `INSERT INTO repo_blob (repo_id, blob_id) SELECT (id + 1) / 2, id FROM blob`,
    `${COUNT(MANIFESTS)} INSERT INTO manifest (id, repo_id, digest, media, size, created_at, payload)
     SELECT i, 1 + i % ${REPOSITORIES}, CAST(x'01' || randomblob(32) AS BLOB), ${MEDIA}, ${PAYLOAD}, ${now}, randomblob(${PAYLOAD}) FROM n`,
    `INSERT INTO manifest_blob (repo_id, manifest_id, blob_id) SELECT repo_id, id, 2 * repo_id - 1 FROM manifest`,
    `INSERT INTO manifest_blob (repo_id, manifest_id, blob_id) SELECT repo_id, id, 2 * repo_id FROM manifest`,
    `INSERT INTO tag (repo_id, name, manifest_id, updated_at)
     SELECT repo_id, printf('v%07d', id), id, ${now} FROM manifest`,
  ]
}
