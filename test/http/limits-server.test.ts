import { describe, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from '../../src/core/digest.ts'
import { OCI_INDEX } from '../../src/core/media-types.ts'
import { freshRepo, imageManifest, indexManifest, pushBlob, pushImage, randomBlob } from '../suite/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { Asked, until } from './asked.ts'
import { RawConnection, request } from './raw.ts'
import { openValve } from './valve.ts'

/** Limits of the whole server: of time, of the disk, of accounts, of the database. */

test('open uploads of one account', async () => {
  await using berth = await startBerth({ env: { BERTH_MAX_UPLOADS_PER_OWNER: '3' } })
  const own = new Asked(berth)
  for (let i = 0; i < 3; i++) expect(await own.outcome('POST', `/v2/limits/r${i}/blobs/uploads/`)).toBe('202')
  expect(await own.outcome('POST', '/v2/limits/other/blobs/uploads/')).toBe('429 TOOMANYREQUESTS')
})

/** Every object in a server's store. */
async function objects({ data }: BerthServer): Promise<number> {
  const entries = await readdir(join(data, 'blobs'), { recursive: true })
  return entries.filter((entry) => /[0-9a-f]{8}-[0-9a-f]{4}-/.test(entry)).length
}

test('an upload that is left alone expires, and its bytes go', async () => {
  await using berth = await startBerth({
    env: { BERTH_UPLOAD_TTL_SECONDS: '1', BERTH_SWEEP_SECONDS: '0.05', BERTH_TOMBSTONE_SECONDS: '0' },
  })
  const own = new Asked(berth)
  const location = await own.openUpload('limits/expiry')
  expect(await own.outcome('PATCH', location, { body: 'x'.repeat(1000) })).toBe('202')
  expect(await objects(berth)).toBe(1)
  await until(async () => (await own.ask('GET', location)).status === 404)
  expect(await own.outcome('PATCH', location, { body: 'x' })).toBe('404 BLOB_UPLOAD_UNKNOWN')
  expect(await own.outcome('PUT', `${location}?digest=${digestOf('x')}`, { body: 'x' })).toBe(
    '404 BLOB_UPLOAD_UNKNOWN',
  )
  await until(async () => (await objects(berth)) === 0)
})

test('bytes stay for as long after their removal as they are told to', async () => {
  await using berth = await startBerth({ env: { BERTH_SWEEP_SECONDS: '0.05', BERTH_TOMBSTONE_SECONDS: '2' } })
  const own = new Asked(berth)
  const location = await own.openUpload('limits/tombstone')
  await own.ask('PATCH', location, { body: 'x'.repeat(1000) })
  const removed = Date.now()
  expect(await own.outcome('DELETE', location)).toBe('204')
  await until(async () => (await objects(berth)) === 0)
  expect(Date.now() - removed).toBeGreaterThanOrEqual(2000)
})

test.each([
  ['bytes', { BERTH_DISK_RESERVE_BYTES: String(2 ** 52) }],
  ['share', { BERTH_DISK_RESERVE_RATIO: '1' }],
])('the reserve of the disk, as %s: new uploads get 507, reads and deletes go on', async (_, env) => {
  await using berth = await startBerth({ env })
  const own = new Asked(berth)
  for (const query of ['', `?digest=${digestOf('x')}`]) {
    expect(await own.outcome('POST', `/v2/limits/full/blobs/uploads/${query}`, { body: query && 'x' })).toBe(
      '507 UNAVAILABLE',
    )
  }
  expect(await own.outcome('GET', '/v2/_catalog')).toBe('200')
  expect(await own.outcome('DELETE', '/v2/limits/full/manifests/x')).toBe('404 NAME_UNKNOWN')
})

test('a stop waits no longer than it is told to', async () => {
  await using berth = await startBerth({ env: { BERTH_DRAIN_SECONDS: '0.2' } })
  await using upload = await RawConnection.connect(berth.host)
  await upload.send(
    request('POST', `/v2/limits/drain/blobs/uploads/?digest=${digestOf('x')}`, ['Content-Length: 1000'], 'x'),
  )
  await until(async () =>
    (await (await fetch(`${berth.url}/metrics`)).text()).includes('berth_uploads_open 1'),
  )
  expect(await berth.daemon.stop()).toBe(0)
  await upload.closed()
}, 20_000)

describe('sparse manifests (M5)', () => {
  const absent = randomBlob()
  const outcomes: Record<string, { layer: string; child: string }> = {
    none: { layer: '400 MANIFEST_BLOB_UNKNOWN', child: '400 MANIFEST_BLOB_UNKNOWN' },
    index: { layer: '400 MANIFEST_BLOB_UNKNOWN', child: '201' },
    all: { layer: '201', child: '201' },
  }
  test.each(Object.entries(outcomes))('%s', async (sparse, { layer: ofLayer, child: ofChild }) => {
    await using berth = await startBerth({ args: ['--sparse', sparse] })
    const own = new Asked(berth)
    const home = freshRepo('limits')
    const there = randomBlob()
    await pushBlob(own.registry, home, there)
    expect(await own.putManifest(home, imageManifest(there, [absent]).bytes)).toBe(ofLayer)
    expect(await own.putManifest(home, indexManifest([absent]).bytes, OCI_INDEX)).toBe(ofChild)
    expect(await own.putManifest(home, imageManifest(there, [there]).bytes)).toBe('201')
  })
})

describeNeeding({ programs: ['initdb', 'postgres'] }, 'waiting for PostgreSQL', () => {
  test('has an end: who comes behind too many gets 503 at once', async () => {
    await using cluster = await startPostgres()
    await using valve = await openValve(cluster.port)
    const url = new URL(cluster.url)
    url.port = String(valve.port)
    await using berth = await startBerth({
      env: { BERTH_DATABASE_URL: url.href, BERTH_DATABASE_POOL: '1', BERTH_DATABASE_MAX_WAITING: '2' },
    })
    const own = new Asked(berth)
    await pushImage(own.registry, freshRepo('limits'))
    valve.stall()
    const asking = Array.from({ length: 6 }, () => own.outcome('GET', '/v2/_catalog'))
    // One asks, two wait, three are turned away before anything moves again.
    const turnedAway = await Promise.race([
      Promise.all(asking.map((each) => each.then((is) => is.startsWith('503')))).then(() => 'all'),
      (async () => {
        let count = 0
        for (const each of asking) each.then((is) => (count += Number(is === '503 UNAVAILABLE')))
        await until(async () => count === 3)
        return '3'
      })(),
    ])
    valve.flow()
    expect(turnedAway).toBe('3')
    expect((await Promise.all(asking)).sort()).toEqual([
      ...Array(3).fill('200'),
      ...Array(3).fill('503 UNAVAILABLE'),
    ])
  }, 60_000)
})
