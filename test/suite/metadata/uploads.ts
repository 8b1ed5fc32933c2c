import { expect, test } from 'bun:test'
import type { MetadataStore } from '../../../src/store/meta/store.ts'
import {
  buried,
  DAY,
  finishOf,
  freshRepo,
  GRACE,
  image,
  NOW,
  newDigest,
  newId,
  newKey,
  OWNER,
  openUpload,
  pushBlob,
  pushed,
  rejection,
  remove,
} from './fixture.ts'

/** Upload sessions: rules U and S, B23, SE-1, CO-2, RC-3. */
export function uploadCases(store: () => MetadataStore) {
  test('U: an opened session is found as it was opened', async () => {
    const repo = freshRepo()
    const open = await openUpload(store(), repo, { algorithm: 'sha512' })
    expect(await store().findUpload(repo, open.id, OWNER, NOW)).toEqual({
      id: open.id,
      repo,
      owner: OWNER,
      key: open.key,
      offset: 0,
      algorithm: 'sha512',
      state: 'open',
      committed: undefined,
    })
  })

  test('SE-1: a session is not found under another repository, by another owner, under another id', async () => {
    const repo = freshRepo()
    const other = freshRepo()
    await pushed(store(), other, image())
    const { id } = await openUpload(store(), repo)
    expect(await store().findUpload(other, id, OWNER, NOW)).toBeUndefined()
    expect(await store().findUpload(freshRepo(), id, OWNER, NOW)).toBeUndefined()
    expect(await store().findUpload(repo, id, 'somebody', NOW)).toBeUndefined()
    expect(await store().findUpload(repo, newId(), OWNER, NOW)).toBeUndefined()
  })

  test('B14: a session is gone at the moment its time is over', async () => {
    const repo = freshRepo()
    const { id } = await openUpload(store(), repo, { expiresAt: NOW + 5 })
    expect(await store().findUpload(repo, id, OWNER, NOW + 4)).toBeDefined()
    expect(await store().findUpload(repo, id, OWNER, NOW + 5)).toBeUndefined()
    expect(await store().finishUpload(finishOf({ id }, { now: NOW + 5 }))).toEqual({ outcome: 'gone' })
  })

  test('an offset moves only from where the session stands', async () => {
    const repo = freshRepo()
    const { id } = await openUpload(store(), repo)
    const advance = (from: number, to: number) =>
      store().advanceUpload({ id, from, to, expiresAt: NOW + 2 * DAY })
    expect(await advance(0, 10)).toBe(true)
    expect(await advance(0, 20)).toBe(false)
    expect(await advance(10, 5_000_000_000)).toBe(true)
    const row = await store().findUpload(repo, id, OWNER, NOW + DAY)
    expect(row?.offset).toBe(5_000_000_000)
  })

  test('an offset does not move in an unknown, finished or cancelled session', async () => {
    const repo = freshRepo()
    const finished = await openUpload(store(), repo)
    await store().finishUpload(finishOf(finished, { size: 0 }))
    const cancelled = await openUpload(store(), repo)
    await store().abortUpload({ id: cancelled.id, now: NOW, deleteAfter: NOW })
    for (const id of [newId(), finished.id, cancelled.id])
      expect(await store().advanceUpload({ id, from: 0, to: 1, expiresAt: NOW + DAY })).toBe(false)
  })

  test('U: a finished upload is a blob of its repository, under a lease', async () => {
    const repo = freshRepo()
    const open = await openUpload(store(), repo)
    const finish = finishOf(open, { size: 123 })
    expect(await store().findBlob(repo, finish.digest)).toBeUndefined()
    expect(await store().finishUpload(finish)).toEqual({ outcome: 'finished' })
    expect(await store().findBlob(repo, finish.digest)).toEqual({
      size: 123,
      key: open.key,
      leaseUntil: NOW + GRACE,
    })
    expect(await store().findObject(finish.digest)).toEqual({ size: 123, key: open.key })
    expect(await buried(store(), [open.key])).toEqual([])
  })

  test('SE-2: a blob of one repository is not one of another', async () => {
    const [repo, other] = [freshRepo(), freshRepo()]
    const { digest } = await pushBlob(store(), repo)
    await pushBlob(store(), other)
    expect(await store().findBlob(other, digest)).toBeUndefined()
    expect(await store().findBlob(freshRepo(), digest)).toBeUndefined()
  })

  test('B17: a blob of no bytes', async () => {
    const repo = freshRepo()
    const { digest } = await pushBlob(store(), repo, newDigest(), { size: 0 })
    expect((await store().findBlob(repo, digest))?.size).toBe(0)
  })

  test('a blob larger than 4 GiB keeps its size', async () => {
    const repo = freshRepo()
    const size = 2 ** 40 + 1
    const { digest } = await pushBlob(store(), repo, newDigest(), { size })
    expect((await store().findBlob(repo, digest))?.size).toBe(size)
  })

  test('G3: a blob under its sha512', async () => {
    const repo = freshRepo()
    const digest = newDigest('sha512')
    await pushBlob(store(), repo, digest)
    expect((await store().findBlob(repo, digest))?.size).toBe(100)
  })

  test('B23: a finished session tells what it was closed under until its time is over', async () => {
    const repo = freshRepo()
    const open = await openUpload(store(), repo)
    const finish = finishOf(open, { size: 7, expiresAt: NOW + 50 })
    await store().finishUpload(finish)
    expect(await store().findUpload(repo, open.id, OWNER, NOW + 49)).toMatchObject({
      state: 'committed',
      offset: 7,
      committed: { digest: finish.digest, size: 7 },
    })
    expect(await store().findUpload(repo, open.id, OWNER, NOW + 50)).toBeUndefined()
  })

  test('a session is finished once', async () => {
    const open = await openUpload(store(), freshRepo())
    const finish = finishOf(open)
    await store().finishUpload(finish)
    expect(await store().finishUpload(finish)).toEqual({ outcome: 'gone' })
    expect(await store().finishUpload(finishOf({ id: newId() }))).toEqual({ outcome: 'gone' })
  })

  test('RC-3: a second upload of a digest keeps the first object and condemns its own', async () => {
    const [repo, other] = [freshRepo(), freshRepo()]
    const [first, second] = [newKey(), newKey()]
    const digest = newDigest()
    await pushBlob(store(), repo, digest, { key: first })
    await pushBlob(store(), other, digest, { key: second })
    expect((await store().findBlob(repo, digest))?.key).toBe(first)
    expect((await store().findBlob(other, digest))?.key).toBe(first)
    expect(await buried(store(), [first, second])).toEqual([second])
  })

  test('a second upload into the same repository renews the lease', async () => {
    const repo = freshRepo()
    const { digest } = await pushBlob(store(), repo)
    await pushBlob(store(), repo, digest, { now: NOW + 500 })
    expect((await store().findBlob(repo, digest))?.leaseUntil).toBe(NOW + 500 + GRACE)
    await pushBlob(store(), repo, digest, { now: NOW + 100 })
    expect((await store().findBlob(repo, digest))?.leaseUntil).toBe(NOW + 500 + GRACE)
  })

  test('U: an upload that wrote nothing relies on the object the row names', async () => {
    const [repo, other] = [freshRepo(), freshRepo()]
    const [kept, own] = [newKey(), newKey()]
    const digest = newDigest()
    await pushBlob(store(), repo, digest, { key: kept })
    await pushBlob(store(), other, digest, { key: own, reuse: kept })
    expect((await store().findBlob(other, digest))?.key).toBe(kept)
    expect(await buried(store(), [kept, own])).toEqual([own])
  })

  test('U: an upload that wrote nothing vanishes with the object, and changes nothing', async () => {
    const repo = freshRepo()
    const digest = newDigest()
    const open = await openUpload(store(), repo)
    const reuse = newKey()
    expect(await store().finishUpload(finishOf(open, { digest, reuse }))).toEqual({ outcome: 'vanished' })
    await pushBlob(store(), freshRepo(), digest)
    expect(await store().finishUpload(finishOf(open, { digest, reuse }))).toEqual({ outcome: 'vanished' })
    expect(await store().findBlob(repo, digest)).toBeUndefined()
    expect(await store().findUpload(repo, open.id, OWNER, NOW)).toMatchObject({ state: 'open' })
    expect(await buried(store(), [open.key])).toEqual([])
  })

  test('CO-2: pushing a lost blob again replaces its object, everywhere', async () => {
    const [repo, other] = [freshRepo(), freshRepo()]
    const [lost, good] = [newKey(), newKey()]
    const digest = newDigest()
    await pushBlob(store(), repo, digest, { key: lost, size: 3 })
    await pushBlob(store(), other, digest, { key: good, size: 5, replace: lost })
    expect(await store().findBlob(repo, digest)).toMatchObject({ key: good, size: 5 })
    expect(await buried(store(), [lost, good])).toEqual([lost])
  })

  test('CO-2: who comes second to replace a lost object loses its own', async () => {
    const repo = freshRepo()
    const [lost, good, late] = [newKey(), newKey(), newKey()]
    const digest = newDigest()
    await pushBlob(store(), repo, digest, { key: lost })
    await pushBlob(store(), repo, digest, { key: good, replace: lost })
    await pushBlob(store(), repo, digest, { key: late, replace: lost })
    expect((await store().findBlob(repo, digest))?.key).toBe(good)
    expect(await buried(store(), [lost, good, late])).toEqual([lost, late])
  })

  test('B13: a cancelled session is gone and its object condemned, once', async () => {
    const repo = freshRepo()
    const open = await openUpload(store(), repo)
    const abort = { id: open.id, now: NOW, deleteAfter: NOW + 77 }
    expect(await store().abortUpload(abort)).toBe(true)
    expect(await store().findUpload(repo, open.id, OWNER, NOW)).toBeUndefined()
    expect(await store().finishUpload(finishOf(open))).toEqual({ outcome: 'gone' })
    expect(await store().abortUpload(abort)).toBe(false)
    expect(await buried(store(), [open.key], NOW + 76)).toEqual([])
    expect(await buried(store(), [open.key], NOW + 77)).toEqual([open.key])
  })

  test('a finished session cannot be cancelled', async () => {
    const repo = freshRepo()
    const open = await openUpload(store(), repo)
    const finish = finishOf(open)
    await store().finishUpload(finish)
    expect(await store().abortUpload({ id: open.id, now: NOW, deleteAfter: NOW })).toBe(false)
    expect(await store().findBlob(repo, finish.digest)).toBeDefined()
    expect(await buried(store(), [open.key])).toEqual([])
  })

  test('S: the sweep takes the sessions whose time is over, oldest first, in batches', async () => {
    const repo = freshRepo()
    // Long ago, so that no other test's session is over by then.
    const early = { now: 1, expiresAt: 0 }
    const opens = []
    for (const expiresAt of [40, 20, 30, 10])
      opens.push(await openUpload(store(), repo, { ...early, expiresAt }))
    const [fortieth, twentieth, thirtieth, tenth] = opens.map((open) => open.key)
    const done = await openUpload(store(), repo, { ...early, expiresAt: 1_000 })
    await store().finishUpload(finishOf(done, { now: 1, expiresAt: 15 }))

    const sweep = (limit: number) => store().sweepUploads({ now: 30, deleteAfter: NOW, limit })
    expect(await sweep(3)).toBe(3)
    const keys = [tenth, twentieth, thirtieth, fortieth, done.key].filter((key) => key !== undefined)
    expect(await buried(store(), keys)).toEqual([tenth, twentieth] as typeof keys)
    expect(await sweep(3)).toBe(1)
    expect(await sweep(3)).toBe(0)
    expect(await buried(store(), keys)).toEqual([tenth, twentieth, thirtieth] as typeof keys)
    expect(await store().findUpload(repo, opens[0]?.id ?? newId(), OWNER, 31)).toBeDefined()
    expect(await store().sweepUploads({ now: 40, deleteAfter: NOW, limit: 10 })).toBe(1)
  })

  test('RS-2: sessions are limited by repository; finished, cancelled and expired ones do not count', async () => {
    const repo = freshRepo()
    const limits = { maxPerRepo: 3 }
    const finished = await openUpload(store(), repo, limits)
    const cancelled = await openUpload(store(), repo, limits)
    await openUpload(store(), repo, { ...limits, expiresAt: NOW + 10 })
    const more = () => openUpload(store(), repo, limits)
    expect((await rejection(more())).message).toContain('repo-limit')
    await store().finishUpload(finishOf(finished))
    await more()
    expect((await rejection(more())).message).toContain('repo-limit')
    await store().abortUpload({ id: cancelled.id, now: NOW, deleteAfter: NOW })
    await more()
    await openUpload(store(), repo, { ...limits, now: NOW + 10 })
    expect((await rejection(openUpload(store(), repo, { ...limits, now: NOW + 10 }))).message).toContain(
      'repo-limit',
    )
    await openUpload(store(), freshRepo(), limits)
  })

  test('RS-2: sessions are limited by owner, over all repositories', async () => {
    const owner = `owner-${newId()}`
    const limits = { owner, maxPerOwner: 2 }
    await openUpload(store(), freshRepo(), limits)
    await openUpload(store(), freshRepo(), limits)
    const refused = freshRepo()
    expect((await rejection(openUpload(store(), refused, limits))).message).toContain('owner-limit')
    await openUpload(store(), freshRepo(), { ...limits, owner: `${owner}x` })
    // What was refused left no repository behind.
    expect(await store().deleteBlob(remove(refused, newDigest()))).toEqual({ outcome: 'no-repository' })
  })

  test('open sessions are counted', async () => {
    const before = await store().countUploads()
    const [one] = await Promise.all([openUpload(store(), freshRepo()), openUpload(store(), freshRepo())])
    expect(await store().countUploads()).toBe(before + 2)
    await store().finishUpload(finishOf(one))
    expect(await store().countUploads()).toBe(before + 1)
  })

  test('R: condemned objects come due oldest first, as many as asked for, until they are forgotten', async () => {
    const repo = freshRepo()
    const keys = []
    for (const deleteAfter of [3, 1, 2]) {
      const open = await openUpload(store(), repo)
      await store().abortUpload({ id: open.id, now: NOW, deleteAfter })
      keys.push(open.key)
    }
    const [third, first, second] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]]
    expect(await store().dueTombstones(0, 10)).toEqual([])
    expect(await store().dueTombstones(3, 2)).toEqual([first, second])
    await store().clearTombstones([first, newKey()])
    expect(await store().dueTombstones(3, 10)).toEqual([second, third])
    await store().clearTombstones([second, third])
    await store().clearTombstones([])
    expect(await store().dueTombstones(3, 10)).toEqual([])
  })

  test('R: a thousand objects are forgotten at once', async () => {
    const repo = freshRepo()
    const keys = await Promise.all(
      Array.from({ length: 1_000 }, async () => {
        const open = await openUpload(store(), repo, { maxPerRepo: 10_000 })
        await store().abortUpload({ id: open.id, now: NOW, deleteAfter: 5 })
        return open.key
      }),
    )
    expect((await store().dueTombstones(5, 2_000)).length).toBe(1_000)
    await store().clearTombstones(keys)
    expect(await store().dueTombstones(5, 2_000)).toEqual([])
  }, 30_000)
}
