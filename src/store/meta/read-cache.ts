import type { ContentIndex } from './store.ts'

type HotReads = Pick<ContentIndex, 'findBlob' | 'findManifest' | 'readManifest'>

/** What an entry costs besides the payload it holds: key, promise, row. */
const ENTRY_BYTES = 400

/**
 * The three reads that every pull asks, remembered as long as the database stands still. `version` is asked before each: when any
 * connection of any process has committed since, everything is forgotten. So an answer is never older than the database was when
 * the question came, at the price of one look at the version instead of a query.
 */
export function cachedReads(reads: HotReads, version: () => number, maxBytes: number): HotReads {
  const entries = new Map<string, Promise<unknown>>()
  let bytes = 0
  let seen = -1

  /** Forgets everything when the database moved on, or when the cache is full. */
  function keepFresh(): void {
    const now = version()
    if (now === seen && bytes <= maxBytes) return
    seen = now
    bytes = 0
    entries.clear()
  }

  function remember<T>(key: string, read: () => Promise<T>, sizeOf: (value: T) => number): Promise<T> {
    keepFresh()
    const known = entries.get(key)
    if (known !== undefined) return known as Promise<T>
    // The version was read before the query: what a commit in between changed is newer than its mark, never older.
    const fresh = read()
    entries.set(key, fresh)
    const counted = seen
    fresh.then(
      (value) => {
        if (counted === seen) bytes += ENTRY_BYTES + sizeOf(value)
      },
      () => {
        if (entries.get(key) === fresh) entries.delete(key)
      },
    )
    return fresh
  }

  const nothing = () => 0
  return {
    findBlob: (repo, digest) => remember(`b${repo}@${digest}`, () => reads.findBlob(repo, digest), nothing),
    findManifest: (repo, reference) =>
      remember(
        `i${repo}${'tag' in reference ? `:${reference.tag}` : `@${reference.digest}`}`,
        () => reads.findManifest(repo, reference),
        nothing,
      ),
    readManifest: (repo, reference) =>
      remember(
        `m${repo}${'tag' in reference ? `:${reference.tag}` : `@${reference.digest}`}`,
        () => reads.readManifest(repo, reference),
        (manifest) => manifest?.size ?? 0,
      ),
  }
}
