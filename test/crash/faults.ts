import { FAILPOINTS, type Failpoint } from '../../src/core/failpoint.ts'
import type { Attempt, Operation } from './operation.ts'
import { type Armed, type CrashServer, type Site, startServer } from './server.ts'
import { hitsOf, stopAndScrub } from './strike.ts'
import { readRepository } from './visible.ts'
import { ask, Fault, Violation, type Wire, wireTo } from './wire.ts'

/** The disk breaks, or is full. */
export type FaultCode = 'EIO' | 'ENOSPC'

/** Where a device can fail: in storage and in transactions. */
const FAULTY: readonly Failpoint[] = FAILPOINTS.filter((name) => /^(blob|tx)\./.test(name))

/** More faults than any operation can meet. */
const PATIENCE = 20

/**
 * Runs an operation while every point of storage and database on its way fails once, at its `nth` hit for each `nth` there is: the
 * client is told each time, sees nothing half-done, and tries again until it works – on the same server. Returns how many faults it
 * was told of. Throws Violation.
 */
export async function failEverywhere(site: Site, operation: Operation, code: FaultCode): Promise<number> {
  const rounds = Math.max(...FAULTY.map((point) => hitsOf(operation, point)))
  const attempts = await prepareAttempts(site, operation, rounds)
  let faults = 0
  for (const [at, attempt] of attempts.entries()) {
    const armed = FAULTY.map((point): Armed => ({ point, nth: at + 1, action: `error:${code}` }))
    await using server = await startServer(site, { armed })
    faults += await runThrough(server, attempt, code)
    await server.kill()
  }
  await using server = await startServer(site)
  const wire = wireTo(server.url)
  for (const attempt of attempts) {
    if (!(await attempt.happened(wire)))
      throw new Violation('it was acknowledged, and is gone after a restart')
    await readRepository(wire, attempt.repo)
  }
  await stopAndScrub(site, server)
  return faults
}

async function prepareAttempts(site: Site, operation: Operation, count: number): Promise<Attempt[]> {
  await using server = await startServer(site)
  const wire = wireTo(server.url)
  const attempts: Attempt[] = []
  for (let n = 0; n < count; n++) attempts.push(await operation.prepare(wire, `crash/faults-${n}`, site))
  await server.kill()
  return attempts
}

async function runThrough(server: CrashServer, attempt: Attempt, code: FaultCode): Promise<number> {
  const wire = wireTo(server.url, { faults: true })
  let step = () => attempt.run(wire)
  for (let faults = 0; faults < PATIENCE; faults++) {
    const fault = await faultOf(step)
    if ((await attempt.happened(wire)) !== (fault === undefined)) {
      // The database failed after its commit: the client cannot know, and finds it done when it looks.
      if (fault === undefined) throw new Violation('it was acknowledged, but has not happened')
      return faults + 1
    }
    if (fault === undefined) return faults
    insistOnAnswer(fault, code)
    await insistOnLife(wire)
    await readRepository(wire, attempt.repo)
    step = () => attempt.finish?.(wire) ?? attempt.run(wire)
  }
  throw new Violation(`it failed ${PATIENCE} times`)
}

async function faultOf(work: () => Promise<void>): Promise<Fault | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

/** A failure is told in the protocol's words; a full disk as such, since clients do not try again then. */
function insistOnAnswer({ message, answer }: Fault, code: FaultCode): void {
  const expected = code === 'ENOSPC' ? [507] : [500, 503]
  const { errors } = answer.json() as { errors?: { code?: string; message?: string }[] }
  const told = errors?.[0]?.code !== undefined && errors[0].message !== undefined
  if (!told || !expected.includes(answer.status)) throw new Violation(`after ${code}: ${message}`)
}

async function insistOnLife(wire: Wire): Promise<void> {
  await ask(wire, 'GET', '/livez', [200])
}
