import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { digestOf } from '../../src/core/digest.ts'
import { freshRepo, pushBlob, randomBlob } from '../suite/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { Asked } from './asked.ts'
import { errorCode, RawConnection, request } from './raw.ts'
import { MiB, peakMemory, residentMemory } from './rss.ts'

/** Peers that read or send slowly, or not at all (RELIABILITY 3.8). */

const SIZE = 100_000_000
const SLOW_RATE = 100_000
const SLOW_SECONDS = 60

/** Reads an answer's body at a pace for a while, then as fast as it comes; tells its digest and length. */
function readSlowly(
  host: string,
  path: string,
): Promise<{ digest: string; length: number; seconds: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    digest: string
    length: number
    seconds: number
  }>()
  const hash = createHash('sha256')
  const started = performance.now()
  const passed = () => (performance.now() - started) / 1000
  let length = -1
  let head = Buffer.alloc(0)
  RawConnection.connect(host, { pauseAtStart: true }).then(async ({ socket, ...connection }) => {
    const take = (bytes: Buffer) => {
      hash.update(bytes)
      length += bytes.byteLength
      if (length === SIZE) socket.destroy()
    }
    socket.on('data', (chunk: Buffer) => {
      if (length >= 0) take(chunk)
      else {
        head = Buffer.concat([head, chunk])
        const end = head.indexOf('\r\n\r\n')
        if (end >= 0) {
          length = 0
          take(head.subarray(end + 4))
        }
      }
      // As late as the pace wants what has come so far.
      const early = length / SLOW_RATE - passed()
      if (passed() >= SLOW_SECONDS || early <= 0) return
      socket.pause()
      setTimeout(() => socket.resume(), Math.min(early, SLOW_SECONDS - passed()) * 1000)
    })
    socket.on('close', () => resolve({ digest: `sha256:${hash.digest('hex')}`, length, seconds: passed() }))
    socket.write(request('GET', path))
    return connection
  }, reject)
  return promise
}

let berth: BerthServer
let server: Asked
let slowRead: ReturnType<typeof readSlowly>
let large: string
beforeAll(async () => {
  // The slow reader is not waited for where only other tests of this file are run.
  berth = await startBerth({ env: { BERTH_DRAIN_SECONDS: '0' } })
  server = new Asked(berth)
  const blob = randomBlob(SIZE)
  const repo = freshRepo('slow')
  await pushBlob(server.registry, repo, blob)
  large = blob.digest
  slowRead = readSlowly(berth.host, `/v2/${repo}/blobs/${blob.digest}`)
}, 60_000)
afterAll(() => berth[Symbol.asyncDispose]())

describe('senders that are too slow (RS-1)', () => {
  let strict: BerthServer
  let own: Asked
  beforeAll(async () => {
    strict = await startBerth({
      env: { BERTH_BODY_GRACE_SECONDS: '1', BERTH_BODY_MIN_RATE: '1000', BERTH_BODY_IDLE_SECONDS: '2' },
    })
    own = new Asked(strict)
  })
  afterAll(() => strict[Symbol.asyncDispose]())

  /** Sends a byte every 100 ms, 10 B/s, until there is an answer; returns it and how many bytes were sent. */
  async function trickle(head: string, bytes: Uint8Array) {
    await using connection = await RawConnection.connect(strict.host)
    await connection.send(head)
    let answered = false
    const answering = connection.answer().finally(() => (answered = true))
    let sent = 0
    for (; !answered && sent < bytes.byteLength; sent++) {
      await connection.send(bytes.subarray(sent, sent + 1))
      await Bun.sleep(100)
    }
    return { answer: await answering, sent }
  }

  test('a chunk at 10 B/s gets 408; what arrived is kept, and the session goes on', async () => {
    const repo = freshRepo('slow')
    const bytes = randomBytes(1000)
    const location = await own.openUpload(repo)
    const { answer, sent } = await trickle(request('PATCH', location, ['Content-Length: 1000']), bytes)
    expect(answer?.status).toBe(408)
    expect(answer?.headers.get('connection')).toBe('close')
    expect(answer ? errorCode(answer) : '').toBe('BLOB_UPLOAD_INVALID')
    const held = Number((await own.ask('GET', location)).headers.get('range')?.split('-')[1]) + 1
    // One byte may have been on its way when the server gave up.
    expect(sent - held).toBeLessThanOrEqual(2)
    expect(held).toBeGreaterThan(2)
    const rest = { body: bytes.subarray(held), headers: { 'content-range': `${held}-999` } }
    expect(await own.outcome('PUT', `${location}?digest=${digestOf(bytes)}`, rest)).toBe('201')
    const got = await own.ask('GET', `/v2/${repo}/blobs/${digestOf(bytes)}`)
    expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true)
  }, 20_000)

  test.each([
    [
      'a blob in one request',
      (repo: string) =>
        request('POST', `/v2/${repo}/blobs/uploads/?digest=${digestOf('x')}`, ['Content-Length: 1000']),
    ],
    [
      'a manifest',
      (repo: string) => request('PUT', `/v2/${repo}/manifests/latest`, ['Content-Length: 1000']),
    ],
  ])(
    '%s at 10 B/s gets 408, and nothing of it stays',
    async (_, head) => {
      const repo = freshRepo('slow')
      const { answer } = await trickle(head(repo), Buffer.alloc(1000, 32))
      expect(answer?.status).toBe(408)
      expect(await own.outcome('GET', `/v2/${repo}/tags/list`)).toBe('404 NAME_UNKNOWN')
      expect(await (await own.ask('GET', '/metrics')).text()).toContain('berth_uploads_open 0')
    },
    20_000,
  )

  test('a chunk that stops gets 408, and what arrived is kept', async () => {
    const location = await own.openUpload(freshRepo('slow'))
    await using connection = await RawConnection.connect(strict.host)
    // Fast enough for the rate, so that only the pause counts.
    await connection.send(request('PATCH', location, ['Content-Length: 1000000'], 'x'.repeat(100_000)))
    const answer = await connection.answer()
    expect(answer?.status).toBe(408)
    expect(answer?.body.toString()).toContain('paused')
    expect((await own.ask('GET', location)).headers.get('range')).toBe('0-99999')
    expect(await own.outcome('DELETE', location)).toBe('204')
  }, 20_000)

  test('one that is as slow as it may be is not cut', async () => {
    const bytes = randomBytes(6000)
    const location = await own.openUpload(freshRepo('slow'))
    await using connection = await RawConnection.connect(strict.host)
    await connection.send(request('PATCH', location, ['Content-Length: 6000']))
    for (let at = 0; at < 6000; at += 250) {
      await connection.send(bytes.subarray(at, at + 250))
      await Bun.sleep(100)
    }
    expect((await connection.answer())?.status).toBe(202)
  }, 20_000)
})

