import { join } from 'node:path'
import { Checker } from './checker.ts'
import { Ledger } from './ledger.ts'
import { makePool, type Pool } from './pool.ts'
import { type Random, seededRandom } from './random.ts'
import { scrub } from './scrub.ts'
import { type CrashServer, insistOnReady, type Site, startServer } from './server.ts'
import { stopAndScrub } from './strike.ts'
import { readAll } from './visible.ts'
import { Cut, Violation, wireTo } from './wire.ts'
import { CrashWorker } from './worker.ts'

export interface RandomKillOptions {
  readonly seed: number
  readonly workers: number
  /** ms that a server works before it is killed. */
  readonly shortest: number
  readonly longest: number
  /** Asked after each kill; the last round is the one after which it says no. */
  readonly more: (kills: number) => boolean
  readonly onRound?: (report: RandomKillReport) => void
}

export interface RandomKillReport {
  readonly seed: number
  kills: number
  acknowledged: number
  /** Operations that a kill cut: each may have happened or not. */
  cut: number
  /** ms from each start after a kill until the server said that it was ready. */
  readonly ready: number[]
}

/** Clean-up runs all the time, and everything abandoned is soon over, so that kills strike there too. */
const BUSY = {
  BERTH_SWEEP_SECONDS: '0.2',
  BERTH_UPLOAD_TTL_SECONDS: '60',
  BERTH_TOMBSTONE_SECONDS: '2',
  BERTH_MAX_UPLOADS_PER_REPO: '100000',
  BERTH_MAX_UPLOADS_PER_OWNER: '100000',
}

/**
 * Lets workers push, pull and delete, kills the server at a random moment, starts it again and holds it to the ledger; over and over.
 * Throws Violation, with the seed, when the contract is broken; the same seed gives the same intentions, not the same timing.
 */
export async function killAtRandom(site: Site, options: RandomKillOptions): Promise<RandomKillReport> {
  const { seed, more, onRound } = options
  const random = seededRandom(seed)
  const report: RandomKillReport = { seed, kills: 0, acknowledged: 0, cut: 0, ready: [] }
  using ledger = new Ledger(join(site.data, '..', 'ledger.jsonl'))
  const workers = Array.from(
    { length: options.workers },
    (_, id) => new CrashWorker(id, random.fork(), ledger),
  )
  const hashed = new Set<string>()
  let pool = makePool(random)
  const checker = new Checker(ledger.path, pool.tags)
  let server = await startReady(site)
  try {
    do {
      await workAndKill(server, workers, pool, moment(random, options))
      report.kills++
      server = await restart(site, report)
      ledger.restarted()
      ledger.sync()
      const wire = wireTo(server.url)
      await checker.checkLife(wire)
      await readAll(wire)
      insistOnNothing(await scrub(site, hashed))
      report.acknowledged = checker.acknowledged
      report.cut = checker.cut
      onRound?.(report)
      pool = makePool(random, pool)
    } while (more(report.kills))
    await checker.checkAll(wireTo(server.url))
    await stopAndScrub(site, server)
    return report
  } catch (error) {
    throw new Violation(`with seed ${seed}, after ${report.kills} kills: ${(error as Error).message}`, {
      cause: error,
    })
  } finally {
    await server[Symbol.asyncDispose]()
  }
}

function moment(random: Random, { shortest, longest }: RandomKillOptions): number {
  return shortest + random.below(longest - shortest)
}

async function startReady(site: Site): Promise<CrashServer> {
  const server = await startServer(site, { env: BUSY })
  await insistOnReady(server)
  return server
}

async function restart(site: Site, report: RandomKillReport): Promise<CrashServer> {
  const start = performance.now()
  const server = await startReady(site)
  report.ready.push(performance.now() - start)
  return server
}

/** The workers work until the connection is cut; a worker that ends otherwise has found a violation. */
async function workAndKill(
  server: CrashServer,
  workers: readonly CrashWorker[],
  pool: Pool,
  after: number,
): Promise<void> {
  const wire = wireTo(server.url)
  let killed = false
  const ends = workers.map((worker) =>
    worker.run(wire, pool).catch((error: unknown) => {
      if (!(error instanceof Cut)) throw error
      if (!killed) throw new Violation(`a living server cut a connection: ${error.message}`)
    }),
  )
  const { promise: time, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, after)
  try {
    await Promise.race([time, ...ends])
    const complaints = server.daemon.lines.filter((line) => line.includes('"level":"error"'))
    if (complaints.length > 0) throw new Violation(`the server logged errors:\n${complaints.join('\n')}`)
  } finally {
    clearTimeout(timer)
    killed = true
    await server.kill()
    await Promise.allSettled(ends)
  }
  await Promise.all(ends)
}

function insistOnNothing(wrong: readonly string[]): void {
  if (wrong.length > 0) throw new Violation(wrong.join('\n'))
}
