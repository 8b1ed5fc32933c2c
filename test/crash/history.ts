import type { Intent, Line, ManifestPush, Outcome } from './ledger.ts'
import type { Interval } from './linearizable.ts'
import type { PresenceOp, TagOp } from './models.ts'

/** What was done to, and seen of, every single object. */
export interface Histories {
  /** By `repository tag`. */
  readonly tags: Map<string, Interval<TagOp>[]>
  /** By `blob repository digest` and `manifest repository digest`. */
  readonly presence: Map<string, Interval<PresenceOp>[]>
  /** Operations that were answered with a success, and those that were not answered. */
  readonly acknowledged: number
  readonly cut: number
}

export const tagKey = (repo: string, tag: string) => `${repo} ${tag}`
export const blobKey = (repo: string, digest: string) => `blob ${repo} ${digest}`
export const manifestKey = (repo: string, digest: string) => `manifest ${repo} ${digest}`

/** Everything that ends at the time of one line, taken apart into what it means for each object. */
class Book {
  readonly tags = new Map<string, Interval<TagOp>[]>()
  readonly presence = new Map<string, Interval<PresenceOp>[]>()
  readonly #call: number
  readonly #end: number
  readonly #answered: boolean

  constructor(into: Pick<Histories, 'tags' | 'presence'>, call: number, end: number, answered: boolean) {
    this.tags = into.tags
    this.presence = into.presence
    this.#call = call
    this.#end = end
    this.#answered = answered
  }

  tag(key: string, op: TagOp): void {
    push(this.tags, key, this.#interval(op))
  }

  object(key: string, op: PresenceOp): void {
    push(this.presence, key, this.#interval(op))
  }

  #interval<Op>(op: Op): Interval<Op> {
    const when = { op, call: this.#call, end: this.#end }
    return this.#answered ? when : { ...when, optional: true }
  }
}

/**
 * Takes the lines of one life of the server apart. What was not answered before the server was killed had happened by the time it
 * served again, or never. `tags` are all there are in a repository; `subjects` tells the manifests of earlier lives by their subject.
 */
export function historiesOf(
  lines: readonly Line[],
  tags: readonly string[],
  referrers: Map<string, Set<string>>,
): Histories {
  const outcomes = new Map<number, { n: number; outcome: Outcome }>()
  for (const line of lines) if ('of' in line) outcomes.set(line.of, line)
  const restart = lines.findLast((line) => 'restarted' in line)?.n ?? Number.POSITIVE_INFINITY
  const into = { tags: new Map(), presence: new Map() }
  let acknowledged = 0
  let cut = 0
  for (const line of lines) {
    if (!('call' in line)) continue
    const { n, call } = line
    if (call.op === 'push-manifest' && call.subject !== undefined) {
      referrers.set(call.subject, (referrers.get(call.subject) ?? new Set()).add(call.digest))
    }
    const settled = outcomes.get(n)
    if (settled === undefined) cut++
    else if (settled.outcome.is === 'ok') acknowledged++
    const book = new Book(into, n, settled?.n ?? restart, settled !== undefined)
    record(book, call, settled?.outcome, tags, referrers)
  }
  return { ...into, acknowledged, cut }
}

function record(
  book: Book,
  call: Intent,
  outcome: Outcome | undefined,
  tags: readonly string[],
  referrers: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  const { repo } = call
  const done = outcome === undefined || outcome.is === 'ok'
  const there = outcome?.is === 'ok' || outcome?.is === 'referenced'
  switch (call.op) {
    case 'push-blob':
      if (done) book.object(blobKey(repo, call.digest), { kind: 'add' })
      break
    case 'mount-blob':
      if (done) book.object(blobKey(repo, call.digest), { kind: 'add' })
      if (outcome !== undefined) book.object(blobKey(call.from, call.digest), { kind: 'seen', there })
      break
    case 'push-manifest':
      recordPush(book, call, outcome)
      break
    case 'delete-blob':
      book.object(blobKey(repo, call.digest), done ? { kind: 'remove' } : { kind: 'seen', there })
      break
    case 'delete-manifest':
      book.object(manifestKey(repo, call.digest), done ? { kind: 'remove' } : { kind: 'seen', there })
      if (done) for (const tag of tags) book.tag(tagKey(repo, tag), { kind: 'drop', digest: call.digest })
      break
    case 'delete-tag':
      book.tag(tagKey(repo, call.tag), done ? { kind: 'delete' } : { kind: 'read', digest: null })
      break
    case 'head-blob':
    case 'pull-blob':
      if (outcome !== undefined) book.object(blobKey(repo, call.digest), { kind: 'seen', there })
      break
    case 'pull-manifest':
      if (outcome !== undefined) book.object(manifestKey(repo, call.digest), { kind: 'seen', there })
      break
    case 'pull-tag':
      if (outcome !== undefined)
        book.tag(tagKey(repo, call.tag), { kind: 'read', digest: seenDigest(outcome) })
      break
    case 'list-tags':
      for (const [tag, there] of listed(outcome, tags)) book.tag(tagKey(repo, tag), { kind: 'listed', there })
      break
    case 'list-referrers':
      for (const [digest, there] of listed(outcome, referrers.get(call.digest) ?? []))
        book.object(manifestKey(repo, digest), { kind: 'seen', there })
      break
    case 'cancel-upload':
      break
  }
}

/** A stored manifest had everything it lists; a refused one lacked what the refusal names (M5, DL-1). */
function recordPush(book: Book, call: ManifestPush, outcome: Outcome | undefined): void {
  const { repo, digest, tags, blobs, children } = call
  if (outcome === undefined || outcome.is === 'ok') {
    book.object(manifestKey(repo, digest), { kind: 'add' })
    for (const tag of tags) book.tag(tagKey(repo, tag), { kind: 'put', digest })
  }
  if (outcome?.is === 'ok') {
    for (const blob of blobs) book.object(blobKey(repo, blob), { kind: 'seen', there: true })
    for (const child of children) book.object(manifestKey(repo, child), { kind: 'seen', there: true })
  }
  if (outcome?.is === 'missing') {
    for (const blob of outcome.digests) {
      const key = children.includes(blob) ? manifestKey(repo, blob) : blobKey(repo, blob)
      book.object(key, { kind: 'seen', there: false })
    }
  }
}

function seenDigest(outcome: Outcome): string | null {
  return outcome.is === 'ok' ? (outcome.digest ?? null) : null
}

/** For each name there may be, whether the list had it. */
function listed(outcome: Outcome | undefined, all: Iterable<string>): [string, boolean][] {
  if (outcome?.is !== 'ok') return []
  const names = new Set(outcome.names)
  return [...all].map((name) => [name, names.has(name)])
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [item])
  else list.push(item)
}
