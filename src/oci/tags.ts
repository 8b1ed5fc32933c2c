import type { Context } from '../core/context.ts'
import type { Tag } from '../core/names.ts'
import type { Page, Registry } from '../core/registry.ts'
import { API_VERSION, JSON_TYPE } from './headers.ts'
import type { WireLimits } from './limits.ts'
import { linkNext } from './link.ts'
import type { WireReply } from './message.ts'
import { json } from './replies.ts'
import type { TagsOperation } from './request.ts'
import { urlOf } from './url.ts'

const encoder = new TextEncoder()

/**
 * GET of a repository's tags (end-8). All of them unless `n` is asked for, since many clients follow no link (T3): one page that
 * holds them is answered as it is, a longer list is streamed, never held.
 */
export function tagsHandler(registry: Registry, limits: WireLimits) {
  /** The rest of the list behind a page that was not all, as JSON text. */
  async function* stream(
    operation: TagsOperation,
    ctx: Context,
    first: Page<Tag>,
  ): AsyncGenerator<Uint8Array> {
    yield encoder.encode(`{"name":"${operation.spelling}","tags":[${listed(first)}`)
    for (let page = first; page.more; ) {
      const last = page.items.at(-1)
      if (last === undefined) break
      page = await registry.tags(ctx, operation.repo, { limit: limits.streamPage, last })
      if (page.items.length > 0) yield encoder.encode(`,${listed(page)}`)
    }
    yield encoder.encode(']}')
  }

  return async (operation: TagsOperation, ctx: Context): Promise<WireReply> => {
    const { repo, spelling } = operation
    const { n, last } = operation.page
    // Also for `n=0` the registry is asked: only so an unknown repository shows itself.
    const limit = n === undefined ? limits.streamPage : Math.min(n, limits.maxPage)
    const page = await registry.tags(ctx, repo, { limit, ...(last !== undefined && { last }) })
    if (n === undefined && page.more) {
      const headers = {
        'Docker-Distribution-API-Version': API_VERSION,
        'Content-Type': JSON_TYPE,
        'X-Content-Type-Options': 'nosniff',
      }
      return {
        status: 200,
        headers,
        body: { kind: 'stream', stream: stream(operation, ctx, page) },
        route: 'tags',
      }
    }
    const text = `{"name":"${spelling}","tags":[${listed(page)}]}`
    const next = page.more ? page.items.at(-1) : undefined
    return json('tags', text, next && linkNext(urlOf({ ...operation, page: { n: limit, last: next } })))
  }
}

/** Nothing in the grammar of tags and names needs an escape. */
function listed(page: Page<Tag>): string {
  return page.items.length === 0 ? '' : `"${page.items.join('","')}"`
}
