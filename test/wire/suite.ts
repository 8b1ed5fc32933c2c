import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { WireHandler } from '../../src/oci/message.ts'
import { send } from './exchange.ts'
import { play, type Row } from './row.ts'
import { DELETION } from './tables/deletion.ts'
import { DISCOVERY } from './tables/discovery.ts'
import { GENERAL } from './tables/general.ts'
import { MANIFEST_PUSH } from './tables/manifest-push.ts'
import { PULL } from './tables/pull.ts'
import { REFERRERS } from './tables/referrers.ts'
import { SESSIONS } from './tables/sessions.ts'
import { UPLOADS } from './tables/uploads.ts'

const TABLES: Readonly<Record<string, readonly Row[]>> = {
  general: GENERAL,
  pull: PULL,
  'blob push': UPLOADS,
  'upload sessions': SESSIONS,
  'manifest push': MANIFEST_PUSH,
  referrers: REFERRERS,
  discovery: DISCOVERY,
  deletion: DELETION,
}

export interface WireUnderTest {
  readonly handler: WireHandler
  dispose(): Promise<void>
}

/** Plays every table of the wire against a handler over any registry; what a row needs it pushes itself. */
export function wireSuite(name: string, make: () => Promise<WireUnderTest>): void {
  describe(`wire: ${name}`, () => {
    let wire: WireUnderTest
    // A database of the stack's own may have to be made first.
    beforeAll(async () => {
      wire = await make()
    }, 60_000)
    afterAll(() => wire.dispose(), 60_000)

    for (const [table, rows] of Object.entries(TABLES)) {
      describe(table, () => {
        for (const row of rows) test(`${row.id} ${row.title}`, () => play(wire.handler, row))
      })
    }

    test('G13 paths outside of the protocol are left to others', async () => {
      for (const path of ['/', '/v1', '/v1/', '/v1/users', '/v2x', '/v3/', '/livez', '/api/v2/'])
        expect(await send(wire.handler, { method: 'GET', path })).toBeUndefined()
    })
  })
}
