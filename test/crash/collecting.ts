import { randomBytes, randomInt } from 'node:crypto'
import {
  imageManifest,
  indexManifest,
  randomBlob,
  type TestBlob,
  type TestManifest,
} from '../suite/content.ts'
import { snapshotOf } from './database.ts'
import { type Site, startServer } from './server.ts'
import { stopAndScrub } from './strike.ts'
import { type Answer, ask, readBlob, readManifest, Violation, type Wire, wireTo } from './wire.ts'

export interface CollectingOptions {
  readonly pushers: number
  readonly leaseSeconds: number
  readonly everySeconds: number
  /** Asked before each step; at the end everything is let go. */
  readonly more: () => boolean
}

export interface CollectingReport {
  pushes: number
  pulls: number
  deletions: number
  mounts: number
  /** Pushes that skipped what a HEAD told of, blobs and manifests. */
  skipped: number
  /** Pushes that took longer than half a lease and found something gone. */
  late: number
  /** Blobs collected while clients were at work, and in all. */
  collectedMeanwhile: number
  collected: number
  /** ms from the last deletion until the last object was gone. */
  drained: number
}

const REPOS = ['soak/a', 'soak/b', 'soak/c', 'soak/d']
const TAGS = ['one', 'two', 'three', 'four', 'five']
const SHARED = 24
const PULLERS = 4
const DELETERS = 2

const pick = <T>(from: readonly T[]): T => from[randomInt(from.length)] as T
const perhaps = (share: number) => Math.random() < share

/**
 * Clients push, mount, pull and delete while a collector comes all the time. What a client was told of stands for half a lease: a push that
 * relies on it within that time must not miss it. At the end all tags go, and everything must have gone soon after, to the last object.
 * Throws Violation.
 */
export async function collectUnderLoad(site: Site, options: CollectingOptions): Promise<CollectingReport> {
  const { pushers, leaseSeconds, everySeconds, more } = options
  await using server = await startServer(site, {
    env: {
      ...{ BERTH_GC_SECONDS: String(everySeconds), BERTH_SWEEP_SECONDS: '0.5', BERTH_GC_RATE: '100000' },
      ...{ BERTH_LEASE_SECONDS: String(leaseSeconds), BERTH_TOMBSTONE_SECONDS: '2', BERTH_UNDO_SECONDS: '0' },
      ...{ BERTH_MAX_UPLOADS_PER_REPO: '100000', BERTH_MAX_UPLOADS_PER_OWNER: '100000' },
    },
  })
  const soak = new Soak(wireTo(server.url), (leaseSeconds * 1000) / 2)
  let failure: unknown
  const run = async (work: () => Promise<void>) => {
    while (failure === undefined && more()) await work().catch((error) => (failure ??= error))
  }
  await Promise.all([
    ...Array.from({ length: pushers }, () => run(() => soak.push())),
    ...Array.from({ length: PULLERS }, () => run(() => soak.pull())),
    ...Array.from({ length: DELETERS }, () => run(() => soak.remove())),
  ])
  if (failure !== undefined) throw failure
  const { report } = soak
  report.collectedMeanwhile = await collectedBy(site)
  await soak.removeAll()
  report.drained = await untilEmpty(site, (leaseSeconds * 6 + everySeconds * 6 + 60) * 1000)
  report.collected = await collectedBy(site)
  await stopAndScrub(site, server)
  return report
}

export function tellCollecting(report: CollectingReport): string {
  const { pushes, pulls, deletions, mounts, skipped, late, collectedMeanwhile, collected, drained } = report
  return `${pushes} pushes (${skipped} skipped what was there, ${mounts} mounts, ${late} too slow to hold it to its promises), ${pulls} pulls, ${deletions} deletions; ${collectedMeanwhile} blobs collected meanwhile, ${collected} in all; empty ${Math.round(drained)} ms after the last deletion`
}

class Soak {
  readonly report: CollectingReport = {
    ...{ pushes: 0, pulls: 0, deletions: 0, mounts: 0, skipped: 0, late: 0 },
    ...{ collectedMeanwhile: 0, collected: 0, drained: 0 },
  }
  readonly #wire: Wire
  /** ms for which something stands that a client was told of. */
  readonly #promise: number
  readonly #shared = Array.from({ length: SHARED }, () => randomBlob(2_000))
  readonly #children = new Map<string, TestManifest[]>(REPOS.map((repo) => [repo, []]))

  constructor(wire: Wire, promise: number) {
    this.#wire = wire
    this.#promise = promise
  }

