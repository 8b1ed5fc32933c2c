import type { Clock } from '../core/clock.ts'
import { type Failpoint, failpoint } from '../core/failpoint.ts'
import type { Log } from '../core/log.ts'
import type { CollectionStore, JobStore, Reviewed } from '../store/meta/lifecycle-store.ts'
import { type Rounds, startRounds } from './rounds.ts'

/** The job's name in the database. */
export const COLLECTION = 'collection'
/** ms that a process has the job for before it has to ask again: one that dies keeps the others from it for as long. */
const LEASE = 60_000
/** ms after a step that is not held back by the rate. */
const LONGEST_REST = 50

export interface CollectOptions {
  readonly meta: CollectionStore & JobStore
  readonly clock: Clock
  readonly log: Log
  /** ms that unreferenced content stays. */
  readonly lease: number
  /** ms that a changed or deleted tag can be brought back, where its namespace does not say it. */
  readonly undo: number
  /** ms between a tombstone and the deletion of its bytes. */
  readonly tombstoneDelay: number
  /** Entries of a queue looked at in one step. */
  readonly batch: number
  /** Rows a second at most; and never more than half of the time. */
  readonly rate: number
}

/** What one round did. */
export interface Collected {
  /** Rows of deleted repositories. */
  readonly purged: number
  readonly manifests: number
  readonly links: number
  readonly blobs: number
  /** Of the blobs, in bytes. */
  readonly bytes: number
  /** Changes of tags that were forgotten. */
  readonly changes: number
}

/** What became of the wish for a round: it began, one is under way here or in another process, the job is paused, this process stops. */
export type CollectOutcome = 'started' | 'running' | 'paused' | 'elsewhere'

/** Collection while serving. */
export interface Collector extends Rounds {
  /** Asks for a round now, and answers when it is known whether it begins. */
  run(): Promise<CollectOutcome>
  /** ms that the last round here took; undefined before the first. */
  readonly lastDuration: number | undefined
}

/** Collects now and then until stopped, whenever this process has the lease. What failed is logged and tried again at the next round. */
export function startCollector({
  every,
  ...options
}: CollectOptions & { readonly every: number }): Collector {
  const holder = crypto.randomUUID()
  const stopping = new AbortController()
  const asked: PromiseWithResolvers<CollectOutcome>[] = []
  let isRunning = false
  let lastDuration: number | undefined

  async function round(): Promise<void> {
    const wishes = asked.splice(0)
    isRunning = true
    try {
      const { meta, clock } = options
      const isDue =
        wishes.length > 0 || (await meta.isCollectionDue({ now: clock.now(), undo: options.undo }))
      if (!isDue) return
      const start = performance.now()
      const outcome = await takeJob(options, holder)
      for (const wish of wishes) wish.resolve(outcome)
      if (outcome !== 'started') return
      await collectWithLease(options, holder, stopping.signal)
      lastDuration = performance.now() - start
    } catch (error) {
      for (const wish of wishes) wish.reject(error)
      throw error
    } finally {
      isRunning = false
    }
  }

  const rounds = startRounds({ name: COLLECTION, every, log: options.log, round })
  return {
    async run() {
      if (stopping.signal.aborted) return 'elsewhere'
      if (isRunning) return 'running'
      const wish = Promise.withResolvers<CollectOutcome>()
      asked.push(wish)
      rounds.hurry()
      return await wish.promise
    },
    hurry: () => rounds.hurry(),
    get lastDuration() {
      return lastDuration
    },
    async stop() {
      stopping.abort()
      await rounds.stop()
      for (const wish of asked.splice(0)) wish.resolve('elsewhere')
    },
  }
}

/** One round by whoever has the database to itself, or shares it. */
export async function collectOnce(options: CollectOptions): Promise<CollectOutcome> {
  const holder = crypto.randomUUID()
  const outcome = await takeJob(options, holder)
  if (outcome === 'started') await collectWithLease(options, holder, new AbortController().signal)
  return outcome
}

async function takeJob({ meta, clock }: CollectOptions, holder: string): Promise<CollectOutcome> {
  if (await meta.leaseJob(leaseAt(clock.now(), holder))) return 'started'
  const job = (await meta.listJobs()).find(({ name }) => name === COLLECTION)
  return job?.paused ? 'paused' : 'running'
}

function leaseAt(now: number, holder: string) {
  return { name: COLLECTION, holder, now, until: now + LEASE }
}

