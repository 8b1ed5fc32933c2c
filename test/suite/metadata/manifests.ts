import { expect, test } from 'bun:test'
import { DOCKER_LIST, DOCKER_MANIFEST } from '../../../src/core/media-types.ts'
import type { MetadataStore } from '../../../src/store/meta/store.ts'
import {
  child,
  DAY,
  digestAt,
  freshRepo,
  GRACE,
  image,
  index,
  layer,
  NOW,
  newDigest,
  push,
  pushBlob,
  pushed,
  rejection,
  remove,
  removeTag,
  tag,
} from './fixture.ts'

/** Manifests and tags: rules P and D. */
export function manifestCases(store: () => MetadataStore) {
  test('M2: a manifest is read by tag and by digest, byte for byte', async () => {
    const repo = freshRepo()
    const { digest, mediaType, bytes } = await pushed(store(), repo, image(), { tags: ['latest'] })
    const info = { digest, mediaType, size: bytes.byteLength }
    for (const reference of [{ tag: tag('latest') }, { digest }]) {
      expect(await store().findManifest(repo, reference)).toEqual(info)
      const read = await store().readManifest(repo, reference)
      expect({ ...read, bytes: undefined }).toEqual({ ...info, bytes: undefined })
      expect(Buffer.compare(read?.bytes ?? new Uint8Array(), bytes)).toBe(0)
    }
  })

  test('P4: what is not there is not found', async () => {
    const [repo, other] = [freshRepo(), freshRepo()]
    const { digest } = await pushed(store(), repo, image(), { tags: ['a'] })
    await pushed(store(), other, image(), { tags: ['b'] })
    for (const [where, reference] of [
      [repo, { tag: tag('b') }],
      [repo, { tag: tag('A') }],
      [repo, { digest: newDigest() }],
      [other, { digest }],
      [freshRepo(), { digest }],
      [freshRepo(), { tag: tag('a') }],
    ] as const) {
      expect(await store().findManifest(where, reference)).toBeUndefined()
      expect(await store().readManifest(where, reference)).toBeUndefined()
    }
  })

  test('M7: a manifest of 4 MiB', async () => {
    const repo = freshRepo()
    const manifest = await pushed(store(), repo, image([], { size: 4 * 1024 * 1024 }))
    const read = await store().readManifest(repo, manifest)
    expect(Buffer.compare(read?.bytes ?? new Uint8Array(), manifest.bytes)).toBe(0)
  })

  test('P2: a tag remembers that its manifest was pushed under sha512', async () => {
    const repo = freshRepo()
    const manifest = await pushed(store(), repo, image([], { algorithm: 'sha512' }), { tags: ['v'] })
    expect(manifest.digest.startsWith('sha512:')).toBe(true)
    expect(await digestAt(store(), repo, 'v')).toBe(manifest.digest)
  })

  test('P1: every manifest type is kept', async () => {
    const repo = freshRepo()
    for (const mediaType of [DOCKER_MANIFEST, DOCKER_LIST]) {
      const { digest } = await pushed(store(), repo, { ...image(), mediaType })
      expect((await store().findManifest(repo, { digest }))?.mediaType).toBe(mediaType)
    }
  })

  test('P: the blobs of a manifest need no lease', async () => {
    const repo = freshRepo()
    const blobs = [await pushBlob(store(), repo), await pushBlob(store(), repo)]
    const spare = await pushBlob(store(), repo)
    await pushed(store(), repo, image(blobs))
    for (const { digest } of blobs) expect((await store().findBlob(repo, digest))?.leaseUntil).toBeUndefined()
    expect((await store().findBlob(repo, spare.digest))?.leaseUntil).toBe(NOW + GRACE)
  })

  test('M5: a manifest of missing blobs is refused, all of them told, nothing stored', async () => {
    const repo = freshRepo()
    const missing = [newDigest(), newDigest(), newDigest('sha512')].sort()
    const manifest = image(missing.map((digest) => layer(digest)))
    expect(await push(store(), repo, manifest, { tags: ['v'] })).toEqual({
      outcome: 'missing',
      digests: missing,
    })
    expect(await store().deleteTag(removeTag(repo, 'v'))).toEqual({ outcome: 'no-repository' })

    const blob = await pushBlob(store(), repo)
    const [first] = missing as [(typeof missing)[0]]
    expect(await push(store(), repo, image([blob, layer(first)]), { tags: ['v'] })).toMatchObject({
      digests: [first],
    })
    expect(await digestAt(store(), repo, 'v')).toBeUndefined()
    expect(await store().hasRepository(repo)).toBe(false)
    expect((await store().findBlob(repo, blob.digest))?.leaseUntil).toBe(NOW + GRACE)
  })

  test('SE-2: a blob of another repository is missing', async () => {
    const repo = freshRepo()
    const blob = await pushBlob(store(), freshRepo())
    expect(await push(store(), repo, image([blob]))).toEqual({ outcome: 'missing', digests: [blob.digest] })
  })

  for (const [sparse, layers, children] of [
    ['none', 'missing', 'missing'],
    ['index', 'missing', 'stored'],
    ['all', 'stored', 'stored'],
  ] as const) {
    test(`M5: with sparse ${sparse}, a missing layer is ${layers} and a missing child ${children}`, async () => {
      const outcomeOf = async (manifest: ReturnType<typeof image>) =>
        (await push(store(), freshRepo(), manifest, { sparse, tags: ['t'] })).outcome
      expect(await outcomeOf(image([layer(newDigest())]))).toBe(layers)
      expect(await outcomeOf(index([image()]))).toBe(children)
      expect(await outcomeOf(image([{ ...layer(newDigest()), foreign: true }]))).toBe('stored')
      expect(await outcomeOf(image())).toBe('stored')
      expect(await outcomeOf(index([]))).toBe('stored')
    })
  }

  test('M13: a blob of another size than claimed is refused', async () => {
    const repo = freshRepo()
    const { digest } = await pushBlob(store(), repo, newDigest(), { size: 10 })
    const wrong = { outcome: 'size', digest, actual: 10, claimed: 11 } as const
    expect(await push(store(), repo, image([layer(digest, 11)]))).toEqual(wrong)
    expect(await push(store(), repo, image([{ ...layer(digest, 11), foreign: true }]))).toEqual(wrong)
    expect(await store().hasRepository(repo)).toBe(false)
    const absent = newDigest()
    expect(await push(store(), repo, image([layer(digest, 11), layer(absent)]))).toEqual({
      outcome: 'missing',
      digests: [absent],
    })
  })

  test('M13: a child of another size than claimed is refused', async () => {
    const repo = freshRepo()
    const { digest } = await pushed(store(), repo, image([], { size: 20 }))
    expect(await push(store(), repo, index([child(layer(digest, 21))]))).toEqual({
      outcome: 'size',
      digest,
      actual: 20,
      claimed: 21,
    })
  })

  test('M15: the children of an index are manifests or blobs', async () => {
    const repo = freshRepo()
    const manifest = await pushed(store(), repo, image())
    const blob = await pushBlob(store(), repo)
    const cache = await pushed(store(), repo, index([manifest, blob]), { sparse: 'none' })
    expect((await store().findBlob(repo, blob.digest))?.leaseUntil).toBeUndefined()
    expect(await store().deleteBlob(remove(repo, blob.digest))).toMatchObject({ by: cache.digest })
    expect(await store().deleteManifest(remove(repo, manifest.digest))).toMatchObject({ by: cache.digest })
  })

  test('an image does not take a manifest for its layer', async () => {
    const repo = freshRepo()
    const { digest, bytes } = await pushed(store(), repo, image())
    expect(await push(store(), repo, image([layer(digest, bytes.byteLength)]))).toMatchObject({
      outcome: 'missing',
    })
  })

  test('M9: a manifest is stored with all its tags', async () => {
    const repo = freshRepo()
    const names = Array.from({ length: 50 }, (_, at) => `tag-${at}`)
    const { digest } = await pushed(store(), repo, image(), { tags: names })
    for (const name of names) expect(await digestAt(store(), repo, name)).toBe(digest)
    expect((await store().listTags(repo, { limit: 100 }))?.items.length).toBe(50)
  })

  test('RC-3: pushing a manifest again changes nothing but its tags', async () => {
    const repo = freshRepo()
    const blob = await pushBlob(store(), repo)
    const manifest = await pushed(store(), repo, image([blob]), { tags: ['a'] })
    await pushed(store(), repo, manifest, { tags: ['b'] })
    await pushed(store(), repo, manifest)
    expect((await store().listTags(repo, { limit: 9 }))?.items.map(String)).toEqual(['a', 'b'])
    expect(await store().deleteManifest(remove(repo, manifest.digest))).toEqual({ outcome: 'deleted' })
    expect((await store().findBlob(repo, blob.digest))?.leaseUntil).toBe(NOW + GRACE)
  })

  test('M10: a tag moves to what was pushed last', async () => {
    const repo = freshRepo()
    const first = await pushed(store(), repo, image(), { tags: ['latest'] })
    const second = await pushed(store(), repo, image(), { tags: ['latest'], now: NOW + 1 })
    expect(await digestAt(store(), repo, 'latest')).toBe(second.digest)
    expect(await store().findManifest(repo, first)).toBeDefined()
    await pushed(store(), repo, first, { tags: ['latest'], now: NOW + 2 })
    expect(await digestAt(store(), repo, 'latest')).toBe(first.digest)
  })

  test('a manifest of ten thousand references', async () => {
    const repo = freshRepo()
    const absent = Array.from({ length: 9_998 }, () => layer(newDigest()))
    const present = [await pushBlob(store(), repo), await pushBlob(store(), repo)]
    const manifest = image([...absent, ...present])
    const refused = await push(store(), repo, manifest)
    expect(refused).toEqual({ outcome: 'missing', digests: absent.map(({ digest }) => digest).sort() })
    await pushed(store(), repo, manifest, { sparse: 'all' })
    const late = absent[5_000]?.digest ?? newDigest()
    await pushBlob(store(), repo, late)
    expect((await store().findBlob(repo, late))?.leaseUntil).toBeUndefined()
    expect(await store().deleteManifest(remove(repo, manifest.digest))).toEqual({ outcome: 'deleted' })
    expect((await store().findBlob(repo, late))?.leaseUntil).toBe(NOW + GRACE)
  }, 30_000)

  test('an artifact type with a NUL is refused, as no database need hold it', async () => {
    const manifest = image([], { subject: newDigest(), artifactType: 'a/b\0' })
    expect((await rejection(push(store(), freshRepo(), manifest))).kind).toBe('manifest-invalid')
  })

  test('M11: a tag expected to be absent', async () => {
    const repo = freshRepo()
    const expectAbsent = { tags: ['v'], expect: { absent: true } } as const
    const first = await pushed(store(), repo, image(), expectAbsent)
    const second = image()
    expect(await push(store(), repo, second, expectAbsent)).toEqual({
      outcome: 'unexpected',
      current: first.digest,
    })
    expect(await store().findManifest(repo, second)).toBeUndefined()
    expect(await digestAt(store(), repo, 'v')).toBe(first.digest)
  })

  test('M11: a tag expected to be present, in an unknown repository and in a known one', async () => {
    const repo = freshRepo()
    const options = { tags: ['v'], expect: { present: true } } as const
    const nothing = { outcome: 'unexpected', current: undefined } as const
    expect(await push(store(), repo, image(), options)).toEqual(nothing)
    expect(await store().deleteTag(removeTag(repo, 'v'))).toEqual({ outcome: 'no-repository' })
    await pushed(store(), repo, image(), { tags: ['w'] })
    expect(await push(store(), repo, image(), options)).toEqual(nothing)
    await pushed(store(), repo, image(), { tags: ['v'] })
    await pushed(store(), repo, image(), options)
  })

  test('M11: a tag expected to stand on one of some digests', async () => {
    const repo = freshRepo()
    const { digest } = await pushed(store(), repo, image(), { tags: ['v'] })
    const at = (...digests: (typeof digest)[]) => ({ tags: ['v'], expect: { digests } })
    expect(await push(store(), repo, image(), at(newDigest()))).toEqual({
      outcome: 'unexpected',
      current: digest,
    })
    const next = await pushed(store(), repo, image(), at(newDigest(), digest))
    expect(await digestAt(store(), repo, 'v')).toBe(next.digest)
  })

  test('M11: every tag must be as expected', async () => {
    const repo = freshRepo()
    const { digest } = await pushed(store(), repo, image(), { tags: ['b'] })
    const options = { tags: ['a', 'b', 'c'], expect: { absent: true } } as const
    expect(await push(store(), repo, image(), options)).toEqual({ outcome: 'unexpected', current: digest })
    expect(await digestAt(store(), repo, 'a')).toBeUndefined()
  })

  test('M11: without tags the digest itself is expected', async () => {
    const repo = freshRepo()
    const manifest = image()
    const absent = { expect: { absent: true } } as const
    await pushed(store(), repo, manifest, absent)
    expect(await push(store(), repo, manifest, absent)).toEqual({
      outcome: 'unexpected',
      current: manifest.digest,
    })
    await pushed(store(), repo, manifest, { expect: { present: true } })
  })

  test('M11: the precondition is looked at before the references', async () => {
    const repo = freshRepo()
    await pushed(store(), repo, image(), { tags: ['v'] })
    const options = { tags: ['v'], expect: { absent: true } } as const
    expect((await push(store(), repo, image([layer(newDigest())]), options)).outcome).toBe('unexpected')
  })

  test('a repository is known from its first manifest on, and stays', async () => {
    const repo = freshRepo()
    expect(await store().hasRepository(repo)).toBe(false)
    await pushBlob(store(), repo)
    expect(await store().hasRepository(repo)).toBe(false)
    const { digest } = await pushed(store(), repo, image())
    expect(await store().hasRepository(repo)).toBe(true)
    await store().deleteManifest(remove(repo, digest))
    expect(await store().hasRepository(repo)).toBe(true)
  })

  test('D1: deleting a tag leaves its manifest and its other tags', async () => {
    const repo = freshRepo()
    const { digest } = await pushed(store(), repo, image(), { tags: ['a', 'b'] })
    expect(await store().deleteTag(removeTag(repo, 'a'))).toEqual({ outcome: 'deleted' })
    expect(await digestAt(store(), repo, 'a')).toBeUndefined()
    expect(await digestAt(store(), repo, 'b')).toBe(digest)
    expect(await store().deleteTag(removeTag(repo, 'a'))).toEqual({ outcome: 'absent' })
    await store().deleteTag(removeTag(repo, 'b'))
    expect(await store().findManifest(repo, { digest })).toBeDefined()
    expect(await store().deleteTag(removeTag(freshRepo(), 'a'))).toEqual({ outcome: 'no-repository' })
  })

  test('D2: deleting a manifest takes all its tags, and leases its blobs', async () => {
    const repo = freshRepo()
    const [shared, own] = [await pushBlob(store(), repo), await pushBlob(store(), repo)]
    const doomed = await pushed(store(), repo, image([shared, own]), { tags: ['a', 'b'] })
    await pushed(store(), repo, image([shared]), { tags: ['c'] })
    expect(await store().deleteManifest(remove(repo, doomed.digest, NOW + DAY))).toEqual({
      outcome: 'deleted',
    })
    expect(await store().findManifest(repo, doomed)).toBeUndefined()
    expect((await store().listTags(repo, { limit: 9 }))?.items.map(String)).toEqual(['c'])
    expect((await store().findBlob(repo, own.digest))?.leaseUntil).toBe(NOW + DAY + GRACE)
    expect((await store().findBlob(repo, shared.digest))?.leaseUntil).toBeUndefined()
    const again = await store().deleteManifest(remove(repo, doomed.digest))
    expect(again).toEqual({ outcome: 'absent' })
    expect(await store().deleteManifest(remove(freshRepo(), doomed.digest))).toEqual({
      outcome: 'no-repository',
    })
  })

  test('D4: a manifest that an index lists is not deleted before the index', async () => {
    const repo = freshRepo()
    const listed = await pushed(store(), repo, image(), { tags: ['child'] })
    const parents = [
      await pushed(store(), repo, index([listed])),
      await pushed(store(), repo, index([listed])),
    ]
    const [first, second] = parents.map(({ digest }) => digest) as [
      typeof listed.digest,
      typeof listed.digest,
    ]
    const attempt = () => store().deleteManifest(remove(repo, listed.digest))
    expect(await attempt()).toEqual({ outcome: 'referenced', by: first })
    expect(await digestAt(store(), repo, 'child')).toBe(listed.digest)
    await store().deleteManifest(remove(repo, first))
    expect(await attempt()).toEqual({ outcome: 'referenced', by: second })
    await store().deleteManifest(remove(repo, second))
    expect(await attempt()).toEqual({ outcome: 'deleted' })
  })

  test('a deleted manifest that is pushed again is there again, without its tags', async () => {
    const repo = freshRepo()
    const blob = await pushBlob(store(), repo)
    const manifest = await pushed(store(), repo, image([blob]), { tags: ['v'] })
    await store().deleteManifest(remove(repo, manifest.digest))
    await pushed(store(), repo, manifest)
    expect(await store().findManifest(repo, manifest)).toBeDefined()
    expect(await digestAt(store(), repo, 'v')).toBeUndefined()
    expect((await store().findBlob(repo, blob.digest))?.leaseUntil).toBeUndefined()
  })
}
