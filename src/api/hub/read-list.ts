import type { Page, PageRequest } from '../../core/registry.ts'
import { Refusal } from '../problem.ts'

/**
 * Items that are read of a list: Docker Hub's pages have numbers, an order and a count, so that a list must be read before it is cut. A longer
 * one is told piece by piece, each sorted and counted by itself: `next` of the last page of a piece leads to the one behind it, by name.
 */
export const MAX_ITEMS = 1_000
const PAGE_SIZE = 10
const MAX_PAGE_SIZE = 100
/** As long as a name is. */
const MAX_AFTER = 255

/** What is asked for of a list. */
export interface ListQuery {
  readonly page: number
  readonly pageSize: number
  /** Only names that contain it. */
  readonly name: string
  readonly ordering: string
  /** The last name of the pieces before. */
  readonly after: string | undefined
}

/** Reads the query of a list. Refuses `query-invalid` for a page that is no number; sizes beyond the largest are the largest. */
export function listQuery(params: URLSearchParams): ListQuery {
  return {
    page: numberIn(params, 'page', 1),
    pageSize: Math.min(numberIn(params, 'page_size', PAGE_SIZE), MAX_PAGE_SIZE),
    name: params.get('name') ?? '',
    ordering: params.get('ordering') ?? '',
    after: params.get('after')?.slice(0, MAX_AFTER) || undefined,
  }
}

function numberIn(params: URLSearchParams, name: string, usual: number): number {
  const text = params.get(name)
  if (text === null || text === '') return usual
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new Refusal('query-invalid', `${name}: ${JSON.stringify(text.slice(0, 32))} is no number above 0`)
}

/** A piece of a list. */
export interface Piece<T> {
  readonly items: readonly T[]
  /** The name that the next piece is behind; undefined: there is none. */
  readonly end?: string
}

/** The piece of a list that is asked for; undefined where there is no such list. */
export async function readPiece<T extends { readonly name: string }>(
  { after }: ListQuery,
  read: (page: PageRequest) => Promise<Page<T> | undefined>,
): Promise<Piece<T> | undefined> {
  const page = await read({ limit: MAX_ITEMS, ...(after !== undefined && { last: after }) })
  if (page === undefined) return undefined
  const last = page.items.at(-1)
  return { items: page.items, ...(page.more && last !== undefined && { end: last.name }) }
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

/** One page of a piece, with the addresses of those beside it. Refuses `absent` for a page behind the last, as Docker Hub does. */
export async function pageOfList<T>(
  { items, end }: Piece<T>,
  { page, pageSize }: ListQuery,
  url: { readonly origin: string; readonly path: string; readonly params: URLSearchParams },
  told: (items: readonly T[]) => Promise<unknown[]> | unknown[],
): Promise<object> {
  const from = (page - 1) * pageSize
  if (page > 1 && from >= items.length) throw new Refusal('absent', `the list has no page ${page}`)
  const address = (number: number, behind?: string) => {
    const params = new URLSearchParams(url.params)
    params.set('page', String(number))
    params.set('page_size', String(pageSize))
    if (behind !== undefined) params.set('after', behind)
    return `${url.origin}${url.path}?${params}`
  }
  const beyond = end === undefined ? null : address(1, end)
  return {
    count: items.length,
    next: from + pageSize < items.length ? address(page + 1) : beyond,
    previous: page > 1 ? address(page - 1) : null,
    results: await told(items.slice(from, from + pageSize)),
  }
}
