import type { MaybePromise } from '../../core/access.ts'
import type { Reference, RepoName } from '../../core/names.ts'
import { factsAt, type LoadedFacts } from './access/facts.ts'
import type { AccessStore } from './access-store.ts'
import type { CommitMark } from './commit-mark.ts'
import type { ContentIndex } from './store.ts'

type Content = Pick<ContentIndex, 'findBlob' | 'findManifest' | 'readManifest'>

/** What is read from the database where it is not remembered. */
export interface HotReads extends Content {
  loadAccess(
    account: number | undefined,
    credential: number | undefined,
    repo: RepoName,
    former?: boolean,
  ): MaybePromise<LoadedFacts>
}

/** An answer that is remembered: on its way, or here – then whoever asks has it at once, which saves several turns of the loop. */
interface Entry {
  answer: unknown
}

/** What an entry costs besides the payload it holds: key, promise, row. */
const ENTRY_BYTES = 400

/** What the facts about a subject and a repository hold, and each grant among them. */
const FACTS_BYTES = 600
const GRANT_BYTES = 300

/**
 * The reads that every pull asks, remembered while the database stands still. The mark is looked at before each: behind a
 * commit everything is forgotten, and while one is under way every question goes to the database. So an answer is never older than
 * the database was when the question came.
 */
export function cachedReads(
  reads: HotReads,
  mark: Pick<CommitMark, 'get'>,
  maxBytes: number,
): Content & Pick<AccessStore, 'readAccess'> {
  const entries = new Map<string, Entry>()
  let bytes = 0
  let seen: number | undefined

  function remember<T>(
    key: string,
    read: () => MaybePromise<T>,
    sizeOf: (value: T) => number,
  ): MaybePromise<T> {
    const now = mark.get()
    if (now === undefined) return read()
    if (now !== seen || bytes > maxBytes) {
      seen = now
      bytes = 0
      entries.clear()
    }
    const known = entries.get(key)
    if (known !== undefined) return known.answer as MaybePromise<T>
    const fresh = read()
    // The query has been run by now. A commit that began meanwhile may be in it or not: then it is good for this caller only.
    if (mark.get() !== now) return fresh
    const entry: Entry = { answer: fresh }
    entries.set(key, entry)
    bytes += ENTRY_BYTES
    if (!(fresh instanceof Promise)) {
      bytes += sizeOf(fresh)
      return fresh
    }
    fresh.then(
      (value) => {
        entry.answer = value
        if (seen === now) bytes += sizeOf(value)
      },
      () => {
        if (entries.get(key) === entry) entries.delete(key)
      },
    )
    return fresh
  }

  const nothing = () => 0
  return {
    findBlob: (repo, digest) => remember(`b${repo}@${digest}`, () => reads.findBlob(repo, digest), nothing),
    findManifest: (repo, reference) =>
      remember(`i${repo}${keyOf(reference)}`, () => reads.findManifest(repo, reference), nothing),
    readManifest: (repo, reference) =>
      remember(
        `m${repo}${keyOf(reference)}`,
        () => reads.readManifest(repo, reference),
        (manifest) => manifest?.size ?? 0,
      ),
    // A credential ends without a commit: so the time is looked at each time.
    readAccess({ account, credential, repo, former, now }) {
      const loaded = remember(
        `${former === false ? 'n' : 'a'}${account}/${credential}/${repo}`,
        () => reads.loadAccess(account, credential, repo, former),
        ({ facts }) => FACTS_BYTES + facts.grants.length * GRANT_BYTES,
      )
      return loaded instanceof Promise ? loaded.then((facts) => factsAt(facts, now)) : factsAt(loaded, now)
    },
  }
}

function keyOf(reference: Reference): string {
  return 'tag' in reference ? `:${reference.tag}` : `@${reference.digest}`
}
