import { expect, test } from 'bun:test'
import { audit, REVIEW } from './audit.ts'
import {
  freshRepo,
  image,
  index,
  type MetadataUnderTest,
  NOW,
  pushBlob,
  pushed,
  remove,
  removeTag,
} from './fixture.ts'

/** Whatever comes loose is queued for review, or it would stay for ever: looked at in the database itself, at the end. */
export function garbageCases(made: () => MetadataUnderTest) {
  const store = () => made().store
  const sql = (text: string) => (made().sql as NonNullable<MetadataUnderTest['sql']>)(text)
  const sound = async () => expect(await audit(sql)).toEqual([])
  const review = async () => {
    for (const statement of REVIEW) await sql(statement)
  }

  test('after all that the suite did, every invariant holds', sound)

  test('D: the children of a deleted index are queued', async () => {
    const repo = freshRepo()
    const listed = await pushed(store(), repo, image())
    const parent = await pushed(store(), repo, index([listed]), { tags: ['v'] })
    await review()
    await store().deleteManifest(remove(repo, parent.digest))
    await sound()
  })

  test('D: the referrers of a deleted subject are queued', async () => {
    const repo = freshRepo()
    const subject = await pushed(store(), repo, image(), { tags: ['v'] })
    await pushed(store(), repo, image([], { subject: subject.digest }))
    await review()
    await store().deleteManifest(remove(repo, subject.digest))
    await sound()
  })

  test('D: the blobs of a deleted image are queued', async () => {
    const repo = freshRepo()
    const manifest = await pushed(store(), repo, image([await pushBlob(store(), repo)]), { tags: ['v'] })
    await review()
    await store().deleteManifest(remove(repo, manifest.digest))
    await sound()
  })

  test('D: a blob that its last repository deleted is queued', async () => {
    const [repo, other] = [freshRepo(), freshRepo()]
    const { digest } = await pushBlob(store(), repo)
    await store().mountBlob({ repo: other, digest, from: repo, now: NOW, grace: 1 })
    await store().deleteBlob(remove(repo, digest))
    await review()
    await store().deleteBlob(remove(other, digest))
    await sound()
  })

  test('P, D: a manifest whose last tag moved or was deleted is queued', async () => {
    const repo = freshRepo()
    await pushed(store(), repo, image(), { tags: ['moves', 'goes'] })
    await review()
    await pushed(store(), repo, image(), { tags: ['moves'] })
    await review()
    await store().deleteTag(removeTag(repo, 'goes'))
    await sound()
  })

  test('an entry is moved to a later review, never to an earlier one', async () => {
    const repo = freshRepo()
    const manifest = image()
    for (const now of [NOW + 7, NOW + 9, NOW + 8]) await pushed(store(), repo, manifest, { now, grace: 0 })
    const rows = await sql(`SELECT review_after AS at FROM gc_manifest
      WHERE repo_id = (SELECT id FROM repo WHERE name = '${repo}')`)
    expect(rows.map((row) => Number((row as { at: number }).at))).toEqual([NOW + 9])
  })
}
