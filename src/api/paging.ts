import type { Page, PageRequest } from '../core/registry.ts'
import type { PageById } from '../store/meta/access-store.ts'
import { PAGE } from './contract/common.ts'
import { Refusal } from './problem.ts'
import { idFrom, said } from './values.ts'

/** A page as it is asked for: how many items, and behind which one. */
export function pageRequest(query: {
  readonly limit?: number | undefined
  readonly after?: string | undefined
}): PageRequest {
  const { limit = PAGE, after } = query
  return { limit, ...(after !== undefined && { last: after }) }
}

/** A page of what is listed by number. Refuses `query-invalid` for an `after` that is no number. */
export function pageByIdRequest(query: Parameters<typeof pageRequest>[0]): PageById {
  const { limit, last } = pageRequest(query)
  return said({ limit, last: last === undefined ? undefined : idFrom(last, noKey) })
}

function noKey(text: string): Refusal {
  return new Refusal(
    'query-invalid',
    `after: ${JSON.stringify(text.slice(0, 32))} is no next of a page; leave it out for the first`,
  )
}

/** A page as it is answered: `next` is the key of its last item, where there is more behind it. */
export function pageResult<Row, Item>(
  { items, more }: Page<Row>,
  item: (row: Row) => Item,
  key: (row: Row) => string,
): { items: Item[]; next?: string } {
  const last = items.at(-1)
  return { items: items.map(item), ...(more && last !== undefined && { next: key(last) }) }
}

/** One page of a list that is at hand as a whole, in the order of its keys. */
export function pageWithin<Row>(
  rows: readonly Row[],
  { limit, last }: PageRequest,
  key: (row: Row) => string,
): Page<Row> {
  const rest = last === undefined ? rows : rows.filter((row) => key(row) > last)
  return { items: rest.slice(0, limit), more: rest.length > limit }
}
