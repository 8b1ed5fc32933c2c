import type { Visible } from '../../core/access.ts'
import { LIBRARY, type RepoName } from '../../core/names.ts'
import type { SearchHit, SearchRequest, SearchResult } from '../../core/registry.ts'
import { startingWith } from './access/name-ranges.ts'
import { pageOfVisible, Sight, selection, walkVisible } from './access/visible.ts'
import { VISIBILITIES } from './account-codes.ts'
import { allOf, type Dialect, inStatement, type Reader } from './driver.ts'

/** A search ranks and counts at most so many repositories; what a name shares with more than that finds nobody anything. */
export const SEARCH_CANDIDATES = 1_000

/** Trigram indexes know nothing shorter: such terms find exact names and prefixes only. */
export const MIN_SUBSTRING = 3

/** What a client typed, as it is looked for: names are lower case, and longer than any name finds none. */
export function searchTerm(query: string): string {
  return query.replaceAll('\0', '').trim().toLowerCase().slice(0, 255)
}

/**
 * How many matches of the indexes are looked at for a reader who does not see everything, and how many of those it may see where that
 * was not all: who sees little finds all of it, however many others have the term.
 */
export const SEARCH_LOOKS = 2_000

interface Candidate {
  readonly id: number
  readonly name: RepoName
}

interface Match extends Candidate {
  readonly visibility: number
}

const EXACT = 'SELECT id, name, visibility FROM repo WHERE listed = 1 AND name IN ($1, $2) ORDER BY name'
const PREFIX =
  'SELECT id, name FROM repo WHERE listed = 1 AND name >= $1 AND name < $2 ORDER BY name LIMIT $3'
const HITS = inStatement(
  0,
  (list) =>
    `SELECT id, name, description, stars, pull_count AS pulls, official FROM repo WHERE id IN ${list}`,
)

const byName = (a: Candidate, b: Candidate) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/**
 * See ContentIndex.search. Ranked by where the term stands: the exact name, a prefix of it (both also of a one-part name, without
 * its `library/`), anywhere in the name, in the description; by name within each. Each rank is looked for only while there is
 * room among the candidates, so a frequent term costs no more than a rare one.
 */
export async function search(
  tx: Reader,
  dialect: Dialect,
  request: SearchRequest,
  visible: Visible = 'everything',
): Promise<SearchResult> {
  const candidates = await findCandidates(tx, dialect, searchTerm(request.query), new Sight(visible))
  const wanted = candidates.slice(request.offset, request.offset + request.limit)
  return { hits: await describe(tx, wanted), total: candidates.length }
}

async function findCandidates(
  tx: Reader,
  dialect: Dialect,
  term: string,
  sight: Sight,
): Promise<Candidate[]> {
  if (term === '') return await withPrefix(tx, sight, '')
  const found = new Map<number, Candidate>()
  const isFull = () => found.size >= SEARCH_CANDIDATES
  const add = (rows: Candidate[]) => {
    for (const row of rows.sort(byName)) {
      if (isFull()) return
      if (!found.has(row.id)) found.set(row.id, row)
    }
  }

  add(await seenOf(tx, sight, await tx.all<Match>(EXACT, [term, LIBRARY + term])))
  add([...(await withPrefix(tx, sight, term)), ...(await withPrefix(tx, sight, LIBRARY + term))])
  if (term.length < MIN_SUBSTRING) return [...found.values()]

  const pattern = dialect.search.pattern(term)
  const looks = sight.everything ? SEARCH_CANDIDATES : SEARCH_LOOKS
  const inName = await tx.all<Match>(dialect.search.inName, [pattern, looks])
  let complete = sight.everything || inName.length < looks
  if (complete) add(await seenOf(tx, sight, inName))
  if (complete && isFull()) return [...found.values()]
  const inDescription = await tx.all<Match>(dialect.search.inDescription, [pattern, looks])
  complete &&= sight.everything || inDescription.length < looks
  if (complete) add(await seenOf(tx, sight, inDescription))
  else for (const rows of await lookThrough(tx, sight, term, [inName, inDescription])) add(rows)
  return [...found.values()]
}

const seenOf = (tx: Reader, sight: Sight, rows: Match[]) =>
  sight.seen(tx, rows, ({ visibility }) => visibility === VISIBILITIES.public)

const TEXTS = selection('id, description')

/** Where others have the term too often: what was found of it, and what is found by looking at the visible ones themselves. */
async function lookThrough(
  tx: Reader,
  sight: Sight,
  term: string,
  [names, descriptions]: readonly [Match[], Match[]],
): Promise<[Candidate[], Candidate[]]> {
  const found: [Candidate[], Candidate[]] = [
    await seenOf(tx, sight, names),
    await seenOf(tx, sight, descriptions),
  ]
  const walk = { sight, wanted: SEARCH_LOOKS, looks: SEARCH_LOOKS }
  for await (const row of walkVisible<Candidate & { description: string }>(tx, TEXTS, walk)) {
    const { id, name, description } = row
    if (name.includes(term)) found[0].push({ id, name })
    else if (description.toLowerCase().includes(term)) found[1].push({ id, name })
  }
  return found
}

const IDS = selection('id')

/** Those that begin with the text, by name. */
async function withPrefix(tx: Reader, sight: Sight, prefix: string): Promise<Candidate[]> {
  const space = startingWith(prefix)
  const limit = SEARCH_CANDIDATES
  if (sight.everything) return await tx.all<Candidate>(PREFIX, [space.from, space.to, limit])
  const { rows } = await pageOfVisible<Candidate>(tx, IDS, { sight, space, wanted: limit, limit })
  return rows
}

interface HitRow extends Candidate {
  readonly description: string
  readonly stars: number
  readonly pulls: number
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
    const { name, description, stars, pulls } = row
    return [{ name, description, stars, pulls, official: row.official !== 0 }]
  })
}
