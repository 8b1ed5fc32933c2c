import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { OCI_INDEX, OCI_MANIFEST } from '../../src/core/media-types.ts'
import type { RepoName } from '../../src/core/names.ts'
import {
  descriptorOf,
  freshRepo,
  imageManifest,
  indexManifest,
  inPieces,
  pushBlob,
  pushImage,
  pushManifest,
  randomBlob,
  type TestBlob,
} from '../suite/content.ts'
import {
  type Asked,
  deepManifest,
  outcome,
  type Prepared,
  prepare,
  sizedManifest,
  streamed,
} from './asked.ts'
import { RawConnection, request } from './raw.ts'

/** Every limit set to something small: at it, and one past it. */

let prepared: Prepared
let server: Asked
let repo: RepoName
let config: TestBlob
let layer: TestBlob

beforeAll(async () => {
  prepared = await prepare({
    BERTH_MAX_MANIFEST_BYTES: '3000',
    BERTH_MAX_MANIFEST_DEPTH: '5',
    BERTH_MAX_MANIFEST_TOKENS: '100',
    BERTH_MAX_MANIFEST_DESCRIPTORS: '4',
    BERTH_MAX_INDEX_DEPTH: '3',
    BERTH_MAX_BLOB_BYTES: '1000',
    BERTH_MAX_TAG_PARAMETERS: '3',
    BERTH_MAX_PAGE: '4',
    BERTH_MAX_RANGES: '5',
    BERTH_MAX_RANGE_FACTOR: '3',
    BERTH_MAX_URL_BYTES: '500',
    BERTH_CATALOG_PAGE: '2',
    BERTH_STREAM_PAGE: '3',
    BERTH_REFERRERS_PAGE_BYTES: '1500',
    BERTH_SEARCH_PAGE: '2',
    BERTH_MAX_SEARCH_PAGE: '3',
    BERTH_MAX_SEARCH_TERM: '10',
    BERTH_MAX_UNREAD_BODY: '100',
    BERTH_MAX_UPLOADS_PER_REPO: '3',
    BERTH_READ_CACHE_BYTES: '0',
    BERTH_SMALL_BLOB_CACHE_BYTES: '0',
  })
  ;({ server, repo, config, layer } = prepared)
})
afterAll(() => prepared[Symbol.asyncDispose]())

test('manifest bytes', async () => {
  expect(await server.putManifest(repo, sizedManifest(prepared, 3000))).toBe('201')
  expect(await server.putManifest(repo, sizedManifest(prepared, 3001))).toBe('413 SIZE_INVALID')
})

test('manifest depth', async () => {
  const nested = (depth: number) => deepManifest(prepared, depth)
  expect(await server.putManifest(repo, nested(5))).toBe('201')
  expect(await server.putManifest(repo, nested(6))).toBe('400 MANIFEST_INVALID')
})

test('manifest tokens', async () => {
  const count = (text: string) => (text.match(/[[\]{}]|"(?:[^"\\]|\\.)*"|[0-9]+/g) ?? []).length
  const full = (tokens: number) => {
    const base = Buffer.from(imageManifest(config, [layer], { x: [] }).bytes).toString()
    return base.replace(
      '[]',
      `[${Array(tokens - count(base))
        .fill('1')
        .join(',')}]`,
    )
  }
  expect(await server.putManifest(repo, full(100))).toBe('201')
  expect(await server.putManifest(repo, full(101))).toBe('400 MANIFEST_INVALID')
})

test('descriptors', async () => {
  const layers = (length: number) => imageManifest(config, Array(length).fill(layer)).bytes
  expect(await server.putManifest(repo, layers(4))).toBe('201')
  expect(await server.putManifest(repo, layers(5))).toBe('400 MANIFEST_INVALID')
})

test('index depth', async () => {
  const image = imageManifest(config, [layer])
  expect(await server.putManifest(repo, image.bytes)).toBe('201')
  let child: ReturnType<typeof indexManifest> = image
  const nest = async () => {
    child = indexManifest([child])
    return server.putManifest(repo, child.bytes, OCI_INDEX, child.digest)
  }
  for (let depth = 1; depth <= 3; depth++) expect(await nest()).toBe('201')
  expect(await nest()).toBe('400 MANIFEST_INVALID')
})

