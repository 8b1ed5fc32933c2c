import type { Store } from '../../../src/store/meta/store.ts'
import { CAUSE } from '../access/fixture.ts'
import { image, NOW, push, pushed, remove, removeTag, tag } from '../metadata/fixture.ts'
import { ALICE, beside, eventFrom, namespaceIn, newName, restore, UNDO } from './fixture.ts'

/** Runs every statement about history and protection at least once. */
export async function visitHistory(store: Store): Promise<void> {
  const repo = await newName(store)
  const namespace = namespaceIn(repo)
  const first = await pushed(store, repo, image(), { tags: ['v1', 'v2'], cause: ALICE })
  await pushed(store, repo, image(), { tags: ['v1'], cause: ALICE })
  await restore(store, repo, 'v1', await eventFrom(store, repo, 'v1', first.digest))
  await store.listTagEvents(repo, {}, { limit: 5 })
  await store.deleteTag(removeTag(repo, 'v2'))
  await store.listDeletedTags(repo, { limit: 5 })
  await store.deleteManifest(remove(repo, first.digest))

  const kept = await pushed(store, repo, image(), { tags: ['v3'] })
  await store.protectManifest({ repo, digest: kept.digest, reason: 'x' }, CAUSE)
  await store.listProtected(repo)
  await store.deleteManifest(remove(repo, kept.digest))
  await store.releaseManifest({ repo, digest: kept.digest }, CAUSE)
  await store.setImmutable({ namespace, patterns: ['v*'] }, CAUSE)
  await store.setImmutable({ repo, patterns: ['v*'] }, CAUSE)
  await store.findImmutable(repo)
  await store.findNamespaceImmutable(namespace)
  await push(store, repo, image(), { tags: ['v3'] })
  await store.deleteTag(removeTag(repo, 'v3'))
  await store.deleteManifest(remove(repo, kept.digest))
  await store.deleteRepository({ name: repo }, CAUSE)
  await store.setImmutable({ repo, patterns: [] }, CAUSE)

  const renamed = beside(repo)
  await store.renameRepository({ name: repo, to: renamed }, CAUSE)
  await store.findAlias(repo)
  await store.listAliases(5)
  await store.readManifest(repo, { tag: tag('v3') })
  await store.readAccess({ repo, former: false, now: NOW })
  await store.deleteRepository({ name: renamed }, CAUSE)
  const [deleted] = await store.listDeletedRepositories(namespace, NOW, UNDO)
  await store.restoreRepository({ namespace, id: deleted?.id ?? 0, undo: UNDO }, CAUSE)
}
