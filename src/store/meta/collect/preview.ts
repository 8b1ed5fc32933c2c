import { digestFromBytes } from '../../../core/digest.ts'
import type { RepoName } from '../../../core/names.ts'
import { allOf, inStatement, type Reader } from '../driver.ts'
import type { CollectionStore, GarbagePreview } from '../lifecycle-store.ts'
import { IS_KEPT, LEFT_AT } from './manifests.ts'

/*
 * What G1 to G3 would delete, found out by reading: the manifests that nothing keeps, those that only such ones keep, the links that only
 * they reference, the blobs that have no other links. Each step reads in lists what the step before found.
 */

type Preview = Parameters<CollectionStore['previewGarbage']>[0]

/** Manifests looked at for each entry of the queue that may be: others fall with what is queued. */
const FALLING = 10

const EXAMPLES = 20

/** One more than is looked at tells that there are more. */
const queued = (columns: string, table: string) =>
  `SELECT ${columns} FROM ${table} WHERE review_after >= 0 ORDER BY review_after LIMIT $1`
const QUEUED_MANIFESTS = queued('repo_id AS "repoId", manifest_id AS id', 'gc_manifest')
const QUEUED_LINKS = queued('repo_id AS "repoId", blob_id AS id', 'gc_link')
const QUEUED_BLOBS = queued('blob_id AS id', 'gc_blob')

interface Entry {
  readonly repoId: number
  readonly id: number
}

/** How long a preview may keep everything else waiting, in ms: SQLite answers at once, and so would one step after the other. */
const BREATH = 10

/** A reader that lets others go on now and then. */
function breathing(reader: Reader): Reader {
  let since = performance.now()
  const breathe = async () => {
    if (performance.now() - since < BREATH) return
    await new Promise((resolve) => setImmediate(resolve))
    since = performance.now()
  }
  return {
    async get<Row>(...query: Parameters<Reader['get']>) {
      await breathe()
      return await reader.get<Row>(...query)
    },
    async all<Row>(...query: Parameters<Reader['all']>) {
      await breathe()
      return await reader.all<Row>(...query)
    },
  }
}

/** See CollectionStore.previewGarbage. */
export async function previewGarbage(reader: Reader, preview: Preview): Promise<GarbagePreview> {
  const tx = breathing(reader)
  const { limit } = preview
  let complete = true
  const head = <Row>(rows: Row[]): Row[] => {
    complete &&= rows.length <= limit
    return rows.slice(0, limit)
  }
  const queue = async <Row>(sql: string) => head(await tx.all<Row>(sql, [limit + 1]))

  const manifests = new FallingManifests(tx, preview)
  complete = (await manifests.fall(await queue<Entry>(QUEUED_MANIFESTS))) && complete
  const links = new Map<string, Entry & { references: number }>()
  for (const entry of await queue<Entry>(QUEUED_LINKS)) links.set(keyOf(entry), { ...entry, references: 0 })
  for (const entry of await manifests.references()) {
    const link = links.get(keyOf(entry))
    if (link === undefined) links.set(keyOf(entry), { ...entry, references: 1 })
    else link.references++
  }
  const loose = await unreferenced(tx, [...links.values()])
  const blobs = new Map<number, number>()
  for (const { id } of await queue<{ id: number }>(QUEUED_BLOBS)) blobs.set(id, 0)
  for (const { id } of loose) blobs.set(id, (blobs.get(id) ?? 0) + 1)
  const { count, bytes } = await unlinked(tx, blobs)
  return {
    manifests: manifests.dead.size,
    links: loose.length,
    blobs: count,
    bytes: bytes + manifests.bytes,
    complete,
    examples: await manifests.examples(),
  }
}

const keyOf = ({ repoId, id }: Entry) => `${repoId}/${id}`

interface Facts {
  readonly repoId: number
  readonly id: number
  readonly digest: Uint8Array
  readonly size: number
  readonly kept: number
  readonly leftAt: number | null
  readonly parents: number
  readonly subject: number | null
}

