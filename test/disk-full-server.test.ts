import { describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { digestOf } from '../src/core/digest.ts'
import { OCI_MANIFEST } from '../src/core/media-types.ts'
import { type BerthServer, startBerth } from './testbed/berth.ts'
import { smallDisk, smallDiskRefused } from './testbed/tmpfs.ts'

const KIB = 1024
const MIB = 1024 * KIB
const PAGE = 4 * KIB
const SIZE = MIB + 3000
/** What a blob of SIZE takes on the disk. */
const PAGES = 257
/** What the database's log may grow by in one push. */
const SLACK = 128 * KIB

const refused = await smallDiskRefused()
const describeOnDisk = (title: string, body: () => void) =>
  refused === undefined ? describe(title, body) : describe.skip(`${title} [skipped: ${refused}]`, body)

/** Pages left free: too few for the database, for the blob, and just enough for the blob but not for the database behind it. */
const LEFT = [
  ...Array.from({ length: 16 }, (_, at) => at),
  ...[32, 64, 100, 128, 200],
  ...Array.from({ length: 32 }, (_, at) => 252 + at),
]

describeOnDisk('a server whose disk, with blobs and database, fills up', () => {
  test(`at ${LEFT.length} places: 507, reads go on, and it recovers by itself`, async () => {
    await using disk = await smallDisk('size=64m')
    const data = join(disk.path, 'data')
    const held = new Held()
    const told = new Map<string, number>()
    const counted = (step: string) => told.set(step, (told.get(step) ?? 0) + 1)
    {
      await using berth = await startBerth({ data })
      for (const size of [0, 1000, 200_000, 2 * MIB]) held.blobs.push(await pushed(berth, size))
      await pushManifest(berth, held, held.blobs)

      for (const pages of LEFT) {
        await disk.leave(pages * PAGE)
        const bytes = randomBytes(SIZE)
        const { status, step } = await tryPush(berth, bytes)
        counted(`${step} ${status}`)
        expect([201, 507]).toContain(status)
        if (status === 201) held.blobs.push({ bytes, digest: digestOf(bytes) })
        else if (pages < PAGES) expect(await disk.free()).toBeGreaterThanOrEqual(pages * PAGE - SLACK)
        await held.expectAll(berth)
      }
      expect(told.get('PUT 507')).toBeGreaterThan(10)
      expect(told.get('PUT 201')).toBeGreaterThan(0)

      await disk.leave(0)
      await until(async () => (await fetch(`${berth.url}/readyz`)).status === 503)
      expect((await fetch(`${berth.url}/livez`)).status).toBe(200)
      await held.expectAll(berth)

      await disk.leave(8 * MIB)
      expect((await fetch(`${berth.url}/readyz`)).status).toBe(200)
      held.blobs.push(await pushed(berth, SIZE))
      await pushManifest(berth, held, held.blobs.slice(-2))
      await held.expectAll(berth)
    }
    await using again = await startBerth({ data })
    await held.expectAll(again)
    held.blobs.push(await pushed(again, SIZE))
    await held.expectAll(again)
  }, 120_000)

  test('with a reserve: uploads are turned away at once, all else goes on writing', async () => {
    await using disk = await smallDisk('size=64m')
    const env = { BERTH_DISK_RESERVE_BYTES: String(16 * MIB) }
    await using berth = await startBerth({ data: join(disk.path, 'data'), env })
    const held = new Held()
    held.blobs.push(await pushed(berth, 1000))
    await disk.leave(12 * MIB)
    // What was known about the free space a moment ago may still hold.
    await until(
      async () => (await fetch(`${berth.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })).status === 507,
    )
    const answer = await fetch(`${berth.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
    expect(await refusal(answer)).toMatchObject({ code: 'UNAVAILABLE' })
    await pushManifest(berth, held, held.blobs)
    await held.expectAll(berth)
    const manifest = `${berth.url}/v2/team/app/manifests/${held.manifests[0]?.digest}`
    expect((await fetch(manifest, { method: 'DELETE' })).status).toBe(202)
    expect((await fetch(manifest)).status).toBe(404)
    await disk.leave(20 * MIB)
    await until(async () => (await tryPush(berth, randomBytes(SIZE))).status === 201)
  }, 60_000)
})

interface Content {
  readonly bytes: Buffer
  readonly digest: string
}

/** What was acknowledged, and so must be there. */
class Held {
  readonly blobs: Content[] = []
  readonly manifests: Content[] = []

  async expectAll(berth: BerthServer): Promise<void> {
    for (const [kind, contents] of [
      ['blobs', this.blobs],
      ['manifests', this.manifests],
    ] as const) {
      for (const { bytes, digest } of contents) {
        const answer = await fetch(`${berth.url}/v2/team/app/${kind}/${digest}`)
        expect(answer.status).toBe(200)
        expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
      }
    }
    const tags = await fetch(`${berth.url}/v2/team/app/tags/list`)
    expect(await tags.json()).toMatchObject({ tags: this.manifests.map((_, at) => `v${at + 1}`) })
  }
}

/** Pushes a blob as far as it goes; a refusal must be one that a client understands. */
async function tryPush(berth: BerthServer, bytes: Buffer): Promise<{ step: 'POST' | 'PUT'; status: number }> {
  const opened = await fetch(`${berth.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
  if (opened.status !== 202) return { step: 'POST', status: await statusOf(opened) }
  const location = new URL(opened.headers.get('location') ?? '', berth.url)
  location.searchParams.set('digest', digestOf(bytes))
  const closed = await fetch(location, { method: 'PUT', body: bytes })
  return { step: 'PUT', status: await statusOf(closed) }
}

async function statusOf(answer: Response): Promise<number> {
  if (answer.status === 507) expect(await refusal(answer)).toMatchObject({ code: 'UNAVAILABLE' })
  return answer.status
}

async function refusal(answer: Response): Promise<{ code: string; message: string } | undefined> {
  expect(answer.headers.get('content-type')).toContain('application/json')
  const { errors } = (await answer.json()) as { errors: { code: string; message: string }[] }
  expect(errors).toHaveLength(1)
  return errors[0]
}

async function pushed(berth: BerthServer, size: number): Promise<Content> {
  const bytes = randomBytes(size)
  expect(await tryPush(berth, bytes)).toEqual({ step: 'PUT', status: 201 })
  return { bytes, digest: digestOf(bytes) }
}

/** Pushes a manifest under the tag that follows those held. */
async function pushManifest(berth: BerthServer, held: Held, layers: readonly Content[]): Promise<void> {
  const descriptors = layers.map(({ bytes, digest }) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest,
    size: bytes.byteLength,
  }))
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: descriptors[0], layers: descriptors }
  const bytes = Buffer.from(JSON.stringify(manifest))
  const answer = await fetch(`${berth.url}/v2/team/app/manifests/v${held.manifests.length + 1}`, {
    method: 'PUT',
    body: bytes,
    headers: { 'content-type': OCI_MANIFEST },
  })
  expect(answer.status).toBe(201)
  held.manifests.push({ bytes, digest: digestOf(bytes) })
}

/** Asks again and again until it holds: for what becomes true in a moment. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it never became true')
    await Bun.sleep(50)
  }
}
