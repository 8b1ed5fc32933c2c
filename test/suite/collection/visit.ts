import type { Tx } from '../../../src/store/meta/driver.ts'
import type { Store } from '../../../src/store/meta/store.ts'
import {
  freshRepo,
  GRACE,
  image,
  index,
  NOW,
  newDigest,
  pushBlob,
  pushed,
  remove,
  removeTag,
} from '../metadata/fixture.ts'
import { CAUSE, deleteRepository, LIMIT, leftBy, speak, UNDO } from './fixture.ts'

/** Runs every statement of collection once. */
export async function visitCollection(store: Store, tx: Tx): Promise<void> {
  speak('sqlite')
  const sql = async (text: string) => await tx.all<object>(text, [])
  const [repo, old] = [freshRepo(), freshRepo()]
  const blob = await pushBlob(store, repo)
  const [first, second, kept] = [image([blob]), image([blob]), image()]
  for (const manifest of [first, second, kept]) await pushed(store, repo, manifest, { tags: ['v'] })
  await leftBy(sql, repo, first, NOW)
  await pushed(store, repo, index([second]))
  await pushed(store, repo, image([], { subject: second.digest }))
  await store.deleteTag(removeTag(repo, 'v'))
  await pushBlob(store, repo)
  await store.deleteBlob(remove(repo, (await pushBlob(store, repo, newDigest())).digest))
  await store.previewGarbage({ now: NOW, limit: LIMIT, undo: UNDO })
  // Once while it can be undone, then again and again until nothing is left.
  for (const undo of [1e9, 0, 0, 0]) {
    const review = { now: NOW + 3 * GRACE, limit: LIMIT, grace: 0 }
    await store.reviewManifests({ ...review, undo })
    await store.reviewLinks(review)
    await store.reviewBlobs({ ...review, deleteAfter: NOW })
    await store.sweepHistory({ ...review, undo })
  }
  await store.garbageState(NOW)
  for (const now of [0, NOW]) await store.isCollectionDue({ now, undo: UNDO })

  await pushed(store, old, image([await pushBlob(store, old)]), { tags: ['v'] })
  await deleteRepository(sql, old, NOW)
  const purge = { now: NOW + GRACE, limit: 1, undo: GRACE, grace: GRACE }
  while ((await store.purgeRepositories(purge)).more);

  const lease = { name: 'job', holder: 'me', now: NOW }
  await store.leaseJob({ ...lease, until: NOW + 1 })
  await store.finishJob(lease)
  await store.pauseJob({ name: 'job', paused: true }, CAUSE)
  await store.listJobs()
}
