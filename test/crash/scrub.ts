import { createHash } from 'node:crypto'
import { createReadStream, type Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, digestFromBytes } from '../../src/core/digest.ts'
import { type Snapshot, snapshotOf } from './database.ts'
import type { Site } from './server.ts'

interface BlobRow {
  readonly digest: Uint8Array
  readonly size: number
  readonly obj: string
}

/** What the metadata says about objects. */
interface Books {
  readonly blobs: readonly BlobRow[]
  /** Open sessions: bytes that are durable, by object. */
  readonly open: ReadonlyMap<string, number>
  readonly tombstones: ReadonlySet<string>
}

const UPLOAD_OPEN = 0
/** Files of the store that are no objects; `probe` is there for the moment of a readiness check. */
const FURNITURE = new Set(['format', 'format.new', 'probe'])

/**
 * Compares metadata and storage both ways: every blob's object is whole, every open session has what it says, and there is no file
 * that nobody would ever delete. Returns what is wrong. Objects in `known` were hashed before and are only measured; objects are
 * never changed, so that this is enough between two full scrubs.
 */
export async function scrub(site: Site, known: Set<string> = new Set()): Promise<string[]> {
  await using snapshot = await snapshotOf(site)
  const books = await readBooks(snapshot)
  // After the books: while nobody pushes, files only become fewer.
  const files = await listFiles(join(site.data, 'blobs'))
  const wrong = [...(await snapshot.complaints()), ...(await auditRows(snapshot))]
  for (const row of books.blobs) wrong.push(...(await checkBlob(site, row, books, known)))
  for (const [object, offset] of books.open) {
    const size = (await statOf(site, object))?.size ?? 0
    if (size < offset)
      wrong.push(`the upload of object ${object} stands at ${offset}, but ${size} bytes are stored`)
  }
  const named = new Set([...books.blobs.map((row) => row.obj), ...books.open.keys(), ...books.tombstones])
  for (const file of files)
    if (!named.has(file))
      wrong.push(`object ${file} is stored, but no row names it: nobody will ever delete it`)
  return wrong
}

async function readBooks(snapshot: Snapshot): Promise<Books> {
  const open = await snapshot.rows<{ obj: string; held: number }>(
    `SELECT obj, offset_ AS held FROM upload WHERE state = ${UPLOAD_OPEN}`,
  )
  const tombstones = await snapshot.rows<{ obj: string }>('SELECT obj FROM tombstone')
  return {
    blobs: await snapshot.rows<BlobRow>('SELECT digest, size, obj FROM blob'),
    open: new Map(open.map((row) => [row.obj, row.held])),
    tombstones: new Set(tombstones.map((row) => row.obj)),
  }
}

async function checkBlob(site: Site, row: BlobRow, books: Books, known: Set<string>): Promise<string[]> {
  const digest = digestFromBytes(row.digest)
  const name = `object ${row.obj} of ${digest}`
  if (books.tombstones.has(row.obj)) return [`${name} is condemned though a row names it`]
  if (books.open.has(row.obj)) return [`${name} still belongs to an open upload`]
  const found = await statOf(site, row.obj)
  if (found === undefined) return [`${name} is not stored`]
  if (found.size !== row.size) return [`${name} has ${found.size} bytes, not ${row.size}`]
  if (known.has(row.obj)) return []
  const actual = await hashFile(pathOf(site, row.obj), digest)
  if (actual !== digest) return [`${name} holds ${actual}`]
  known.add(row.obj)
  return []
}

