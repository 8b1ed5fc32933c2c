import { afterAll, beforeAll, expect, test } from 'bun:test'
import { OCI_MANIFEST } from '../../src/core/media-types.ts'
import type { RepoName } from '../../src/core/names.ts'
import { imageManifest, inPieces, pushBlob, randomBlob, type TestBlob } from '../suite/content.ts'
import { type Asked, type Prepared, prepare, sizedManifest, streamed } from './asked.ts'
import { RawConnection, request } from './raw.ts'

/** The limits as they are unless told: at each of them, and one past it (RELIABILITY 3.10). */

let prepared: Prepared
let server: Asked
let repo: RepoName
let config: TestBlob
let layer: TestBlob

beforeAll(async () => {
  prepared = await prepare({})
  ;({ server, repo, config, layer } = prepared)
})
afterAll(() => prepared[Symbol.asyncDispose]())

test('a manifest of 4 MiB (M7)', async () => {
  expect(await server.putManifest(repo, sizedManifest(prepared, 4_194_304))).toBe('201')
  expect(await server.putManifest(repo, sizedManifest(prepared, 4_194_305))).toBe('413 SIZE_INVALID')
  const chunked = (bytes: number) => ({
    body: streamed(inPieces(Buffer.from(sizedManifest(prepared, bytes)), 65_536)),
    headers: { 'content-type': OCI_MANIFEST },
  })
  const path = `/v2/${repo}/manifests/latest`
  expect(await server.outcome('PUT', path, chunked(4_194_304))).toBe('201')
  expect(await server.outcome('PUT', path, chunked(4_194_305))).toBe('413 SIZE_INVALID')
})

test('JSON 32 deep', async () => {
  const nested = (depth: number) =>
    Buffer.from(
      imageManifest(config, [layer], { x: JSON.parse('['.repeat(depth - 1) + ']'.repeat(depth - 1)) }).bytes,
    )
  expect(await server.putManifest(repo, nested(32))).toBe('201')
  expect(await server.putManifest(repo, nested(33))).toBe('400 MANIFEST_INVALID')
})

test('50 tag parameters (M9)', async () => {
  const { bytes, digest } = imageManifest(config, [layer], { x: 'tags' })
  const put = (count: number) => {
    const tags = Array.from({ length: count }, (_, i) => `tag=t${i}`).join('&')
    return server.putManifest(repo, bytes, OCI_MANIFEST, `${digest}?${tags}`)
  }
  expect(await put(51)).toBe('414 UNSUPPORTED')
  expect(await server.outcome('GET', `/v2/${repo}/manifests/t0`)).toBe('404 MANIFEST_UNKNOWN')
  expect(await put(50)).toBe('201')
  const same = Array(1000).fill('tag=again').join('&')
  expect(await server.putManifest(repo, bytes, OCI_MANIFEST, `${digest}?${same}`)).toBe('201')
})

test('names of 255 characters and 32 parts, tags of 128 (G1, G2)', async () => {
  const open = (name: string) => server.outcome('POST', `/v2/${name}/blobs/uploads/`)
  expect(await open(`limits/${'a'.repeat(248)}`)).toBe('202')
  expect(await open(`limits/${'a'.repeat(249)}`)).toBe('400 NAME_INVALID')
  expect(await open(Array(32).fill('a').join('/'))).toBe('202')
  expect(await open(Array(33).fill('a').join('/'))).toBe('400 NAME_INVALID')
  const { bytes } = imageManifest(config, [layer])
  expect(await server.putManifest(repo, bytes, OCI_MANIFEST, 't'.repeat(128))).toBe('201')
  expect(await server.putManifest(repo, bytes, OCI_MANIFEST, 't'.repeat(129))).toBe('400 MANIFEST_INVALID')
})

test('a URL of 16 KiB', async () => {
  const target = (length: number) => '/v2/_catalog?x='.padEnd(length, 'x')
  expect(await server.outcome('GET', target(16_384 + 1))).toBe('200')
  expect(await server.outcome('GET', target(16_384 + 2))).toBe('414 UNSUPPORTED')
})

test('1,024 ranges (P7)', async () => {
  const blob = randomBlob(4096)
  await pushBlob(server.registry, repo, blob)
  const get = (count: number) => {
    const ranges = Array.from({ length: count }, (_, i) => `${i * 2}-${i * 2}`).join(',')
    return server.outcome('GET', `/v2/${repo}/blobs/${blob.digest}`, {
      headers: { range: `bytes=${ranges}` },
    })
  }
  expect(await get(1024)).toBe('206')
  expect(await get(1025)).toBe('400 UNSUPPORTED')
})

test('ranges of twice the size', async () => {
  const get = (range: string) =>
    server.outcome('GET', `/v2/${repo}/blobs/${layer.digest}`, { headers: { range: `bytes=${range}` } })
  expect(await get('0-,0-')).toBe('206')
  expect(await get('0-,0-,0-0')).toBe('400 UNSUPPORTED')
})

test('a search term of 256 characters', async () => {
  const search = (length: number) => server.outcome('GET', `/v1/search?q=${'a'.repeat(length)}`)
  expect(await search(256)).toBe('200')
  expect(await search(257)).toBe('400 UNSUPPORTED')
})

test('header lines of 64 KiB, 198 of them', async () => {
  const status = async (headers: readonly string[]) => {
    await using connection = await RawConnection.connect(server.berth.host)
    await connection.send(request('GET', '/v2/', headers))
    return (await connection.answer())?.status
  }
  expect(await status([`X-A: ${'a'.repeat(65_000)}`])).toBe(200)
  expect(await status([`X-A: ${'a'.repeat(66_000)}`])).toBe(431)
  const many = (count: number) => ['Host: x', ...Array.from({ length: count - 1 }, (_, i) => `X-${i}: a`)]
  expect(await status(many(198))).toBe(200)
  expect(await status(many(199))).toBe(431)
})

test('64 KiB of a body may be left unread on a connection that goes on', async () => {
  const refuse = async (length: number) => {
    await using connection = await RawConnection.connect(server.berth.host)
    await connection.send(
      request('PUT', '/v2/A/manifests/x', [`Content-Length: ${length}`], 'x'.repeat(length)),
    )
    return (await connection.answer())?.headers.get('connection')
  }
  expect(await refuse(65_536)).toBeUndefined()
  expect(await refuse(65_537)).toBe('close')
})
