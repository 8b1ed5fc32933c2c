import { describe, expect, test } from 'bun:test'
import { LoginThrottle } from '../../src/auth/throttle.ts'
import { RegistryError } from '../../src/core/errors.ts'

const NOW = 1_700_000_000_000
const SECOND = 1000
const HERE = '203.0.113.7'

function throttle(limits: { loginFailures?: number; addressFailures?: number; window?: number } = {}) {
  return new LoginThrottle({ loginFailures: 3, addressFailures: 100, window: 300 * SECOND, ...limits })
}

/** Seconds to wait, or 0 for an attempt that was let through – and then failed. */
function fail(
  t: LoginThrottle,
  secret: string,
  now: number,
  { name = 'alice', address = HERE } = {},
): number {
  const wait = waitOf(() => t.failed(t.admit({ name, secret, guessable: true }, address, now), now))
  return wait
}

function waitOf(act: () => void): number {
  try {
    act()
    return 0
  } catch (error) {
    if (!(error instanceof RegistryError) || error.kind !== 'too-many-attempts') throw error
    return error.detail.retryAfter as number
  }
}

describe('the delay after failures', () => {
  test('begins at the limit, doubles with each failure up to a minute, and never becomes a lock', () => {
    const t = throttle({ window: 10_000 * SECOND })
    let now = NOW
    for (let i = 0; i < 3; i++) expect(fail(t, `wrong ${i}`, now)).toBe(0)
    const waits: number[] = []
    for (let i = 3; i < 12; i++) {
      const wait = fail(t, `wrong ${i}`, now)
      waits.push(wait)
      // A moment before, it still must wait.
      expect(fail(t, `wrong ${i}`, now + wait * SECOND - 1)).toBe(1)
      now += wait * SECOND
      expect(fail(t, `wrong ${i}`, now)).toBe(0)
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
  })

  test('is refused in words that say how long', () => {
    const t = throttle({ loginFailures: 1 })
    fail(t, 'wrong', NOW)
    expect(() => t.admit({ name: 'alice', secret: 'x', guessable: true }, HERE, NOW)).toThrow(
      'try again in 1 second',
    )
  })

  test('ends with the window', () => {
    const t = throttle({ window: 10 * SECOND })
    for (let i = 0; i < 3; i++) fail(t, `wrong ${i}`, NOW)
    expect(fail(t, 'x', NOW + 10 * SECOND)).toBe(0)
    // And that one is the first again.
    expect(fail(t, 'y', NOW + 10 * SECOND)).toBe(0)
    expect(fail(t, 'z', NOW + 10 * SECOND)).toBe(0)
    expect(fail(t, 'z', NOW + 10 * SECOND)).toBe(1)
  })

  test('is for the account from that address, not from elsewhere, and not for others there', () => {
    const t = throttle()
    for (let i = 0; i < 3; i++) fail(t, `wrong ${i}`, NOW)
    expect(fail(t, 'x', NOW)).toBe(1)
    expect(fail(t, 'x', NOW, { address: '203.0.113.8' })).toBe(0)
    expect(fail(t, 'x', NOW, { name: 'bob' })).toBe(0)
  })

  test('is for an address that tries many accounts', () => {
    const t = throttle({ addressFailures: 5 })
    for (let i = 0; i < 5; i++) expect(fail(t, 'Summer2026!', NOW, { name: `user${i}` })).toBe(0)
    expect(fail(t, 'x', NOW, { name: 'alice' })).toBe(1)
    expect(fail(t, 'x', NOW, { name: 'alice', address: '203.0.113.8' })).toBe(0)
  })

  test('counts a network of IPv6 as one address', () => {
    const t = throttle({ addressFailures: 5 })
    for (let i = 0; i < 5; i++) fail(t, 'x', NOW, { name: `user${i}`, address: `2001:db8::${i + 1}` })
    expect(fail(t, 'x', NOW, { address: '2001:db8::ffff' })).toBe(1)
    expect(fail(t, 'x', NOW, { address: '2001:db8:0:1::1' })).toBe(0)
  })

  test('the same wrong secret again is the same failure', () => {
    const t = throttle()
    for (let i = 0; i < 50; i++) expect(fail(t, 'wrong', NOW + i)).toBe(0)
    expect(fail(t, 'wrong 2', NOW)).toBe(0)
    expect(fail(t, 'wrong 2', NOW)).toBe(0)
    expect(fail(t, 'wrong 3', NOW)).toBe(0)
    expect(fail(t, 'wrong', NOW)).toBe(1)
  })

  test('a success clears the account’s failures, not the address’s', () => {
    const t = throttle({ addressFailures: 5 })
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2; i++) fail(t, `wrong ${round} ${i}`, NOW)
      t.succeeded(t.admit({ name: 'alice', secret: 'right', guessable: true }, HERE, NOW))
    }
    expect(fail(t, 'wrong', NOW)).toBe(0)
    expect(fail(t, 'wrong again', NOW)).toBe(1)
  })

  test('a success clears the account’s failures while other attempts run', () => {
    const t = throttle()
    for (let i = 0; i < 2; i++) fail(t, `wrong ${i}`, NOW)
    const right = t.admit({ name: 'alice', secret: 'right', guessable: true }, HERE, NOW)
    t.succeeded(t.admit({ name: 'alice', secret: 'right', guessable: true }, HERE, NOW))
    // With the one that runs, two more are as many as the limit lets in at once.
    expect([0, 1, 2].map((i) => fail(t, `wrong again ${i}`, NOW))).toEqual([0, 0, 1])
    t.succeeded(right)
  })

  test('remembers a bounded number of addresses', () => {
    const t = throttle({ loginFailures: 1, addressFailures: 1 })
    fail(t, 'x', NOW)
    expect(fail(t, 'x', NOW)).toBe(1)
    for (let i = 0; i < 10_000; i++)
      fail(t, 'x', NOW, { name: `user${i}`, address: `10.0.${i >> 8}.${i & 255}` })
    expect(fail(t, 'x', NOW)).toBe(0)
  })
})

