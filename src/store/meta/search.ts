import { LIBRARY, type RepoName } from '../../core/names.ts'
import type { SearchHit, SearchRequest, SearchResult } from '../../core/registry.ts'
import { allOf, type Dialect, inStatement, type Reader } from './driver.ts'

/** A search ranks and counts at most so many repositories; what a name shares with more than that finds nobody anything. */
export const SEARCH_CANDIDATES = 1_000

/** Trigram indexes know nothing shorter: such terms find exact names and prefixes only. */
export const MIN_SUBSTRING = 3

/** What a client typed, as it is looked for: names are lower case, and longer than any name finds none. */
export function searchTerm(query: string): string {
  return query.replaceAll('\0', '').trim().toLowerCase().slice(0, 255)
}

interface Candidate {
  readonly id: number
  readonly name: RepoName
}

const EXACT = 'SELECT id, name FROM repo WHERE listed = 1 AND name IN ($1, $2) ORDER BY name'
const PREFIX =
  'SELECT id, name FROM repo WHERE listed = 1 AND name >= $1 AND name < $2 ORDER BY name LIMIT $3'
const EVERYTHING = 'SELECT id, name FROM repo WHERE listed = 1 ORDER BY name LIMIT $1'
const HITS = inStatement(
  0,
  (list) => `SELECT id, name, description, stars, official FROM repo WHERE id IN ${list}`,
)

const byName = (a: Candidate, b: Candidate) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/**
 * See ContentIndex.search. Ranked by where the term stands: the exact name, a prefix of it (both also of a one-part name, without
 * its `library/`), anywhere in the name, in the description; by name within each. Each rank is looked for only while there is
 * room among the candidates, so a frequent term costs no more than a rare one.
 */
export async function search(tx: Reader, dialect: Dialect, request: SearchRequest): Promise<SearchResult> {
  const candidates = await findCandidates(tx, dialect, searchTerm(request.query))
  const wanted = candidates.slice(request.offset, request.offset + request.limit)
  return { hits: await describe(tx, wanted), total: candidates.length }
}

async function findCandidates(tx: Reader, dialect: Dialect, term: string): Promise<Candidate[]> {
  if (term === '') return await tx.all<Candidate>(EVERYTHING, [SEARCH_CANDIDATES])
  const found = new Map<number, Candidate>()
  const add = (rows: Candidate[]) => {
    for (const row of rows.sort(byName)) {
      if (found.size === SEARCH_CANDIDATES) return
      if (!found.has(row.id)) found.set(row.id, row)
    }
  }

  add(await tx.all<Candidate>(EXACT, [term, LIBRARY + term]))
  add([...(await withPrefix(tx, term)), ...(await withPrefix(tx, LIBRARY + term))])
  if (term.length < MIN_SUBSTRING) return [...found.values()]

  const pattern = dialect.search.pattern(term)
  for (const sql of [dialect.search.inName, dialect.search.inDescription]) {
    if (found.size === SEARCH_CANDIDATES) break
    add(await tx.all<Candidate>(sql, [pattern, SEARCH_CANDIDATES]))
  }
  return [...found.values()]
}

/** `{` is the character behind `z`, and so behind every one that a name may hold. */
async function withPrefix(tx: Reader, prefix: string): Promise<Candidate[]> {
  return await tx.all<Candidate>(PREFIX, [prefix, `${prefix}{`, SEARCH_CANDIDATES])
}

interface HitRow extends Candidate {
  readonly description: string
  readonly stars: number
  readonly official: number
}

async function describe(tx: Reader, candidates: readonly Candidate[]): Promise<SearchHit[]> {
  if (candidates.length === 0) return []
  const ids = candidates.map((candidate) => candidate.id)
  const rows = await allOf<HitRow>(tx, HITS, [], ids)
  const byId = new Map(rows.map((row) => [row.id, row]))
  return candidates.flatMap((candidate) => {
    const row = byId.get(candidate.id)
    if (row === undefined) return []
    const { name, description, stars } = row
    return [{ name, description, stars, official: row.official !== 0 }]
  })
}
