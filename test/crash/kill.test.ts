import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { FAILPOINTS } from '../../src/core/failpoint.ts'
import { COLLECT, REAP, SWEEP } from './failpoint-paths.ts'
import { OPERATIONS } from './operations.ts'
import { describeOnBoth } from './sites.ts'
import { insistOnPath, strikeEverywhere } from './strike.ts'

setDefaultTimeout(400_000)

test('every failpoint lies on the way of some operation', () => {
  const passed = new Set([
    ...OPERATIONS.flatMap((operation) => operation.path),
    ...SWEEP,
    ...REAP,
    ...COLLECT,
  ])
  expect([...passed].sort()).toEqual([...FAILPOINTS].sort())
})

describeOnBoth('kill -9', (newSite) => {
  describe('passes the failpoints that its path names, and no other', () => {
    for (const operation of OPERATIONS)
      test(operation.name, async () => {
        await using site = await newSite()
        await insistOnPath(site, operation)
      })
  })

  describe('at every failpoint leaves it whole or absent (C1, C2, C3)', () => {
    for (const operation of OPERATIONS)
      test(operation.name, async () => {
        await using site = await newSite()
        await strikeEverywhere(site, operation)
      })
  })
})
