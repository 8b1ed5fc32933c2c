import type { Context } from '../../core/context.ts'
import { parseRepoName, type RepoName } from '../../core/names.ts'
import type { Cause } from '../../store/meta/access-store.ts'
import type { LIFECYCLE } from '../contract/lifecycle.ts'
import type { ApiParts, Handlers } from '../handler.ts'
import { absent, conflict, Refusal } from '../problem.ts'
import { atMember, idFrom, invalidMember, said, timeText } from '../values.ts'
import { noNamespace } from './namespace-names.ts'
import { namespaceOf, noRepository } from './repository-names.ts'

type LifeEndpoint = Extract<
  keyof typeof LIFECYCLE,
  'DELETE /repositories/{repository}' | `${string}/-/rename` | `${string}/deleted-repositories${string}`
>

/** Repositories that go, come back and change their names. */
export const REPOSITORY_LIFE_HANDLERS: Handlers<LifeEndpoint> = {
  async 'DELETE /repositories/{repository}'({ path, cause }, parts) {
    await deleteRepository(parseRepoName(path.repository), cause, parts)
    return undefined
  },

  async 'POST /repositories/{repository}/-/rename'({ ctx, path, body, cause }, parts) {
    const name = parseRepoName(path.repository)
    const to = atMember('to', () => parseRepoName(body.to))
    await mayTake(ctx, to, parts)
    const renamed = await parts.store.renameRepository({ name, to }, cause)
    if (renamed === 'absent') throw noRepository(name)
    if (renamed === 'taken') throw taken(to)
    if (renamed === 'no-namespace') throw noNamespace(namespaceOf(to))
    return { name: to }
  },

  async 'GET /namespaces/{namespace}/deleted-repositories'(
    { path: { namespace } },
    { store, settings, clock },
  ) {
    if ((await store.findNamespace(namespace)) === undefined) throw noNamespace(namespace)
    const deleted = await store.listDeletedRepositories(namespace, clock.now(), settings.undo)
    return {
      items: deleted.map(({ id, name, deletedAt, until }) => ({
        id,
        name,
        deletedAt: timeText(deletedAt),
        until: timeText(until),
      })),
    }
  },

  async 'POST /namespaces/{namespace}/deleted-repositories/{id}/restore'({ path, body, cause }, parts) {
    const { store, settings } = parts
    const { namespace } = path
    const name = body?.name === undefined ? undefined : atMember('name', () => parseRepoName(body.name ?? ''))
    // Whose the other namespace is was not asked; from here it can be moved.
    if (name !== undefined && namespaceOf(name) !== namespace)
      throw invalidMember('name', `${name} is not in ${namespace}; restore it there, and move it then`)
    const id = idFrom(path.id, noDeleted)
    const restore = said({ namespace, id, name, undo: settings.undo })
    const restored = await store.restoreRepository(restore, cause)
    if (!('name' in restored)) throw noDeleted(path.id)
    if (restored.outcome === 'taken') throw taken(restored.name)
    return { name: restored.name }
  },
}

/** Who gives a name to a repository that there is must administer that very name, whatever it led to: with it come rights of others. */
function mayTake(ctx: Context, to: RepoName, { guard }: Pick<ApiParts, 'guard'>) {
  return guard.require(ctx, to, 'admin', { former: false })
}

/** Deletes a repository. The caller has looked at rights. Refuses `name-unknown`, `protected`. */
export async function deleteRepository(
  repo: RepoName,
  cause: Cause,
  { store }: Pick<ApiParts, 'store'>,
): Promise<void> {
  const deleted = await store.deleteRepository({ name: repo }, cause)
  if (deleted === 'absent') throw noRepository(repo)
  if (deleted === 'immutable') {
    throw new Refusal(
      'protected',
      `${repo} has immutable tags or protected manifests and was not deleted; lift the rule and release them first`,
    )
  }
}

function taken(name: RepoName) {
  return conflict(`there is a repository ${name} already; say another name, or rename that one first`)
}

function noDeleted(id: string) {
  return absent(`there is no deleted repository ${id.slice(0, 32)} here that can still be restored`)
}
