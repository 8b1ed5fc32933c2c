import { expect, setDefaultTimeout, test } from 'bun:test'
import { randomBlob } from '../suite/content.ts'
import { pushWhole } from './requests.ts'
import { insistOnReady, launch, startServer } from './server.ts'
import { describeOnBoth } from './sites.ts'
import { stopAndScrub } from './strike.ts'
import { readBlob, wireTo } from './wire.ts'

setDefaultTimeout(400_000)

/** Later than any set-up takes; moments are spread below it. */
const LATEST = 240
const KILLS = 12

describeOnBoth('a server that is killed while it sets itself up', (newSite) => {
  test('starts the next time as if nothing had been', async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      await using site = await newSite()
      await using first = launch(site)
      await new Promise((resolve) => setTimeout(resolve, (LATEST * kill) / KILLS))
      first.kill('SIGKILL')
      await first.exited

      await using second = await startServer(site)
      await insistOnReady(second)
      const { digest, bytes } = randomBlob(1_000)
      const wire = wireTo(second.url)
      await pushWhole(wire, 'crash/first', { digest, bytes })
      expect(await readBlob(wire, 'crash/first', digest)).toBeDefined()
      await stopAndScrub(site, second)
    }
  })
})
