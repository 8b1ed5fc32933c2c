import type { REPOSITORIES } from '../contract/repositories.ts'
import type { Handlers } from '../handler.ts'

/** Hits of a page when no number is asked for. */
const HITS = 25

export const SEARCH_HANDLERS: Handlers<Extract<keyof typeof REPOSITORIES, 'GET /search'>> = {
  // The registry asks the guard itself what may be seen.
  async 'GET /search'({ ctx, query: { q, limit = HITS, page = 1 } }, { registry }) {
    const { hits, total } = await registry.search(ctx, { query: q, limit, offset: (page - 1) * limit })
    const items = hits.map(({ name, description, stars, pulls, official }) => ({
      name,
      description,
      stars,
      pulls,
      official,
    }))
    return { items, total }
  },
}
