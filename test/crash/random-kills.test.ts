import { expect, setDefaultTimeout, test } from 'bun:test'
import { randomInt } from 'node:crypto'
import { killAtRandom } from './random-kills.ts'
import { describeOnBoth } from './sites.ts'

setDefaultTimeout(240_000)

const ROUNDS = 20

describeOnBoth('kill -9 at random moments under 16 workers', (newSite) => {
  test('loses nothing acknowledged and shows nothing half-done', async () => {
    await using site = await newSite()
    const report = await killAtRandom(site, {
      seed: randomInt(2 ** 31),
      workers: 16,
      shortest: 200,
      longest: 1200,
      more: (kills) => kills < ROUNDS,
    })
    expect(report.kills).toBe(ROUNDS)
    // Workers that were cut before they did anything would prove nothing.
    expect(report.acknowledged).toBeGreaterThan(ROUNDS * 16)
    expect(report.cut).toBeGreaterThan(0)
  })
})
