import { refuse } from '../../core/errors.ts'
import { parseRepoName, type RepoName } from '../../core/names.ts'
import type { RepositoryStore } from '../../store/meta/access-store.ts'

/** The namespace of a repository. */
export function namespaceOf(repo: RepoName): string {
  return repo.slice(0, repo.indexOf('/'))
}

/** A repository that must be there. Refuses `name-unknown`, which only who has a right on the name is told. */
export async function repositoryNamed(text: string, store: Pick<RepositoryStore, 'findRepository'>) {
  const found = await store.findRepository(parseRepoName(text))
  if (found === undefined) throw noRepository(text)
  return found
}

export function noRepository(name: string) {
  return refuse(
    'name-unknown',
    `there is no repository ${name}; push to it, or make it: berth repo add ${name}`,
  )
}
