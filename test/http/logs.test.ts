import { afterAll, beforeAll, expect, test } from 'bun:test'
import { digestOf } from '../../src/core/digest.ts'
import { clientRegistry } from '../../src/registry/client.ts'
import { freshRepo, pushImage } from '../suite/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { RawConnection, request } from './raw.ts'

/** Stands in every place where a secret can: none of it may be in a log (SE-13). */
const CANARY = 'canary-5f2d9c'

const secret = (name: string) => `${CANARY}-${name}`

/** Requests that carry a secret in a header or in their query. */
function withSecrets(repo: string): string[] {
  const digest = digestOf('x')
  const uuid = crypto.randomUUID()
  const headers = [
    `Authorization: Bearer ${secret('bearer')}`,
    `Proxy-Authorization: Basic ${secret('proxy')}`,
    `Cookie: session=${secret('cookie')}`,
    `X-Docker-Token: ${secret('token')}`,
    `Referer: https://x.test/?token=${secret('referer')}`,
  ]
  const query = `token=${secret('query')}&X-Amz-Signature=${secret('signature')}&access_token=${secret('access')}`
  const targets = [
    '/v2/',
    '/v2/_catalog',
    '/v2/_catalog?n=x',
    `/v2/${repo}/tags/list`,
    `/v2/${repo}/manifests/latest`,
    `/v2/${repo}/manifests/unknown`,
    `/v2/${repo}/blobs/${digest}`,
    `/v2/${repo}/blobs/uploads/${uuid}`,
    '/v2/A/tags/list',
    '/v2/%ff',
    '/v1/search?q=x',
    '/livez',
    '/nowhere',
    `/${'x'.repeat(17_000)}`,
    `/v2/${'x'.repeat(17_000)}`,
  ]
  const reads = targets.flatMap((target) => [
    request('GET', `${target}${target.includes('?') ? '&' : '?'}${query}`, headers),
    request('DELETE', `${target}${target.includes('?') ? '&' : '?'}${query}`, headers),
  ])
  const writes = [
    request('POST', `/v2/${repo}/blobs/uploads/?${query}`, [...headers, 'Content-Length: 0']),
    request('POST', `/v2/${repo}/blobs/uploads/?digest=${secret('digest')}&${query}`, [
      ...headers,
      'Content-Length: 0',
    ]),
    request('PUT', `/v2/${repo}/manifests/latest?${query}`, [...headers, 'Content-Length: 5'], '{"a":'),
    request(
      'PATCH',
      `/v2/${repo}/blobs/uploads/${uuid}?_state=${secret('state')}`,
      [...headers, 'Content-Length: 1'],
      'x',
    ),
    // Broken ones, and such that the runtime refuses by itself.
    request('GET', `/v2/?${query}`, ['Host: a, b', ...headers]),
    request('GET', `/v2/?${query}`, [...headers, 'Content-Length: x']),
    request('GET', `/v2/?${query}`, [...headers, `X-Large: ${'x'.repeat(70_000)}`]),
    request('GET', `http://user:${secret('userinfo')}@berth.test/v2/?${query}`, headers),
  ]
  return [...reads, ...writes]
}

let berth: BerthServer
const ids: string[] = []
beforeAll(async () => {
  berth = await startBerth({ env: { BERTH_LOG_LEVEL: 'debug' } })
  const repo = freshRepo('logs')
  await pushImage(clientRegistry({ base: berth.url }), repo)
  for (const text of withSecrets(repo)) {
    await using connection = await RawConnection.connect(berth.host)
    await connection.send(text)
    const id = (await connection.answer())?.headers.get('x-request-id')
    if (id !== undefined) ids.push(id)
  }
  // Lines come in the order of the answers, so all of them are there once this one is.
  await berth.requests()
})
afterAll(() => berth[Symbol.asyncDispose]())

test('no secret of a request is in the log', () => {
  expect(berth.daemon.lines.length).toBeGreaterThan(30)
  expect(berth.daemon.lines.filter((line) => line.includes(CANARY))).toEqual([])
})

test('every answer has its line, found by its request id', () => {
  expect(ids.length).toBeGreaterThan(30)
  for (const id of ids)
    expect(berth.daemon.lines.filter((line) => line.includes(`"id":"${id}"`))).toHaveLength(1)
})

test('every line is JSON with time, level and message', () => {
  for (const line of berth.daemon.lines) {
    const { time, level, msg } = JSON.parse(line)
    expect(Number.isNaN(Date.parse(time))).toBe(false)
    expect(['error', 'warn', 'info', 'debug']).toContain(level)
    expect(typeof msg).toBe('string')
  }
})

test('a line of a request tells what happened', async () => {
  await using connection = await RawConnection.connect(berth.host)
  await connection.send(request('GET', '/v2/a/b/manifests/none?secret=x', ['User-Agent: say "hi"']))
  const id = (await connection.answer())?.headers.get('x-request-id')
  const line = await berth.daemon.waitForLine((each) => each.includes(`"id":"${id}"`))
  const { time, ms, bytes, ...rest } = JSON.parse(line)
  expect(rest).toEqual({
    level: 'info',
    msg: 'request',
    id,
    client: '127.0.0.1',
    method: 'GET',
    path: '/v2/a/b/manifests/none',
    route: 'manifest',
    status: 404,
    agent: 'say "hi"',
    refusal: 'manifest-unknown',
  })
  expect(ms).toBeGreaterThan(0)
  expect(bytes).toBeGreaterThan(50)
})