describe('guesses at once', () => {
  const guess = (t: LoginThrottle, secret: string, guessable = true) =>
    t.admit({ name: 'alice', secret, guessable }, HERE, NOW)

  test('no more than would be let through one after the other', () => {
    const t = throttle()
    const running = ['a', 'b', 'c'].map((secret) => guess(t, secret))
    expect(waitOf(() => guess(t, 'd'))).toBe(1)
    for (const attempt of running) t.abandoned(attempt)
    expect(waitOf(() => guess(t, 'd'))).toBe(0)
  })

  test('one, where the limit is passed and the delay is over', () => {
    const t = throttle()
    for (let i = 0; i < 3; i++) fail(t, `wrong ${i}`, NOW)
    const later = NOW + SECOND
    t.admit({ name: 'alice', secret: 'a', guessable: true }, HERE, later)
    expect(waitOf(() => t.admit({ name: 'alice', secret: 'b', guessable: true }, HERE, later))).toBe(1)
  })

  test('the same one, as often as anyone likes', () => {
    const t = throttle()
    const running = Array.from({ length: 500 }, () => guess(t, 'right'))
    for (const attempt of running) t.succeeded(attempt)
    expect(waitOf(() => ['a', 'b', 'c'].map((secret) => guess(t, secret)))).toBe(0)
  })

  test('tokens, which nobody guesses, as many as there are', () => {
    const t = throttle()
    for (let i = 0; i < 50; i++) guess(t, `token ${i}`, false)
  })

  test('wrong tokens wait where their address must, and count no longer then', () => {
    const t = throttle({ addressFailures: 3 })
    const wrong = (secret: string, now = NOW) =>
      waitOf(() => t.failed(t.admit({ name: '', secret, guessable: false }, HERE, now), now))
    expect(['a', 'b', 'c', 'd', 'e'].map((secret) => wrong(secret))).toEqual([0, 0, 0, 1, 1])
    expect(wrong('f', NOW + SECOND)).toBe(0)
    expect(wrong('g', NOW + SECOND)).toBe(2)
  })
})