/** A round, and how it went. The lease is given back in any case: the next one may be another process's. */
async function collectWithLease(options: CollectOptions, holder: string, signal: AbortSignal): Promise<void> {
  const { meta, clock, log } = options
  const end: { failure?: string; detail?: string } = {}
  try {
    const collected = await new Round(options, holder, signal).collect()
    end.detail = JSON.stringify(collected)
    if (Object.values(collected).some((count) => count > 0)) log.info('collected', { ...collected })
    await failpoint('collect.before-end')
  } catch (error) {
    end.failure = (error as Error).message
    throw error
  } finally {
    await meta.finishJob({ name: COLLECTION, holder, now: clock.now(), ...end }).catch((error: Error) => {
      log.warn('the lease of the collection could not be given back and ends by itself', {
        error: error.message,
      })
    })
  }
}

/** One of the rules, a step of it at a time. */
interface Rule {
  /** What its deletions are counted as. */
  readonly counts: Exclude<keyof Collected, 'bytes'>
  readonly point: Failpoint
  readonly step: (now: number) => Promise<Reviewed>
}

class Round {
  readonly #options: CollectOptions
  readonly #holder: string
  readonly #signal: AbortSignal
  #leasedAt: number
  #isOver = false

  constructor(options: CollectOptions, holder: string, signal: AbortSignal) {
    this.#options = options
    this.#holder = holder
    this.#signal = signal
    this.#leasedAt = options.clock.now()
  }

  /**
   * The rules in turn, a step of each, until none has more to do: one that others keep waiting does not keep the rest. Nor does one that
   * fails; the first failure is thrown at the end.
   */
  async collect(): Promise<Collected> {
    const sums = { purged: 0, manifests: 0, links: 0, blobs: 0, bytes: 0, changes: 0 }
    const failures: unknown[] = []
    let rules = this.#rules()
    while (rules.length > 0) {
      const unfinished: Rule[] = []
      for (const rule of rules) {
        if (!(await this.#mayGoOn())) break
        try {
          const { deleted, bytes, more } = await this.#step(rule)
          sums[rule.counts] += deleted
          sums.bytes += bytes
          if (more) unfinished.push(rule)
        } catch (error) {
          failures.push(error)
        }
      }
      rules = this.#isOver || this.#signal.aborted ? [] : unfinished
    }
    if (failures.length > 0) throw failures[0]
    return sums
  }

  #rules(): Rule[] {
    const { meta, undo, lease, tombstoneDelay, batch: limit } = this.#options
    return [
      {
        counts: 'purged',
        point: 'collect.before-repositories',
        // What a deleted repository held was promised to nobody.
        step: (now) => meta.purgeRepositories({ now, limit, undo, grace: 0 }),
      },
      {
        counts: 'manifests',
        point: 'collect.before-manifests',
        step: (now) => meta.reviewManifests({ now, limit, undo, grace: lease }),
      },
      {
        counts: 'links',
        point: 'collect.before-links',
        // The lease of the link was all that its blob was promised.
        step: (now) => meta.reviewLinks({ now, limit, grace: 0 }),
      },
      {
        counts: 'blobs',
        point: 'collect.before-blobs',
        step: (now) => meta.reviewBlobs({ now, limit, deleteAfter: now + tombstoneDelay }),
      },
      {
        counts: 'changes',
        point: 'collect.before-history',
        async step(now) {
          const deleted = await meta.sweepHistory({ now, limit, undo })
          return { reviewed: deleted, deleted, bytes: 0, more: deleted >= limit }
        },
      },
    ]
  }

  async #step({ point, step }: Rule): Promise<Reviewed> {
    await failpoint(point)
    const start = performance.now()
    const done = await step(this.#options.clock.now())
    await this.#rest(Math.max(done.reviewed, done.deleted), performance.now() - start)
    return done
  }

  /** Whether the job is still this process's: not when stopping, paused, or taken over by another after a long stall. */
  async #mayGoOn(): Promise<boolean> {
    const { meta, clock } = this.#options
    if (this.#isOver || this.#signal.aborted) return false
    const now = clock.now()
    if (now - this.#leasedAt < LEASE / 20) return true
    this.#isOver = !(await meta.leaseJob(leaseAt(now, this.#holder)))
    this.#leasedAt = now
    return !this.#isOver
  }

  /** Leaves the database to others for as long as the step took it; what it waited for them is no work of its own. */
  async #rest(rows: number, took: number): Promise<void> {
    const ms = Math.max(Math.min(took, LONGEST_REST), (rows / this.#options.rate) * 1000 - took)
    if (rows === 0 || this.#signal.aborted) return
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#signal.addEventListener('abort', end)
    })
  }
}
