import { expect, setDefaultTimeout, test } from 'bun:test'
import { randomBlob } from '../suite/content.ts'
import { snapshotOf, tamper } from './database.ts'
import { REAP, SWEEP } from './failpoint-paths.ts'
import { scrub } from './scrub.ts'
import { type Armed, type Site, startServer } from './server.ts'
import { describeOnBoth } from './sites.ts'
import { stopAndScrub } from './strike.ts'
import { UploadSession } from './upload-session.ts'
import { readBlob, wireTo } from './wire.ts'

/* What the server does by itself: it ends expired uploads (rule S) and deletes what tombstones name (rule R). */

setDefaultTimeout(60_000)

/** Looks for work all the time, and finds what is buried due at once. */
const HASTY = { BERTH_SWEEP_SECONDS: '0.05', BERTH_TOMBSTONE_SECONDS: '0' }
const REPO = 'crash/clean-up'
const KEPT = randomBlob(9_000)

/** One blob that must stay, three uploads with bytes whose time is over, one that was cancelled. */
async function prepare(site: Site): Promise<void> {
  await using server = await startServer(site)
  const wire = wireTo(server.url)
  const kept = new UploadSession(REPO, KEPT.digest, KEPT.bytes)
  await kept.open(wire)
  await kept.close(wire)
  const abandoned: UploadSession[] = []
  for (let n = 0; n < 4; n++) {
    const { digest, bytes } = randomBlob(9_000)
    const session = new UploadSession(REPO, digest, bytes)
    await session.open(wire)
    await session.patch(wire, 5_000)
    abandoned.push(session)
  }
  await abandoned[0]?.cancel(wire)
  await server.kill()
  await tamper(site, 'UPDATE upload SET expires_at = 1', 'UPDATE tombstone SET delete_after = 1')
}

async function remaining(site: Site): Promise<number> {
  await using snapshot = await snapshotOf(site)
  return (await snapshot.rows('SELECT obj FROM upload UNION ALL SELECT obj FROM tombstone')).length
}

/** Lets a server clean up until nothing is left, and looks at what is. */
async function insistOnClean(site: Site, armed: readonly Armed[] = []): Promise<void> {
  await using server = await startServer(site, { env: HASTY, armed })
  const deadline = Date.now() + 20_000
  while ((await remaining(site)) > 0) {
    if (Date.now() > deadline) throw new Error(`not clean:\n${(await scrub(site)).join('\n')}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect((await readBlob(wireTo(server.url), REPO, KEPT.digest))?.byteLength).toBe(KEPT.bytes.byteLength)
  await stopAndScrub(site, server)
}

describeOnBoth('clean-up', (newSite) => {
  const path = [...SWEEP, ...REAP]
  for (const [at, point] of path.entries()) {
    const nth = path.slice(0, at + 1).filter((each) => each === point).length
    test(`goes on after kill -9 at ${point}, hit ${nth}`, async () => {
      await using site = await newSite()
      await prepare(site)
      await using server = await startServer(site, { env: HASTY, armed: [{ point, nth, action: 'kill' }] })
      await server.killed()
      await insistOnClean(site)
    })
  }

  test('tries again after every failure', async () => {
    await using site = await newSite()
    await prepare(site)
    await insistOnClean(
      site,
      path.map((point) => ({ point, nth: 1, action: 'error:EIO' })),
    )
  })
})
