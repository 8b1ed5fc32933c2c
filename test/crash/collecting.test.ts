import { expect, setDefaultTimeout, test } from 'bun:test'
import { collectUnderLoad, tellCollecting } from './collecting.ts'
import { describeOnBoth } from './sites.ts'

/* The short form of `npm run soak -- --mode collect`. */

setDefaultTimeout(170_000)

describeOnBoth('a collector every second under load', (newSite) => {
  test('takes nothing that was promised, and everything else', async () => {
    await using site = await newSite()
    const end = Date.now() + 12_000
    const options = { pushers: 16, leaseSeconds: 3, everySeconds: 1, more: () => Date.now() < end }
    const report = await collectUnderLoad(site, options)
    console.log(tellCollecting(report))
    expect(report.pushes).toBeGreaterThan(50)
    expect(report.skipped).toBeGreaterThan(0)
    expect(report.collected).toBeGreaterThan(report.collectedMeanwhile)
  })
})
