import { describe, expect, test } from 'bun:test'
import type { Store } from '../../../src/store/meta/store.ts'
import { auditOf } from '../access/fixture.ts'
import { digestAt, image, NOW, newDigest, pushed, remove, removeTag, tag } from '../metadata/fixture.ts'
import { ALICE, beside, changes, eventFrom, history, namespaceIn, newName, restore } from './fixture.ts'

/** What happened to tags, and how it is undone. */
export function tagHistoryCases(here: () => Store, there: () => Store) {
  describe('the history of a tag', () => {
    test('tells of every change who, from where, from what and to what – and of no push that changes nothing', async () => {
      const repo = await newName(here())
      const [a, b] = [image(), image()]
      await pushed(here(), repo, a, { tags: ['v1'], cause: ALICE, now: NOW + 1 })
      await pushed(here(), repo, a, { tags: ['v1'], cause: ALICE, now: NOW + 2 })
      await pushed(here(), repo, b, { tags: ['v1', 'v2'], cause: ALICE, now: NOW + 3 })
      await here().deleteTag({ ...removeTag(repo, 'v1'), cause: ALICE })
      await pushed(here(), repo, b, { tags: ['v1'] })
      await here().deleteManifest({ ...remove(repo, b.digest), cause: ALICE })
      expect(await changes(here(), repo, 'v1')).toEqual([
        ['manifest-delete', b.digest, undefined],
        ['push', undefined, b.digest],
        ['delete', b.digest, undefined],
        ['push', a.digest, b.digest],
        ['push', undefined, a.digest],
      ])
      expect(await changes(here(), repo, 'v2')).toEqual([
        ['manifest-delete', b.digest, undefined],
        ['push', undefined, b.digest],
      ])
      const events = await history(here(), repo)
      expect(events).toHaveLength(7)
      const { id: _, ...moved } = (await history(here(), repo, 'v1'))[3] as (typeof events)[number]
      expect(moved).toEqual({
        tag: tag('v1'),
        at: NOW + 3,
        kind: 'push',
        from: a.digest,
        to: b.digest,
        actor: 'alice',
        credential: 70,
        address: '192.0.2.7',
        agent: 'docker/28',
        restorable: true,
      })
      expect(events.map(({ restorable }) => restorable)).toContain(false)
      expect(events.find(({ address }) => address === '')?.actor).toBe('anonymous')
    })

    test('comes in pages, newest first, and of a repository that is not there not at all', async () => {
      const repo = await newName(here())
      for (let at = 0; at < 5; at++) await pushed(here(), repo, image(), { tags: ['v1'] })
      const all = await history(here(), repo, 'v1')
      const first = await here().listTagEvents(repo, { tag: tag('v1') }, { limit: 2 })
      expect(first).toEqual({ items: all.slice(0, 2), more: true })
      const last = first?.items[1]?.id as number
      expect(await here().listTagEvents(repo, {}, { limit: 3, last })).toEqual({
        items: all.slice(2),
        more: false,
      })
      expect(await here().listTagEvents(beside(repo), {}, { limit: 2 })).toBeUndefined()
    })
  })

  describe('restoring a tag', () => {
    test('sets it to what a change left, is a change itself, and is told in the audit', async () => {
      const repo = await newName(here())
      const [a, b] = [image(), image()]
      await pushed(here(), repo, a, { tags: ['v1'] })
      await pushed(here(), repo, b, { tags: ['v1'] })
      const event = await eventFrom(here(), repo, 'v1', a.digest)
      expect(await restore(here(), repo, 'v1', event)).toEqual({ outcome: 'restored', digest: a.digest })
      expect(await digestAt(here(), repo, 'v1')).toBe(a.digest)
      expect(await restore(here(), repo, 'v1', event)).toEqual({ outcome: 'unchanged', digest: a.digest })
      expect(await restore(here(), repo, 'v1', event, { side: 'to' })).toEqual({
        outcome: 'restored',
        digest: b.digest,
      })
      expect((await changes(here(), repo, 'v1')).slice(0, 2)).toEqual([
        ['restore', a.digest, b.digest],
        ['restore', b.digest, a.digest],
      ])
      const [row] = await auditOf(here(), namespaceIn(repo))
      expect(row).toEqual({
        action: 'tag.restore',
        target: `${repo}:v1`,
        detail: { digest: b.digest, event },
      })
    })

    test('brings a deleted tag back, which is listed until then', async () => {
      const repo = await newName(here())
      const a = await pushed(here(), repo, image(), { tags: ['v1', 'v2', 'v3'] })
      for (const name of ['v1', 'v3', 'v2']) await here().deleteTag(removeTag(repo, name))
      const first = await here().listDeletedTags(repo, { limit: 2 })
      expect([first?.items.map((event) => event.tag), first?.more]).toEqual([[tag('v1'), tag('v2')], true])
      const rest = await here().listDeletedTags(repo, { limit: 2, last: 'v2' })
      expect([rest?.items.map((event) => event.tag), rest?.more]).toEqual([[tag('v3')], false])
      expect((await restore(here(), repo, 'v2', first?.items[1]?.id as number)).outcome).toBe('restored')
      expect(await digestAt(here(), repo, 'v2')).toBe(a.digest)
      const left = await here().listDeletedTags(repo, { limit: 5 })
      expect(left?.items.map((event) => event.tag)).toEqual([tag('v1'), tag('v3')])
    })

    test('is refused where the manifest is gone, the event is of another tag, or nothing was left', async () => {
      const repo = await newName(here())
      const a = await pushed(here(), repo, image(), { tags: ['v1'] })
      await pushed(here(), repo, image(), { tags: ['v1'] })
      const event = await eventFrom(here(), repo, 'v1', a.digest)
      const [, first] = await history(here(), repo, 'v1')
      expect((await restore(here(), repo, 'v1', first?.id as number)).outcome).toBe('gone')
      expect((await restore(here(), repo, 'v2', event)).outcome).toBe('absent')
      expect((await restore(here(), beside(repo), 'v1', event)).outcome).toBe('absent')
      await here().deleteManifest(remove(repo, a.digest))
      expect((await restore(here(), repo, 'v1', event)).outcome).toBe('gone')
      expect((await history(here(), repo, 'v1'))[0]?.restorable).toBe(false)
      await pushed(here(), repo, a)
      expect((await restore(here(), repo, 'v1', event)).outcome).toBe('restored')
    })

    test('beside pushes and deletions: each change begins where the one before ended', async () => {
      const repo = await newName(here())
      const images = Array.from({ length: 12 }, () => image())
      const [a] = images as [(typeof images)[number]]
      await pushed(here(), repo, a, { tags: ['v1'] })
      await pushed(here(), repo, image(), { tags: ['v1'] })
      const event = await eventFrom(here(), repo, 'v1', a.digest)
      await Promise.all(
        images.flatMap((each, at) => {
          const [one, other] = at % 2 === 0 ? [here(), there()] : [there(), here()]
          return [
            pushed(one, repo, each, { tags: ['v1'] }),
            restore(other, repo, 'v1', event),
            ...(at % 3 === 0 ? [one.deleteTag(removeTag(repo, 'v1'))] : []),
          ]
        }),
      )
      const events = [...(await history(here(), repo, 'v1'))].reverse()
      expect(events.length).toBeGreaterThan(12)
      let at: unknown
      for (const { from, to } of events) {
        expect(from).toBe(at as typeof from)
        at = to
      }
      expect(await digestAt(here(), repo, 'v1')).toBe(at as typeof a.digest)
    })

    test('beside the deletion of what it restores: the tag stands on a manifest, or nowhere', async () => {
      for (let round = 0; round < 10; round++) {
        const repo = await newName(here())
        const a = await pushed(here(), repo, image(), { tags: ['v1'] })
        await here().deleteTag(removeTag(repo, 'v1'))
        const event = await eventFrom(here(), repo, 'v1', a.digest)
        const [restored, deleted] = await Promise.all([
          restore(here(), repo, 'v1', event),
          there().deleteManifest(remove(repo, a.digest)),
        ])
        expect(deleted.outcome).toBe('deleted')
        expect(['restored', 'gone']).toContain(restored.outcome)
        expect(await digestAt(here(), repo, 'v1')).toBeUndefined()
        expect((await here().listTags(repo, { limit: 5 }))?.items).toEqual([])
      }
    })
  })

  test('a digest that a tag left stays to be pulled', async () => {
    const repo = await newName(here())
    const a = await pushed(here(), repo, image(), { tags: ['v1'] })
    await pushed(here(), repo, image(), { tags: ['v1'] })
    expect((await here().readManifest(repo, { digest: a.digest }))?.digest).toBe(a.digest)
    expect(await here().readManifest(repo, { digest: newDigest() })).toBeUndefined()
  })
}
