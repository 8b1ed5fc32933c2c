import { describe, expect, test } from 'bun:test'
import type { RepoName } from '../../../src/core/names.ts'
import {
  buried,
  DAY,
  freshRepo,
  GRACE,
  image,
  index,
  layer,
  NOW,
  newDigest,
  openUpload,
  push,
  pushBlob,
  pushed,
  remove,
  removeTag,
  type TestManifest,
} from '../metadata/fixture.ts'
import {
  type CollectionUnderTest,
  collectAll,
  countOf,
  deleteRepository,
  idOf,
  LIMIT,
  leftBy,
  manifestRow,
  setUndo,
  UNDO,
} from './fixture.ts'

/** When everything that the tests queue at NOW is due. */
const LATER = NOW + GRACE
const REVIEW = { now: LATER, limit: LIMIT, undo: 0, grace: GRACE }

/** G1, G2, G3: what each rule keeps, puts back and deletes. */
export function ruleCases(made: () => CollectionUnderTest) {
  const store = () => made().store
  const sql = (text: string) => made().sql(text)
  const isThere = async (repo: RepoName, manifest: TestManifest) =>
    (await store().findManifest(repo, manifest)) !== undefined
  const reviewAfter = async (repo: RepoName, manifest: TestManifest) => {
    const rows = await sql(`SELECT review_after AS at FROM gc_manifest
      WHERE repo_id = ${idOf(repo)} AND manifest_id = ${manifestRow(repo, manifest)}`)
    return (rows as { at: number | string }[]).map(({ at }) => Number(at))
  }

  describe('G1', () => {
    test('a manifest without a tag goes when its time is over, not before', async () => {
      const repo = freshRepo()
      const manifest = await pushed(store(), repo, image())
      await sql(`INSERT INTO manifest_use (repo_id, manifest_id)
        VALUES (${idOf(repo)}, ${manifestRow(repo, manifest)})`)
      expect((await store().reviewManifests({ ...REVIEW, now: LATER - 1 })).reviewed).toBe(0)
      expect(await isThere(repo, manifest)).toBe(true)
      const round = await store().reviewManifests(REVIEW)
      expect(round).toEqual({ reviewed: 1, deleted: 1, bytes: 0, more: false })
      expect(await isThere(repo, manifest)).toBe(false)
    })

    test('a tag, a parent, a subject or a protection keeps it, and it is off the queue', async () => {
      const repo = freshRepo()
      const [tagged, listed, artifact, held] = [image(), image(), image(), image()]
      for (const manifest of [tagged, listed, held]) await pushed(store(), repo, manifest)
      await pushed(store(), repo, tagged, { tags: ['a'] })
      await pushed(store(), repo, index([listed]), { tags: ['b'] })
      const referrer = await pushed(store(), repo, image([], { subject: tagged.digest }))
      const ofReferrer = await pushed(store(), repo, image([], { subject: referrer.digest }))
      await sql(`INSERT INTO manifest_protection (repo_id, manifest_id, reason, created_at)
        VALUES (${idOf(repo)}, ${manifestRow(repo, held)}, 'r', 0)`)
      const waiting = await pushed(store(), repo, artifact)
      const round = await store().reviewManifests(REVIEW)
      expect(round).toMatchObject({ reviewed: 6, deleted: 1 })
      for (const manifest of [tagged, listed, held, referrer, ofReferrer]) {
        expect(await isThere(repo, manifest)).toBe(true)
        expect(await reviewAfter(repo, manifest)).toEqual([])
      }
      expect(await isThere(repo, waiting)).toBe(false)
    })

    test('what a tag left within the time to undo is put back to exactly its end', async () => {
      const repo = freshRepo()
      const manifest = await pushed(store(), repo, image())
      await leftBy(sql, repo, manifest, NOW - 5)
      await leftBy(sql, repo, manifest, NOW - 7)
      const end = NOW - 5 + UNDO
      expect(await store().reviewManifests({ ...REVIEW, undo: UNDO })).toMatchObject({
        reviewed: 1,
        deleted: 0,
      })
      expect(await reviewAfter(repo, manifest)).toEqual([end])
      const again = { ...REVIEW, undo: UNDO }
      expect(await store().reviewManifests({ ...again, now: end - 1 })).toMatchObject({ reviewed: 0 })
      expect(await store().reviewManifests({ ...again, now: end })).toMatchObject({ deleted: 1 })
      expect(await countOf(sql, 'tag_event WHERE from_id IS NOT NULL')).toBe(0)
    })

    test("a namespace's own time to undo counts, none as well", async () => {
      for (const [seconds, deleted] of [
        [3600, 0],
        [0, 1],
      ] as const) {
        const repo = freshRepo(`own${seconds}`)
        const manifest = await pushed(store(), repo, image())
        await leftBy(sql, repo, manifest, NOW)
        await setUndo(sql, repo, seconds)
        expect(await store().reviewManifests({ ...REVIEW, undo: UNDO })).toMatchObject({ deleted })
        expect(await reviewAfter(repo, manifest)).toEqual(deleted === 1 ? [] : [NOW + 3_600_000])
      }
      await collectAll(store(), { now: NOW + 3_600_000 })
    })

    test('children and referrers fall when what kept them is gone, each after its own time', async () => {
      const repo = freshRepo()
      const child = await pushed(store(), repo, image())
      const parent = await pushed(store(), repo, index([child]))
      const referrer = await pushed(store(), repo, image([], { subject: parent.digest }))
      expect(await store().reviewManifests(REVIEW)).toMatchObject({ reviewed: 3, deleted: 1 })
      expect(await isThere(repo, parent)).toBe(false)
      for (const manifest of [child, referrer])
        expect(await reviewAfter(repo, manifest)).toEqual([LATER + GRACE])
      expect(await store().reviewManifests({ ...REVIEW, now: LATER + GRACE })).toMatchObject({ deleted: 2 })
      expect(await countOf(sql, `manifest WHERE repo_id = ${idOf(repo)}`)).toBe(0)
    })

    test('its links get a lease, and a link that another manifest lists none', async () => {
      const repo = freshRepo()
      const [own, shared] = [await pushBlob(store(), repo), await pushBlob(store(), repo)]
      await pushed(store(), repo, image([own, shared]))
      await pushed(store(), repo, image([shared]), { tags: ['v'] })
      await store().reviewManifests(REVIEW)
      expect((await store().findBlob(repo, own.digest))?.leaseUntil).toBe(LATER + GRACE)
      expect((await store().findBlob(repo, shared.digest))?.leaseUntil).toBeUndefined()
    })

    test('the cache of a builder lists its layers as children: they stay with it', async () => {
      const repo = freshRepo()
      const blobs = [await pushBlob(store(), repo), await pushBlob(store(), repo)]
      const cache = await pushed(store(), repo, index(blobs), { tags: ['cache'] })
      await collectAll(store(), { now: NOW + DAY })
      for (const { digest } of blobs) expect(await store().findBlob(repo, digest)).toBeDefined()
      await store().deleteManifest(remove(repo, cache.digest))
      expect(await collectAll(store(), { now: NOW + DAY })).toMatchObject({ links: 2, blobs: 2 })
    })

    test('many manifests of many repositories go in as many steps as the limit says', async () => {
      const repos = Array.from({ length: 7 }, () => freshRepo())
      for (const repo of repos)
        await Promise.all(Array.from({ length: 17 }, () => pushed(store(), repo, image())))
      let deleted = 0
      let rounds = 0
      for (let more = true; more; rounds++) {
        const round = await store().reviewManifests({ ...REVIEW, limit: 60 })
        expect(round.deleted).toBeLessThanOrEqual(60)
        deleted += round.deleted
        more = round.more
      }
      expect([deleted, rounds]).toEqual([119, 2])
    })

    test('more of one repository than a piece holds', async () => {
      const repo = freshRepo()
      await Promise.all(Array.from({ length: 120 }, () => pushed(store(), repo, image())))
      expect(await store().reviewManifests(REVIEW)).toMatchObject({ reviewed: 120, deleted: 120 })
    })
  })

  describe('G2', () => {
    test('a link goes when its lease is over, and its blob is queued', async () => {
      const repo = freshRepo()
      const { digest } = await pushBlob(store(), repo)
      expect((await store().reviewLinks({ ...REVIEW, now: LATER - 1 })).reviewed).toBe(0)
      expect(await store().reviewLinks(REVIEW)).toEqual({ reviewed: 1, deleted: 1, bytes: 0, more: false })
      expect(await store().findBlob(repo, digest)).toBeUndefined()
      expect(await store().findObject(digest)).toBeDefined()
      expect(await store().reviewBlobs({ ...REVIEW, deleteAfter: 0 })).toMatchObject({ reviewed: 0 })
      await collectAll(store(), { now: LATER + GRACE })
      expect(await store().findObject(digest)).toBeUndefined()
    })

    test('a lease that was extended puts it back to its end', async () => {
      const repo = freshRepo()
      const { digest } = await pushBlob(store(), repo)
      await store().extendLease(repo, digest, LATER + 5)
      expect(await store().reviewLinks(REVIEW)).toMatchObject({ reviewed: 1, deleted: 0 })
      expect(await store().reviewLinks({ ...REVIEW, now: LATER + 4 })).toMatchObject({ reviewed: 0 })
      expect(await store().reviewLinks({ ...REVIEW, now: LATER + 5 })).toMatchObject({ deleted: 1 })
      expect(await store().extendLease(repo, digest, LATER + DAY)).toBe(false)
    })

    test('a referenced link is off the queue, its lease cleared', async () => {
      const repo = freshRepo()
      const blob = await pushBlob(store(), repo)
      await pushed(store(), repo, image([blob]), { tags: ['v'] })
      // As nothing leaves it; a review heals it all the same.
      await sql(`UPDATE repo_blob SET lease_until = 1 WHERE repo_id = ${idOf(repo)}`)
      expect(await store().reviewLinks(REVIEW)).toMatchObject({ reviewed: 1, deleted: 0 })
      expect((await store().findBlob(repo, blob.digest))?.leaseUntil).toBeUndefined()
      expect(await countOf(sql, `gc_link WHERE repo_id = ${idOf(repo)}`)).toBe(0)
    })

    test('a blob that two repositories hold outlives one of them', async () => {
      const [repo, other] = [freshRepo(), freshRepo()]
      const blob = await pushBlob(store(), repo)
      await store().mountBlob({ repo: other, digest: blob.digest, from: repo, now: NOW, grace: GRACE })
      await pushed(store(), other, image([blob]), { tags: ['v'] })
      expect(await collectAll(store(), { now: NOW + DAY })).toMatchObject({ links: 1, blobs: 0 })
      expect(await store().findBlob(repo, blob.digest)).toBeUndefined()
      expect(await store().findBlob(other, blob.digest)).toBeDefined()
    })
  })

  describe('G3', () => {
    test('a blob without a link goes, and its object is condemned with it', async () => {
      const repo = freshRepo()
      const { digest } = await pushBlob(store(), repo, newDigest(), { size: 77 })
      const key = (await store().findObject(digest))?.key as never
      await store().deleteBlob(remove(repo, digest))
      const review = { now: LATER, limit: LIMIT, deleteAfter: LATER + 9 }
      expect(await store().reviewBlobs({ ...review, now: LATER - 1 })).toMatchObject({ reviewed: 0 })
      expect(await store().reviewBlobs(review)).toEqual({ reviewed: 1, deleted: 1, bytes: 77, more: false })
      expect(await store().findObject(digest)).toBeUndefined()
      expect(await buried(store(), [key], LATER + 8)).toEqual([])
      expect(await buried(store(), [key], LATER + 9)).toEqual([key])
    })

    test('a blob that was linked again stays, and an object that is pushed again is another', async () => {
      const repo = freshRepo()
      const [back, anew] = [await pushBlob(store(), repo), await pushBlob(store(), repo)]
      for (const { digest } of [back, anew]) await store().deleteBlob(remove(repo, digest))
      await pushBlob(store(), repo, back.digest)
      await pushed(store(), repo, image([back]), { tags: ['v'] })
      const old = (await store().findObject(anew.digest))?.key as never
      expect(await store().reviewBlobs({ ...REVIEW, deleteAfter: 0 })).toMatchObject({
        reviewed: 2,
        deleted: 1,
      })
      await pushBlob(store(), repo, anew.digest)
      expect((await store().findObject(anew.digest))?.key).not.toBe(old)
      expect(await buried(store(), [old], LATER)).toEqual([old])
      expect(await countOf(sql, `gc_blob`)).toBe(0)
      await collectAll(store(), { now: NOW + DAY })
    })
  })

  test('what was freed is counted, and how much waits', async () => {
    const repo = freshRepo()
    const before = await store().garbageState(NOW)
    const size = 1234
    await pushed(store(), repo, image([await pushBlob(store(), repo, newDigest(), { size })]))
    const waits = await store().garbageState(LATER - 1)
    expect(waits).toMatchObject({ manifests: 1, links: 1, blobs: 0, oldestDue: undefined })
    expect((await store().garbageState(LATER + 5)).oldestDue).toBe(LATER)
    await collectAll(store(), { now: LATER })
    const { collected, objects } = await store().garbageState(LATER)
    expect(objects).toBe(before.objects + 1)
    expect(collected).toEqual({
      manifests: before.collected.manifests + 1,
      links: before.collected.links + 1,
      blobs: before.collected.blobs + 1,
      bytes: before.collected.bytes + size,
    })
  })

  test('changes of tags are forgotten when they cannot be undone, as their namespace has it', async () => {
    const [short, long] = [freshRepo('brief'), freshRepo('lasting')]
    for (const repo of [short, long]) {
      const manifest = await pushed(store(), repo, image())
      for (const at of [NOW, NOW + 1, NOW + 2]) await leftBy(sql, repo, manifest, at)
    }
    await setUndo(sql, long, UNDO / 1000 + 10)
    const sweep = (now: number, limit = LIMIT) => store().sweepHistory({ now, limit, undo: UNDO })
    expect(await sweep(NOW)).toBe(0)
    expect(await sweep(NOW + UNDO - 1)).toBe(0)
    expect(await sweep(NOW + UNDO + 1, 1)).toBe(1)
    expect(await sweep(NOW + UNDO + 1)).toBe(1)
    expect(await countOf(sql, `tag_event WHERE repo_id = ${idOf(long)}`)).toBe(3)
    // Shortened: seen when they would have been over before.
    await setUndo(sql, long, 0)
    expect(await sweep(NOW + UNDO + 10_000)).toBe(2)
    expect(await countOf(sql, 'tag_event')).toBe(2)
    expect(await sweep(NOW + UNDO + 10_002)).toBe(2)
  })

  describe('a deleted repository', () => {
    const purgeAll = async (now: number, limit = LIMIT) => {
      let rows = 0
      for (let round = { more: true }; round.more; ) {
        const done = await store().purgeRepositories({ now, limit, undo: UNDO, grace: GRACE })
        rows += done.deleted
        round = done
      }
      return rows
    }

    test('is taken apart when it cannot be restored any more, whatever is in it', async () => {
      const [repo, other] = [freshRepo(), freshRepo()]
      const [own, shared] = [await pushBlob(store(), repo), await pushBlob(store(), repo)]
      await store().mountBlob({ repo: other, digest: shared.digest, from: repo, now: NOW, grace: GRACE })
      await pushed(store(), other, image([shared]), { tags: ['v'] })
      const child = await pushed(store(), repo, image([own, shared]), { tags: ['a'] })
      await pushed(store(), repo, index([child, image()]), { tags: ['b'] })
      await pushed(store(), repo, image([], { subject: child.digest }))
      await leftBy(sql, repo, child, NOW)
      const id = idOf(repo)
      for (const text of [
        `INSERT INTO manifest_protection VALUES (${id}, ${manifestRow(repo, child)}, 'r', 0)`,
        `INSERT INTO tag_use (repo_id, name) VALUES (${id}, 'a')`,
        `INSERT INTO pull_day (repo_id, day, tag, platform) VALUES (${id}, 1, '', '')`,
        `INSERT INTO manifest_use (repo_id, manifest_id) VALUES (${id}, ${manifestRow(repo, child)})`,
      ])
        await sql(text)
      const open = await openUpload(store(), repo)
      await deleteRepository(sql, repo, NOW)
      const before = await countOf(sql, 'repo')
      expect(await purgeAll(NOW + UNDO - 1)).toBe(0)
      expect(await purgeAll(NOW + UNDO, 2)).toBeGreaterThan(8)
      expect(await countOf(sql, 'repo')).toBe(before - 1)
      expect(await buried(store(), [open.key])).toEqual([open.key])
      expect(await collectAll(store(), { now: NOW + UNDO + GRACE })).toMatchObject({ manifests: 0, blobs: 1 })
      expect(await store().findBlob(other, shared.digest)).toBeDefined()
      expect(await store().findObject(own.digest)).toBeUndefined()
    })

    test('that was restored meanwhile is left alone', async () => {
      const repo = freshRepo()
      await pushed(store(), repo, image([await pushBlob(store(), repo)]), { tags: ['v'] })
      await deleteRepository(sql, repo, NOW)
      await sql(`UPDATE repo SET name = deleted_name, deleted_name = NULL, deleted_at = NULL
        WHERE deleted_name = '${repo}'`)
      expect(await purgeAll(NOW + DAY)).toBe(0)
      expect((await store().listTags(repo, { limit: 5 }))?.items.length).toBe(1)
    })
  })

  describe('the preview', () => {
    test('tells what would go with what waits, and changes nothing', async () => {
      const [repo, other] = [freshRepo(), freshRepo()]
      const sized = (size: number) => pushBlob(store(), repo, newDigest(), { size })
      const [own, shared, lonely, elsewhere] = [
        await sized(1),
        await sized(10),
        await sized(100),
        await sized(1000),
      ]
      await store().mountBlob({ repo: other, digest: elsewhere.digest, from: repo, now: NOW, grace: GRACE })
      await pushed(store(), other, image([elsewhere]), { tags: ['v'] })
      await pushed(store(), repo, image([shared]), { tags: ['stays'] })
      const child = await pushed(store(), repo, image([own, shared, elsewhere]))
      const parent = await pushed(store(), repo, index([child]), { tags: ['goes'] })
      await pushed(store(), repo, image([], { subject: child.digest }))
      expect(lonely).toBeDefined()
      const preview = (undo = 0, limit = LIMIT) => store().previewGarbage({ now: LATER, limit, undo })
      expect(await preview()).toMatchObject({ manifests: 0, links: 1, blobs: 1, bytes: 100 })
      await store().deleteTag(removeTag(repo, 'goes'))
      const told = await preview()
      // Three manifests of 64 bytes; the links of `own`, `elsewhere` and `lonely`; the blobs of `own` and `lonely`.
      expect(told).toMatchObject({ manifests: 3, links: 3, blobs: 2, bytes: 3 * 64 + 101, complete: true })
      expect(told.examples[0]).toEqual({ repository: repo, digest: parent.digest, size: 64 })
      expect(await preview(0, 1)).toMatchObject({ complete: false })
      await leftBy(sql, repo, parent, NOW)
      expect(await preview(UNDO)).toMatchObject({ manifests: 0, links: 1, blobs: 1 })
      expect(await preview()).toEqual(told)
      const { bytes: _, ...done } = await collectAll(store(), { now: LATER })
      expect(told).toMatchObject(done)
    })
  })

  test('a manifest that was collected is stored again like a new one', async () => {
    const repo = freshRepo()
    const blob = await pushBlob(store(), repo)
    const manifest = await pushed(store(), repo, image([blob]))
    await collectAll(store(), { now: NOW + DAY })
    expect(await push(store(), repo, manifest)).toEqual({ outcome: 'missing', digests: [blob.digest] })
    await pushBlob(store(), repo, blob.digest)
    expect(await push(store(), repo, manifest, { tags: ['v'] })).toEqual({ outcome: 'stored' })
    expect(layer(blob.digest)).toEqual(blob)
  })
}
