import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { randomBlob } from '../suite/content.ts'
import { failEverywhere } from './faults.ts'
import { OPERATIONS } from './operations.ts'
import { startServer } from './server.ts'
import { describeOnBoth, sqliteSite } from './sites.ts'
import { stopAndScrub } from './strike.ts'
import { UploadSession } from './upload-session.ts'
import { Fault, readBlob, wireTo } from './wire.ts'

setDefaultTimeout(400_000)

describeOnBoth('a failing disk', (newSite) => {
  for (const code of ['EIO', 'ENOSPC'] as const)
    describe(`${code} at every point is told, leaves nothing half-done, and passes`, () => {
      for (const operation of OPERATIONS)
        test(operation.name, async () => {
          await using site = await newSite()
          expect(await failEverywhere(site, operation, code)).toBeGreaterThan(0)
        })
    })
})

describe('a disk that fills up late in a long request', () => {
  /** The file store makes bytes durable, and the session says so, every 64 MiB; it writes one MiB at a time. */
  const content = randomBlob(70 * 2 ** 20)
  const WRITES_BEFORE = 68

  test('leaves the session where its durable bytes end, and it can be finished from there', async () => {
    await using site = await sqliteSite()
    await using server = await startServer(site, {
      armed: [{ point: 'blob.mid-write', nth: WRITES_BEFORE, action: 'error:ENOSPC' }],
    })
    const session = new UploadSession('crash/late', content.digest, content.bytes)
    const wire = wireTo(server.url, { faults: true })
    await session.open(wire)
    const error = await session.patch(wire, content.bytes.byteLength, 'streamed').catch((error) => error)
    expect(error).toBeInstanceOf(Fault)
    expect(error.answer.status).toBe(507)
    expect(await session.resume(wire)).toBe(true)
    expect((await readBlob(wire, 'crash/late', content.digest))?.byteLength).toBe(content.bytes.byteLength)
    await stopAndScrub(site, server)
  })
})
