import type { Context } from '../../core/context.ts'
import { isRefusal } from '../../core/errors.ts'
import type { RepoName, Tag } from '../../core/names.ts'
import type { TagRow } from '../../store/meta/access-store.ts'
import type { ApiParts } from '../handler.ts'
import { noRepository } from '../handlers/repository-names.ts'
import { describeTag, noTag } from '../handlers/tags.ts'
import { timeText } from '../values.ts'
import { imagesOf } from './images.ts'
import { listQuery, pageOfList, readAll, sorted } from './read-list.ts'
import { hubJson } from './replies.ts'

/** Tags of a repository. Needs `pull`. */
export async function listTags(url: URL, ctx: Context, repo: RepoName, parts: ApiParts): Promise<Response> {
  await parts.guard.require(ctx, repo, 'pull')
  const query = listQuery(url.searchParams)
  const { name: filter } = query
  const tags = await readAll(
    (page) => parts.store.describeTags(repo, { ...page, ...(filter !== '' && { filter }) }),
    ({ name }) => name,
  )
  if (tags === undefined) throw noRepository(repo)
  const place = { origin: ctx.origin, path: url.pathname, params: url.searchParams }
  return hubJson(
    await pageOfList(sorted(tags, query.ordering), query, place, (tag) => told(ctx, repo, tag, parts)),
  )
}

/** One tag. Needs `pull`. */
export async function getTag(ctx: Context, repo: RepoName, tag: Tag, parts: ApiParts): Promise<Response> {
  await parts.guard.require(ctx, repo, 'pull')
  const found = await describeTag(repo, tag, parts.store)
  if (found === undefined) throw noTag(repo, tag)
  return hubJson(await told(ctx, repo, found, parts))
}

/** Deletes a tag. Needs `delete`, which the registry asks for. */
export async function deleteTag(
  ctx: Context,
  repo: RepoName,
  tag: Tag,
  { registry }: ApiParts,
): Promise<Response> {
  await registry.deleteTag(ctx, repo, tag)
  return new Response(null, { status: 204 })
}

async function told(ctx: Context, repo: RepoName, tag: TagRow, { registry }: ApiParts) {
  const { images, fullSize } = await imagesOf(() =>
    registry.getManifest(ctx, repo, { digest: tag.digest }),
  ).catch((error) => {
    // Deleted since the list was read.
    if (isRefusal(error, 'manifest-unknown')) return { images: [], fullSize: 0 }
    throw error
  })
  const updated = timeText(tag.updatedAt)
  return {
    name: tag.name,
    digest: tag.digest,
    media_type: tag.mediaType,
    content_type: null,
    full_size: fullSize,
    images,
    last_updated: updated,
    tag_last_pushed: updated,
    tag_last_pulled: null,
    last_updater: null,
    last_updater_username: null,
    creator: null,
    id: null,
    repository: null,
    tag_status: 'active',
    v2: true,
  }
}
