import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { errorCode, RawConnection, request } from './raw.ts'

/*
 * Requests whose ends or addresses two servers could see in different places (SE-19). A refusal closes the connection, so that
 * whatever stands behind is never taken for a request of its own.
 */

let berth: BerthServer
beforeAll(async () => {
  berth = await startBerth()
})
afterAll(() => berth[Symbol.asyncDispose]())

const UPLOADS = '/v2/framing/repo/blobs/uploads/'
const post = (headers: readonly string[], body = '') => request('POST', UPLOADS, headers, body)
const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex').slice(0, 16)

type Row = readonly [title: string, text: string]

/** What no two servers agree on. */
const REFUSED: readonly Row[] = [
  [
    'both Transfer-Encoding and Content-Length',
    post(['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n'),
  ],
  [
    'Content-Length before Transfer-Encoding',
    post(['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
  ],
  ['two different Content-Lengths', post(['Content-Length: 0', 'Content-Length: 5'], 'hello')],
  ['Content-Length as a list', post(['Content-Length: 5, 5'], 'hello')],
  ['Content-Length of two numbers', post(['Content-Length: 5 5'], 'hello')],
  ['Content-Length with a plus sign', post(['Content-Length: +5'], 'hello')],
  ['negative Content-Length', post(['Content-Length: -1'])],
  ['hexadecimal Content-Length', post(['Content-Length: 0x5'], 'hello')],
  ['Content-Length with a unit', post(['Content-Length: 5b'], 'hello')],
  ['empty Content-Length', post(['Content-Length:'])],
  ['Content-Length beyond 64 bits', post(['Content-Length: 99999999999999999999'])],
  ['Content-Length of 2^63', post(['Content-Length: 9223372036854775808'])],
  ['blank before the colon of Content-Length', post(['Content-Length : 5'], 'hello')],
  ['blank before the colon of Transfer-Encoding', post(['Transfer-Encoding : chunked'], '0\r\n\r\n')],
  ['Transfer-Encoding xchunked', post(['Transfer-Encoding: xchunked'], '0\r\n\r\n')],
  ['Transfer-Encoding identity', post(['Transfer-Encoding: identity'])],
  ['Transfer-Encoding with a control character', post(['Transfer-Encoding: \x0bchunked'], '0\r\n\r\n')],
  ['chunked that is not the last coding', post(['Transfer-Encoding: chunked, identity'], '0\r\n\r\n')],
  ['a coding under chunked', post(['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n')],
  [
    'two Transfer-Encodings',
    post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], '0\r\n\r\n'),
  ],
  ['a trailer', post(['Transfer-Encoding: chunked'], '0\r\nX-Trailer: y\r\n\r\n')],
  ['chunked in HTTP/1.0', post(['Transfer-Encoding: chunked'], '0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0')],
  ['a header line that goes on in the next', request('GET', '/v2/', ['X-A: b\r\n c'])],
  ['a header that begins with a fold', 'GET /v2/ HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n'],
  ['NUL in a header', request('GET', '/v2/', ['X-A: b\0c'])],
  ['CR in a header', request('GET', '/v2/', ['X-A: b\rHost: c'])],
  ['a header without a colon', request('GET', '/v2/', ['X-A'])],
  ['a header without a name', request('GET', '/v2/', [': x'])],
  ['a header name with a blank', request('GET', '/v2/', ['X A: x'])],
  ['a header name in brackets', request('GET', '/v2/', ['(x): x'])],
  ['two Hosts', request('GET', '/v2/', ['Host: a', 'Host: b'])],
  ['the same Host twice', request('GET', '/v2/', ['Host: a', 'Host: a'])],
  ['no Host', 'GET /v2/ HTTP/1.1\r\nX: y\r\n\r\n'],
  ['no Host and no other header', 'GET /v2/ HTTP/1.1\r\n\r\n'],
  ['no Host in HTTP/1.0', 'GET /v2/ HTTP/1.0\r\n\r\n'],
  ['no Host but a whole address', 'GET http://berth.test/v2/ HTTP/1.1\r\n\r\n'],
  ...[
    '',
    'a, b',
    'a b',
    'a/b',
    'a@b',
    'a"b',
    'a?b',
    'a#b',
    'a\\b',
    'a:b',
    'a:',
    '[::1',
    '<x>',
    'a'.repeat(256),
  ].map(
    (host): Row => [`Host ${JSON.stringify(host.slice(0, 20))}`, request('GET', '/v2/', [`Host: ${host}`])],
  ),
  ['a target without a slash', request('GET', 'v2/')],
  ['two blanks before the target', 'GET  /v2/ HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a target with *', request('OPTIONS', '*')],
  ['no target', 'GET HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a method with a bracket', request('G(T', '/v2/')],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['TLS', `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'\0'.repeat(200)}\r\n\r\n`],
  ['bytes of no protocol', '\0\x01\x02\x03\r\n\r\n'],
  ['an empty line and nothing', '\r\n\r\n'],
]

/** What ends or names its version in ways of its own; the runtime answers 505 to all of them. */
const NO_VERSION: readonly Row[] = [
  ['line ends of LF only', 'GET /v2/ HTTP/1.1\nHost: x\n\n'],
  ['HTTP/0.9', 'GET /v2/\r\n\r\n'],
  ['HTTP/1.2', 'GET /v2/ HTTP/1.2\r\nHost: x\r\n\r\n'],
  ['HTTP/3', 'GET /v2/ HTTP/3\r\nHost: x\r\n\r\n'],
  ['http in small letters', 'GET /v2/ http/1.1\r\nHost: x\r\n\r\n'],
  ['a blank in the target', request('GET', '/v2/ a')],
  ['a NUL in the target', request('GET', '/v2/a\0/tags/list')],
]

/** Sends a request with another one behind it; resolves with the only answer once the connection is closed. */
async function onlyAnswer(text: string, marker: string) {
  await using connection = await RawConnection.connect(berth.host)
  await connection.send(text + request('GET', `/v2/${marker}`))
  const answer = await connection.answer()
  expect((await connection.rest()).toString('latin1')).not.toContain('HTTP/1.')
  return answer
}

async function neverAsked(marker: string): Promise<void> {
  const asked = await berth.requests()
  expect(asked.filter(({ path }) => path.includes(marker))).toEqual([])
}

describe('framing that is not certain is refused, and the connection ends (SE-19)', () => {
  test.each(REFUSED)('%s', async (title, text) => {
    const marker = `smuggled-${hex(title)}`
    const answer = await onlyAnswer(text, marker)
    expect(answer?.status).toBe(400)
    expect(answer?.headers.get('connection')).toBe('close')
    await neverAsked(marker)
  })

  test.each(NO_VERSION)('%s', async (title, text) => {
    const marker = `smuggled-${hex(title)}`
    const answer = await onlyAnswer(text, marker)
    expect([400, 505]).toContain(answer?.status ?? 0)
    await neverAsked(marker)
  })

  test('nothing of it was stored', async () => {
    expect(await (await fetch(`${berth.url}/v2/_catalog`)).json()).toEqual({ repositories: [] })
  })
})

describe('framing that is certain passes', () => {
  const taken: readonly (readonly [title: string, text: string, status: number])[] = [
    ['the same Content-Length twice', post(['Content-Length: 0', 'Content-Length: 0']), 202],
    ['Content-Length with blanks around', post(['Content-Length:  0 ']), 202],
    ['chunked in capitals', post(['Transfer-Encoding: CHUNKED'], '0\r\n\r\n'), 202],
    ['a chunk with an extension', post(['Transfer-Encoding: chunked'], '0;a=b\r\n\r\n'), 202],
    ['a name in capitals', 'GET /v2/ HTTP/1.1\r\nHOST: a\r\n\r\n', 200],
    ['no blank behind the colon', 'GET /v2/ HTTP/1.1\r\nHost:a\r\n\r\n', 200],
    ['a Host with a port', request('GET', '/v2/', ['Host: a:5000']), 200],
    ['an IPv6 Host', request('GET', '/v2/', ['Host: [::1]:5000']), 200],
    ['a whole address', request('GET', 'http://elsewhere.test/v2/'), 200],
    ['a whole address of https', request('GET', 'https://elsewhere.test/v2/_catalog'), 200],
    ['HTTP/1.0', 'GET /v2/ HTTP/1.0\r\nHost: x\r\n\r\n', 200],
    ['GET with a body', request('GET', '/v2/', ['Content-Length: 5'], 'hello'), 200],
    ['an upgrade that nobody takes up', request('GET', '/v2/', ['Connection: Upgrade', 'Upgrade: h2c']), 200],
  ]
  test.each(taken)('%s', async (_, text, status) => {
    await using connection = await RawConnection.connect(berth.host)
    await connection.send(text)
    expect((await connection.answer())?.status).toBe(status)
  })
})

describe('addresses', () => {
  test('the Host of a whole address does not lead anywhere else', async () => {
    await using connection = await RawConnection.connect(berth.host)
    await connection.send(request('POST', `http://elsewhere.test${UPLOADS}`, ['Content-Length: 0']))
    const location = (await connection.answer())?.headers.get('location')
    // Path-absolute: no header of a client's tells where to go (B1).
    expect(location).toMatch(/^\/v2\/framing\/repo\/blobs\/uploads\/[0-9a-f-]{36}$/)
  })

  test('bytes that are no UTF-8 are told so', async () => {
    await using connection = await RawConnection.connect(berth.host)
    for (const target of ['/v2/%ff/tags/list', '/v2/a%c0%afb/tags/list', '/v2/\xe9/tags/list']) {
      await connection.send(request('GET', target))
      const answer = await connection.answer()
      expect(answer?.status).toBe(400)
      expect(['NAME_INVALID', 'UNSUPPORTED']).toContain(answer ? errorCode(answer) : '')
    }
  })

  test.each(['TRACE', 'OPTIONS', 'PROPFIND', 'CONNECT'])(
    '%s is answered, and with what is possible',
    async (method) => {
      await using connection = await RawConnection.connect(berth.host)
      await connection.send(request(method, '/v2/'))
      const answer = await connection.answer()
      expect(answer?.status).toBe(405)
      expect(answer?.headers.get('allow')).toBe('GET, HEAD')
    },
  )

  test('a method that nobody knows ends the connection at most', async () => {
    await using connection = await RawConnection.connect(berth.host)
    await connection.send(request('FROB', '/v2/'))
    expect([undefined, 400, 405, 501]).toContain((await connection.answer())?.status)
    expect((await fetch(`${berth.url}/livez`)).status).toBe(200)
  })
})

test('the server has no complaint about itself', () => {
  expect(berth.daemon.lines.filter((line) => line.includes('"level":"error"'))).toEqual([])
})
