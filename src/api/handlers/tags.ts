import { parseRepoName, parseTag, type RepoName, type Tag } from '../../core/names.ts'
import type { RepositoryStore, TagRow } from '../../store/meta/access-store.ts'
import type { REPOSITORIES } from '../contract/repositories.ts'
import type { Handlers } from '../handler.ts'
import { pageRequest, pageResult } from '../paging.ts'
import { absent, type Refusal } from '../problem.ts'
import { momentText, said, timeText } from '../values.ts'
import { noRepository } from './repository-names.ts'

type TagEndpoint = Extract<keyof typeof REPOSITORIES, `${string}/tags${string}`>

export const TAG_HANDLERS: Handlers<TagEndpoint> = {
  async 'GET /repositories/{repository}/-/tags'({ path, query: { filter, ...query } }, { store }) {
    const repo = parseRepoName(path.repository)
    const page = await store.describeTags(repo, said({ ...pageRequest(query), filter }))
    if (page === undefined) throw noRepository(repo)
    return pageResult(page, told, ({ name }) => name)
  },

  async 'GET /repositories/{repository}/-/tags/{tag}'({ path }, { store }) {
    const repo = parseRepoName(path.repository)
    const tag = parseTag(path.tag)
    const found = await describeTag(repo, tag, store)
    if (found === undefined) throw noTag(repo, tag)
    return told(found)
  },

  async 'DELETE /repositories/{repository}/-/tags/{tag}'({ ctx, path }, { registry }) {
    await registry.deleteTag(ctx, parseRepoName(path.repository), parseTag(path.tag))
    return undefined
  },
}

/** One tag; undefined where it is not there. Refuses `name-unknown`. */
export async function describeTag(
  repo: RepoName,
  tag: Tag,
  store: Pick<RepositoryStore, 'describeTags'>,
): Promise<TagRow | undefined> {
  const page = await store.describeTags(repo, { limit: 1, last: justBefore(tag) })
  if (page === undefined) throw noRepository(repo)
  const [first] = page.items
  return first?.name === tag ? first : undefined
}

/**
 * A text that no tag lies between, in the order of bytes, and this one: its last character lowered by one, and then the one that is behind
 * every character of tags.
 */
function justBefore(tag: Tag): string {
  return `${tag.slice(0, -1)}${String.fromCharCode(tag.charCodeAt(tag.length - 1) - 1)}\x7f`
}

function told({ name, digest, mediaType, size, updatedAt, pulledAt }: TagRow) {
  return {
    name,
    digest,
    mediaType,
    size,
    updatedAt: timeText(updatedAt),
    lastPulled: momentText(pulledAt),
  }
}

export function noTag(repo: RepoName, tag: string): Refusal {
  return absent(`${repo} has no tag ${tag}; list its tags to see what there are`)
}
