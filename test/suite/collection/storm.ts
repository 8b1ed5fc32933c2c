import { expect, test } from 'bun:test'
import { type Digest, digestOf } from '../../../src/core/digest.ts'
import type { ObjectKey, RepoName } from '../../../src/core/names.ts'
import type { Store } from '../../../src/store/meta/store.ts'
import { finishOf, freshRepo, image, index, layer, openUpload, push, tag } from '../metadata/fixture.ts'
import { type CollectionUnderTest, collectAll, countOf } from './fixture.ts'

/*
 * Many clients and two collectors at once, by a clock that every step moves on. A client relies on what it was told – by a HEAD, a mount,
 * the end of an upload – for a quarter of a lease, and nothing it relies on may be missing then.
 */

const LEASE = 400
const CLIENTS = 14
const STEPS = 90
const BLOBS = 8
const TAGS = ['a', 'b', 'c']
const SIZE = 100

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T

class Storm {
  readonly repos: readonly RepoName[] = [freshRepo('storm'), freshRepo('storm'), freshRepo('storm')]
  /** The objects in storage. */
  readonly stored = new Set<ObjectKey>()
  readonly broken: string[] = []
  pushes = 0
  collected = 0
  readonly #salt = crypto.randomUUID()
  readonly #store: Store
  #clock = 1_000_000

  constructor(store: Store) {
    this.#store = store
  }

  now = () => ++this.#clock
  digest = (at: number): Digest => digestOf(`${this.#salt} ${at}`)

