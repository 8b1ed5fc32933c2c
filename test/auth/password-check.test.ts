import { describe, expect, test } from 'bun:test'
import { PasswordCheck } from '../../src/auth/password-check.ts'
import { argon2id, nobodysVerifier } from '../../src/auth/password-hash.ts'
import { boundedHasher, PasswordQueue } from '../../src/auth/password-queue.ts'
import { rejection } from '../suite/metadata/fixture.ts'
import { CountingHasher } from './counting-hasher.ts'

const NOW = 1_700_000_000_000
const MINUTE = 60_000

function fixture({ concurrency = 2, maxWaiting = 200 } = {}) {
  const hasher = new CountingHasher()
  const bounded = boundedHasher(hasher, { concurrency, maxWaiting })
  return { hasher, bounded, check: new PasswordCheck(bounded) }
}

describe('argon2id', () => {
  test('stores what OWASP asks for, with a salt', async () => {
    const [one, two] = await Promise.all([argon2id.hash('a password'), argon2id.hash('a password')])
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(one).not.toBe(two)
    expect(await argon2id.verify('a password', one)).toBe(true)
    expect(await argon2id.verify('A password', one)).toBe(false)
  })

  test('takes a text for the same however it is spelt in Unicode', async () => {
    const verifier = await argon2id.hash('caf\u00e9 au lait')
    expect(await argon2id.verify('cafe\u0301 au lait', verifier)).toBe(true)
  })

  test.each(['', 'x', '$argon2id$', '$2b$10$abc', '$argon2id$v=19$m=19456,t=2,p=1$$'])(
    'nothing fits the verifier %j',
    async (verifier) => expect(await argon2id.verify('x', verifier)).toBe(false),
  )

  test('the verifier of nobody costs as much as any, and no password fits it', async () => {
    const [, , version, cost, salt, hash] = nobodysVerifier().split('$')
    const [, , realVersion, realCost, realSalt, realHash] = (await argon2id.hash('a password')).split('$')
    expect([version, cost, salt?.length, hash?.length]).toEqual([
      realVersion,
      realCost,
      realSalt?.length,
      realHash?.length,
    ])
    expect(await argon2id.verify('a password', nobodysVerifier())).toBe(false)
  })
})

describe('checking passwords (RS-8, SE-15)', () => {
  test('a storm of one right password is one hash', async () => {
    const { hasher, check } = fixture()
    const verifier = await argon2id.hash('right')
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, () => check.check('alice', 'right', verifier, NOW)),
    )
    expect(outcomes.every((right) => right)).toBe(true)
    expect(hasher.verified).toBe(1)
  })

  test('an outcome is remembered for a minute, right or wrong, known or not', async () => {
    const { hasher, check } = fixture()
    const verifier = await argon2id.hash('right')
    const all = (now: number) =>
      Promise.all([
        check.check('alice', 'right', verifier, now),
        check.check('alice', 'wrong', verifier, now),
        check.check('nobody', 'wrong', undefined, now),
      ])
    expect(await all(NOW)).toEqual([true, false, false])
    expect(hasher.verified).toBe(3)
    expect(await all(NOW + MINUTE - 1)).toEqual([true, false, false])
    expect(hasher.verified).toBe(3)
    await all(NOW + MINUTE)
    expect(hasher.verified).toBe(6)
  })

  test('a changed password is another one at once', async () => {
    const { check } = fixture()
    const [before, after] = await Promise.all([argon2id.hash('before'), argon2id.hash('after')])
    expect(await check.check('alice', 'before', before, NOW)).toBe(true)
    expect(await check.check('alice', 'after', before, NOW)).toBe(false)
    expect(await check.check('alice', 'before', after, NOW)).toBe(false)
    expect(await check.check('alice', 'after', after, NOW)).toBe(true)
  })

  test('an unknown user takes as much work as a known one, even for a password that was tried elsewhere', async () => {
    const { hasher, check } = fixture()
    const verifier = await argon2id.hash('right')
    const users = [
      ['alice', verifier],
      ['nobody', undefined],
      ['none', undefined],
    ] as const
    for (const [i, [name, of]] of users.entries()) {
      expect(await check.check(name, 'wrong', of, NOW)).toBe(false)
      expect(hasher.verified).toBe(i + 1)
    }
  })

  test('only so many run at once, so many wait, and one more is refused', async () => {
    const { hasher, check } = fixture({ concurrency: 2, maxWaiting: 3 })
    hasher.hold()
    const running = Array.from({ length: 5 }, (_, i) => check.check('alice', `wrong ${i}`, undefined, NOW))
    const refused = await rejection(check.check('alice', 'one more', undefined, NOW))
    expect(refused).toMatchObject({ kind: 'too-many-attempts', detail: { retryAfter: 1 } })
    expect(hasher.verified).toBe(2)
    hasher.release()
    expect(await Promise.all(running)).toEqual([false, false, false, false, false])
    expect(hasher.mostAtOnce).toBe(2)
    // And the place is free again.
    expect(await check.check('alice', 'one more', undefined, NOW)).toBe(false)
  })

  test('a password that is hashed waits in the same queue as those that are checked, and is refused alike', async () => {
    const { hasher, bounded, check } = fixture({ concurrency: 1, maxWaiting: 2 })
    hasher.hold()
    const running = check.check('alice', 'wrong', undefined, NOW)
    const waiting = [bounded.hash('a new password'), check.check('bob', 'wrong', undefined, NOW)]
    const refused = [bounded.hash('another one'), check.check('carol', 'wrong', undefined, NOW)]
    for (const attempt of refused)
      expect(await rejection(attempt)).toMatchObject({ kind: 'too-many-attempts' })
    hasher.release()
    expect(await running).toBe(false)
    expect(await Promise.all(waiting)).toEqual([expect.stringMatching(/^\$argon2id\$/), false])
  })

  test('work that fails gives its place back', async () => {
    const queue = new PasswordQueue({ concurrency: 1, maxWaiting: 1 })
    const broken = queue.run(() => Promise.reject(new Error('broken')))
    const next = queue.run(async () => 'well')
    expect((await rejection(broken)).message).toBe('broken')
    expect(await next).toBe('well')
    expect(await queue.run(async () => 'well again')).toBe('well again')
  })
})
