import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { digestOf } from '../../src/core/digest.ts'
import { clientRegistry } from '../../src/registry/client.ts'
import { freshRepo, pushBlob, randomBlob, testContext } from '../suite/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { errorCode, RawConnection, request } from './raw.ts'

let berth: BerthServer
beforeAll(async () => {
  berth = await startBerth()
})
afterAll(() => berth[Symbol.asyncDispose]())

const connect = () => RawConnection.connect(berth.host)
const registry = () => clientRegistry({ base: berth.url })

/** A new session's path. */
async function openUpload(repo: string): Promise<string> {
  const answer = await fetch(`${berth.url}/v2/${repo}/blobs/uploads/`, { method: 'POST' })
  return answer.headers.get('location') as string
}

/**
 * Sends what a session lacks, from where it says it stands, and returns that place. Tried again while the server has not noticed yet
 * that the sender before is gone.
 */
async function resume(location: string, bytes: Uint8Array): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    const status = await fetch(berth.url + location)
    const held = Number(status.headers.get('range')?.split('-')[1])
    const from = held === 0 ? 0 : held + 1
    const chunk = await fetch(berth.url + location, {
      method: 'PATCH',
      headers: { 'content-range': `${from}-${bytes.byteLength - 1}` },
      body: bytes.slice(from),
    })
    if (chunk.status === 202) return from
    expect(chunk.status).toBe(416)
    await Bun.sleep(20)
  }
  throw new Error(`${location} takes no more chunks`)
}

describe('pipelining', () => {
  test('1,000 requests at once are answered in order, HEADs among them', async () => {
    const repo = freshRepo('pipe')
    const blobs = [randomBlob(1), randomBlob(100), randomBlob(1000)]
    for (const blob of blobs) await pushBlob(registry(), repo, blob)
    const asked = Array.from({ length: 1000 }, (_, i) => ({
      method: i % 3 === 1 ? 'HEAD' : 'GET',
      blob: i % 7 === 0 ? undefined : (blobs[i % blobs.length] as (typeof blobs)[number]),
    }))
    await using connection = await connect()
    const missing = digestOf('never pushed')
    const sending = connection.send(
      asked
        .map(({ method, blob }) => request(method, `/v2/${repo}/blobs/${blob?.digest ?? missing}`))
        .join(''),
    )
    for (const { method, blob } of asked) {
      const answer = await connection.answer(method)
      expect(answer?.status).toBe(blob ? 200 : 404)
      if (blob === undefined) continue
      expect(answer?.headers.get('content-length')).toBe(String(blob.bytes.byteLength))
      expect(answer?.headers.get('docker-content-digest')).toBe(blob.digest)
      if (method === 'GET') expect(answer?.body.equals(blob.bytes)).toBe(true)
    }
    await sending
  }, 60_000)

  /** The runtime ends a connection whose next request comes while an answer is still on its way; it must never mix two. */
  test('answers that take long come whole or not, and never with another’s bytes (C4)', async () => {
    const repo = freshRepo('pipe')
    const blobs = [randomBlob(100), randomBlob(70_000), randomBlob(3_000_000)]
    for (const blob of blobs) await pushBlob(registry(), repo, blob)
    const asked = Array.from({ length: 60 }, (_, i) => blobs[i % blobs.length] as (typeof blobs)[number])
    await using connection = await connect()
    await connection.send(asked.map(({ digest }) => request('GET', `/v2/${repo}/blobs/${digest}`)).join(''))
    let whole = 0
    for (const { bytes, digest } of asked) {
      const answer = await connection.answer()
      if (answer === undefined) break
      expect(answer.headers.get('docker-content-digest')).toBe(digest)
      expect(answer.headers.get('content-length')).toBe(String(bytes.byteLength))
      expect(answer.body.equals(bytes.subarray(0, answer.body.byteLength))).toBe(true)
      if (!answer.whole) break
      whole++
    }
    expect(whole).toBeGreaterThan(0)
  }, 60_000)

  test('uploads among reads', async () => {
    const repo = freshRepo('pipe')
    const blob = randomBlob(5000)
    const uploads = `/v2/${repo}/blobs/uploads/`
    await using connection = await connect()
    await connection.send(
      request('GET', '/v2/') +
        request('POST', `${uploads}?digest=${blob.digest}`, ['Content-Length: 5000'], blob.bytes) +
        request('GET', `/v2/${repo}/blobs/${blob.digest}`),
    )
    expect((await connection.answer())?.status).toBe(200)
    const pushed = await connection.answer()
    if (pushed === undefined) return
    expect(pushed.status).toBe(201)
    const pulled = await connection.answer()
    if (pulled !== undefined) expect(pulled.body.equals(blob.bytes)).toBe(true)
  })
})

