import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { digestOf } from '../../src/core/digest.ts'
import { OCI_MANIFEST } from '../../src/core/media-types.ts'
import { clientRegistry } from '../../src/registry/client.ts'
import {
  descriptorOf,
  freshRepo,
  imageManifest,
  pushBlob,
  pushImage,
  pushManifest,
  randomBlob,
} from '../suite/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { errorCode, RawConnection, request } from './raw.ts'

/** What every answer has, whatever was asked. */

let berth: BerthServer
/** Every address that is read, by what it is; each answers 200 or 204. */
const readable: Record<string, string> = {}
/** Addresses that are refused, with status and code. */
const refused: Record<string, [target: string, status: number, code: string]> = {}

beforeAll(async () => {
  berth = await startBerth()
  const registry = clientRegistry({ base: berth.url })
  const repo = freshRepo('answers')
  const { config, layers, manifest } = await pushImage(registry, repo, ['a', 'b'])
  const sbom = imageManifest(config, layers, {
    subject: descriptorOf(manifest, OCI_MANIFEST),
    artifactType: 'application/sbom',
  })
  await pushManifest(registry, repo, sbom, ['sbom'])
  const empty = { bytes: new Uint8Array(), digest: digestOf('') }
  await pushBlob(registry, repo, empty)
  const large = randomBlob(2_000_000)
  await pushBlob(registry, repo, large)
  const session = await fetch(`${berth.url}/v2/${repo}/blobs/uploads/`, { method: 'POST' })
  Object.assign(readable, {
    base: '/v2/',
    'base without slash': '/v2',
    extensions: '/v2/_oci/ext/discover',
    catalogue: '/v2/_catalog',
    'page of the catalogue': '/v2/_catalog?n=1',
    tags: `/v2/${repo}/tags/list`,
    'page of tags': `/v2/${repo}/tags/list?n=1`,
    'no tags': `/v2/${repo}/tags/list?n=0`,
    'manifest by tag': `/v2/${repo}/manifests/a`,
    'manifest by digest': `/v2/${repo}/manifests/${manifest.digest}`,
    blob: `/v2/${repo}/blobs/${config.digest}`,
    'empty blob': `/v2/${repo}/blobs/${empty.digest}`,
    'large blob': `/v2/${repo}/blobs/${large.digest}`,
    referrers: `/v2/${repo}/referrers/${manifest.digest}`,
    'filtered referrers': `/v2/${repo}/referrers/${manifest.digest}?artifactType=x`,
    'referrers of nothing': `/v2/unknown/referrers/${manifest.digest}`,
    'upload session': session.headers.get('location') ?? '',
    'search ping': '/v1/_ping',
    search: '/v1/search?q=answers',
    'search without a term': '/v1/search',
    liveness: '/livez',
    readiness: '/readyz',
  })
  const absent = digestOf('absent')
  Object.assign(refused, {
    'bad name': ['/v2/A/tags/list', 400, 'NAME_INVALID'],
    'unknown repository': ['/v2/unknown/tags/list', 404, 'NAME_UNKNOWN'],
    'unknown blob': [`/v2/${repo}/blobs/${absent}`, 404, 'BLOB_UNKNOWN'],
    'bad digest': [`/v2/${repo}/blobs/sha256:x`, 400, 'DIGEST_INVALID'],
    'unknown manifest': [`/v2/${repo}/manifests/${absent}`, 404, 'MANIFEST_UNKNOWN'],
    'unknown tag': [`/v2/${repo}/manifests/unknown`, 404, 'MANIFEST_UNKNOWN'],
    'bad tag': [`/v2/${repo}/manifests/-bad`, 400, 'MANIFEST_INVALID'],
    'unknown session': [`/v2/${repo}/blobs/uploads/${crypto.randomUUID()}`, 404, 'BLOB_UPLOAD_UNKNOWN'],
    'bad page': ['/v2/_catalog?n=-1', 400, 'UNSUPPORTED'],
    'bad referrers': [`/v2/${repo}/referrers/latest`, 400, 'DIGEST_INVALID'],
    'unknown path': ['/v2/a/b/c', 404, 'UNSUPPORTED'],
    'path elsewhere': ['/favicon.ico', 404, 'UNSUPPORTED'],
  })
})
afterAll(() => berth[Symbol.asyncDispose]())

/** Asks raw, since a client of a runtime hides what it does not like. */
async function ask(method: string, target: string, headers: readonly string[] = []) {
  await using connection = await RawConnection.connect(berth.host)
  await connection.send(request(method, target, headers))
  const answer = await connection.answer(method)
  if (answer === undefined) throw new Error(`${method} ${target} was not answered`)
  return answer
}

