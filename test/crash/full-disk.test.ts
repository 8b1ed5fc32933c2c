import { expect, setDefaultTimeout, test } from 'bun:test'
import { imageManifest, randomBlob, type TestBlob } from '../suite/content.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { smallDisk } from './full-disk.ts'
import { pushWhole, putManifest } from './requests.ts'
import { startServer } from './server.ts'
import { describeOnBoth } from './sites.ts'
import { stopAndScrub } from './strike.ts'
import { UploadSession } from './upload-session.ts'
import { readAll, readRepository } from './visible.ts'
import { ask, Fault, type Wire, wireTo } from './wire.ts'

setDefaultTimeout(300_000)

const MIB = 2 ** 20
/** Room left at each attempt: from none to more than enough for a layer. */
const OFFSETS = Array.from({ length: 64 }, (_, n) => n * 20 * 1024)
const LAYER = MIB
const ROOMY = 8 * MIB

interface Image {
  readonly repo: string
  readonly config: TestBlob
  readonly layer: TestBlob
}

/** Pushes an image step by step; the step that the disk was too full for, or undefined. */
async function pushUntilFull(wire: Wire, { repo, config, layer }: Image): Promise<string | undefined> {
  const session = new UploadSession(repo, layer.digest, layer.bytes)
  const steps: Record<string, () => Promise<void>> = {
    config: () => pushWhole(wire, repo, config),
    'start of the layer': () => session.open(wire),
    'half of the layer': () => session.patch(wire, LAYER / 2),
    'rest of the layer': () => session.close(wire),
    manifest: () => putManifest(wire, repo, 'latest', imageManifest(config, [layer])),
  }
  for (const [name, step] of Object.entries(steps)) {
    const fault = await step().catch((error: unknown) => {
      if (error instanceof Fault) return error
      throw error
    })
    if (fault === undefined) continue
    expect(fault.answer.status).toBe(507)
    expect(fault.answer.json()).toMatchObject({
      errors: [{ code: expect.any(String), message: expect.any(String) }],
    })
    return name
  }
  return undefined
}

/** Tries until the outcome is as wanted. */
async function until(
  attempt: () => Promise<unknown>,
  wanted: (outcome: unknown) => boolean,
): Promise<unknown> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const outcome = await attempt()
    if (wanted(outcome)) return outcome
    await new Promise((resolve) => setTimeout(resolve, 50))
    if (Date.now() > deadline) throw new Error(`it never came to that; the last outcome was ${outcome}`)
  }
}

describeNeeding({ root: true }, 'on a small disk', () => {
  describeOnBoth('a disk that is full', (newSite) => {
    test(`at ${OFFSETS.length} places is told, takes nothing along, and is forgotten once there is room`, async () => {
      await using disk = await smallDisk(await newSite(), { mebibytes: 128 })
      await using server = await startServer(disk.site)
      const wire = wireTo(server.url, { faults: true })
      const failures = new Map<string, number>()
      for (const [at, room] of OFFSETS.entries()) {
        const image = { repo: `crash/full-${at}`, config: randomBlob(2_000), layer: randomBlob(LAYER) }
        await disk.leave(room)
        const failed = await pushUntilFull(wire, image)
        await readRepository(wire, image.repo)
        if (failed !== undefined) {
          failures.set(failed, (failures.get(failed) ?? 0) + 1)
          // What was begun in vain is gone at once: nobody else can be in want of that space.
          if (failed.endsWith('layer'))
            expect(await disk.free()).toBeGreaterThan(room - LAYER / 2 - 64 * 1024)
          if (at > 0) await readRepository(wire, 'crash/full-0')
        }
        await disk.leave(ROOMY)
        expect(await pushUntilFull(wire, image)).toBeUndefined()
        await readRepository(wire, image.repo)
      }
      expect([...failures.keys()]).toContain('rest of the layer')
      expect((await readAll(wire)).tags).toBe(OFFSETS.length)
      await stopAndScrub(disk.site, server)
    })

    test('but for the reserve refuses uploads at their start, and still reads, tags and deletes', async () => {
      await using disk = await smallDisk(await newSite(), { mebibytes: 64 })
      await using server = await startServer(disk.site, {
        env: { BERTH_DISK_RESERVE_BYTES: String(16 * MIB) },
      })
      const wire = wireTo(server.url, { faults: true })
      const image = { repo: 'crash/reserve', config: randomBlob(2_000), layer: randomBlob(LAYER) }
      expect(await pushUntilFull(wire, image)).toBeUndefined()
      await disk.leave(12 * MIB)
      // The free space is asked for once a second.
      const refused = await until(
        () => pushWhole(wire, image.repo, randomBlob(500)).catch((error: unknown) => error),
        (error) => error !== undefined,
      )
      expect(refused).toBeInstanceOf(Fault)
      expect((refused as Fault).answer.status).toBe(507)
      const manifest = imageManifest(image.config, [image.layer])
      await putManifest(wire, image.repo, 'another', manifest)
      await readRepository(wire, image.repo)
      await ask(wire, 'DELETE', `/v2/${image.repo}/manifests/latest`, [202])
      await ask(wire, 'DELETE', `/v2/${image.repo}/manifests/${manifest.digest}`, [202])
      await stopAndScrub(disk.site, server)
    })

    test('of files, is told as well, and forgotten once there may be more', async () => {
      await using disk = await smallDisk(await newSite(), { mebibytes: 64, files: 300 })
      await using server = await startServer(disk.site)
      const wire = wireTo(server.url, { faults: true })
      const repo = 'crash/files'
      let fault: unknown
      for (let n = 0; n < 100 && fault === undefined; n++)
        fault = await pushWhole(wire, repo, randomBlob(100)).catch((error: unknown) => error)
      expect(fault).toBeInstanceOf(Fault)
      expect((fault as Fault).answer.status).toBe(507)
      await disk.allowFiles(1_000)
      await until(
        () => pushWhole(wire, repo, randomBlob(100)).catch((error: unknown) => error),
        (error) => error === undefined,
      )
      await stopAndScrub(disk.site, server)
    })
  })
})
