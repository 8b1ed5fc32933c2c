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

/** Rows that do not hold somewhere, by their full title, and why. */
export type Exceptions = Readonly<Record<string, string>>

/** Plays every table of the wire against a handler over any registry; what a row needs it pushes itself. */
export function wireSuite(
  name: string,
  make: () => Promise<WireUnderTest>,
  { except = {} }: { readonly except?: Exceptions } = {},
): void {
  const titles = new Set(Object.values(TABLES).flatMap((rows) => rows.map(titleOf)))
  for (const title of Object.keys(except))
    if (!titles.has(title)) throw new Error(`wire: ${name}: no row is titled ${JSON.stringify(title)}`)

  describe(`wire: ${name}`, () => {
    let wire: WireUnderTest
    // A database of the stack's own may have to be made first.
    beforeAll(async () => {
      wire = await make()
    }, 60_000)
    afterAll(() => wire.dispose(), 60_000)

    for (const [table, rows] of Object.entries(TABLES)) {
      describe(table, () => {
        for (const row of rows.filter((each) => except[titleOf(each)] === undefined))
          test(titleOf(row), () => play(wire.handler, row))
      })
    }

    test('G13 paths outside of the protocol are left to others', async () => {
      for (const path of ['/', '/v1', '/v1/', '/v1/users', '/v2x', '/v3/', '/elsewhere', '/api/v2/'])
        expect(await send(wire.handler, { method: 'GET', path })).toBeUndefined()
    })
  })
}

function titleOf(row: Row): string {
  return `${row.id} ${row.title}`
}