/** Rows that forget something for ever, or promise what they must not: the rules of collection, looked at from outside. */
const AUDIT: Record<string, string> = {
  'a link without a manifest has no lease':
    'SELECT 1 AS n FROM repo_blob l WHERE lease_until IS NULL AND NOT EXISTS (SELECT 1 FROM manifest_blob m WHERE m.repo_id = l.repo_id AND m.blob_id = l.blob_id)',
  'a leased link is not queued for review':
    'SELECT 1 AS n FROM repo_blob l WHERE lease_until IS NOT NULL AND NOT EXISTS (SELECT 1 FROM gc_link g WHERE g.repo_id = l.repo_id AND g.blob_id = l.blob_id)',
  'a blob without a link is not queued for review':
    'SELECT 1 AS n FROM blob b WHERE NOT EXISTS (SELECT 1 FROM repo_blob l WHERE l.blob_id = b.id) AND NOT EXISTS (SELECT 1 FROM gc_blob g WHERE g.blob_id = b.id)',
  'a manifest without tag, parent and subject is not queued for review':
    'SELECT 1 AS n FROM manifest m WHERE subject IS NULL AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.manifest_id = m.id) AND NOT EXISTS (SELECT 1 FROM manifest_child c WHERE c.child_id = m.id) AND NOT EXISTS (SELECT 1 FROM gc_manifest g WHERE g.manifest_id = m.id)',
  'a manifest belongs to a repository that was never published':
    'SELECT 1 AS n FROM manifest m JOIN repo r ON r.id = m.repo_id WHERE r.published_at IS NULL',
  // What was collected was let go: the session then says so.
  'a session was committed to a blob that is unknown, and none was collected':
    'SELECT 1 AS n FROM upload u WHERE state = 1 AND (SELECT blobs FROM collected) = 0 AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = u.committed_digest)',
}

async function auditRows(snapshot: Snapshot): Promise<string[]> {
  const wrong: string[] = []
  for (const [complaint, sql] of Object.entries(AUDIT)) {
    const rows = await snapshot.rows(sql)
    if (rows.length > 0) wrong.push(`${complaint} (${rows.length} times)`)
  }
  return [...wrong, ...(await auditReferences(snapshot))]
}

/** Invariant 1: what a stored manifest lists has a row, or stands in manifest_missing. */
async function auditReferences(snapshot: Snapshot): Promise<string[]> {
  const manifests = await snapshot.rows<{ id: number; payload: Uint8Array }>(
    'SELECT id, payload FROM manifest',
  )
  const rows = await snapshot.rows<{ id: number; digest: Uint8Array }>(
    `SELECT l.manifest_id AS id, b.digest FROM manifest_blob l JOIN blob b ON b.id = l.blob_id
     UNION ALL SELECT c.parent_id AS id, m.digest FROM manifest_child c JOIN manifest m ON m.id = c.child_id
     UNION ALL SELECT manifest_id AS id, digest FROM manifest_missing`,
  )
  const recorded = new Set(rows.map((row) => `${row.id} ${digestFromBytes(row.digest)}`))
  return manifests.flatMap(({ id, payload }) =>
    digestsIn(payload)
      .filter((digest) => !recorded.has(`${id} ${digest}`))
      .map((digest) => `manifest ${id} lists ${digest}, of which there is no row`),
  )
}

function digestsIn(payload: Uint8Array): string[] {
  const {
    config,
    layers = [],
    manifests = [],
  } = JSON.parse(Buffer.from(payload).toString()) as Record<'config' | 'layers' | 'manifests', never>
  const listed: { digest: string }[] = [...(config === undefined ? [] : [config]), ...layers, ...manifests]
  return [...new Set(listed.map((descriptor) => descriptor.digest))]
}

async function listFiles(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile() && !FURNITURE.has(entry.name)).map((entry) => entry.name)
}

/** The file of an object: see the drawing in the file store's layout. */
export function pathOf(site: Site, object: string): string {
  return join(site.data, 'blobs', object.slice(0, 2), object)
}

function statOf(site: Site, object: string): Promise<Stats | undefined> {
  return stat(pathOf(site, object)).catch(() => undefined)
}

async function hashFile(path: string, like: Digest): Promise<string> {
  const algorithm = like.slice(0, like.indexOf(':'))
  const hash = createHash(algorithm)
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return `${algorithm}:${hash.digest('hex')}`
}
