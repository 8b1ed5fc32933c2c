import type { Page, PageRequest } from '../../core/registry.ts'
import { Refusal } from '../problem.ts'

/** Items that a list is read to: Docker Hub's pages have numbers and a count, so that a list must be read before it is cut. */
export const MAX_ITEMS = 10_000
/** Items that are read at once. */
const READ_AT_ONCE = 1_000
const PAGE_SIZE = 10
const MAX_PAGE_SIZE = 100

/** What is asked for of a list. */
export interface ListQuery {
  readonly page: number
  readonly pageSize: number
  /** Only names that contain it. */
  readonly name: string
  readonly ordering: string
}

/** Reads the query of a list. Refuses `query-invalid` for a page that is no number; sizes beyond the largest are the largest. */
export function listQuery(params: URLSearchParams): ListQuery {
  return {
    page: numberIn(params, 'page', 1),
    pageSize: Math.min(numberIn(params, 'page_size', PAGE_SIZE), MAX_PAGE_SIZE),
    name: params.get('name') ?? '',
    ordering: params.get('ordering') ?? '',
  }
}

function numberIn(params: URLSearchParams, name: string, usual: number): number {
  const text = params.get(name)
  if (text === null || text === '') return usual
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new Refusal('query-invalid', `${name}: ${JSON.stringify(text.slice(0, 32))} is no number above 0`)
}

/** Every item of a list that is read page by page, up to MAX_ITEMS; undefined where there is no such list. */
export async function readAll<T>(
  read: (page: PageRequest) => Promise<Page<T> | undefined>,
  key: (item: T) => string,
): Promise<T[] | undefined> {
  const items: T[] = []
  let last: string | undefined
  while (items.length < MAX_ITEMS) {
    const page = await read({ limit: READ_AT_ONCE, ...(last !== undefined && { last }) })
    if (page === undefined) return undefined
    items.push(...page.items)
    const end = page.items.at(-1)
    if (!page.more || end === undefined) break
    last = key(end)
  }
  return items
}

interface Sortable {
  readonly name: string
  readonly updatedAt: number
}

/** In the order asked for: `name`, `last_updated` (newest first, as Docker Hub has it, and unless told), each with a `-` the other way. */
export function sorted<T extends Sortable>(items: readonly T[], ordering: string): T[] {
  const way = ordering.startsWith('-') ? -1 : 1
  const byName = (a: T, b: T) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  const order =
    ordering.replace('-', '') === 'name'
      ? (a: T, b: T) => way * byName(a, b)
      : (a: T, b: T) => way * (b.updatedAt - a.updatedAt) || byName(a, b)
  return [...items].sort(order)
}

/** One page of a list, with the addresses of those beside it. Refuses `absent` for a page behind the last, as Docker Hub does. */
export async function pageOfList<T>(
  items: readonly T[],
  { page, pageSize }: ListQuery,
  url: { readonly origin: string; readonly path: string; readonly params: URLSearchParams },
  told: (item: T) => unknown,
): Promise<object> {
  const from = (page - 1) * pageSize
  if (page > 1 && from >= items.length) throw new Refusal('absent', `the list has no page ${page}`)
  const address = (number: number) => {
    const params = new URLSearchParams(url.params)
    params.set('page', String(number))
    params.set('page_size', String(pageSize))
    return `${url.origin}${url.path}?${params}`
  }
  return {
    count: items.length,
    next: from + pageSize < items.length ? address(page + 1) : null,
    previous: page > 1 ? address(page - 1) : null,
    results: await Promise.all(items.slice(from, from + pageSize).map(told)),
  }
}
