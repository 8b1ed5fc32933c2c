import type { Context } from '../../core/context.ts'
import { isRefusal } from '../../core/errors.ts'
import type { RepoName, Tag } from '../../core/names.ts'
import type { TagRow } from '../../store/meta/access-store.ts'
import type { ApiParts } from '../handler.ts'
import { noRepository } from '../handlers/repository-names.ts'
import { describeTag, noTag } from '../handlers/tags.ts'
import { momentText, timeText } from '../values.ts'
import { type HubImages, ImageReader } from './images.ts'
import { listQuery, pageOfList, readPiece, sorted } from './read-list.ts'
import { hubJson } from './replies.ts'

/** Tags of a repository. Needs `pull`. */
export async function listTags(url: URL, ctx: Context, repo: RepoName, parts: ApiParts): Promise<Response> {
  await parts.guard.require(ctx, repo, 'pull')
  const query = listQuery(url.searchParams)
  const { name: filter } = query
  const piece = await readPiece(query, (page) =>
    parts.store.describeTags(repo, { ...page, ...(filter !== '' && { filter }) }),
  )
  if (piece === undefined) throw noRepository(repo)
  const items = sorted(piece.items, query.ordering)
  const place = { origin: ctx.origin, path: url.pathname, params: url.searchParams }
  const told = (tags: readonly TagRow[]) => toldTags(ctx, repo, tags, parts)
  return hubJson(await pageOfList({ ...piece, items }, query, place, told))
}

/** One tag. Needs `pull`. */
export async function getTag(ctx: Context, repo: RepoName, tag: Tag, parts: ApiParts): Promise<Response> {
  await parts.guard.require(ctx, repo, 'pull')
  const found = await describeTag(repo, tag, parts.store)
  if (found === undefined) throw noTag(repo, tag)
  const [told] = await toldTags(ctx, repo, [found], parts)
  return hubJson(told)
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

/** Tags with the images behind them, whose manifests are read one after another. */
async function toldTags(
  ctx: Context,
  repo: RepoName,
  tags: readonly TagRow[],
  { registry }: ApiParts,
): Promise<object[]> {
  const reader = new ImageReader(async (digest) => {
    try {
      return await registry.getManifest(ctx, repo, { digest })
    } catch (error) {
      // Deleted since the list was read.
      if (isRefusal(error, 'manifest-unknown')) return undefined
      throw error
    }
  })
  const told: object[] = []
  for (const tag of tags) told.push(view(tag, await reader.behind(tag)))
  return told
}

function view(tag: TagRow, { images, fullSize }: HubImages): object {
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
    tag_last_pulled: momentText(tag.pulledAt),
    last_updater: null,
    last_updater_username: null,
    creator: null,
    id: null,
    repository: null,
    tag_status: 'active',
    v2: true,
  }
}