  /** An image under a tag, or an index over children that have none: new ones, and one of which a HEAD says that it is there. */
  async push(): Promise<void> {
    const repo = pick(REPOS)
    const since = performance.now()
    if (perhaps(0.7)) {
      const image = await this.#ready(repo, {})
      await this.#put(repo, pick(TAGS), image, since)
      return
    }
    const child = await this.#ready(repo, { annotations: { unique: randomBytes(9).toString('hex') } })
    if (!(await this.#put(repo, child.digest, child, since))) return
    const children = [child]
    const old = this.#children.get(repo) as TestManifest[]
    const known = old.length === 0 ? undefined : pick(old)
    if (known !== undefined && (await this.#isThere(`/v2/${repo}/manifests/${known.digest}`))) {
      this.report.skipped++
      children.push(known)
    }
    old.push(child)
    if (old.length > 20) old.shift()
    await this.#put(repo, pick(TAGS), indexManifest(children), since)
  }

  async #ready(repo: string, extra: Record<string, unknown>): Promise<TestManifest> {
    const config = perhaps(0.5) ? pick(this.#shared) : randomBlob(500)
    const layers = [...new Set([pick(this.#shared), pick(this.#shared)])].filter((layer) => layer !== config)
    for (const blob of [config, ...layers]) await this.#bring(repo, blob)
    return imageManifest(config, layers, extra)
  }

  async #bring(repo: string, blob: TestBlob): Promise<void> {
    if (await this.#isThere(`/v2/${repo}/blobs/${blob.digest}`)) {
      this.report.skipped++
      return
    }
    if (perhaps(0.3)) {
      const mount = `mount=${blob.digest}&from=${pick(REPOS)}`
      const { status, headers } = await ask(
        this.#wire,
        'POST',
        `/v2/${repo}/blobs/uploads/?${mount}`,
        [201, 202],
      )
      if (status === 201) {
        this.report.mounts++
        return
      }
      await ask(this.#wire, 'DELETE', headers.get('location') ?? '', [204])
    }
    // 503: what was stored was collected while the bytes came; clients try again.
    let answer: Answer
    do {
      answer = await this.#wire
        .send('POST', `/v2/${repo}/blobs/uploads/?digest=${blob.digest}`, {
          headers: { 'content-type': 'application/octet-stream' },
          body: blob.bytes,
        })
        .catch((error: unknown) => retried(error))
    } while (answer.status === 503)
    if (answer.status !== 201) throw new Violation(`an upload was answered ${answer.status}`)
  }

  async #isThere(path: string): Promise<boolean> {
    return (await ask(this.#wire, 'HEAD', path, [200, 404])).status === 200
  }

  /** False where it could not be had, for which it took too long. Throws Violation where it was promised. */
  async #put(repo: string, to: string, manifest: TestManifest, since: number): Promise<boolean> {
    const answer = await this.#wire.send('PUT', `/v2/${repo}/manifests/${to}`, {
      headers: { 'content-type': manifest.mediaType },
      body: manifest.bytes,
    })
    if (answer.status === 201) {
      this.report.pushes++
      return true
    }
    const took = performance.now() - since
    if (took < this.#promise) {
      const text = Buffer.from(answer.bytes).toString()
      throw new Violation(`a push was answered ${answer.status} after ${Math.round(took)} ms: ${text}`)
    }
    this.report.late++
    return false
  }

  async pull(): Promise<void> {
    const repo = pick(REPOS)
    const since = performance.now()
    const found = await readManifest(this.#wire, repo, pick(TAGS))
    if (found === undefined) return
    const { layers = [], manifests = [] } = found.content
    for (const { digest } of layers)
      this.#insist(await readBlob(this.#wire, repo, digest), `blob ${digest}`, since)
    for (const { digest } of manifests)
      this.#insist(await readManifest(this.#wire, repo, digest), `manifest ${digest}`, since)
    this.report.pulls++
  }

  #insist(found: unknown, what: string, since: number): void {
    if (found === undefined && performance.now() - since < this.#promise)
      throw new Violation(`${what} was gone while it was pulled`)
  }

  async remove(): Promise<void> {
    const repo = pick(REPOS)
    const found = perhaps(0.3) ? await readManifest(this.#wire, repo, pick(TAGS)) : undefined
    // 405: an index lists it.
    await ask(this.#wire, 'DELETE', `/v2/${repo}/manifests/${found?.digest ?? pick(TAGS)}`, [202, 404, 405])
    this.report.deletions++
    await new Promise((resolve) => setTimeout(resolve, 20))
  }

  async removeAll(): Promise<void> {
    for (const repo of REPOS)
      for (const tag of TAGS) await ask(this.#wire, 'DELETE', `/v2/${repo}/manifests/${tag}`, [202, 404])
  }
}

function retried(error: unknown): Answer {
  if (error instanceof Violation && error.message.includes('was answered 503')) {
    return { status: 503, headers: new Headers(), bytes: new Uint8Array(), json: () => ({}) }
  }
  throw error
}

async function collectedBy(site: Site): Promise<number> {
  await using snapshot = await snapshotOf(site)
  const [row] = await snapshot.rows<{ blobs: number }>('SELECT blobs FROM collected')
  return Number(row?.blobs ?? 0)
}

const LEFT = ['manifest', 'repo_blob', 'blob', 'tombstone']
  .map((table) => `SELECT '${table}' AS name, count(*) AS n FROM ${table}`)
  .join(' UNION ALL ')

/** ms until nothing was left. Throws Violation where something still is after `patience` ms. */
async function untilEmpty(site: Site, patience: number): Promise<number> {
  const start = performance.now()
  for (;;) {
    await using snapshot = await snapshotOf(site)
    const left = (await snapshot.rows<{ name: string; n: number }>(LEFT)).filter(({ n }) => Number(n) > 0)
    const took = performance.now() - start
    if (left.length === 0) return took
    if (took > patience) throw new Violation(`garbage stayed: ${JSON.stringify(left)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
