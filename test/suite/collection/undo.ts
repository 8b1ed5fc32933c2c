import { describe, expect, test } from 'bun:test'
import type { RepoName } from '../../../src/core/names.ts'
import { history, namespaceIn, restore } from '../history/fixture.ts'
import {
  freshRepo,
  GRACE,
  image,
  NOW,
  pushed,
  removeTag,
  type TestManifest,
  tag,
} from '../metadata/fixture.ts'
import { CAUSE, type CollectionUnderTest, collectAll, countOf, LIMIT, UNDO } from './fixture.ts'

/** Collection beside what people take back: each with the other's own commands. */
export function undoCases(made: () => CollectionUnderTest) {
  const store = () => made().store
  const collect = (now: number) => collectAll(store(), { now, undo: UNDO })
  const isThere = async (repo: RepoName, manifest: TestManifest) =>
    (await store().findManifest(repo, manifest)) !== undefined

  describe('what can be undone', () => {
    test('what a tag was moved from stays as long, and longer where it was restored', async () => {
      const repo = freshRepo()
      const [first, second] = [image(), image()]
      for (const manifest of [first, second]) await pushed(store(), repo, manifest, { tags: ['v'] })
      const [moved] = await history(store(), repo, 'v')
      const end = NOW + UNDO
      expect(await collect(end - 1)).toMatchObject({ manifests: 0 })
      const event = moved?.id as number
      const back = await restore(store(), repo, 'v', event, { cause: { ...CAUSE, now: end - 1 } })
      expect(back).toEqual({ outcome: 'restored', digest: first.digest })
      expect(await collect(end - 1 + UNDO - 1)).toMatchObject({ manifests: 0 })
      expect(await collect(end - 1 + UNDO)).toMatchObject({ manifests: 1 })
      expect([await isThere(repo, first), await isThere(repo, second)]).toEqual([true, false])
      const [restored] = await history(store(), repo, 'v')
      expect(restored).toMatchObject({ from: second.digest, restorable: false })
      expect(await restore(store(), repo, 'v', restored?.id as number)).toEqual({ outcome: 'gone' })
    })

    test('a deleted tag comes back until its manifest goes', async () => {
      const repo = freshRepo()
      const manifest = await pushed(store(), repo, image(), { tags: ['v', 'w'] })
      for (const name of ['v', 'w']) await store().deleteTag(removeTag(repo, name))
      const gone = async () => (await store().listDeletedTags(repo, { limit: 5 }))?.items.map((e) => e.tag)
      expect(await collect(NOW + UNDO - 1)).toMatchObject({ manifests: 0 })
      expect(await gone()).toEqual([tag('v'), tag('w')])
      expect(await collect(NOW + UNDO)).toMatchObject({ manifests: 1 })
      expect([await isThere(repo, manifest), await gone()]).toEqual([false, []])
    })

    test('its rows go when they are of no use any more, also those nobody can restore', async () => {
      const repo = freshRepo()
      for (const manifest of [image(), image()]) await pushed(store(), repo, manifest, { tags: ['v'] })
      const sweep = (now: number) => store().sweepHistory({ now, limit: LIMIT, undo: UNDO })
      expect([await sweep(NOW + UNDO - 1), await sweep(NOW + UNDO)]).toEqual([0, 2])
      expect(await history(store(), repo)).toEqual([])
    })
  })

  test('a manifest that is no longer protected is looked at at once', async () => {
    const repo = freshRepo()
    const manifest = await pushed(store(), repo, image())
    await store().protectManifest({ repo, digest: manifest.digest, reason: 'r' }, CAUSE)
    expect(await collect(NOW + GRACE)).toMatchObject({ manifests: 0 })
    await store().releaseManifest({ repo, digest: manifest.digest }, { ...CAUSE, now: NOW + GRACE })
    expect(await collect(NOW + GRACE)).toMatchObject({ manifests: 1 })
  })

  describe('a repository that was deleted', () => {
    const purge = (now: number, limit = LIMIT) =>
      store().purgeRepositories({ now, limit, undo: UNDO, grace: GRACE })

    test('and brought back in time keeps everything', async () => {
      const repo = freshRepo()
      const manifest = await pushed(store(), repo, image(), { tags: ['v'] })
      await store().deleteRepository({ name: repo }, CAUSE)
      const namespace = namespaceIn(repo)
      const [row] = await store().listDeletedRepositories(namespace, NOW, UNDO)
      expect(await purge(NOW + UNDO - 1)).toMatchObject({ deleted: 0 })
      const cause = { ...CAUSE, now: NOW + UNDO - 1 }
      const back = await store().restoreRepository({ namespace, id: row?.id as number, undo: UNDO }, cause)
      expect(back).toEqual({ outcome: 'restored', name: repo })
      expect(await purge(NOW + UNDO)).toMatchObject({ deleted: 0 })
      expect(await isThere(repo, manifest)).toBe(true)
    })

    test('and is being taken apart comes back no more, however long it could be restored', async () => {
      const repo = freshRepo()
      const namespace = namespaceIn(repo)
      for (const name of ['a', 'b', 'c']) await pushed(store(), repo, image(), { tags: [name] })
      await store().deleteRepository({ name: repo }, CAUSE)
      const now = NOW + UNDO
      const forEver = 2 * now
      const listed = () => store().listDeletedRepositories(namespace, now, forEver)
      const [row] = await listed()
      const id = row?.id as number
      expect(await purge(now, 1)).toMatchObject({ deleted: 1, more: true })
      const restoring = { namespace, id, undo: forEver }
      expect(await store().restoreRepository(restoring, { ...CAUSE, now })).toEqual({ outcome: 'absent' })
      expect(await listed()).toEqual([])
      while ((await purge(now)).more);
      expect(await countOf((text) => made().sql(text), `repo WHERE id = ${id}`)).toBe(0)
    })
  })
}
