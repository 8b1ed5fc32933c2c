import { z } from 'zod'
import { causeOf } from '../../core/cause.ts'
import type { Context } from '../../core/context.ts'
import { parseRepoName, type RepoName } from '../../core/names.ts'
import { allows, type VerbSet } from '../../core/verbs.ts'
import type { RepositoryRow } from '../../store/meta/access-store.ts'
import { MAX_README, Text } from '../contract/common.ts'
import type { ApiParts } from '../handler.ts'
import { makeRepository } from '../handlers/repositories.ts'
import { deleteRepository } from '../handlers/repository-life.ts'
import { namespaceOf, noRepository, repositoryNamed } from '../handlers/repository-names.ts'
import { conflict } from '../problem.ts'
import { said, timeText } from '../values.ts'
import { readFields } from './read-fields.ts'
import { listQuery, pageOfList, readPiece, sorted } from './read-list.ts'
import { hubJson } from './replies.ts'

/* Docker Hub says yes to fields that it does not know, and tools send some: they are left alone here, too. */

const Description = Text.nullish()
const FullDescription = z.string().max(MAX_README).nullish()
const Change = z.object({
  description: Description,
  full_description: FullDescription,
  is_private: z.boolean().optional(),
})
const Creation = Change.extend({ namespace: z.string().max(255), name: z.string().max(255) })

/** A repository. Needs `pull`. */
export async function getRepository(ctx: Context, repo: RepoName, parts: ApiParts): Promise<Response> {
  const verbs = await parts.guard.require(ctx, repo, 'pull')
  return hubJson(await oneRepository(ctx, repo, verbs, parts))
}

/** Changes texts and visibility. Needs `admin`. */
export async function patchRepository(
  request: Request,
  ctx: Context,
  repo: RepoName,
  parts: ApiParts,
): Promise<Response> {
  const verbs = await parts.guard.require(ctx, repo, 'admin')
  const { description, full_description: readme, is_private } = await readFields(request, Change, parts)
  const change = { name: repo, description: description ?? undefined, readme: readme ?? undefined }
  const visibility = visibilityOf(is_private)
  const changed = await parts.store.updateRepository(
    said({ ...change, visibility }),
    causeOf(ctx, parts.clock.now()),
  )
  if (changed !== 'done') throw noRepository(repo)
  return hubJson(await oneRepository(ctx, repo, verbs, parts))
}

/** Makes a repository. Needs `push` on its name, and `admin` for the long text and for another visibility than a push would make. */
export async function postRepository(request: Request, ctx: Context, parts: ApiParts): Promise<Response> {
  const fields = await readFields(request, Creation, parts)
  const name = parseRepoName(`${fields.namespace}/${fields.name}`)
  const cause = causeOf(ctx, parts.clock.now())
  const readme = fields.full_description ?? ''
  if (readme !== '') await parts.guard.require(ctx, name, 'admin', { former: false })
  const asked = {
    name,
    visibility: visibilityOf(fields.is_private),
    description: fields.description ?? undefined,
  }
  const { outcome } = await makeRepository(ctx, said(asked), cause, parts)
  if (readme !== '') {
    if (outcome === 'created') await parts.store.updateRepository({ name, readme }, cause)
    else if ((await repositoryNamed(name, parts.store)).readme !== readme)
      throw conflict(
        `there is a repository ${name} already, with another full_description; change it instead`,
      )
  }
  const verbs = await parts.guard.verbs(ctx, name)
  return hubJson(await oneRepository(ctx, name, verbs, parts), outcome === 'created' ? 201 : 200)
}

/** Deletes a repository. Needs `admin`. */
export async function removeRepository(ctx: Context, repo: RepoName, parts: ApiParts): Promise<Response> {
  await parts.guard.require(ctx, repo, 'admin')
  await deleteRepository(repo, causeOf(ctx, parts.clock.now()), parts)
  return new Response(null, { status: 202 })
}

/** Repositories of a namespace that may be pulled; none of one that is not there. */
export async function listRepositories(
  url: URL,
  ctx: Context,
  namespace: string,
  { guard, store }: ApiParts,
): Promise<Response> {
  const query = listQuery(url.searchParams)
  const visible = await guard.visible(ctx, 'search')
  const piece = await readPiece(query, (page) => store.describeRepositories({ namespace, visible }, page))
  const found = (piece?.items ?? []).filter(({ name }) => shortName(name).includes(query.name))
  const items = sorted(found, query.ordering)
  const place = { origin: ctx.origin, path: url.pathname, params: url.searchParams }
  return hubJson(await pageOfList({ ...piece, items }, query, place, (rows) => rows.map(listed)))
}

function visibilityOf(isPrivate: boolean | undefined): 'private' | 'public' | undefined {
  return isPrivate === undefined ? undefined : isPrivate ? 'private' : 'public'
}

async function oneRepository(
  { actor }: Context,
  repo: RepoName,
  verbs: VerbSet,
  { store }: Pick<ApiParts, 'store'>,
) {
  const row = await repositoryNamed(repo, store)
  const admin = allows(verbs, 'admin')
  return {
    ...listed(row),
    hub_user: null,
    has_starred: actor.kind === 'account' && (await store.hasStar(actor.name, repo)),
    full_description: row.readme,
    collaborator_count: 0,
    can_edit: admin,
    permissions: { read: allows(verbs, 'pull'), write: allows(verbs, 'push'), admin },
  }
}

/** As lists tell it. What is not counted here is 0, what is not known is null. */
function listed(row: RepositoryRow) {
  const namespace = namespaceOf(row.name)
  const updated = timeText(row.updatedAt)
  return {
    user: namespace,
    name: shortName(row.name),
    namespace,
    repository_type: null,
    status: 1,
    status_description: 'active',
    description: row.description,
    is_private: row.visibility === 'private',
    is_automated: false,
    star_count: row.stars,
    pull_count: row.pulls,
    last_updated: updated,
    last_modified: updated,
    date_registered: timeText(row.createdAt),
    affiliation: null,
    media_types: [],
    content_types: [],
    categories: [],
    storage_size: null,
  }
}

/** The name without its namespace. */
function shortName(name: RepoName): string {
  return name.slice(name.indexOf('/') + 1)
}
