import { expect, test } from 'bun:test'
import type { MetadataStore } from '../../../src/store/meta/store.ts'
import { digestAt, freshRepo, image, index, newDigest, push, pushed, removeTag } from './fixture.ts'

const NEW = { moveTags: false } as const

/** Who may push new tags moves none (the verb `create-tag`). */
export function newTagCases(store: () => MetadataStore) {
  test('without moving tags: a new tag is set, the same again is no move, another manifest is refused', async () => {
    const repo = freshRepo()
    const [first, second] = [image(), image()]
    await pushed(store(), repo, first, { ...NEW, tags: ['v'] })
    await pushed(store(), repo, first, { ...NEW, tags: ['v', 'w'] })
    const refused = { outcome: 'tag-exists', tag: 'v', current: first.digest }
    expect(await push(store(), repo, second, { ...NEW, tags: ['v'] })).toEqual(refused as never)
    expect(await push(store(), repo, second, { ...NEW, tags: ['x', 'v', 'y'] })).toEqual(refused as never)
    expect(await store().findManifest(repo, second)).toBeUndefined()
    for (const name of ['x', 'y']) expect(await digestAt(store(), repo, name)).toBeUndefined()
    expect(await digestAt(store(), repo, 'v')).toBe(first.digest)
    await pushed(store(), repo, second, { ...NEW, tags: ['x'] })
    await pushed(store(), repo, image(), NEW)
    await store().deleteTag(removeTag(repo, 'v'))
    await pushed(store(), repo, second, { ...NEW, tags: ['v'] })
    await pushed(store(), repo, first, { moveTags: true, tags: ['v'] })
    expect(await digestAt(store(), repo, 'v')).toBe(first.digest)
  })

  test('without moving tags: what the client expects is looked at first, the references last', async () => {
    const repo = freshRepo()
    const [first, second] = [await pushed(store(), repo, image(), { tags: ['v'] }), image()]
    const outcome = async (manifest: typeof first, options: object) =>
      (await push(store(), repo, manifest, { ...NEW, tags: ['v'], ...options })).outcome
    expect(await outcome(second, { expect: { absent: true } })).toBe('unexpected')
    expect(await outcome(second, { expect: { digests: [first.digest] } })).toBe('tag-exists')
    expect(await outcome(first, { expect: { digests: [first.digest] } })).toBe('stored')
    const lacking = index([{ digest: newDigest(), size: 1, kind: 'child', foreign: false }])
    expect(await outcome(lacking, { sparse: 'none' })).toBe('tag-exists')
    expect(await outcome(lacking, { sparse: 'none', tags: ['new'] })).toBe('missing')
  })

  test('without moving tags: of 64 that push other manifests under one new tag, one wins', async () => {
    for (const known of [true, false]) {
      const repo = freshRepo()
      if (known) await pushed(store(), repo, image())
      const manifests = Array.from({ length: 64 }, () => image())
      const outcomes = await Promise.all(
        manifests.map((manifest) => push(store(), repo, manifest, { ...NEW, tags: ['v'] })),
      )
      const winners = manifests.filter((_, at) => outcomes[at]?.outcome === 'stored')
      expect(winners.length).toBe(1)
      expect(await digestAt(store(), repo, 'v')).toBe(winners[0]?.digest as never)
      for (const outcome of outcomes)
        if (outcome.outcome === 'tag-exists') expect(outcome.current).toBe(winners[0]?.digest as never)
    }
  }, 30_000)
}
