import type { Page, PageRequest } from '../../core/registry.ts'

/** Cuts the one row too many that was asked for to know whether there are more. */
export function page<Row, Item>(rows: Row[], limit: number, item: (row: Row) => Item): Page<Item> {
  const more = rows.length > limit
  if (more) rows.length = limit
  return { items: rows.map(item), more }
}

/** Well above any page, and within the integers of both databases. */
const MAX_LIMIT = 2 ** 31

/** One row more than the page has. */
export const limitOf = (request: PageRequest) => Math.min(request.limit, MAX_LIMIT) + 1

/**
 * The key to start behind. Clients write `last` as they like, and PostgreSQL has no NUL in its texts: as no name holds one, what
 * stands before it says the same.
 */
export function lastOf(request: PageRequest): string {
  const last = request.last ?? ''
  const nul = last.indexOf('\0')
  return nul < 0 ? last : last.slice(0, nul)
}