describe('blob bytes', () => {
  const path = () => `/v2/${repo}/blobs/uploads/`
  const at = randomBlob(1000)
  const past = randomBlob(1001)

  test('in one request', async () => {
    for (const [blob, is] of [
      [past, '413 SIZE_INVALID'],
      [at, '201'],
    ] as const) {
      expect(
        await server.outcome('POST', `${path()}?digest=${blob.digest}`, { body: blob.bytes.slice() }),
      ).toBe(is)
    }
  })

  test('in a stream', async () => {
    for (const [blob, is] of [
      [past, '413 SIZE_INVALID'],
      [randomBlob(1000), '202'],
    ] as const) {
      const location = await server.openUpload(repo)
      const body = streamed(inPieces(blob.bytes, 100))
      expect(await server.outcome('PATCH', location, { body })).toBe(is)
      expect(await server.outcome('DELETE', location)).toBe('204')
    }
  })

  test('in chunks', async () => {
    for (const [blob, is] of [
      [past, '413 SIZE_INVALID'],
      [randomBlob(1000), '201'],
    ] as const) {
      const location = await server.openUpload(repo)
      expect(await server.outcome('PATCH', location, { body: blob.bytes.slice(0, 600) })).toBe('202')
      expect(
        await server.outcome('PUT', `${location}?digest=${blob.digest}`, { body: blob.bytes.slice(600) }),
      ).toBe(is)
      await server.ask('DELETE', location)
    }
  })

  test('nothing of the larger one is there', async () => {
    expect(await server.outcome('GET', `/v2/${repo}/blobs/${past.digest}`)).toBe('404 BLOB_UNKNOWN')
  })
})

test('tag parameters', async () => {
  const { bytes, digest } = imageManifest(config, [layer], { x: 'tags' })
  const put = (query: string) => server.putManifest(repo, bytes, OCI_MANIFEST, `${digest}?${query}`)
  expect(await put('tag=a&tag=b&tag=c')).toBe('201')
  expect(await put('tag=a&tag=b&tag=c&tag=a')).toBe('201')
  expect(await put('tag=a&tag=b&tag=c&tag=d')).toBe('414 UNSUPPORTED')
})

test('pages of tags', async () => {
  const tagged = freshRepo('limits')
  const { manifest } = await pushImage(server.registry, tagged)
  for (let i = 0; i < 9; i++) await pushManifest(server.registry, tagged, manifest, [`t${i}`])
  const page = async (query: string) => {
    const answer = await server.ask('GET', `/v2/${tagged}/tags/list${query}`)
    const { tags } = (await answer.json()) as { tags: string[] }
    return { count: tags.length, link: answer.headers.get('link') }
  }
  expect(await page('?n=4')).toMatchObject({ count: 4, link: expect.stringContaining('rel="next"') })
  expect(await page('?n=5')).toMatchObject({ count: 4, link: expect.stringContaining('n=4') })
  expect(await page(`?n=${'9'.repeat(30)}`)).toMatchObject({ count: 4 })
  // Without a number all of them come at once, read in pieces (T3).
  expect(await page('')).toEqual({ count: 10, link: null })
  for (const wrong of ['-1', 'x', '1.5', '1e3', '+1', '0x1', '%00', '٣']) {
    expect(await server.outcome('GET', `/v2/${tagged}/tags/list?n=${wrong}`)).toBe('400 UNSUPPORTED')
  }
})

test('pages of the catalogue', async () => {
  for (let i = 0; i < 5; i++) await pushImage(server.registry, freshRepo('limits'))
  const page = async (query: string) => {
    const answer = await server.ask('GET', `/v2/_catalog${query}`)
    return ((await answer.json()) as { repositories: string[] }).repositories.length
  }
  expect(await page('')).toBe(2)
  expect(await page('?n=4')).toBe(4)
  expect(await page('?n=5')).toBe(4)
  expect(await page('?n=0')).toBe(0)
})

