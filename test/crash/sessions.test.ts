import { expect, setDefaultTimeout, test } from 'bun:test'
import { randomBlob } from '../suite/content.ts'
import { startServer } from './server.ts'
import { describeOnBoth } from './sites.ts'
import { stopAndScrub } from './strike.ts'
import { UploadSession } from './upload-session.ts'
import { Cut, readBlob, wireTo } from './wire.ts'

setDefaultTimeout(120_000)

const REPO = 'crash/sessions'
const SESSIONS = 500
const SIZE = 6_000
/** Chunks that are acknowledged of those under way when the server is killed. */
const ANSWERED = 200

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const next = async () => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) await work(item)
  }
  await Promise.all(Array.from({ length: 32 }, next))
}

describeOnBoth(`a restart with ${SESSIONS} half-done uploads`, (newSite) => {
  test('finds each where its durable bytes end, and finishes it from there', async () => {
    await using site = await newSite()
    const sessions = Array.from({ length: SESSIONS }, () => {
      const { bytes, digest } = randomBlob(SIZE)
      return new UploadSession(REPO, digest, bytes)
    })
    await using first = await startServer(site)
    const before = wireTo(first.url)
    await inBatches(sessions, async (session) => {
      await session.open(before)
      await session.patch(before, 2_000)
    })

    let answered = 0
    const cut = await Promise.allSettled(
      sessions.map(async (session) => {
        await session.patch(before, 4_000)
        if (++answered === ANSWERED) first.daemon.kill('SIGKILL')
      }),
    )
    await first.killed()
    const failures = cut.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    expect(failures.filter((error) => !(error instanceof Cut))).toEqual([])
    expect(failures.length).toBeGreaterThan(0)

    await using second = await startServer(site)
    const after = wireTo(second.url)
    const held: (number | undefined)[] = []
    await inBatches(sessions, async (session) => {
      held.push(await session.status(after))
      expect(await session.resume(after)).toBe(true)
      expect((await readBlob(after, REPO, session.digest))?.byteLength).toBe(SIZE)
    })
    // Whole chunks were sent, so that no session can stand between them.
    expect(new Set(held)).toEqual(new Set([2_000, 4_000]))
    await stopAndScrub(site, second)
  })
})