describe('many at once', () => {
  test('1,000 idle connections cost little, and others are served meanwhile', async () => {
    await using quiet = await startBerth()
    const own = new Asked(quiet)
    await own.ask('GET', '/v2/')
    const before = residentMemory(quiet.daemon.pid)
    await using connections = new AsyncDisposableStack()
    for (let batch = 0; batch < 10; batch++) {
      const opened = await Promise.all(Array.from({ length: 100 }, () => RawConnection.connect(quiet.host)))
      for (const connection of opened) connections.use(connection)
      await Promise.all(
        opened.map(async (connection) => {
          await connection.send(request('GET', '/v2/'))
          expect((await connection.answer())?.status).toBe(200)
        }),
      )
      expect(await own.outcome('GET', '/v2/_catalog')).toBe('200')
    }
    const each = (residentMemory(quiet.daemon.pid) - before) / 1000
    console.log(`1,000 idle connections: ${Math.round(each / 1024)} KiB each`)
    expect(each).toBeLessThan(40 * 1024)
  }, 60_000)

  test('100 manifests without end cost no more than their limit each (SE-8)', async () => {
    await using busy = await startBerth()
    const own = new Asked(busy)
    await own.ask('GET', '/v2/')
    const before = residentMemory(busy.daemon.pid)
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 32), Buffer.from('\r\n')])
    const { result: outcomes, peak } = await peakMemory(busy.daemon.pid, () =>
      Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          await using connection = await RawConnection.connect(busy.host)
          await connection.send(
            request('PUT', `/v2/slow/m${i}/manifests/latest`, ['Transfer-Encoding: chunked']),
          )
          let answered = false
          const answering = connection.answer().finally(() => (answered = true))
          for (let sent = 0; !answered && sent < 1000; sent++) await connection.send(chunk)
          return (await answering)?.status
        }),
      ),
    )
    // A sender that is cut while it sends may lose the answer with the connection.
    for (const status of outcomes) expect([413, undefined]).toContain(status)
    expect(outcomes).toContain(413)
    expect(peak - before).toBeLessThan(500 * MiB)
    expect(await own.outcome('GET', '/v2/_catalog')).toBe('200')
  }, 60_000)

  test('200 slow uploads of 10 GB cost little', async () => {
    await using busy = await startBerth()
    const own = new Asked(busy)
    await own.ask('GET', '/v2/')
    const before = residentMemory(busy.daemon.pid)
    const piece = randomBytes(16 * 1024)
    const { peak } = await peakMemory(busy.daemon.pid, async () => {
      await using connections = new AsyncDisposableStack()
      const uploads = await Promise.all(
        Array.from({ length: 200 }, async (_, i) => {
          const location = await own.openUpload(`slow/upload-${i}`)
          const connection = connections.use(await RawConnection.connect(busy.host))
          await connection.send(request('PATCH', location, [`Content-Length: ${10 ** 10}`]))
          return connection
        }),
      )
      // 80 KiB a second each: the pace is the subject here.
      for (let round = 0; round < 60; round++) {
        await Promise.all(uploads.map((connection) => connection.send(piece)))
        await Bun.sleep(200)
      }
      expect(await own.outcome('GET', '/v2/')).toBe('200')
    })
    console.log(`200 slow uploads: ${Math.round(peak / MiB)} MiB, ${Math.round(before / MiB)} MiB before`)
    // The aim is 160; the rest is what a busy machine's collector comes late by.
    expect(peak).toBeLessThan(200 * MiB)
  }, 120_000)
})

test('a blob that is read at 100 KB/s for a minute arrives whole', async () => {
  const { digest, length, seconds } = await slowRead
  expect({ digest, length }).toEqual({ digest: large, length: SIZE })
  expect(seconds).toBeGreaterThan(SLOW_SECONDS)
}, 120_000)