const LOOK = inStatement(
  1,
  (
    list,
  ) => `SELECT m.repo_id AS "repoId", m.id, m.digest, m.size, CASE WHEN ${IS_KEPT} THEN 1 ELSE 0 END AS kept,
      (${LEFT_AT}) AS "leftAt",
      (SELECT count(*) FROM manifest_child c WHERE c.repo_id = m.repo_id AND c.child_id = m.id) AS parents,
      (SELECT s.id FROM manifest s WHERE s.repo_id = m.repo_id AND s.digest = m.subject) AS subject
    FROM manifest m WHERE m.repo_id = $1 AND m.id IN ${list}`,
)
const UNDO = `SELECT n.undo_seconds * 1000 AS undo FROM repo r JOIN namespace n ON n.id = r.ns_id WHERE r.id = $1`
const CHILDREN = inStatement(
  1,
  (list) =>
    `SELECT child_id AS id, parent_id AS parent FROM manifest_child WHERE repo_id = $1 AND parent_id IN ${list}`,
)
const REFERRERS = inStatement(
  1,
  (list) => `SELECT r.id FROM manifest m CROSS JOIN manifest r
    WHERE m.repo_id = $1 AND m.id IN ${list} AND r.repo_id = m.repo_id AND r.subject = m.digest`,
)
const REFERENCES = inStatement(
  1,
  (list) =>
    `SELECT repo_id AS "repoId", blob_id AS id FROM manifest_blob WHERE repo_id = $1 AND manifest_id IN ${list}`,
)
const NAME = 'SELECT coalesce(deleted_name, name) AS name FROM repo WHERE id = $1'

class FallingManifests {
  readonly dead = new Map<string, Facts>()
  readonly #looked = new Map<string, Facts>()
  /** Parents of a manifest that would go. */
  readonly #deadParents = new Map<string, number>()
  readonly #windows = new Map<number, number>()
  readonly #tx: Reader
  readonly #preview: Preview

  constructor(tx: Reader, preview: Preview) {
    this.#tx = tx
    this.#preview = preview
  }

