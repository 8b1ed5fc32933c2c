import { describe, expect, test } from 'bun:test'
import type { Store } from '../../../src/store/meta/store.ts'
import { auditOf, CAUSE } from '../access/fixture.ts'
import { digestAt, image, newDigest, push, pushed, remove, removeTag, tag } from '../metadata/fixture.ts'
import { beside, eventFrom, history, namespaceIn, newName, restore } from './fixture.ts'

/** Tags and manifests that nobody moves or deletes. */
export function protectionCases(here: () => Store, there: () => Store) {
  describe('immutable tags', () => {
    test('are pushed once: of several who push at once, one wins, and the others are told who', async () => {
      for (let round = 0; round < 5; round++) {
        const repo = await newName(here())
        await here().setImmutable({ namespace: namespaceIn(repo), patterns: ['v*'] }, CAUSE)
        if (round % 2 === 0) await pushed(here(), repo, image(), { tags: ['latest'] })
        const images = Array.from({ length: 8 }, () => image())
        const outcomes = await Promise.all(
          images.map((each, at) => push(at % 2 === 0 ? here() : there(), repo, each, { tags: ['v1'] })),
        )
        const stored = images.filter((_, at) => outcomes[at]?.outcome === 'stored')
        expect(stored).toHaveLength(1)
        const [winner] = stored as [(typeof images)[number]]
        expect(await digestAt(here(), repo, 'v1')).toBe(winner.digest)
        for (const outcome of outcomes.filter((each) => each.outcome !== 'stored'))
          expect(outcome).toEqual({ outcome: 'tag-immutable', tag: tag('v1'), current: winner.digest })
        for (const each of images.filter((other) => other !== winner))
          expect(await here().findManifest(repo, { digest: each.digest })).toBeUndefined()
        expect(await history(here(), repo, 'v1')).toHaveLength(1)
      }
    })

    test('take the same manifest again, leave other tags alone, and except what is excepted', async () => {
      const repo = await newName(here())
      await here().setImmutable({ repo, patterns: ['*'] }, CAUSE)
      expect(await here().findImmutable(repo)).toBeUndefined()
      const a = await pushed(here(), repo, image(), { tags: ['v1', 'v1-rc1', 'latest'] })
      await here().setImmutable({ repo, patterns: ['*', '!latest', '!*-rc?'] }, CAUSE)
      expect((await push(here(), repo, a, { tags: ['v1'] })).outcome).toBe('stored')
      const b = image()
      expect((await push(here(), repo, b, { tags: ['latest', 'v1-rc1', 'v2'] })).outcome).toBe('stored')
      expect(await push(here(), repo, image(), { tags: ['v3', 'v2'] })).toEqual({
        outcome: 'tag-immutable',
        tag: tag('v2'),
        current: b.digest,
      })
      expect(await digestAt(here(), repo, 'v3')).toBeUndefined()
    })

    test('are not deleted, nor what they stand on, nor restored to something else, nor their repository', async () => {
      const repo = await newName(here())
      const a = await pushed(here(), repo, image(), { tags: ['v1'] })
      const b = await pushed(here(), repo, image(), { tags: ['v1', 'latest'] })
      const event = await eventFrom(here(), repo, 'v1', a.digest)
      await here().setImmutable({ repo, patterns: ['v*'] }, CAUSE)
      const kept = { outcome: 'immutable', tag: tag('v1') } as const
      expect(await here().deleteTag(removeTag(repo, 'v1'))).toEqual(kept)
      expect(await here().deleteManifest(remove(repo, b.digest))).toEqual(kept)
      expect(await restore(here(), repo, 'v1', event)).toEqual({ outcome: 'immutable' })
      expect(await here().deleteRepository({ name: repo }, CAUSE)).toBe('immutable')
      expect(await here().deleteTag(removeTag(repo, 'v9'))).toEqual({ outcome: 'absent' })
      expect(await here().deleteTag(removeTag(repo, 'latest'))).toEqual({ outcome: 'deleted' })
      await here().setImmutable({ repo, patterns: undefined }, CAUSE)
      expect((await here().deleteManifest(remove(repo, b.digest))).outcome).toBe('deleted')
      expect((await restore(here(), repo, 'v1', event)).outcome).toBe('restored')
    })

    test('are the repository’s own where it has any, and the namespace’s else; each change is told once', async () => {
      const repo = await newName(here())
      const namespace = namespaceIn(repo)
      await pushed(here(), repo, image(), { tags: ['v1'] })
      const moves = async () => (await push(here(), repo, image(), { tags: ['v1'] })).outcome
      const found = async () => {
        const { version: _, ...patterns } = (await here().findImmutable(repo)) ?? { version: 0 }
        return patterns
      }
      const { version = 0 } = (await here().findNamespaceImmutable(namespace)) ?? {}
      expect(await here().setImmutable({ namespace, patterns: ['v*'], version: version + 1 }, CAUSE)).toBe(
        'stale',
      )
      expect(await here().setImmutable({ namespace, patterns: ['v*'], version }, CAUSE)).toBe('done')
      expect(await here().setImmutable({ namespace, patterns: ['v*'] }, CAUSE)).toBe('done')
      expect([await found(), await moves()]).toEqual([{ own: undefined, namespace: ['v*'] }, 'tag-immutable'])
      await here().setImmutable({ repo, patterns: [] }, CAUSE)
      expect([await found(), await moves()]).toEqual([{ own: [], namespace: ['v*'] }, 'stored'])
      await here().setImmutable({ repo, patterns: undefined }, CAUSE)
      expect(await moves()).toBe('tag-immutable')
      expect(await here().setImmutable({ repo: beside(repo), patterns: [] }, CAUSE)).toBe('absent')
      const told = (await auditOf(here(), namespace)).filter(({ action }) => action === 'immutable-tags.set')
      expect(told.map(({ target, detail }) => [target, detail.from, detail.to])).toEqual([
        [repo, [], null],
        [repo, null, []],
        [namespace, null, ['v*']],
      ])
    })

    test('once a repository’s patterns are set, no push that was under way moves a tag', async () => {
      for (let round = 0; round < 10; round++) {
        const repo = await newName(here())
        await pushed(here(), repo, image(), { tags: ['v1'] })
        const pushes = Array.from({ length: 6 }, (_, at) =>
          push(at % 2 === 0 ? here() : there(), repo, image(), { tags: ['v1'] }),
        )
        await there().setImmutable({ repo, patterns: ['v1'] }, CAUSE)
        const then = await digestAt(here(), repo, 'v1')
        await Promise.all(pushes)
        expect(await digestAt(here(), repo, 'v1')).toBe(then)
      }
    })
  })

  test('a protected manifest is not deleted until it is let go, nor is its repository', async () => {
    const repo = await newName(here())
    const { digest } = await pushed(here(), repo, image(), { tags: ['v1'] })
    const protect = (reason: string) => here().protectManifest({ repo, digest, reason }, CAUSE)
    expect([await protect('shipped'), await protect('shipped')]).toEqual(['done', 'unchanged'])
    expect(await here().protectManifest({ repo, digest: newDigest(), reason: '' }, CAUSE)).toBe('absent')
    expect(await here().listProtected(repo)).toEqual([{ digest, reason: 'shipped', at: CAUSE.now }])
    expect(await here().deleteManifest(remove(repo, digest))).toEqual({
      outcome: 'protected',
      reason: 'shipped',
    })
    expect(await here().deleteRepository({ name: repo }, CAUSE)).toBe('immutable')
    expect((await here().deleteTag(removeTag(repo, 'v1'))).outcome).toBe('deleted')
    const release = () => here().releaseManifest({ repo, digest }, CAUSE)
    expect([await release(), await release()]).toEqual(['done', 'absent'])
    expect((await here().deleteManifest(remove(repo, digest))).outcome).toBe('deleted')
    expect(await here().listProtected(beside(repo))).toBeUndefined()
    const told = (await auditOf(here(), namespaceIn(repo))).map(({ action, target }) => [action, target])
    expect(told.slice(0, 2)).toEqual([
      ['manifest.release', `${repo}@${digest}`],
      ['manifest.protect', `${repo}@${digest}`],
    ])
  })
}
