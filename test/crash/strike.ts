import { FAILPOINTS, type Failpoint } from '../../src/core/failpoint.ts'
import { type Attempt, committedAt, type Operation } from './operation.ts'
import { scrub } from './scrub.ts'
import { type CrashServer, type Site, startServer } from './server.ts'
import { readRepository } from './visible.ts'
import { Cut, Violation, type Wire, wireTo } from './wire.ts'

/** A point on an operation's way, at its `nth` hit. */
interface Strike {
  readonly point: Failpoint
  readonly nth: number
  readonly attempt: Attempt
  /** Whether the operation had happened by then. */
  readonly committed: boolean
}

/**
 * Kills a server at every point on an operation's way, one start each, and holds every start after it to the contract: what was
 * committed is there, what was not is not there at all. At the end everything that was cut is finished the way a client does, and
 * metadata and storage are compared. Throws Violation.
 */
export async function strikeEverywhere(site: Site, operation: Operation): Promise<void> {
  const strikes = await prepareStrikes(site, operation)
  let last: Strike | undefined
  for (const strike of strikes) {
    await using server = await startServer(site, { armed: [{ ...strike, action: 'kill' }] })
    const wire = wireTo(server.url)
    if (last !== undefined) await insistOnOutcome(wire, last)
    await runInto(server, wire, strike)
    last = strike
  }
  await using server = await startServer(site)
  const wire = wireTo(server.url)
  for (const strike of strikes) {
    await insistOnOutcome(wire, strike)
    await finish(wire, strike)
    await readRepository(wire, strike.attempt.repo)
  }
  await stopAndScrub(site, server)
}

/**
 * Runs an operation while every failpoint that its path does not name, and every further hit of those it names, is deadly: so the
 * path is complete.
 */
export async function insistOnPath(site: Site, operation: Operation): Promise<void> {
  const attempt = await prepareOne(site, operation)
  const armed = FAILPOINTS.map((point) => {
    return { point, nth: hitsOf(operation, point) + 1, action: 'kill' } as const
  })
  await using server = await startServer(site, { armed })
  const wire = wireTo(server.url)
  await attempt.run(wire)
  if (!(await attempt.happened(wire))) throw new Violation('it was acknowledged, but has not happened')
  await server.kill()
}

export function hitsOf(operation: Operation, point: Failpoint): number {
  return operation.path.filter((each) => each === point).length
}

export async function prepareOne(site: Site, operation: Operation): Promise<Attempt> {
  await using server = await startServer(site)
  const attempt = await operation.prepare(wireTo(server.url), 'crash/one', site)
  await server.kill()
  return attempt
}

async function prepareStrikes(site: Site, operation: Operation): Promise<Strike[]> {
  await using server = await startServer(site)
  const wire = wireTo(server.url)
  const strikes: Strike[] = []
  for (const [index, point] of operation.path.entries()) {
    const nth = operation.path.slice(0, index + 1).filter((each) => each === point).length
    const attempt = await operation.prepare(wire, `crash/at-${index}`, site)
    strikes.push({ point, nth, attempt, committed: committedAt(operation, index) })
  }
  await server.kill()
  return strikes
}

async function runInto(server: CrashServer, wire: Wire, { point, nth, attempt }: Strike): Promise<void> {
  let acknowledged = true
  try {
    await attempt.run(wire)
  } catch (error) {
    if (!(error instanceof Cut)) throw error
    acknowledged = false
  }
  if (acknowledged) throw new Violation(`it was acknowledged and never came to ${point} for the ${nth}. time`)
  await server.killed()
}

async function insistOnOutcome(wire: Wire, { point, nth, attempt, committed }: Strike): Promise<void> {
  const where = `killed at ${point} for the ${nth}. time`
  const happened = await told(where, () => attempt.happened(wire))
  if (happened !== committed) {
    throw new Violation(
      `${where}: it has ${happened ? '' : 'not '}happened, but ${committed ? 'was' : 'was not'} committed`,
    )
  }
}

async function finish(wire: Wire, { point, nth, attempt, committed }: Strike): Promise<void> {
  await told(`after a kill at ${point} for the ${nth}. time, finishing`, async () => {
    if (attempt.finish !== undefined) await attempt.finish(wire)
    else if (!committed) await attempt.run(wire)
    if (!(await attempt.happened(wire))) throw new Violation('it was acknowledged, but has not happened')
  })
}

/** Stops a server in good order and compares what it leaves. */
export async function stopAndScrub(site: Site, server: CrashServer): Promise<void> {
  const code = await server.stop()
  if (code !== 0) throw new Violation(`the server ended with ${code}`)
  const wrong = await scrub(site)
  if (wrong.length > 0) throw new Violation(wrong.join('\n'))
}

async function told<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new Violation(`${where}: ${(error as Error).message}`, { cause: error })
  }
}