  /** Sees to it that a blob is in a repository, as a client does; false when it could not be had this time. */
  async ensure(repo: RepoName, digest: Digest): Promise<boolean> {
    const now = this.now()
    const found = await this.#store.findBlob(repo, digest)
    if (found !== undefined) {
      if (found.leaseUntil === undefined || found.leaseUntil - now >= LEASE / 2) return true
      if (await this.#store.extendLease(repo, digest, now + LEASE)) return true
    }
    if (Math.random() < 0.4) {
      const from = Math.random() < 0.5 ? pick(this.repos) : undefined
      const mounted = await this.#store.mountBlob({ repo, digest, from, now, grace: LEASE })
      if (mounted !== undefined) return true
    }
    return await this.#upload(repo, digest)
  }

  async #upload(repo: RepoName, digest: Digest): Promise<boolean> {
    const now = this.now()
    const open = await openUpload(this.#store, repo, { now, expiresAt: now + 10 * LEASE })
    const known = Math.random() < 0.5 ? await this.#store.findObject(digest) : undefined
    if (known === undefined) this.stored.add(open.key)
    const finish = finishOf(open, {
      ...{ digest, size: SIZE, now: this.now(), grace: LEASE, deleteAfter: now + 5, expiresAt: now + LEASE },
      ...(known && { reuse: known.key }),
    })
    const { outcome } = await this.#store.finishUpload(finish)
    if (outcome === 'gone') this.broken.push('an open session was gone')
    return outcome === 'finished'
  }

  async push(): Promise<void> {
    const repo = pick(this.repos)
    const since = this.now()
    const digests = [...new Set(Array.from({ length: 1 + Math.floor(Math.random() * 3) }, () => this.#any()))]
    for (const digest of digests) if (!(await this.ensure(repo, digest))) return
    const manifest = image(digests.map((digest) => layer(digest, SIZE)))
    const tags = Math.random() < 0.7 ? [pick(TAGS)] : []
    await this.#pushed(repo, manifest, since, tags)
    // One with a tag, somebody may delete meanwhile.
    if (tags.length === 0 && Math.random() < 0.6) {
      const parent = index([manifest])
      await this.#pushed(repo, parent, since, Math.random() < 0.5 ? [pick(TAGS)] : [])
      await this.#pushed(repo, image([], { subject: parent.digest }), since, [])
    }
  }

  #any = () => this.digest(Math.floor(Math.random() * BLOBS))

  async #pushed(repo: RepoName, manifest: ReturnType<typeof image>, since: number, tags: string[]) {
    const now = this.now()
    const outcome = await push(this.#store, repo, manifest, { tags, sparse: 'none', now, grace: LEASE })
    if (outcome.outcome === 'stored') this.pushes++
    else if (this.#clock < since + LEASE / 4) this.broken.push(JSON.stringify(outcome))
  }

  async remove(): Promise<void> {
    const repo = pick(this.repos)
    const where = { repo, now: this.now(), grace: LEASE }
    const name = tag(pick(TAGS))
    if (Math.random() < 0.5) await this.#store.deleteTag({ ...where, tag: name })
    const found = await this.#store.findManifest(repo, { tag: name })
    if (found !== undefined) await this.#store.deleteManifest({ ...where, digest: found.digest })
    // What nobody relies on.
    const lonely = digestOf(`${this.#salt} lonely ${Math.floor(Math.random() * 3)}`)
    if (Math.random() < 0.5) await this.#upload(repo, lonely)
    else await this.#store.deleteBlob({ ...where, digest: lonely })
  }

  async collect(): Promise<void> {
    const review = { now: this.now(), limit: 40, undo: 0 }
    const rounds = [
      await this.#store.reviewManifests({ ...review, grace: LEASE }),
      await this.#store.reviewLinks({ ...review, grace: 0 }),
      await this.#store.reviewBlobs({ ...review, deleteAfter: review.now }),
    ]
    for (const { deleted } of rounds) this.collected += deleted
    await this.reap()
  }

  /** R: storage first, then the rows. */
  async reap(now = this.now()): Promise<void> {
    const due = await this.#store.dueTombstones(now, 10_000)
    for (const key of due) this.stored.delete(key)
    await this.#store.clearTombstones(due)
  }
}

export function stormCases(made: () => CollectionUnderTest) {
  test('a storm of clients, deleters and two collectors: nothing relied on is lost, nothing leaks', async () => {
    const { store, sql } = made()
    const storm = new Storm(store)
    let over = false
    const collectors = [0, 1].map(async () => {
      while (!over) await storm.collect()
    })
    const times = async (work: () => Promise<void>) => {
      for (let step = 0; step < STEPS; step++) await work()
    }
    try {
      await Promise.all([
        ...Array.from({ length: CLIENTS }, () => times(() => storm.push())),
        ...Array.from({ length: 2 }, () => times(() => storm.remove())),
      ])
    } finally {
      over = true
      await Promise.all(collectors)
    }
    expect(storm.broken).toEqual([])
    expect(storm.pushes).toBeGreaterThan(CLIENTS * STEPS * 0.7)
    expect(storm.collected).toBeGreaterThan(100)
    for (let at = 0; at < BLOBS; at++) {
      const object = await store.findObject(storm.digest(at))
      if (object !== undefined) expect(storm.stored).toContain(object.key)
    }

    // Everything is let go: all of it goes, to the last object.
    for (const repo of storm.repos) {
      for (const name of TAGS) await store.deleteTag({ repo, tag: tag(name), now: storm.now(), grace: 0 })
    }
    const end = storm.now() + 1e9
    await collectAll(store, { now: end })
    const ids = storm.repos.map((repo) => `'${repo}'`).join(',')
    const inRepos = `WHERE repo_id IN (SELECT id FROM repo WHERE name IN (${ids}))`
    for (const table of [
      'manifest',
      'repo_blob',
      'manifest_blob',
      'manifest_child',
      'gc_link',
      'gc_manifest',
    ])
      expect([table, await countOf(sql, `${table} ${inRepos}`)]).toEqual([table, 0])
    await store.sweepUploads({ now: end, deleteAfter: end, limit: 100_000 })
    await storm.reap(end)
    expect(storm.stored.size).toBe(0)
  }, 120_000)
}