describe('a connection serves on', () => {
  test('behind refusals without a body', async () => {
    await using connection = await connect()
    const refused: [method: string, target: string, status: number][] = [
      ['GET', '/v2/A/tags/list', 400],
      ['GET', '/v2/none/tags/list', 404],
      ['GET', `/v2/none/blobs/${digestOf('x')}`, 404],
      ['GET', '/v2/none/manifests/latest', 404],
      ['DELETE', '/v2/', 405],
      ['POST', '/v2/none/blobs/uploads/?digest=x', 400],
      ['GET', '/v2/_catalog?n=x', 400],
      ['GET', '/nowhere', 404],
      ['GET', `/v2/${'a'.repeat(20_000)}`, 414],
    ]
    for (const [method, target, status] of refused) {
      await connection.send(request(method, target, method === 'POST' ? ['Content-Length: 0'] : []))
      const answer = await connection.answer(method)
      expect(answer?.status).toBe(status)
      expect(answer?.headers.get('connection')).not.toBe('close')
      expect(answer ? errorCode(answer) : '').not.toBe('')
    }
    await connection.send(request('GET', '/v2/'))
    expect((await connection.answer())?.status).toBe(200)
  })

  test('behind a refusal whose small body was not wanted', async () => {
    await using connection = await connect()
    await connection.send(request('PUT', '/v2/A/manifests/x', ['Content-Length: 100'], 'x'.repeat(100)))
    expect((await connection.answer())?.status).toBe(400)
    await connection.send(request('GET', '/v2/'))
    expect((await connection.answer())?.status).toBe(200)
  })

  test('to Connection: close it closes', async () => {
    await using connection = await connect()
    await connection.send(request('GET', '/v2/', ['Connection: close']))
    expect((await connection.answer())?.status).toBe(200)
    await connection.closed()
  })
})

describe('a body that is not wanted', () => {
  const refused: [title: string, method: string, target: string, status: number][] = [
    ['of a bad name', 'PUT', '/v2/A/manifests/x', 400],
    ['of an unknown session', 'PATCH', `/v2/a/b/blobs/uploads/${crypto.randomUUID()}`, 404],
    ['of a bad digest', 'POST', '/v2/a/b/blobs/uploads/?digest=x', 400],
    ['of a path that is none', 'PUT', '/v2/a/b', 404],
    ['of a method that is none', 'POST', '/v2/_catalog', 405],
    ['of a manifest that is too large', 'PUT', '/v2/a/b/manifests/x', 413],
  ]
  test.each(refused)(
    '%s ends the connection instead of being swallowed',
    async (_, method, target, status) => {
      await using connection = await connect()
      const length = 1024 ** 4
      await connection.send(request(method, target, [`Content-Length: ${length}`]))
      const answer = await connection.answer()
      expect(answer?.status).toBe(status)
      expect(answer?.headers.get('connection')).toBe('close')
      const piece = Buffer.alloc(1024 * 1024)
      let sent = 0
      while (!connection.ended && sent < 256 * piece.byteLength) {
        await connection.send(piece)
        sent += piece.byteLength
      }
      // As much as lay in the kernel's buffers, and no more.
      expect(sent).toBeLessThan(64 * piece.byteLength)
    },
  )

  test('without announced length neither', async () => {
    await using connection = await connect()
    await connection.send(
      request('PUT', '/v2/A/manifests/x', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n'),
    )
    const answer = await connection.answer()
    expect(answer?.status).toBe(400)
    expect(answer?.headers.get('connection')).toBe('close')
    await connection.closed()
  })

  test('a manifest in chunks without end is refused at the limit (SE-8)', async () => {
    await using connection = await connect()
    await connection.send(request('PUT', '/v2/a/b/manifests/x', ['Transfer-Encoding: chunked']))
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 32), Buffer.from('\r\n')])
    for (let sent = 0; sent < 64; sent++) await connection.send(chunk)
    // The byte too many, and no end. What would come behind it could break the connection before the answer was read.
    await connection.send('1\r\n \r\n')
    const answer = await connection.answer()
    expect(answer?.status).toBe(413)
    expect(answer?.headers.get('connection')).toBe('close')
    expect(answer ? errorCode(answer) : '').toBe('SIZE_INVALID')
    await connection.closed()
  })
})

describe('Expect: 100-continue (B22)', () => {
  test('is kept for a body that is wanted', async () => {
    const blob = randomBlob(1000)
    await using connection = await connect()
    const target = `/v2/${freshRepo()}/blobs/uploads/?digest=${blob.digest}`
    await connection.send(request('POST', target, ['Content-Length: 1000', 'Expect: 100-continue']))
    expect((await connection.answer())?.status).toBe(100)
    await connection.send(blob.bytes)
    expect((await connection.answer())?.status).toBe(201)
  })

  test('a body that is not wanted is refused before it was sent', async () => {
    await using connection = await connect()
    await connection.send(
      request('PUT', '/v2/A/manifests/x', ['Content-Length: 1000000', 'Expect: 100-continue']),
    )
    let answer = await connection.answer()
    // The runtime says 100 before anybody was asked.
    if (answer?.status === 100) answer = await connection.answer()
    expect(answer?.status).toBe(400)
    expect(answer?.headers.get('connection')).toBe('close')
  })
})

