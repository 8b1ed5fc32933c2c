import type { Actor, Context } from '../core/context.ts'
import { refuse } from '../core/errors.ts'
import type { Registry } from '../core/registry.ts'
import type { WireLimits } from './limits.ts'
import type { WireReply, WireRequest } from './message.ts'
import { json } from './replies.ts'
import type { Operation } from './request.ts'

/**
 * containers/image asks here without the login it has, and turns to the catalogue, with it, only when this fails; so its users would never
 * find what is private. It gives itself away by a header that `docker search` does not send.
 */
export function refuseWithoutLogin(request: WireRequest, actor: Actor): void {
  const nobody = actor.kind === 'anonymous' && actor.access === undefined
  if (!nobody || request.header('docker-distribution-api-version') === null) return
  throw refuse('unauthorized', 'this client searches with a login by the catalogue; go on there', {
    challenge: { scopes: ['registry:catalog:search'] },
  })
}

type SearchOperation = Extract<Operation, { route: 'search' }>

/** GET of `docker search` (PROTOCOL 10.4). */
export function searchHandler(registry: Registry, limits: WireLimits) {
  return async (operation: SearchOperation, ctx: Context): Promise<WireReply> => {
    const { term, n = limits.searchPage, page = 1 } = operation.search
    if (term.length > limits.maxSearchTerm) {
      throw refuse(
        'query-invalid',
        `the search term has ${term.length} characters; at most ${limits.maxSearchTerm} are searched for`,
      )
    }
    const limit = Math.max(1, Math.min(n, limits.maxSearchPage))
    const current = Math.max(1, page)
    const offset = Math.min((current - 1) * limit, Number.MAX_SAFE_INTEGER)
    const { hits, total } = await registry.search(ctx, { query: term, limit, offset })
    return json(
      'search',
      JSON.stringify({
        query: term,
        num_results: total,
        num_pages: Math.ceil(total / limit),
        page: current,
        page_size: limit,
        results: hits.map((hit) => ({
          name: hit.name,
          description: hit.description,
          star_count: hit.stars,
          pull_count: hit.pulls,
          is_official: hit.official,
          is_automated: false,
          is_trusted: false,
        })),
      }),
    )
  }
}
