import { describe, expect, test } from 'bun:test'
import { addressGroup, inNetworks, isNetwork } from '../../src/auth/networks.ts'

describe('networks of credentials', () => {
  const cases: [address: string, networks: string[] | undefined, allowed: boolean][] = [
    ['203.0.113.7', undefined, true],
    ['', undefined, true],
    ['203.0.113.7', [], false],
    ['203.0.113.7', ['203.0.113.0/24'], true],
    ['203.0.114.7', ['203.0.113.0/24'], false],
    ['::ffff:203.0.113.7', ['203.0.113.0/24'], true],
    ['203.0.113.7', ['198.51.100.1', '203.0.113.7'], true],
    ['203.0.113.8', ['198.51.100.1', '203.0.113.7'], false],
    ['2001:db8::5', ['2001:db8::/32'], true],
    ['2001:db9::5', ['2001:db8::/32'], false],
    ['203.0.113.7', ['2001:db8::/32'], false],
    ['', ['0.0.0.0/0', '::/0'], false],
    ['unix', ['0.0.0.0/0', '::/0'], false],
    // What stands in the database and cannot be read lets nobody in.
    ['203.0.113.7', ['203.0.113.0/99'], false],
    ['203.0.113.7', ['office'], false],
  ]
  test.each(cases)('%p in %p: %p', (address, networks, allowed) =>
    expect(inNetworks(address, networks)).toBe(allowed),
  )

  test.each(['10.0.0.0/8', '10.0.0.1', '::1', 'fd00::/8', '0.0.0.0/0'])('%p is one', (text) =>
    expect(isNetwork(text)).toBe(true),
  )
  test.each(['', '10.0.0.0/33', '::/129', '10.0.0.0/', '/8', '10.0.0', 'fe80::1%eth0', '10.0.0.0/8 '])(
    '%p is none',
    (text) => expect(isNetwork(text)).toBe(false),
  )

  const groups: [address: string, group: string][] = [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
    ['', ''],
    ['unix', 'unix'],
  ]
  test.each(groups)('%p counts as %p', (address, group) => expect(addressGroup(address)).toBe(group))
})
