import { describe, expect, test } from 'bun:test'
import { EdgeCall } from '../../src/http/call.ts'
import { TrustedProxies } from '../../src/http/client-address.ts'

const proxies = new TrustedProxies(['10.0.0.0/8'])

/** A call from a peer with these headers. */
function callFrom(peer: string | null, headers: Record<string, string> = {}, origin?: string) {
  const request = new Request('http://registry.test/v2/', {
    headers: { host: 'registry.test:5000', ...headers },
  })
  let asked = 0
  const server = {
    requestIP() {
      asked++
      return peer === null ? null : { address: peer }
    },
  }
  return { call: new EdgeCall(request, 'id-1', server, { proxies, origin }), asked: () => asked }
}

const HTTPS = { 'x-forwarded-proto': 'https' }

describe('where clients reach the server', () => {
  const rows: [title: string, peer: string, headers: Record<string, string>, origin: string][] = [
    ['the host that was asked', '203.0.113.1', {}, 'http://registry.test:5000'],
    ['a stranger’s word counts for nothing', '203.0.113.1', HTTPS, 'http://registry.test:5000'],
    ['nor does its host', '203.0.113.1', { 'x-forwarded-host': 'evil.test' }, 'http://registry.test:5000'],
    ['a trusted proxy tells the scheme', '10.0.0.1', HTTPS, 'https://registry.test:5000'],
    ['in whatever case', '10.0.0.1', { 'x-forwarded-proto': 'HTTPS' }, 'https://registry.test:5000'],
    [
      'and the host',
      '10.0.0.1',
      { ...HTTPS, 'x-forwarded-host': 'registry.example.com' },
      'https://registry.example.com',
    ],
    [
      'the outermost of several proxies is where clients are',
      '10.0.0.1',
      { 'x-forwarded-proto': 'https, http', 'x-forwarded-host': 'a.example.com, b.test' },
      'https://a.example.com',
    ],
    ['another scheme is none', '10.0.0.1', { 'x-forwarded-proto': 'gopher' }, 'http://registry.test:5000'],
    [
      'what is no host is none',
      '10.0.0.1',
      { 'x-forwarded-host': 'a",error="x' },
      'http://registry.test:5000',
    ],
  ]
  test.each(rows)('%s', (_title, peer, headers, origin) =>
    expect(callFrom(peer, headers).call.origin).toBe(origin),
  )

  test('what was configured counts before all', () => {
    const { call } = callFrom('10.0.0.1', { ...HTTPS, 'x-forwarded-host': 'x.test' }, 'https://public.test')
    expect(call.origin).toBe('https://public.test')
  })
})

describe('who asks', () => {
  test('the peer, or whom a trusted proxy names', () => {
    expect(callFrom('203.0.113.1', { 'x-forwarded-for': '1.1.1.1' }).call.address).toBe('203.0.113.1')
    expect(callFrom('10.0.0.1', { 'x-forwarded-for': '1.1.1.1' }).call.address).toBe('1.1.1.1')
    expect(callFrom('::ffff:203.0.113.1').call.address).toBe('203.0.113.1')
    expect(callFrom(null).call.address).toBe('')
  })

  test('is worked out once, and only when somebody asks', () => {
    const { call, asked } = callFrom('203.0.113.1')
    expect([call.requestId, call.agent]).toEqual(['id-1', ''])
    expect(asked()).toBe(0)
    expect([call.address, call.address, call.origin]).toHaveLength(3)
    expect(asked()).toBe(1)
  })
})
