import type { REPOSITORIES } from '../contract/repositories.ts'
import type { Handlers } from '../handler.ts'

/** Hits of a page when no number is asked for. */
const HITS = 25

export const SEARCH_HANDLERS: Handlers<Extract<keyof typeof REPOSITORIES, 'GET /search'>> = {
  async 'GET /search'({ ctx, query: { q, limit = HITS, page = 1 } }, { guard, registry }) {
    const visible = await guard.visible(ctx, 'search')
    const { hits, total } = await registry.search(
      ctx,
      { query: q, limit, offset: (page - 1) * limit },
      visible,
    )
    const items = hits.map(({ name, description, stars, official }) => ({
      name,
      description,
      stars,
      official,
    }))
    return { items, total }
  },
}
