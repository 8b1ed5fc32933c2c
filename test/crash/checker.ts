import { type Histories, historiesOf } from './history.ts'
import { readLedger } from './ledger.ts'
import { type Interval, linearize, type Model } from './linearizable.ts'
import { presenceModel, tagModel } from './models.ts'
import { ask, readBlob, readManifest, Violation, type Wire } from './wire.ts'

/** What is known to be so while nobody writes. */
interface Known {
  /** Digest by tag key; no entry where there is no such tag. */
  readonly tags: Map<string, string>
  /** Keys of the blobs and manifests that are there. */
  readonly there: Set<string>
}

/**
 * Holds a registry to what its ledger says it promised. It checks one life of the server after the other: when a server has been
 * restarted and nobody writes yet, everything is read, and the history of each object, with that reading at its end, must have an
 * order that explains it (C1, C2, C5). What was read is where the next life begins.
 */
export class Checker {
  readonly #ledger: string
  readonly #tags: readonly string[]
  readonly #known: Known = { tags: new Map(), there: new Set() }
  readonly #referrers = new Map<string, Set<string>>()
  #lines = 0
  acknowledged = 0
  cut = 0

  constructor(ledger: string, tags: readonly string[]) {
    this.#ledger = ledger
    this.#tags = tags
  }

  /** Checks everything since the last call. Throws Violation. */
  async checkLife(wire: Wire): Promise<void> {
    const lines = readLedger(this.#ledger, this.#lines)
    this.#lines += lines.length
    const histories = historiesOf(lines, this.#tags, this.#referrers)
    this.acknowledged += histories.acknowledged
    this.cut += histories.cut
    await this.#checkTags(wire, histories)
    await this.#checkPresence(wire, histories)
  }

  /** Reads once more all that was ever acknowledged and not deleted. Throws Violation. */
  async checkAll(wire: Wire): Promise<void> {
    for (const [key, digest] of this.#known.tags) {
      const found = await readTag(wire, key)
      if (found !== digest) throw new Violation(`tag ${key} is ${found}, not ${digest}`)
    }
    for (const key of this.#known.there)
      if (!(await isThere(wire, key))) throw new Violation(`${key} was acknowledged and is gone`)
  }

  async #checkTags(wire: Wire, { tags }: Histories): Promise<void> {
    for (const [key, history] of tags) {
      const digest = await readTag(wire, key)
      const before = this.#known.tags.get(key) ?? null
      insist(key, tagModel, before, history, { kind: 'read', digest })
      if (digest === null) this.#known.tags.delete(key)
      else this.#known.tags.set(key, digest)
    }
  }

  async #checkPresence(wire: Wire, { presence }: Histories): Promise<void> {
    for (const [key, history] of presence) {
      const there = await isThere(wire, key)
      insist(key, presenceModel, this.#known.there.has(key), history, { kind: 'seen', there })
      if (there) this.#known.there.add(key)
      else this.#known.there.delete(key)
    }
  }
}

function insist<State extends string | boolean | null, Op>(
  key: string,
  model: Model<State, Op>,
  before: State,
  history: readonly Interval<Op>[],
  last: Op,
): void {
  const end = Number.MAX_SAFE_INTEGER
  const whole = [...history, { op: last, call: end - 1, end }]
  const result = linearize(model, before, whole)
  if (result.ok) return
  throw new Violation(
    `no order explains what happened to ${key}, which was ${before}:\n${whole.map(shown).join('\n')}\nbut up to here:\n${result.longest.map(shown).join('\n')}`,
  )
}

function shown<Op>({ op, call, end, optional }: Interval<Op>): string {
  return `  ${call}–${end}${optional ? '?' : ''} ${JSON.stringify(op)}`
}

async function readTag(wire: Wire, key: string): Promise<string | null> {
  const [repo, tag] = key.split(' ') as [string, string]
  return (await readManifest(wire, repo, tag))?.digest ?? null
}

/** Whether an object is there, its bytes right, with HEAD and GET of one mind. */
async function isThere(wire: Wire, key: string): Promise<boolean> {
  const [kind, repo, digest] = key.split(' ') as ['blob' | 'manifest', string, string]
  const head = await ask(wire, 'HEAD', `/v2/${repo}/${kind}s/${digest}`, [200, 404])
  const found = kind === 'blob' ? await readBlob(wire, repo, digest) : await readManifest(wire, repo, digest)
  if ((head.status === 200) !== (found !== undefined)) {
    throw new Violation(
      `HEAD of ${key} says ${head.status}, GET ${found === undefined ? 'does not' : ''} find it`,
    )
  }
  return found !== undefined
}
