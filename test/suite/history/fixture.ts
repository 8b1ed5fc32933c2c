import type { Digest } from '../../../src/core/digest.ts'
import type { RepoName } from '../../../src/core/names.ts'
import type { Cause } from '../../../src/store/meta/access-store.ts'
import type { TagEvent } from '../../../src/store/meta/lifecycle-store.ts'
import type { Store } from '../../../src/store/meta/store.ts'
import { freshName, newOrganisation, repoName } from '../access/fixture.ts'
import { GRACE, NOW, tag } from '../metadata/fixture.ts'

export const UNDO = 14 * 86_400_000

/** A change by alice, with a credential. */
export const ALICE: Cause = {
  now: NOW,
  actor: 'alice',
  account: 7,
  credential: 70,
  address: '192.0.2.7',
  agent: 'docker/28',
  requestId: 'r-7',
}

/** A repository's name in an organisation's namespace. */
export async function newName(store: Store, name = 'web'): Promise<RepoName> {
  return repoName(`${(await newOrganisation(store)).name}/${name}`)
}

/** A name beside another, in its namespace. */
export function beside(repo: RepoName, name = freshName('n')): RepoName {
  return repoName(`${namespaceIn(repo)}/${name}`)
}

export const namespaceIn = (repo: RepoName) => repo.slice(0, repo.indexOf('/'))

/** The history of a tag, or of all tags, newest first. */
export async function history(store: Store, repo: RepoName, name?: string): Promise<readonly TagEvent[]> {
  const filter = name === undefined ? {} : { tag: tag(name) }
  const page = await store.listTagEvents(repo, filter, { limit: 1_000 })
  if (page === undefined) throw new Error(`there is no repository ${repo}`)
  return page.items
}

/** What happened and from where to where, newest first. */
export async function changes(store: Store, repo: RepoName, name: string) {
  return (await history(store, repo, name)).map(({ kind, from, to }) => [kind, from, to])
}

export function restore(
  store: Store,
  repo: RepoName,
  name: string,
  event: number,
  options: { readonly side?: 'from' | 'to'; readonly cause?: Cause } = {},
) {
  const { cause = ALICE, ...rest } = options
  return store.restoreTag({ repo, tag: tag(name), event, grace: GRACE, ...rest }, cause)
}

/** The event that left a digest, the newest of them. */
export async function eventFrom(store: Store, repo: RepoName, name: string, digest: Digest): Promise<number> {
  const found = (await history(store, repo, name)).find(({ from }) => from === digest)
  if (found === undefined) throw new Error(`nothing left ${digest}`)
  return found.id
}