  /** Finds what would go of these and with them; false where it stopped before the end. */
  async fall(entries: readonly Entry[]): Promise<boolean> {
    const most = this.#preview.limit * FALLING
    for (let next = entries; next.length > 0; ) {
      if (this.#looked.size + next.length > most) return false
      const fallen: Facts[] = []
      for (const [repoId, some] of Map.groupBy(next, (entry) => entry.repoId)) {
        const fresh = some.filter((entry) => !this.#looked.has(keyOf(entry)))
        const ids = [...new Set(fresh.map(({ id }) => id))]
        for (const facts of await allOf<Facts>(this.#tx, LOOK, [repoId], ids))
          this.#looked.set(keyOf(facts), facts)
        for (const entry of some) {
          const facts = this.#looked.get(keyOf(entry))
          if (facts === undefined || this.dead.has(keyOf(entry)) || (await this.#isKept(facts))) continue
          this.dead.set(keyOf(facts), facts)
          fallen.push(facts)
        }
      }
      next = await this.#below(fallen)
    }
    return true
  }

  async #isKept(facts: Facts): Promise<boolean> {
    if (facts.kept !== 0 || facts.parents > (this.#deadParents.get(keyOf(facts)) ?? 0)) return true
    if (facts.subject !== null && !this.dead.has(keyOf({ ...facts, id: facts.subject }))) return true
    return facts.leftAt !== null && facts.leftAt + (await this.#window(facts.repoId)) > this.#preview.now
  }

  async #window(repoId: number): Promise<number> {
    let window = this.#windows.get(repoId)
    if (window === undefined) {
      const row = await this.#tx.get<{ undo: number | null }>(UNDO, [repoId])
      this.#windows.set(repoId, (window = row?.undo ?? this.#preview.undo))
    }
    return window
  }

  /** Children and referrers of what fell. */
  async #below(fallen: readonly Facts[]): Promise<Entry[]> {
    const below = new Map<string, Entry>()
    for (const [repoId, manifests] of Map.groupBy(fallen, (facts) => facts.repoId)) {
      const ids = manifests.map(({ id }) => id)
      for (const { id } of await allOf<{ id: number }>(this.#tx, CHILDREN, [repoId], ids)) {
        const key = keyOf({ repoId, id })
        this.#deadParents.set(key, (this.#deadParents.get(key) ?? 0) + 1)
        below.set(key, { repoId, id })
      }
      for (const { id } of await allOf<{ id: number }>(this.#tx, REFERRERS, [repoId], ids))
        below.set(keyOf({ repoId, id }), { repoId, id })
    }
    return [...below.values()]
  }

  /** What the dead reference, a line for each reference. */
  async references(): Promise<Entry[]> {
    const references: Entry[] = []
    for (const [repoId, manifests] of Map.groupBy(this.dead.values(), (facts) => facts.repoId)) {
      const ids = manifests.map(({ id }) => id)
      for (const row of await allOf<Entry>(this.#tx, REFERENCES, [repoId], ids)) references.push(row)
    }
    return references
  }

  get bytes(): number {
    return this.dead.values().reduce((sum, { size }) => sum + size, 0)
  }

  async examples(): Promise<GarbagePreview['examples']> {
    const examples: { repository: RepoName; digest: ReturnType<typeof digestFromBytes>; size: number }[] = []
    for (const { repoId, digest, size } of this.dead.values().take(EXAMPLES)) {
      const repository = (await this.#tx.get<{ name: RepoName }>(NAME, [repoId]))?.name
      if (repository !== undefined) examples.push({ repository, digest: digestFromBytes(digest), size })
    }
    return examples
  }
}

/** Counted up to one more than would go: a base layer may have a hundred thousand users. */
const LINK_USERS = inStatement(
  2,
  (list) => `SELECT l.blob_id AS id, (SELECT count(*) FROM (SELECT 1 FROM manifest_blob r
      WHERE r.repo_id = l.repo_id AND r.blob_id = l.blob_id LIMIT $2) few) AS users
    FROM repo_blob l WHERE l.repo_id = $1 AND l.blob_id IN ${list}`,
)

async function unreferenced(
  tx: Reader,
  links: readonly (Entry & { readonly references: number })[],
): Promise<Entry[]> {
  const loose: Entry[] = []
  for (const [repoId, some] of Map.groupBy(links, (link) => link.repoId)) {
    const references = new Map(some.map((link) => [link.id, link.references]))
    const most = 1 + Math.max(...references.values())
    const rows = await allOf<{ id: number; users: number }>(
      tx,
      LINK_USERS,
      [repoId, most],
      [...references.keys()],
    )
    for (const { id, users } of rows) if (users <= (references.get(id) ?? 0)) loose.push({ repoId, id })
  }
  return loose
}

const BLOB_LINKS = inStatement(
  1,
  (list) => `SELECT b.id, b.size,
      (SELECT count(*) FROM (SELECT 1 FROM repo_blob l WHERE l.blob_id = b.id LIMIT $1) few) AS links
    FROM blob b WHERE b.id IN ${list}`,
)

/** Blobs that lose as many links as they have: how many, and their bytes. */
async function unlinked(
  tx: Reader,
  losing: ReadonlyMap<number, number>,
): Promise<{ readonly count: number; readonly bytes: number }> {
  let count = 0
  let bytes = 0
  const most = 1 + losing.values().reduce((max, links) => Math.max(max, links), 0)
  const rows = await allOf<{ id: number; size: number; links: number }>(
    tx,
    BLOB_LINKS,
    [most],
    [...losing.keys()],
  )
  for (const { id, size, links } of rows) {
    if (links > (losing.get(id) ?? 0)) continue
    count++
    bytes += size
  }
  return { count, bytes }
}
