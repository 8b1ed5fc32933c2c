import { refuse } from '../core/errors.ts'
import { parameter } from './query.ts'

/** What a client asks of a list: at most `n` items behind `last` (T4). */
export interface ListPage {
  readonly n?: number
  readonly last?: string
}

/** What `docker search` asks (PROTOCOL 10.4); pages count from 1. */
export interface SearchQuery {
  readonly term: string
  readonly n?: number
  readonly page?: number
}

const NOTHING_ASKED: ListPage = {}
const MAX_LAST_LENGTH = 512

/** Reads `n` and `last`; empty ones count as absent. Refuses `page-invalid`. */
export function parseListPage(query: string): ListPage {
  if (query === '') return NOTHING_ASKED
  const n = count(query, 'n')
  const last = parameter(query, 'last')
  if (last && (last.length > MAX_LAST_LENGTH || hasControls(last)))
    throw refuse('page-invalid', 'last cannot be the name of an item; use the last one of the page before')
  return { ...(n !== undefined && { n }), ...(last && { last }) }
}

/** Reads `q`, `n` and `page`. Refuses `page-invalid` and, for control characters, `query-invalid`. */
export function parseSearch(query: string): SearchQuery {
  const term = (parameter(query, 'q') ?? '').trim()
  if (hasControls(term))
    throw refuse('query-invalid', 'the search term holds control characters; leave them out')
  const n = count(query, 'n')
  const page = count(query, 'page')
  return { term, ...(n !== undefined && { n }), ...(page !== undefined && { page }) }
}

function count(query: string, name: string): number | undefined {
  const text = parameter(query, name)
  if (!text) return undefined
  if (/^[0-9]+$/.test(text)) return Math.min(Number(text), Number.MAX_SAFE_INTEGER)
  throw refuse(
    'page-invalid',
    `${name} is ${JSON.stringify(text.slice(0, 40))}; it must be a whole number, 0 or more`,
  )
}

function hasControls(text: string): boolean {
  return /[\u0000-\u001f\u007f]/.test(text)
}
