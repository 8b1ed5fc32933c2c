import { expect, setDefaultTimeout, test } from 'bun:test'
import { clientRegistry } from '../../src/registry/client.ts'
import { freshRepo, imageManifest, pushBlob, pushManifest, randomBlob } from '../suite/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'

/* What a process does of serving and collecting. */

setDefaultTimeout(60_000)

const HASTY = {
  ...{ BERTH_GC_SECONDS: '0.05', BERTH_SWEEP_SECONDS: '0.05', BERTH_LEASE_SECONDS: '1' },
  ...{ BERTH_TOMBSTONE_SECONDS: '0', BERTH_UNDO_SECONDS: '0' },
}
const hasty = (jobs: string) => startBerth({ env: { ...HASTY, BERTH_JOBS: jobs } })

async function metric(server: BerthServer, name: string): Promise<number> {
  const page = await (await fetch(`${server.url}/metrics`)).text()
  const line = page.split('\n').find((each) => each.startsWith(`${name} `))
  if (line === undefined) throw new Error(`there is no ${name}`)
  return Number(line.slice(name.length))
}

test('inline: what nothing keeps goes, and the metrics say so', async () => {
  await using server = await hasty('inline')
  const registry = clientRegistry({ base: server.url })
  const repo = freshRepo()
  const [kept, lost] = [randomBlob(1000), randomBlob(2000)]
  await pushBlob(registry, repo, kept)
  await pushManifest(registry, repo, imageManifest(kept, []), ['v'])
  await pushBlob(registry, repo, lost)
  const deadline = Date.now() + 30_000
  while ((await fetch(`${server.url}/v2/${repo}/blobs/${lost.digest}`)).status !== 404)
    if (Date.now() > deadline) throw new Error('it was not collected')
  expect((await fetch(`${server.url}/v2/${repo}/blobs/${kept.digest}`)).status).toBe(200)
  while ((await metric(server, 'berth_garbage_freed_bytes_total')) === 0)
    if (Date.now() > deadline) throw new Error('no metric tells of it')
  expect(await metric(server, 'berth_garbage_freed_bytes_total')).toBe(2000)
  // Known when the round is over.
  while ((await metric(server, 'berth_collection_duration_seconds')) === 0)
    if (Date.now() > deadline) throw new Error('no metric tells how long it took')
  for (const name of ['candidate_manifests', 'candidate_links', 'candidate_blobs', 'objects'])
    expect(await metric(server, `berth_garbage_${name}`)).toBeGreaterThanOrEqual(0)
  expect(await metric(server, 'berth_garbage_oldest_due_seconds')).toBeGreaterThanOrEqual(0)
})

test('none: nothing goes', async () => {
  await using server = await hasty('none')
  const registry = clientRegistry({ base: server.url })
  const repo = freshRepo()
  const blob = randomBlob()
  await pushBlob(registry, repo, blob)
  const deadline = Date.now() + 30_000
  // Its lease is over for a while, and many rounds could have been.
  while ((await metric(server, 'berth_garbage_oldest_due_seconds')) < 0.5)
    if (Date.now() > deadline) throw new Error('it never came due')
  expect((await fetch(`${server.url}/v2/${repo}/blobs/${blob.digest}`)).status).toBe(200)
  expect(await metric(server, 'berth_garbage_candidate_links')).toBe(1)
})

test('only: no registry, but probes', async () => {
  await using server = await hasty('only')
  expect((await fetch(`${server.url}/v2/`)).status).toBe(404)
  expect((await fetch(`${server.url}/api/v1/session`)).status).toBe(404)
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  expect(await metric(server, 'berth_garbage_objects')).toBe(0)
})
