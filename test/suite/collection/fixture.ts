import { digestToBytes } from '../../../src/core/digest.ts'
import type { RepoName } from '../../../src/core/names.ts'
import type { Cause } from '../../../src/store/meta/access-store.ts'
import type { CollectionStore } from '../../../src/store/meta/lifecycle-store.ts'
import type { Store } from '../../../src/store/meta/store.ts'
import { GRACE, NOW, type TestManifest } from '../metadata/fixture.ts'

export type Sql = (text: string) => Promise<unknown[]>

/** A store over a database, and a look into it. */
export interface CollectionUnderTest {
  readonly store: Store
  readonly sql: Sql
}

/** More than any queue here holds. */
export const LIMIT = 10_000
/** Time to undo, in ms: longer than GRACE. */
export const UNDO = 5 * GRACE

export const CAUSE: Cause = {
  now: NOW,
  actor: 'operator',
  address: '127.0.0.1',
  agent: 'test',
  requestId: 'r',
}

export const idOf = (repo: RepoName) => `(SELECT id FROM repo WHERE name = '${repo}')`

/** Notes that a tag left a manifest, as its history does. */
export async function leftBy(sql: Sql, repo: RepoName, manifest: TestManifest, at: number): Promise<void> {
  await sql(`INSERT INTO tag_event (repo_id, name, at, kind, from_id, actor, address, agent)
    SELECT repo_id, 'v', ${at}, 1, id, 'a', '', '' FROM manifest
    WHERE repo_id = ${idOf(repo)} AND digest = ${literal(manifest)}`)
}

/** The row of a manifest: its repository, and itself. */
export const manifestRow = (repo: RepoName, manifest: TestManifest) =>
  `(SELECT id FROM manifest WHERE repo_id = ${idOf(repo)} AND digest = ${literal(manifest)})`

let speaksPostgres = false
function literal(manifest: TestManifest): string {
  const hex = Buffer.from(digestToBytes(manifest.digest)).toString('hex')
  return speaksPostgres ? `decode('${hex}', 'hex')` : `x'${hex}'`
}

/** What the helpers here write is SQL of this database. */
export function speak(dialect: 'sqlite' | 'postgres'): void {
  speaksPostgres = dialect === 'postgres'
}

let deleted = 0
/** Marks a repository as deleted; its name is free again. */
export async function deleteRepository(sql: Sql, repo: RepoName, at: number): Promise<void> {
  await sql(
    `UPDATE repo SET deleted_at = ${at}, deleted_name = name, name = '!${++deleted}' WHERE name = '${repo}'`,
  )
}

/** How long a namespace's changes can be undone, in seconds. */
export async function setUndo(sql: Sql, repo: RepoName, seconds: number): Promise<void> {
  await sql(`UPDATE namespace SET undo_seconds = ${seconds}
    WHERE id = (SELECT ns_id FROM repo WHERE name = '${repo}')`)
}

export async function countOf(sql: Sql, from: string): Promise<number> {
  const [row] = (await sql(`SELECT count(*) AS n FROM ${from}`)) as { n: number | string }[]
  return Number(row?.n)
}

/** Collects at a time until nothing more is due; what was deleted. */
export async function collectAll(
  store: CollectionStore,
  { now, undo = 0, limit = LIMIT }: { readonly now: number; readonly undo?: number; readonly limit?: number },
): Promise<{ manifests: number; links: number; blobs: number; bytes: number }> {
  const done = { manifests: 0, links: 0, blobs: 0, bytes: 0 }
  const review = { now, limit, undo, grace: 0 }
  const rules = [
    ['manifests', () => store.reviewManifests(review)],
    ['links', () => store.reviewLinks(review)],
    ['blobs', () => store.reviewBlobs({ ...review, deleteAfter: now })],
  ] as const
  for (const [what, run] of rules) {
    for (let round = await run(); round.reviewed > 0; round = await run()) {
      done[what] += round.deleted
      done.bytes += round.bytes
    }
  }
  return done
}
