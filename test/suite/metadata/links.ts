import { expect, test } from 'bun:test'
import type { MetadataStore } from '../../../src/store/meta/store.ts'
import {
  child,
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
  remove,
  removeTag,
} from './fixture.ts'

/** Links of blobs: mounts (B15, B16), leases (rule H), and references that waited. */
export function linkCases(store: () => MetadataStore) {
  const leaseOf = async (
    repo: Parameters<MetadataStore['findBlob']>[0],
    digest: ReturnType<typeof newDigest>,
  ) => (await store().findBlob(repo, digest))?.leaseUntil
  const mount = (
    repo: ReturnType<typeof freshRepo>,
    digest: ReturnType<typeof newDigest>,
    from: ReturnType<typeof freshRepo> | undefined,
    now = NOW,
  ) => store().mountBlob({ repo, digest, from, now, grace: GRACE })

  test('B15: a blob is mounted from another repository, under a lease', async () => {
    const [from, repo] = [freshRepo(), freshRepo()]
    const { digest } = await pushBlob(store(), from, newDigest(), { size: 9 })
    const object = await store().findObject(digest)
    expect(await mount(repo, digest, from)).toEqual(object)
    expect(await store().findBlob(repo, digest)).toMatchObject({ ...object, leaseUntil: NOW + GRACE })
  })

  test('B15: nothing is mounted from where the blob is not, and no repository comes of it', async () => {
    const [from, other, repo] = [freshRepo(), freshRepo(), freshRepo()]
    const { digest } = await pushBlob(store(), from)
    await pushBlob(store(), other)
    expect(await mount(repo, newDigest(), from)).toBeUndefined()
    expect(await mount(repo, digest, other)).toBeUndefined()
    expect(await mount(repo, digest, freshRepo())).toBeUndefined()
    expect(await store().deleteBlob(remove(repo, digest))).toEqual({ outcome: 'no-repository' })
  })

  test('B16: a blob is mounted from wherever it is', async () => {
    const repo = freshRepo()
    const { digest } = await pushBlob(store(), freshRepo())
    expect(await mount(repo, digest, undefined)).toEqual(await store().findObject(digest))
    expect(await leaseOf(repo, digest)).toBe(NOW + GRACE)
    expect(await mount(repo, newDigest(), undefined)).toBeUndefined()
  })

  test('B16: a blob that was deleted everywhere is not mounted, though its object still lies there', async () => {
    const [from, repo] = [freshRepo(), freshRepo()]
    const { digest } = await pushBlob(store(), from)
    await store().deleteBlob(remove(from, digest))
    expect(await store().findObject(digest)).toBeDefined()
    expect(await mount(repo, digest, undefined)).toBeUndefined()
  })

  test('mounting again renews the lease, of a referenced blob nothing', async () => {
    const [from, repo] = [freshRepo(), freshRepo()]
    const blob = await pushBlob(store(), from)
    await mount(repo, blob.digest, from)
    await mount(repo, blob.digest, from, NOW + 5)
    expect(await leaseOf(repo, blob.digest)).toBe(NOW + 5 + GRACE)
    await pushed(store(), repo, image([blob]))
    await mount(repo, blob.digest, from, NOW + 6)
    expect(await leaseOf(repo, blob.digest)).toBeUndefined()
  })

  test('H: a lease is extended and never shortened', async () => {
    const repo = freshRepo()
    const { digest } = await pushBlob(store(), repo)
    expect(await store().extendLease(repo, digest, NOW + 2 * GRACE)).toBe(true)
    expect(await leaseOf(repo, digest)).toBe(NOW + 2 * GRACE)
    expect(await store().extendLease(repo, digest, NOW)).toBe(true)
    expect(await leaseOf(repo, digest)).toBe(NOW + 2 * GRACE)
  })

  test('H: a referenced blob gets no lease, and an unknown one nothing', async () => {
    const repo = freshRepo()
    const blob = await pushBlob(store(), repo)
    await pushed(store(), repo, image([blob]))
    expect(await store().extendLease(repo, blob.digest, NOW + 2 * GRACE)).toBe(true)
    expect(await leaseOf(repo, blob.digest)).toBeUndefined()
    expect(await store().extendLease(repo, newDigest(), NOW)).toBe(false)
    expect(await store().extendLease(freshRepo(), blob.digest, NOW)).toBe(false)
  })

  test('a layer that waited is referenced when it is uploaded', async () => {
    const repo = freshRepo()
    const digest = newDigest()
    const manifest = await pushed(store(), repo, image([layer(digest)]), { sparse: 'all' })
    await pushBlob(store(), repo, digest)
    expect(await leaseOf(repo, digest)).toBeUndefined()
    expect(await store().deleteBlob(remove(repo, digest))).toEqual({
      outcome: 'referenced',
      by: manifest.digest,
    })
  })

  test('a layer that waited is referenced when it is mounted', async () => {
    const [from, repo] = [freshRepo(), freshRepo()]
    const { digest } = await pushBlob(store(), from)
    const manifest = await pushed(store(), repo, image([layer(digest)]), { sparse: 'all' })
    await mount(repo, digest, from)
    expect(await leaseOf(repo, digest)).toBeUndefined()
    expect(await store().deleteBlob(remove(repo, digest))).toMatchObject({ by: manifest.digest })
  })

  test('M6: a foreign layer that arrives after all is referenced', async () => {
    const repo = freshRepo()
    const digest = newDigest()
    await pushed(store(), repo, image([{ ...layer(digest), foreign: true }]), { sparse: 'none' })
    await pushBlob(store(), repo, digest)
    expect(await leaseOf(repo, digest)).toBeUndefined()
  })

  test('a layer waits for its own repository only', async () => {
    const [repo, other] = [freshRepo(), freshRepo()]
    const digest = newDigest()
    await pushed(store(), repo, image([layer(digest)]), { sparse: 'all' })
    await pushBlob(store(), other, digest)
    expect(await leaseOf(other, digest)).toBe(NOW + GRACE)
    expect(await store().findBlob(repo, digest)).toBeUndefined()
  })

  test('M15: a child that waited is a blob when a blob comes, and a manifest when that comes, too', async () => {
    const repo = freshRepo()
    const manifest = image()
    const parent = await pushed(store(), repo, index([manifest]))
    await pushBlob(store(), repo, manifest.digest, { size: 64 })
    expect(await leaseOf(repo, manifest.digest)).toBeUndefined()
    const refused = { outcome: 'referenced', by: parent.digest } as const
    expect(await store().deleteBlob(remove(repo, manifest.digest))).toEqual(refused)
    await pushed(store(), repo, manifest)
    expect(await store().deleteManifest(remove(repo, manifest.digest))).toEqual(refused)
  })

  test('M15: a child that is a blob becomes a manifest by being pushed', async () => {
    const repo = freshRepo()
    const manifest = image()
    await pushBlob(store(), repo, manifest.digest, { size: 64 })
    const parent = await pushed(store(), repo, index([manifest]), { sparse: 'none' })
    await pushed(store(), repo, manifest)
    expect(await store().deleteManifest(remove(repo, manifest.digest))).toEqual({
      outcome: 'referenced',
      by: parent.digest,
    })
  })

  test('a child that waited is referenced when it is pushed', async () => {
    const repo = freshRepo()
    const waited = image()
    const parent = await pushed(store(), repo, index([waited]))
    await pushed(store(), repo, waited)
    expect(await store().deleteManifest(remove(repo, waited.digest))).toEqual({
      outcome: 'referenced',
      by: parent.digest,
    })
  })

  test('what waited for a deleted manifest waits no more', async () => {
    const repo = freshRepo()
    const waited = image()
    const digest = newDigest()
    const parent = await pushed(store(), repo, index([waited, child(layer(digest))]))
    await store().deleteManifest(remove(repo, parent.digest))
    await pushed(store(), repo, waited)
    await pushBlob(store(), repo, digest)
    expect(await leaseOf(repo, digest)).toBe(NOW + GRACE)
    expect(await store().deleteManifest(remove(repo, waited.digest))).toEqual({ outcome: 'deleted' })
  })

  test('D3: a blob that a manifest lists is not deleted, nor when its tag is gone', async () => {
    const repo = freshRepo()
    const blob = await pushBlob(store(), repo)
    const manifest = await pushed(store(), repo, image([blob]), { tags: ['v1'] })
    const refused = { outcome: 'referenced', by: manifest.digest } as const
    expect(await store().deleteBlob(remove(repo, blob.digest))).toEqual(refused)
    await store().deleteTag(removeTag(repo, 'v1'))
    expect(await store().deleteBlob(remove(repo, blob.digest))).toEqual(refused)
    expect(await store().findBlob(repo, blob.digest)).toBeDefined()
  })

  test('B18: a deleted blob is gone at once, in its repository only', async () => {
    const [repo, other] = [freshRepo(), freshRepo()]
    const { digest } = await pushBlob(store(), repo)
    await mount(other, digest, repo)
    expect(await store().deleteBlob(remove(repo, digest))).toEqual({ outcome: 'deleted' })
    expect(await store().findBlob(repo, digest)).toBeUndefined()
    expect(await store().findBlob(other, digest)).toBeDefined()
    expect(await store().deleteBlob(remove(repo, digest))).toEqual({ outcome: 'absent' })
    expect(await store().deleteBlob(remove(freshRepo(), digest))).toEqual({ outcome: 'no-repository' })
  })

  test('DL-5: a deleted blob that is pushed again is there again', async () => {
    const repo = freshRepo()
    const { digest } = await pushBlob(store(), repo)
    await store().deleteBlob(remove(repo, digest))
    expect(await push(store(), repo, image([layer(digest)]))).toEqual({
      outcome: 'missing',
      digests: [digest],
    })
    await pushBlob(store(), repo, digest)
    expect(await leaseOf(repo, digest)).toBe(NOW + GRACE)
    await pushed(store(), repo, image([layer(digest)]))
  })
}
