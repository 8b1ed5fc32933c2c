import type { Context } from '../../core/context.ts'
import { parseRepoName, type RepoName } from '../../core/names.ts'
import { allows, verbsIn } from '../../core/verbs.ts'
import type { RepositoryRow } from '../../store/meta/access-store.ts'
import type { REPOSITORIES } from '../contract/repositories.ts'
import { Answer, type ApiParts, type Handlers } from '../handler.ts'
import { pageRequest, pageResult } from '../paging.ts'
import { conflict } from '../problem.ts'
import { said, timeText } from '../values.ts'
import { stale } from '../version-tag.ts'
import { EXPLAIN_HANDLERS } from './explain.ts'
import { MANIFEST_HANDLERS } from './manifests.ts'
import { noNamespace } from './namespace-names.ts'
import { namespaceOf, noRepository, repositoryNamed } from './repository-names.ts'
import { SEARCH_HANDLERS } from './search.ts'
import { TAG_HANDLERS } from './tags.ts'

/** Repositories and what is in them. */
export const REPOSITORY_HANDLERS: Handlers<keyof typeof REPOSITORIES> = {
  ...TAG_HANDLERS,
  ...MANIFEST_HANDLERS,
  ...SEARCH_HANDLERS,
  ...EXPLAIN_HANDLERS,

  async 'GET /repositories'({ ctx, query: { namespace, ...query } }, { guard, store }) {
    const visible = await guard.visible(ctx, 'search')
    const page = await store.describeRepositories(said({ namespace, visible }), pageRequest(query))
    return pageResult(page, told, ({ name }) => name)
  },

  async 'POST /repositories'({ ctx, body, cause }, parts) {
    const created = await makeRepository(ctx, { ...said(body), name: parseRepoName(body.name) }, cause, parts)
    return new Answer(await described(ctx, created.name, parts), created.outcome === 'created' ? 201 : 200)
  },

  async 'GET /repositories/{repository}'({ ctx, path }, parts) {
    return described(ctx, parseRepoName(path.repository), parts)
  },

  async 'PATCH /repositories/{repository}'({ ctx, path, body, version, cause }, parts) {
    const name = parseRepoName(path.repository)
    const changed = await parts.store.updateRepository(said({ name, ...body, version }), cause)
    if (changed === 'absent') throw noRepository(name)
    if (changed === 'stale') throw stale()
    return described(ctx, name, parts)
  },
}

/**
 * Makes an empty repository, or finds it there with the same properties. Refuses `denied` and `unauthorized` by whoever may not push to the
 * name – and, for another visibility than pushing would give it, by whoever does not administer it –, `absent` where nobody has the
 * namespace, `conflict` where it is there with other properties.
 */
export async function makeRepository(
  ctx: Context,
  asked: {
    readonly name: RepoName
    readonly visibility?: 'public' | 'private'
    readonly description?: string
  },
  cause: Parameters<ApiParts['store']['createRepository']>[1],
  { guard, store }: Pick<ApiParts, 'guard' | 'store'>,
): Promise<{ readonly outcome: 'created' | 'exists'; readonly name: RepoName }> {
  const { name, visibility, description } = asked
  const verbs = await guard.require(ctx, name, 'push', { former: false })
  const namespace = namespaceOf(name)
  if (visibility !== undefined && !allows(verbs, 'admin')) {
    // Who may push decides what goes in, not who sees it.
    const usual = (await store.findNamespace(namespace))?.defaultVisibility ?? 'private'
    if (visibility !== usual) await guard.require(ctx, name, 'admin', { former: false })
  }
  const outcome = await store.createRepository(asked, cause)
  if (outcome === 'no-namespace') throw noNamespace(namespace)
  if (outcome === 'exists') {
    const there = await repositoryNamed(name, store)
    const other =
      (visibility !== undefined && visibility !== there.visibility) ||
      (description !== undefined && description !== there.description)
    if (other)
      throw conflict(`there is a repository ${name} already, with other properties; change it instead`)
  }
  return { outcome, name }
}

async function described(ctx: Context, name: RepoName, { store, guard }: Pick<ApiParts, 'store' | 'guard'>) {
  const found = await repositoryNamed(name, store)
  return { ...told(found), readme: found.readme, verbs: verbsIn(await guard.verbs(ctx, name)) }
}

function told(row: RepositoryRow) {
  const { name, description, visibility, official, stars, pulls, published, version } = row
  return {
    name,
    description,
    visibility,
    official,
    stars,
    pulls,
    createdAt: timeText(row.createdAt),
    updatedAt: timeText(row.updatedAt),
    published,
    version,
  }
}