describe('senders that are slow, stop or break', () => {
  test('a request of single bytes is a request', async () => {
    const blob = randomBlob(40)
    await using connection = await connect()
    const repo = freshRepo()
    const text = request(
      'POST',
      `/v2/${repo}/blobs/uploads/?digest=${blob.digest}`,
      ['Content-Length: 40'],
      blob.bytes,
    )
    for (const byte of Buffer.from(text, 'latin1')) await connection.send(new Uint8Array([byte]))
    expect((await connection.answer())?.status).toBe(201)
    expect((await registry().resolveBlob(testContext(), repo, blob.digest)).size).toBe(40)
  })

  test('a client that says it is done still gets its answer', async () => {
    await using connection = await connect()
    await connection.send(request('GET', '/v2/'))
    connection.halfClose()
    const answer = await connection.answer()
    // The runtime may take the end of one side for the end of both; it must not answer anything else.
    if (answer !== undefined) expect(answer.status).toBe(200)
    expect((await fetch(`${berth.url}/livez`)).status).toBe(200)
  })

  test.each([
    ['a reset', (connection: RawConnection) => connection.reset(), 0],
    ['an end', (connection: RawConnection) => connection.halfClose(), 100_000],
  ])(
    'what arrived before %s in the middle of a chunk is kept, and the session goes on',
    async (_, stop, least) => {
      const repo = freshRepo('cut')
      const location = await openUpload(repo)
      const bytes = randomBytes(300_000)
      await using connection = await connect()
      await connection.send(request('PATCH', location, ['Content-Length: 300000']))
      await connection.send(bytes.subarray(0, 100_000))
      stop(connection)
      // A reset throws away what the server had not read yet; an end does not.
      const kept = await resume(location, bytes)
      expect(kept).toBeGreaterThanOrEqual(least)
      expect(kept).toBeLessThanOrEqual(100_000)
      const digest = digestOf(bytes)
      const closed = await fetch(`${berth.url}${location}?digest=${digest}`, { method: 'PUT' })
      expect(closed.status).toBe(201)
      const got = await fetch(`${berth.url}/v2/${repo}/blobs/${digest}`)
      expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true)
    },
  )

  test.each([
    ['a size that is no number', 'zz\r\nhello\r\n'],
    ['a negative size', '-5\r\nhello\r\n'],
    ['a size beyond 64 bits', 'fffffffffffffffff\r\nhello\r\n'],
    ['a chunk longer than its size', '3\r\nhello\r\n'],
  ])('a chunked body with %s is not taken for a whole one', async (_, broken) => {
    const repo = freshRepo('cut')
    const location = await openUpload(repo)
    await using connection = await connect()
    const digest = digestOf('hello')
    await connection.send(
      request('PUT', `${location}?digest=${digest}`, ['Transfer-Encoding: chunked'], `${broken}0\r\n\r\n`),
    )
    const answer = await connection.answer()
    if (answer !== undefined) expect(answer.status).toBe(400)
    await connection.closed()
    expect((await fetch(`${berth.url}/v2/${repo}/blobs/${digest}`, { method: 'HEAD' })).status).toBe(404)
  })

  test('a header that never ends is not waited for without end', async () => {
    await using connection = await connect()
    await connection.send('GET /v2/ HTTP/1.1\r\nHost: x\r\nX-A: ')
    await connection.closed(40)
  }, 60_000)

  test('readers that break do no harm', async () => {
    const repo = freshRepo('cut')
    const blob = randomBlob(8 * 1024 * 1024)
    await pushBlob(registry(), repo, blob)
    for (let i = 0; i < 50; i++) {
      await using connection = await RawConnection.connect(berth.host, { pauseAtStart: true })
      await connection.send(request('GET', `/v2/${repo}/blobs/${blob.digest}`))
      if (i % 2 === 0) await new Promise((resolve) => connection.socket.once('readable', resolve))
      connection.reset()
    }
    const got = await fetch(`${berth.url}/v2/${repo}/blobs/${blob.digest}`)
    expect(Buffer.from(await got.arrayBuffer()).equals(blob.bytes)).toBe(true)
  }, 30_000)
})

test('the server has no complaint about itself', () => {
  expect(berth.daemon.lines.filter((line) => line.includes('"level":"error"'))).toEqual([])
})
