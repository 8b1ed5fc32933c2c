import type { Context } from '../../core/context.ts'
import { parseDigest } from '../../core/digest.ts'
import type { RefusalKind } from '../../core/errors.ts'
import { parseRepoName, parseTag, type RepoName, type Tag } from '../../core/names.ts'
import type { Lister, Page, PageRequest, Referrer, SearchHit } from '../../core/registry.ts'
import type { Connection } from './connection.ts'

/** Discover. */
export function clientLists({ call, json }: Connection): Lister {
  async function list<T>(
    ctx: Context,
    url: string,
    field: string,
    absent: RefusalKind,
    map: (item: never) => T,
  ): Promise<Page<T>> {
    const response = await call(ctx, url, { method: 'GET', ok: [200], absent })
    const items = (await json(response))[field]
    if (!Array.isArray(items)) throw new Error(`the upstream’s list has no ${field}`)
    return {
      items: items.map((item) => map(item as never)),
      more: /rel="?next"?/.test(response.headers.get('link') ?? ''),
    }
  }

  return {
    repositories: (ctx, page) =>
      list(
        ctx,
        `/v2/_catalog?${pageQuery(page)}`,
        'repositories',
        'name-unknown',
        (name: string): RepoName => parseRepoName(name),
      ),

    tags: (ctx, repo, page) =>
      list(
        ctx,
        `/v2/${repo}/tags/list?${pageQuery(page)}`,
        'tags',
        'name-unknown',
        (tag: string): Tag => parseTag(tag),
      ),

    referrers: (ctx, repo, subject, page) => {
      const types = (page.artifactTypes ?? [])
        .map((type) => `&artifactType=${encodeURIComponent(type)}`)
        .join('')
      return list(
        ctx,
        `/v2/${repo}/referrers/${subject}?${pageQuery(page)}${types}`,
        'manifests',
        'manifest-unknown',
        referrer,
      )
    },

    async search(ctx, { query, limit, offset }) {
      const page = Math.floor(offset / Math.max(1, limit)) + 1
      const response = await call(ctx, `/v1/search?q=${encodeURIComponent(query)}&n=${limit}&page=${page}`, {
        method: 'GET',
        ok: [200],
        absent: 'name-unknown',
      })
      const found = await json(response)
      return { hits: (found.results as Record<string, unknown>[]).map(hit), total: Number(found.num_results) }
    },
  }
}

function pageQuery({ limit, last }: PageRequest): string {
  return `n=${limit}${last === undefined ? '' : `&last=${encodeURIComponent(last)}`}`
}

function referrer(item: Record<string, unknown>): Referrer {
  return {
    mediaType: String(item.mediaType),
    digest: parseDigest(String(item.digest)),
    size: Number(item.size),
    ...(typeof item.artifactType === 'string' && { artifactType: item.artifactType }),
    ...(item.annotations !== undefined && { annotations: JSON.stringify(item.annotations) }),
  }
}

function hit(item: Record<string, unknown>): SearchHit {
  return {
    name: parseRepoName(String(item.name)),
    description: String(item.description ?? ''),
    stars: Number(item.star_count ?? 0),
    pulls: Number(item.pull_count ?? 0),
    official: item.is_official === true,
  }
}