test('pages of referrers, by bytes (R4)', async () => {
  const subject = await pushImage(server.registry, freshRepo('limits'))
  const home = freshRepo('limits')
  for (const blob of [config, layer]) await pushBlob(server.registry, home, blob)
  for (let i = 0; i < 6; i++) {
    const manifest = imageManifest(config, [layer], {
      subject: descriptorOf(subject.manifest, OCI_MANIFEST),
      annotations: { i: String(i).repeat(400) },
    })
    await pushManifest(server.registry, home, manifest)
  }
  const seen: string[] = []
  let pages = 0
  for (let next: string | undefined = `/v2/${home}/referrers/${subject.manifest.digest}`; next; pages++) {
    const answer = await server.ask('GET', next)
    const text = await answer.text()
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1500)
    seen.push(
      ...(JSON.parse(text) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest),
    )
    next = /<([^>]*)>/.exec(answer.headers.get('link') ?? '')?.[1]
  }
  expect(new Set(seen).size).toBe(6)
  expect(seen).toHaveLength(6)
  expect(pages).toBeGreaterThan(2)
})

test('hits of a search, and its term', async () => {
  const hits = async (query: string) => {
    const answer = await server.ask('GET', `/v1/search?q=limits&${query}`)
    return ((await answer.json()) as { results: unknown[] }).results.length
  }
  for (let i = 0; i < 4; i++) await pushImage(server.registry, freshRepo('limits'))
  expect(await hits('')).toBe(2)
  expect(await hits('n=3')).toBe(3)
  expect(await hits('n=4')).toBe(3)
  expect(await server.outcome('GET', '/v1/search?q=0123456789')).toBe('200')
  expect(await server.outcome('GET', '/v1/search?q=0123456789a')).toBe('400 UNSUPPORTED')
})

test('ranges', async () => {
  const get = (range: string) =>
    server.outcome('GET', `/v2/${repo}/blobs/${layer.digest}`, { headers: { range: `bytes=${range}` } })
  expect(await get('0-0,1-1,2-2,3-3,4-4')).toBe('206')
  expect(await get('0-0,1-1,2-2,3-3,4-4,5-5')).toBe('400 UNSUPPORTED')
  expect(await get('0-,0-,0-')).toBe('206')
  expect(await get('0-,0-,0-,0-0')).toBe('400 UNSUPPORTED')
})

test('the URL', async () => {
  const target = (length: number) => '/v2/_catalog?x='.padEnd(length, 'x')
  // Path and query are counted, the mark between them is not.
  expect(await server.outcome('GET', target(501))).toBe('200')
  expect(await server.outcome('GET', target(502))).toBe('414 UNSUPPORTED')
})

test('a body that is left unread', async () => {
  const refuse = async (length: number) => {
    await using connection = await RawConnection.connect(server.berth.host)
    await connection.send(
      request('PUT', '/v2/A/manifests/x', [`Content-Length: ${length}`], 'x'.repeat(length)),
    )
    return (await connection.answer())?.headers.get('connection')
  }
  expect(await refuse(100)).toBeUndefined()
  expect(await refuse(101)).toBe('close')
})

test('open uploads of one repository (RS-2)', async () => {
  const home = freshRepo('limits')
  const locations = [
    await server.openUpload(home),
    await server.openUpload(home),
    await server.openUpload(home),
  ]
  const full = await server.ask('POST', `/v2/${home}/blobs/uploads/`)
  expect(full.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await outcome(full)).toBe('429 TOOMANYREQUESTS')
  expect(await server.outcome('POST', `/v2/${freshRepo('limits')}/blobs/uploads/`)).toBe('202')
  expect(await server.outcome('DELETE', locations[0] as string)).toBe('204')
  expect(await server.outcome('POST', `/v2/${home}/blobs/uploads/`)).toBe('202')
  // A mount that works needs no session (B15).
  const mount = `/v2/${home}/blobs/uploads/?mount=${config.digest}&from=${repo}`
  expect(await server.outcome('POST', mount)).toBe('201')
})
