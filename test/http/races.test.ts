import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from '../../src/core/digest.ts'
import { OCI_MANIFEST } from '../../src/core/media-types.ts'
import {
  freshRepo,
  imageManifest,
  pushBlob,
  pushManifest,
  randomBlob,
  type TestBlob,
  type TestManifest,
} from '../suite/content.ts'
import { startBerth } from '../testbed/berth.ts'
import { describeNeeding, type Needs } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { Asked, until } from './asked.ts'

/** Clients that want the same at once (RELIABILITY 3.5): no 5xx, and an end that one order of them explains. */

const DATABASES: Record<'SQLite' | 'PostgreSQL', Needs> = {
  SQLite: {},
  PostgreSQL: { programs: ['initdb', 'postgres'] },
}
const CLIENTS = 64

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T

for (const [database, needs] of Object.entries(DATABASES)) {
  describeNeeding(needs, `races over ${database}`, () => {
    const owned = new AsyncDisposableStack()
    let server: Asked
    beforeAll(async () => {
      const env: Record<string, string> = { BERTH_TOMBSTONE_SECONDS: '0', BERTH_SWEEP_SECONDS: '0.1' }
      if (database === 'PostgreSQL') env.BERTH_DATABASE_URL = owned.use(await startPostgres()).url
      server = new Asked(owned.use(await startBerth({ env })))
    }, 60_000)
    afterAll(() => owned.disposeAsync())

    const all = <T>(count: number, work: (index: number) => Promise<T>) =>
      Promise.all(Array.from({ length: count }, (_, i) => work(i)))

    /** Pushes a blob in one of the ways that clients have. */
    async function push(repo: string, { bytes, digest }: TestBlob, way: number): Promise<string> {
      if (way % 3 === 0) {
        return server.outcome('POST', `/v2/${repo}/blobs/uploads/?digest=${digest}`, { body: bytes.slice() })
      }
      const location = await server.openUpload(repo)
      if (way % 3 === 1) return server.outcome('PUT', `${location}?digest=${digest}`, { body: bytes.slice() })
      expect(await server.outcome('PATCH', location, { body: bytes.slice() })).toBe('202')
      return server.outcome('PUT', `${location}?digest=${digest}`)
    }

    const get = async (path: string) => {
      const answer = await server.ask('GET', path)
      return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) }
    }

    /** Images over blobs that are there, each different. */
    async function images(repo: ReturnType<typeof freshRepo>, count: number): Promise<TestManifest[]> {
      const [config, layer] = [randomBlob(32), randomBlob(32)]
      for (const blob of [config, layer]) await pushBlob(server.registry, repo, blob)
      return Array.from({ length: count }, (_, i) =>
        imageManifest(config, [layer], { annotations: { i: String(i) } }),
      )
    }

    const put = (repo: string, manifest: TestManifest, reference: string) =>
      server.putManifest(repo, manifest.bytes, OCI_MANIFEST, reference)

    test(`the same blob by ${CLIENTS} clients: all of them have pushed it, and one copy is kept`, async () => {
      const repo = freshRepo('race')
      const stored = async () =>
        (await readdir(join(server.berth.data, 'blobs'), { recursive: true })).filter((name) =>
          /\w{8}-\w{4}-/.test(name),
        ).length
      const before = await stored()
      const blobs = [randomBlob(10), randomBlob(200_000), randomBlob(2_000_000)]
      for (const blob of blobs) {
        expect(new Set(await all(CLIENTS, (i) => push(repo, blob, i)))).toEqual(new Set(['201']))
        expect((await get(`/v2/${repo}/blobs/${blob.digest}`)).bytes.equals(blob.bytes)).toBe(true)
      }
      await until(async () => (await stored()) === before + blobs.length)
      for (const blob of blobs) {
        expect((await get(`/v2/${repo}/blobs/${blob.digest}`)).bytes.equals(blob.bytes)).toBe(true)
      }
    }, 60_000)

    test(`the same manifest by ${CLIENTS} clients under as many tags`, async () => {
      const repo = freshRepo('race')
      const manifest = at(await images(repo, 1), 0)
      const pushed = await all(CLIENTS, (i) =>
        put(repo, manifest, i % 2 === 0 ? `t${i}` : `${manifest.digest}?tag=t${i}`),
      )
      expect(new Set(pushed)).toEqual(new Set(['201']))
      const list = (await (await server.ask('GET', `/v2/${repo}/tags/list`)).json()) as { tags: string[] }
      expect(list.tags).toHaveLength(CLIENTS)
    }, 60_000)

    test(`one tag by ${CLIENTS} writers: readers always find one of theirs, whole`, async () => {
      const repo = freshRepo('race')
      const manifests = await images(repo, CLIENTS)
      const known = new Map(manifests.map(({ digest, bytes }) => [digest as string, Buffer.from(bytes)]))
      expect(await put(repo, at(manifests, 0), 'latest')).toBe('201')
      let writing = true
      const seen = new Set<string>()
      const reading = all(16, async () => {
        do {
          const answer = await server.ask('GET', `/v2/${repo}/manifests/latest`)
          expect(answer.status).toBe(200)
          const digest = answer.headers.get('docker-content-digest') ?? ''
          expect(known.get(digest)?.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true)
          seen.add(digest)
        } while (writing)
      })
      for (let round = 0; round < 4; round++) {
        const written = await all(CLIENTS, (i) => put(repo, at(manifests, i + round), 'latest'))
        expect(new Set(written)).toEqual(new Set(['201']))
      }
      const last = at(manifests, 7)
      expect(await put(repo, last, 'latest')).toBe('201')
      expect(digestOf((await get(`/v2/${repo}/manifests/latest`)).bytes)).toBe(last.digest)
      writing = false
      await reading
      expect(seen.size).toBeGreaterThan(1)
    }, 60_000)

    test('a push that expects nothing there, by many: one of them wins (M11)', async () => {
      const repo = freshRepo('race')
      const manifests = await images(repo, 32)
      const outcomes = await all(32, (i) =>
        server.outcome('PUT', `/v2/${repo}/manifests/once`, {
          body: at(manifests, i).bytes.slice(),
          headers: { 'content-type': OCI_MANIFEST, 'if-none-match': '*' },
        }),
      )
      expect(outcomes.filter((outcome) => outcome === '201')).toHaveLength(1)
      expect(outcomes.filter((outcome) => outcome === '412 DENIED')).toHaveLength(31)
      const winner = at(manifests, outcomes.indexOf('201'))
      expect(digestOf((await get(`/v2/${repo}/manifests/once`)).bytes)).toBe(winner.digest)
    }, 60_000)

    test('two chunks for the same place of a session, 100 times: one is taken, whole (CO-7)', async () => {
      const repo = freshRepo('race')
      for (let round = 0; round < 100; round++) {
        const chunks = [randomBlob(5000), randomBlob(5000)]
        const location = await server.openUpload(repo)
        const outcomes = await all(2, (i) =>
          server.outcome('PATCH', location, {
            body: at(chunks, i).bytes.slice(),
            headers: { 'content-range': '0-4999' },
          }),
        )
        expect([...outcomes].sort()).toEqual(['202', '416 BLOB_UPLOAD_INVALID'])
        expect((await server.ask('GET', location)).headers.get('range')).toBe('0-4999')
        const taken = outcomes.indexOf('202')
        expect(await server.outcome('PUT', `${location}?digest=${at(chunks, 1 - taken).digest}`)).toBe(
          '400 DIGEST_INVALID',
        )
        expect(await server.outcome('PUT', `${location}?digest=${at(chunks, taken).digest}`)).toBe('201')
      }
    }, 60_000)

    test('two streams into one session, 50 times: what is in it is what was acknowledged', async () => {
      const repo = freshRepo('race')
      for (let round = 0; round < 50; round++) {
        const chunks = [randomBlob(3000), randomBlob(4000)]
        const location = await server.openUpload(repo)
        const outcomes = await all(2, (i) =>
          server.outcome('PATCH', location, { body: at(chunks, i).bytes.slice() }),
        )
        for (const outcome of outcomes) expect(['202', '416 BLOB_UPLOAD_INVALID']).toContain(outcome)
        const taken = chunks.filter((_, i) => outcomes[i] === '202').map(({ bytes }) => bytes)
        expect(taken.length).toBeGreaterThan(0)
        const orders = [taken, [...taken].reverse()].map((order) => digestOf(Buffer.concat(order)))
        const closed: string[] = []
        for (const digest of new Set(orders))
          closed.push(await server.outcome('PUT', `${location}?digest=${digest}`))
        expect(closed).toContain('201')
      }
    }, 60_000)

    test('closing a session against cancelling it, 50 times: one of them happened', async () => {
      const repo = freshRepo('race')
      for (let round = 0; round < 50; round++) {
        const blob = randomBlob(3000)
        const location = await server.openUpload(repo)
        expect(await server.outcome('PATCH', location, { body: blob.bytes.slice() })).toBe('202')
        const [closed, cancelled] = await Promise.all([
          server.outcome('PUT', `${location}?digest=${blob.digest}`),
          server.outcome('DELETE', location),
        ])
        expect([closed, cancelled]).toEqual(
          closed === '201' ? ['201', '404 BLOB_UPLOAD_UNKNOWN'] : ['404 BLOB_UPLOAD_UNKNOWN', '204'],
        )
        const { status } = await get(`/v2/${repo}/blobs/${blob.digest}`)
        expect(status).toBe(closed === '201' ? 200 : 404)
      }
    }, 60_000)

    test('a manifest pushed against the same deleted: what is there agrees with itself (DL-11)', async () => {
      const repo = freshRepo('race')
      const manifest = at(await images(repo, 1), 0)
      for (let round = 0; round < 10; round++) {
        const outcomes = await all(CLIENTS, (i) =>
          i % 2 === 0
            ? put(repo, manifest, `t${i % 8}`)
            : server.outcome(
                'DELETE',
                `/v2/${repo}/manifests/${i % 4 === 1 ? manifest.digest : `t${(i + 1) % 8}`}`,
              ),
        )
        for (const [i, outcome] of outcomes.entries()) {
          expect(i % 2 === 0 ? ['201'] : ['202', '404 MANIFEST_UNKNOWN', '404 NAME_UNKNOWN']).toContain(
            outcome,
          )
        }
        const { status } = await get(`/v2/${repo}/manifests/${manifest.digest}`)
        const { tags } = (await (await server.ask('GET', `/v2/${repo}/tags/list`)).json()) as {
          tags: string[]
        }
        for (const tag of tags) expect((await get(`/v2/${repo}/manifests/${tag}`)).status).toBe(200)
        if (status !== 200) expect(tags).toEqual([])
      }
      expect(await put(repo, manifest, 'last')).toBe('201')
      expect((await get(`/v2/${repo}/manifests/last`)).status).toBe(200)
      expect(await server.outcome('DELETE', `/v2/${repo}/manifests/${manifest.digest}`)).toBe('202')
      expect((await get(`/v2/${repo}/manifests/last`)).status).toBe(404)
    }, 60_000)

    test('a manifest pushed against the removal of its layer: never one without the other (C3)', async () => {
      const repo = freshRepo('race')
      for (let round = 0; round < 40; round++) {
        const [config, layer] = [randomBlob(32), randomBlob(32)]
        for (const blob of [config, layer]) await pushBlob(server.registry, repo, blob)
        const manifest = imageManifest(config, [layer])
        const [pushed, removed] = await Promise.all([
          put(repo, manifest, manifest.digest),
          server.outcome('DELETE', `/v2/${repo}/blobs/${layer.digest}`),
        ])
        expect([pushed, removed]).toEqual(
          pushed === '201' ? ['201', '405 DENIED'] : ['400 MANIFEST_BLOB_UNKNOWN', '202'],
        )
        expect((await get(`/v2/${repo}/blobs/${layer.digest}`)).status).toBe(pushed === '201' ? 200 : 404)
      }
    }, 60_000)

    test('32 signers of one image: all of them are listed (RC-7)', async () => {
      const repo = freshRepo('race')
      const [config, layer] = [randomBlob(32), randomBlob(32)]
      for (const blob of [config, layer]) await pushBlob(server.registry, repo, blob)
      const subject = imageManifest(config, [layer])
      await pushManifest(server.registry, repo, subject)
      const subjectDescriptor = {
        mediaType: OCI_MANIFEST,
        digest: subject.digest,
        size: subject.bytes.byteLength,
      }
      const signatures = Array.from({ length: 32 }, (_, i) =>
        imageManifest(config, [layer], { subject: subjectDescriptor, annotations: { i: String(i) } }),
      )
      expect(new Set(await all(32, (i) => put(repo, at(signatures, i), at(signatures, i).digest)))).toEqual(
        new Set(['201']),
      )
      const listed = JSON.parse((await get(`/v2/${repo}/referrers/${subject.digest}`)).bytes.toString()) as {
        manifests: { digest: string }[]
      }
      expect(listed.manifests.map(({ digest }) => digest).sort()).toEqual(
        signatures.map(({ digest }) => digest as string).sort(),
      )
    }, 60_000)
  })
}
