import { expect, test } from 'bun:test'
import type { DeleteOutcome, MetadataStore, PushManifestOutcome } from '../../../src/store/meta/store.ts'
import {
  buried,
  digestAt,
  finishOf,
  freshRepo,
  GRACE,
  image,
  index,
  layer,
  NOW,
  newDigest,
  newKey,
  openUpload,
  push,
  pushBlob,
  pushed,
  remove,
  removeTag,
} from './fixture.ts'

const MANY = 64
const times = <T>(count: number, work: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => work(at))

/** What happens at the same time must look as if it had happened one after the other (C5). */
export function raceCases(store: () => MetadataStore) {
  test('64 uploads of one digest at once: all are finished, one object stays', async () => {
    const repos = [freshRepo(), freshRepo()]
    const digest = newDigest()
    const opens = await Promise.all(times(MANY, (at) => openUpload(store(), repos[at % 2] ?? freshRepo())))
    const outcomes = await Promise.all(
      opens.map((open) => store().finishUpload(finishOf(open, { digest, now: NOW }))),
    )
    expect(outcomes.every(({ outcome }) => outcome === 'finished')).toBe(true)
    const kept = (await store().findObject(digest))?.key ?? newKey()
    const keys = opens.map((open) => open.key)
    expect(keys).toContain(kept)
    expect(new Set(await buried(store(), keys))).toEqual(new Set(keys.filter((key) => key !== kept)))
    for (const repo of repos) expect((await store().findBlob(repo, digest))?.key).toBe(kept)
  }, 30_000)

  test('RC-1: 64 writers of one tag: all are stored, the tag is one of theirs', async () => {
    const repo = freshRepo()
    const manifests = times(MANY, () => image())
    await Promise.all(manifests.map((manifest) => pushed(store(), repo, manifest, { tags: ['latest'] })))
    expect(manifests.map(({ digest }) => digest)).toContain(
      (await digestAt(store(), repo, 'latest')) as never,
    )
    for (const manifest of manifests) expect(await store().findManifest(repo, manifest)).toBeDefined()
  }, 30_000)

  test('RC-3: 64 pushes of one manifest by different tags', async () => {
    const repo = freshRepo()
    const manifest = image([await pushBlob(store(), repo)])
    await Promise.all(times(MANY, (at) => pushed(store(), repo, manifest, { tags: [`t${at}`] })))
    expect((await store().listTags(repo, { limit: 100 }))?.items.length).toBe(MANY)
  }, 30_000)

  test('64 pushes to a repository that does not exist yet', async () => {
    const repo = freshRepo(`ns${newKey().slice(0, 8)}`)
    await Promise.all(times(MANY, (at) => pushed(store(), repo, image(), { tags: [`t${at}`] })))
    expect((await store().listTags(repo, { limit: 100 }))?.items.length).toBe(MANY)
  }, 30_000)

  test('64 sessions opened in a repository that does not exist yet', async () => {
    const repo = freshRepo(`ns${newKey().slice(0, 8)}`)
    const opens = await Promise.all(times(MANY, () => openUpload(store(), repo)))
    expect(new Set(opens.map(({ id }) => id)).size).toBe(MANY)
  }, 30_000)

  test('M11: of 64 that expect the tag to be absent, one wins', async () => {
    const repo = freshRepo()
    const manifests = times(MANY, () => image())
    const outcomes = await Promise.all(
      manifests.map((manifest) => push(store(), repo, manifest, { tags: ['v'], expect: { absent: true } })),
    )
    const winners = manifests.filter((_, at) => outcomes[at]?.outcome === 'stored')
    expect(winners.length).toBe(1)
    expect(await digestAt(store(), repo, 'v')).toBe(winners[0]?.digest as never)
    const losers = outcomes.filter(({ outcome }) => outcome === 'unexpected')
    expect(losers).toEqual(
      times(MANY - 1, () => ({ outcome: 'unexpected', current: winners[0]?.digest }) as never),
    )
  }, 30_000)

  test('RC-7: 64 that each add to what stands there: no addition is lost', async () => {
    const repo = freshRepo()
    const base = await pushed(store(), repo, image(), { tags: ['list'] })
    const before = new Map<string, string>()
    await Promise.all(
      times(MANY, async () => {
        const mine = image()
        for (let current = base.digest; ; ) {
          const outcome = await push(store(), repo, mine, { tags: ['list'], expect: { digests: [current] } })
          if (outcome.outcome === 'stored') {
            before.set(mine.digest, current)
            return
          }
          if (outcome.outcome !== 'unexpected' || outcome.current === undefined)
            throw new Error(outcome.outcome)
          current = outcome.current
        }
      }),
    )
    let chain = 0
    for (let at: string | undefined = await digestAt(store(), repo, 'list'); at !== base.digest; chain++)
      at = before.get(at ?? '')
    expect(chain).toBe(MANY)
  }, 60_000)

  test('M11: a conditional push against plain ones: whoever won, the winner is told the truth', async () => {
    for (let round = 0; round < 20; round++) {
      const repo = freshRepo()
      const [plain, conditional] = [image(), image()]
      const [, outcome] = await Promise.all([
        pushed(store(), repo, plain, { tags: ['v'] }),
        push(store(), repo, conditional, { tags: ['v'], expect: { absent: true } }),
      ])
      const stands = await digestAt(store(), repo, 'v')
      // Stored first and overtaken, or refused because the plain one stood there.
      expect(stands).toBe(plain.digest)
      if (outcome.outcome !== 'stored')
        expect(outcome).toEqual({ outcome: 'unexpected', current: plain.digest })
    }
  }, 30_000)

  test('DL-11: pushing and deleting one manifest: every outcome is one of a serial order', async () => {
    const repo = freshRepo()
    const blob = await pushBlob(store(), repo)
    const manifest = image([blob])
    await pushed(store(), repo, image([blob]))
    const outcomes = await Promise.all(
      times(
        MANY,
        (at): Promise<PushManifestOutcome | DeleteOutcome> =>
          at % 2 === 0
            ? push(store(), repo, manifest, { tags: ['v'] })
            : store().deleteManifest(remove(repo, manifest.digest)),
      ),
    )
    expect(
      new Set(outcomes.map(({ outcome }) => outcome)).isSubsetOf(new Set(['stored', 'deleted', 'absent'])),
    ).toBe(true)
    const stands = await store().findManifest(repo, manifest)
    expect(await digestAt(store(), repo, 'v')).toBe(stands?.digest as never)
  }, 30_000)

  test('pushing and deleting one tag: nothing dangles', async () => {
    const repo = freshRepo()
    const manifests = times(MANY, () => image())
    await pushed(store(), repo, image(), { tags: ['v'] })
    await Promise.all(
      manifests.map((manifest, at) =>
        at % 2 === 0
          ? pushed(store(), repo, manifest, { tags: ['v'] })
          : store().deleteTag(removeTag(repo, 'v')),
      ),
    )
    const listed = (await store().listTags(repo, { limit: 9 }))?.items.map(String)
    expect(listed).toEqual((await digestAt(store(), repo, 'v')) === undefined ? [] : ['v'])
  }, 30_000)

  test('a manifest against the deletion of its layer: stored with it, or refused without', async () => {
    for (let round = 0; round < 30; round++) {
      const repo = freshRepo()
      const blob = await pushBlob(store(), repo)
      const manifest = image([blob])
      const [stored, deleted] = await Promise.all([
        push(store(), repo, manifest),
        store().deleteBlob(remove(repo, blob.digest)),
      ])
      const found = await store().findBlob(repo, blob.digest)
      if (stored.outcome === 'stored') {
        expect(deleted).toEqual({ outcome: 'referenced', by: manifest.digest })
        expect(found).toBeDefined()
        expect(found?.leaseUntil).toBeUndefined()
      } else {
        expect(stored).toEqual({ outcome: 'missing', digests: [blob.digest] })
        expect(deleted).toEqual({ outcome: 'deleted' })
        expect(found).toBeUndefined()
      }
    }
  }, 30_000)

  test('an index against its child: however they meet, the child is referenced', async () => {
    for (let round = 0; round < 30; round++) {
      const repo = freshRepo()
      await pushed(store(), repo, image())
      const waited = image()
      const parent = index([waited])
      await Promise.all([pushed(store(), repo, parent), pushed(store(), repo, waited)])
      expect(await store().deleteManifest(remove(repo, waited.digest))).toEqual({
        outcome: 'referenced',
        by: parent.digest,
      })
    }
  }, 30_000)

  test('an index against the deletion of its child: listed, or waiting for it', async () => {
    for (let round = 0; round < 30; round++) {
      const repo = freshRepo()
      const listed = await pushed(store(), repo, image())
      const parent = index([listed])
      const [, deleted] = await Promise.all([
        pushed(store(), repo, parent),
        store().deleteManifest(remove(repo, listed.digest)),
      ])
      expect((await store().findManifest(repo, listed)) === undefined).toBe(deleted.outcome === 'deleted')
      await pushed(store(), repo, listed)
      expect(await store().deleteManifest(remove(repo, listed.digest))).toMatchObject({ by: parent.digest })
    }
  }, 30_000)

  test('a layer against the image that waits for it: however they meet, the layer is referenced', async () => {
    for (let round = 0; round < 30; round++) {
      const repo = freshRepo()
      const digest = newDigest()
      await Promise.all([
        pushed(store(), repo, image([layer(digest)]), { sparse: 'all' }),
        pushBlob(store(), repo, digest),
      ])
      const found = await store().findBlob(repo, digest)
      expect(found).toBeDefined()
      expect(found?.leaseUntil).toBeUndefined()
    }
  }, 30_000)

  test('two images of the same layers, listed in either order, do not block each other', async () => {
    const repo = freshRepo()
    const blobs = await Promise.all(times(20, () => pushBlob(store(), repo)))
    await Promise.all(times(MANY, () => pushed(store(), repo, image(blobs))))
    for (const { digest } of blobs) expect((await store().findBlob(repo, digest))?.leaseUntil).toBeUndefined()
  }, 30_000)

  test('deleting images that share layers: the last one out leases them', async () => {
    const repo = freshRepo()
    const blob = await pushBlob(store(), repo)
    const images = await Promise.all(times(16, () => pushed(store(), repo, image([blob]))))
    await Promise.all(images.map(({ digest }) => store().deleteManifest(remove(repo, digest, NOW + 5))))
    expect((await store().findBlob(repo, blob.digest))?.leaseUntil).toBe(NOW + 5 + GRACE)
  }, 30_000)

  test('finishing against cancelling: one of them', async () => {
    for (let round = 0; round < 30; round++) {
      const repo = freshRepo()
      const open = await openUpload(store(), repo)
      const finish = finishOf(open)
      const [finished, aborted] = await Promise.all([
        store().finishUpload(finish),
        store().abortUpload({ id: open.id, now: NOW, deleteAfter: NOW }),
      ])
      expect(finished.outcome).toBe(aborted ? 'gone' : 'finished')
      expect(await buried(store(), [open.key])).toEqual(aborted ? [open.key] : [])
      expect((await store().findBlob(repo, finish.digest)) === undefined).toBe(aborted)
    }
  }, 30_000)

  test('finishing one session twice at once: once', async () => {
    for (let round = 0; round < 10; round++) {
      const open = await openUpload(store(), freshRepo())
      const finish = finishOf(open)
      const outcomes = await Promise.all(times(4, () => store().finishUpload(finish)))
      expect(outcomes.filter(({ outcome }) => outcome === 'finished').length).toBe(1)
      expect(await buried(store(), [open.key])).toEqual([])
    }
  }, 30_000)

  test('two chunks at one offset: one of them is recorded (CO-7)', async () => {
    const repo = freshRepo()
    const { id } = await openUpload(store(), repo)
    const moved = await Promise.all(
      times(MANY, (at) => store().advanceUpload({ id, from: 0, to: at + 1, expiresAt: NOW + GRACE })),
    )
    expect(moved.filter(Boolean).length).toBe(1)
    expect((await store().findUpload(repo, id, 'tester', NOW))?.offset).toBe(moved.indexOf(true) + 1)
  }, 30_000)

  test('replacing a lost object, 16 at once: one replaces, the others lose theirs', async () => {
    const repo = freshRepo()
    const lost = newKey()
    const digest = newDigest()
    await pushBlob(store(), repo, digest, { key: lost })
    const keys = times(16, () => newKey())
    await Promise.all(keys.map((key) => pushBlob(store(), repo, digest, { key, replace: lost })))
    const kept = (await store().findBlob(repo, digest))?.key ?? newKey()
    expect(keys).toContain(kept)
    expect(new Set(await buried(store(), [lost, ...keys]))).toEqual(
      new Set([lost, ...keys.filter((key) => key !== kept)]),
    )
  }, 30_000)

  test('sweeps at once take each session once', async () => {
    const repo = freshRepo()
    const opens = await Promise.all(times(40, () => openUpload(store(), repo, { now: 1, expiresAt: 2 })))
    const swept = await Promise.all(
      times(8, () => store().sweepUploads({ now: 5, deleteAfter: NOW, limit: 10 })),
    )
    let total = swept.reduce((sum, count) => sum + count, 0)
    expect(total).toBeLessThanOrEqual(40)
    for (let more = 1; more > 0; total += more)
      more = await store().sweepUploads({ now: 5, deleteAfter: NOW, limit: 10 })
    expect(total).toBe(40)
    const keys = opens.map(({ key }) => key)
    expect((await buried(store(), keys)).length).toBe(40)
  }, 30_000)
}