const CHANGING = new Set(['date', 'x-request-id', 'transfer-encoding'])
const steady = (headers: ReadonlyMap<string, string>) =>
  Object.fromEntries([...headers].filter(([name]) => !CHANGING.has(name)).sort())

describe('HEAD is GET without its body (G6, P3)', () => {
  test('on every address', async () => {
    for (const [what, target] of Object.entries(readable)) {
      const get = await ask('GET', target)
      const head = await ask('HEAD', target)
      expect([what, head.status]).toEqual([what, get.status])
      expect([what, steady(head.headers)]).toEqual([what, steady(get.headers)])
      expect([200, 204]).toContain(get.status)
      if (get.status === 200)
        expect([what, get.headers.get('content-length')]).toEqual([what, String(get.body.byteLength)])
    }
  })

  test('on every refusal', async () => {
    for (const [what, [target, status]] of Object.entries(refused)) {
      const get = await ask('GET', target)
      const head = await ask('HEAD', target)
      expect([what, get.status]).toEqual([what, status])
      expect([what, head.status, steady(head.headers)]).toEqual([what, status, steady(get.headers)])
    }
  })

  test('no other bytes follow the answer to a HEAD', async () => {
    for (const target of [...Object.values(readable), ...Object.values(refused).map(([path]) => path)]) {
      await using connection = await RawConnection.connect(berth.host)
      await connection.send(request('HEAD', target))
      await connection.answer('HEAD')
      await connection.send(request('HEAD', '/livez', ['Connection: close']))
      const last = await connection.answer('HEAD')
      expect([target, last?.status]).toEqual([target, 200])
      expect([target, (await connection.rest()).toString()]).toEqual([target, ''])
    }
  })
})

describe('every answer', () => {
  test('has a request id of its own', async () => {
    const seen = new Set<string>()
    const targets = [...Object.values(readable), ...Object.values(refused).map(([target]) => target)]
    for (const target of targets) {
      for (const method of ['GET', 'HEAD']) {
        const id = (await ask(method, target)).headers.get('x-request-id')
        expect([target, id]).toEqual([target, expect.stringMatching(/^[0-9a-f]{12}-[0-9a-z]+$/)])
        seen.add(id as string)
      }
    }
    expect(seen.size).toBe(targets.length * 2)
  })

  test('of the protocol says so (10.1)', async () => {
    for (const target of Object.values(readable).filter((path) => path.startsWith('/v2'))) {
      expect([target, (await ask('GET', target)).headers.get('docker-distribution-api-version')]).toEqual([
        target,
        'registry/2.0',
      ])
    }
  })

  test('that refuses is JSON with a code of the specification (G9, G10)', async () => {
    for (const [what, [target, , code]] of Object.entries(refused)) {
      const answer = await ask('GET', target)
      expect([what, answer.headers.get('content-type')]).toEqual([what, 'application/json'])
      expect([what, errorCode(answer)]).toEqual([what, code])
    }
  })

  test('is neither compressed nor allowed to other origins (G12, SE-22)', async () => {
    for (const target of Object.values(readable)) {
      const { headers } = await ask('GET', target, [
        'Accept-Encoding: zstd, gzip, deflate, br',
        'Origin: https://evil.test',
      ])
      expect([target, headers.get('content-encoding')]).toEqual([target, undefined])
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
      expect(
        [...headers.keys()].filter((name) => ['server', 'x-powered-by', 'set-cookie'].includes(name)),
      ).toEqual([])
    }
  })

  test('with content of clients cannot act on our origin (SE-21)', async () => {
    for (const what of ['manifest by tag', 'manifest by digest', 'blob', 'empty blob', 'large blob']) {
      const { headers } = await ask('GET', readable[what] as string)
      expect([what, headers.get('x-content-type-options')]).toEqual([what, 'nosniff'])
      expect([what, headers.get('content-security-policy')]).toEqual([what, "default-src 'none'; sandbox"])
      expect([what, headers.get('content-disposition')]).toEqual([what, 'attachment'])
    }
  })
})

describe('writes on an address that is read only', () => {
  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s gets 405 with what is allowed', async (method) => {
    for (const what of ['base', 'extensions', 'catalogue', 'tags', 'referrers', 'search ping', 'search']) {
      const answer = await ask(method, readable[what] as string, ['Content-Length: 0'])
      expect([what, answer.status, answer.headers.get('allow'), errorCode(answer)]).toEqual([
        what,
        405,
        'GET, HEAD',
        'UNSUPPORTED',
      ])
    }
  })
})
