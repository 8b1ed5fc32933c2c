import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { imageManifest, randomBlob, type TestBlob, type TestManifest } from '../suite/content.ts'
import { type TempFolder, tempFolder } from '../testbed/temp.ts'
import { Checker } from './checker.ts'
import { type Intent, Ledger, type ManifestPush, type Outcome } from './ledger.ts'
import { Violation, type Wire } from './wire.ts'

/* Ledgers made by hand, and registries that keep what they say or do not: the checker has to tell them apart. */

const REPO = 'crash/a'
const TAGS = ['latest', 'stable']
const OK: Outcome = { is: 'ok' }
const config = randomBlob()
const one = imageManifest(config, [randomBlob()])
const two = imageManifest(config, [randomBlob()])

/** A registry that shows exactly this. */
function showing(shown: {
  blobs?: TestBlob[]
  manifests?: TestManifest[]
  tags?: Record<string, TestManifest>
}): Wire {
  const found = new Map<string, TestBlob>()
  for (const blob of shown.blobs ?? []) found.set(`/v2/${REPO}/blobs/${blob.digest}`, blob)
  for (const manifest of shown.manifests ?? [])
    found.set(`/v2/${REPO}/manifests/${manifest.digest}`, manifest)
  for (const [tag, manifest] of Object.entries(shown.tags ?? {}))
    found.set(`/v2/${REPO}/manifests/${tag}`, manifest)
  return {
    base: '',
    async send(_method, path) {
      const object = found.get(path)
      const bytes = object?.bytes ?? new Uint8Array()
      return {
        status: object === undefined ? 404 : 200,
        headers: new Headers(object && { 'docker-content-digest': object.digest }),
        bytes,
        json: () => JSON.parse(Buffer.from(bytes).toString()),
      }
    },
  }
}

const pushOf = (manifest: TestManifest, ...tags: string[]): ManifestPush => ({
  op: 'push-manifest',
  repo: REPO,
  digest: manifest.digest,
  tags,
  blobs: [],
  children: [],
})
const pushBlob: Intent = { op: 'push-blob', repo: REPO, digest: config.digest }

describe('the checker', () => {
  let folder: TempFolder
  let ledger: Ledger
  let checker: Checker

  beforeEach(async () => {
    folder = await tempFolder()
    ledger = new Ledger(join(folder.path, 'ledger'))
    checker = new Checker(ledger.path, TAGS)
  })
  afterEach(async () => {
    ledger[Symbol.dispose]()
    await folder[Symbol.asyncDispose]()
  })

  function wrote(...entries: [Intent, Outcome?][]): void {
    for (const [intent, outcome] of entries) {
      const call = ledger.called(0, intent)
      if (outcome !== undefined) ledger.settled(call, outcome)
    }
    ledger.restarted()
  }
  const refused = (wire: Wire) => expect(checker.checkLife(wire)).rejects.toBeInstanceOf(Violation)

  test('accepts what was acknowledged and is there', async () => {
    wrote([pushBlob, OK], [pushOf(one, 'latest'), OK])
    await checker.checkLife(showing({ blobs: [config], manifests: [one], tags: { latest: one } }))
    expect(checker.acknowledged).toBe(2)
    await checker.checkAll(showing({ blobs: [config], manifests: [one], tags: { latest: one } }))
  })

  test('accepts either outcome of what was cut', async () => {
    wrote([pushOf(one, 'latest')])
    await checker.checkLife(showing({}))
    wrote([pushOf(one, 'latest')])
    await checker.checkLife(showing({ manifests: [one], tags: { latest: one } }))
    expect(checker.cut).toBe(2)
  })

  test('refuses an acknowledged blob that is gone', () => {
    wrote([pushBlob, OK])
    return refused(showing({}))
  })

  test('refuses a blob with other bytes', () => {
    wrote([pushBlob, OK])
    return refused(showing({ blobs: [{ digest: config.digest, bytes: randomBlob().bytes }] }))
  })

  test('refuses an acknowledged tag that is gone, or stands elsewhere', async () => {
    wrote([pushOf(one, 'latest'), OK])
    await refused(showing({ manifests: [one] }))
    const again = new Checker(ledger.path, TAGS)
    await expect(
      again.checkLife(showing({ manifests: [one, two], tags: { latest: two } })),
    ).rejects.toBeInstanceOf(Violation)
  })

  test('refuses a tag that went back to what it was overwritten with', () => {
    wrote([pushOf(one, 'latest'), OK], [pushOf(two, 'latest'), OK])
    return refused(showing({ manifests: [one, two], tags: { latest: one } }))
  })

  test('refuses what was deleted and is back', () => {
    wrote([pushBlob, OK], [{ op: 'delete-blob', repo: REPO, digest: config.digest }, OK])
    return refused(showing({ blobs: [config] }))
  })

  test('refuses a deleted manifest whose tag stayed', () => {
    wrote([pushOf(one, 'latest'), OK], [{ op: 'delete-manifest', repo: REPO, digest: one.digest }, OK])
    return refused(showing({ tags: { latest: one } }))
  })

  test('refuses what an earlier life of the server had and this one lost, though nobody touched it', async () => {
    wrote([pushBlob, OK], [pushOf(one, 'latest'), OK])
    await checker.checkLife(showing({ blobs: [config], manifests: [one], tags: { latest: one } }))
    wrote([pushOf(two, 'stable'), OK])
    const lost = showing({ manifests: [one, two], tags: { latest: one, stable: two } })
    await checker.checkLife(lost)
    await expect(checker.checkAll(lost)).rejects.toBeInstanceOf(Violation)
  })

  test('refuses a cut write that happens after the restart', async () => {
    wrote([pushOf(one, 'latest')])
    await checker.checkLife(showing({}))
    wrote([
      { op: 'pull-tag', repo: REPO, tag: 'latest' },
      { is: 'ok', digest: one.digest },
    ])
    await refused(showing({ manifests: [one], tags: { latest: one } }))
  })

  test('refuses a manifest that was stored without its blobs, and one that was refused with them', async () => {
    wrote([{ ...pushOf(one), blobs: [config.digest] }, OK])
    await refused(showing({ manifests: [one] }))
    wrote(
      [pushBlob, OK],
      [
        { ...pushOf(two), blobs: [config.digest] },
        { is: 'missing', digests: [config.digest] },
      ],
    )
    await refused(showing({ blobs: [config] }))
  })

  test('refuses a list without a tag that is there', () => {
    wrote(
      [pushOf(one, 'latest'), OK],
      [
        { op: 'list-tags', repo: REPO },
        { is: 'ok', names: ['stable'] },
      ],
    )
    return refused(showing({ manifests: [one], tags: { latest: one } }))
  })
})
