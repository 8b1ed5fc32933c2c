import { describe, expect, test } from 'bun:test'
import { TrustedProxies } from '../../src/http/client-address.ts'
import { isHost } from '../../src/http/host.ts'

describe('trusted proxies', () => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '2001:db8::1'])

  const trusted: [address: string, trusted: boolean][] = [
    ['10.0.0.0', true],
    ['10.255.255.255', true],
    ['11.0.0.0', false],
    ['9.255.255.255', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['::ffff:10.1.2.3', true],
    ['::ffff:11.1.2.3', false],
    ['fd12::1', true],
    ['fe80::1', false],
    ['2001:db8::1', true],
    ['2001:db8::2', false],
    ['', false],
    ['x', false],
    ['10.0.0', false],
  ]
  test.each(trusted)('%p: %p', (address, expected) => expect(proxies.trusts(address)).toBe(expected))

  const clients: [peer: string, forwarded: string | null, client: string][] = [
    ['203.0.113.1', '1.1.1.1', '203.0.113.1'],
    ['10.0.0.1', null, '10.0.0.1'],
    ['10.0.0.1', '1.1.1.1', '1.1.1.1'],
    ['10.0.0.1', '1.1.1.1, 2.2.2.2', '2.2.2.2'],
    ['10.0.0.1', '1.1.1.1, 10.0.0.2', '1.1.1.1'],
    ['10.0.0.1', '1.1.1.1,10.0.0.2 , 192.0.2.7', '1.1.1.1'],
    ['10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.1'],
    ['10.0.0.1', 'garbage', '10.0.0.1'],
    ['10.0.0.1', '1.1.1.1, garbage, 10.0.0.2', '10.0.0.1'],
    ['10.0.0.1', '', '10.0.0.1'],
    ['10.0.0.1', '","status":200,"x":"', '10.0.0.1'],
    ['10.0.0.1', '2001:db8::9', '2001:db8::9'],
    ['::ffff:10.0.0.1', '1.1.1.1', '1.1.1.1'],
    ['::ffff:203.0.113.1', '1.1.1.1', '203.0.113.1'],
    ['10.0.0.1', '::ffff:1.1.1.1', '1.1.1.1'],
  ]
  test.each(clients)('%p with %p is %p', (peer, forwarded, client) =>
    expect(proxies.clientOf(peer, forwarded)).toBe(client),
  )

  test('nobody is trusted unless told', () => {
    const none = new TrustedProxies([])
    expect(none.none).toBe(true)
    expect(none.trusts('127.0.0.1')).toBe(false)
    expect(none.clientOf('127.0.0.1', '1.1.1.1')).toBe('127.0.0.1')
  })

  test('everybody can be', () => expect(new TrustedProxies(['0.0.0.0/0']).trusts('8.8.8.8')).toBe(true))

  test.each([
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/x',
    '10.0.0.0/8.5',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::1/129',
    'proxy.example.com',
    '',
    '10.0.0',
    '/8',
  ])('%p is no network', (network) =>
    expect(() => new TrustedProxies([network])).toThrow(JSON.stringify(network)),
  )
})

describe('Host (SE-19)', () => {
  test.each([
    'localhost',
    'a:5000',
    '127.0.0.1:1',
    '[::1]',
    '[::1]:5000',
    'berth.example.com',
    'a_b',
    'A-B.c',
    'a:65535',
    '1.2.3.255',
    'a'.repeat(255),
  ])('%p is one', (host) => expect(isHost(host)).toBe(true))
  test.each([
    null,
    '',
    ' ',
    'a, b',
    'a b',
    'a/b',
    'a@b',
    'a?b',
    'a#b',
    'a:',
    'a:b',
    'a:123456',
    // Of the form, and no URL's.
    'a:65536',
    '1.2.3.256',
    '1.2.3.4.5',
    '[::::]',
    'xn--',
    '[::1',
    '::1',
    ':5000',
    'a\r\nb',
    'ä',
    '<x>',
    'a'.repeat(256),
  ])('%p is none', (host) => expect(isHost(host)).toBe(false))
})
