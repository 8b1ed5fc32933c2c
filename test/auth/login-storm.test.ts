import { describe, expect, test } from 'bun:test'
import { signAssertion } from '../../src/auth/assertion.ts'
import { type KeyFile, readKeyFile } from '../../src/auth/key-file.ts'
import { newSecret } from '../../src/auth/secrets.ts'
import { BAD_CREDENTIAL } from '../../src/auth/sentences.ts'
import { isRefusal } from '../../src/core/errors.ts'
import {
  basic,
  callFrom,
  NOW,
  openLogins,
  outcomeOf,
  PASSWORD,
  refusalOf,
  SECOND,
  SERVICE,
} from './logins.ts'

describe('users who are not there (SE-15)', () => {
  test('cost as many hashes and get the same text as those who are', async () => {
    await using on = await openLogins()
    // Known, unknown, without a password, disabled, an organisation.
    for (const [i, name] of ['alice', 'zoe', 'bob', 'dora', 'acme'].entries()) {
      const refusal = await refusalOf(() => on.authenticator.password(callFrom(), name, 'wrong'))
      expect(refusal).toMatchObject({ kind: 'unauthorized', message: BAD_CREDENTIAL })
      expect(on.hasher.verified).toBe(i + 1)
    }
    // Whoever is disabled does not learn that the password was right, nor does it go faster.
    await refusalOf(() => on.authenticator.password(callFrom(), 'dora', PASSWORD))
    expect(on.hasher.verified).toBe(6)
  })

  test('what is no password costs none', async () => {
    await using on = await openLogins()
    for (const secret of [newSecret('token').secret, 'berth_pat_cut', 'eyJh.eyJh.eyJh', 'x'.repeat(1025), ''])
      await refusalOf(() => on.authenticator.password(callFrom(), 'alice', secret))
    await refusalOf(() => on.authenticator.password(callFrom(), 'acme+ci', 'wrong'))
    await refusalOf(() => on.authenticator.password(callFrom(), 'AWS', 'wrong'))
    expect(on.hasher.verified).toBe(0)
  })
})

describe('a storm (RS-8)', () => {
  test('of 500 wrong logins: so many hashes at once, so many wait, the rest is told to come back', async () => {
    await using on = await openLogins({ queue: { concurrency: 2, maxWaiting: 10 } })
    on.hasher.hold()
    const storm = Array.from({ length: 500 }, (_, i) =>
      outcomeOf(() =>
        on.authenticator.password(callFrom(`10.0.${i >> 8}.${i & 255}`), `user${i}`, `wrong ${i}`),
      ),
    )
    let refused = 0
    const all = storm.map(async (outcome) => {
      if ((await outcome) === 'too-many-attempts' && ++refused === 488) on.hasher.release()
      return outcome
    })
    const outcomes = await Promise.all(all)
    expect(outcomes.filter((outcome) => outcome === 'unauthorized')).toHaveLength(12)
    expect(on.hasher.verified).toBe(12)
    expect(on.hasher.mostAtOnce).toBe(2)
    // Nobody is locked out by it.
    expect(await outcomeOf(() => on.authenticator.password(callFrom(), 'alice', PASSWORD))).toBe('alice')
  })

  test('of 500 right logins of one account: one hash, and all are in', async () => {
    await using on = await openLogins({ loginFailures: 1, addressFailures: 1 })
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, () =>
        outcomeOf(() => on.authenticator.authenticate(callFrom(), basic('alice', PASSWORD))),
      ),
    )
    expect(outcomes.every((outcome) => outcome === 'alice')).toBe(true)
    expect(on.hasher.verified).toBe(1)
  })

  test('of 500 guesses for one account from one address: no more are looked at than failures are let pass', async () => {
    await using on = await openLogins({ loginFailures: 10 })
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        outcomeOf(() => on.authenticator.password(callFrom(), 'alice', `guess ${i}`)),
      ),
    )
    expect(outcomes.filter((outcome) => outcome === 'unauthorized')).toHaveLength(10)
    expect(on.hasher.verified).toBe(10)
  })
})

describe('after failures', () => {
  /** Seconds to wait; 0 for one that was looked at. */
  async function wait(attempt: () => Promise<unknown>): Promise<number> {
    try {
      await attempt()
      return 0
    } catch (error) {
      if (isRefusal(error, 'too-many-attempts')) return error.detail.retryAfter as number
      if (isRefusal(error, 'unauthorized')) return 0
      throw error
    }
  }

  test('even the right password waits, without being looked at – and is let in afterwards', async () => {
    await using on = await openLogins({ loginFailures: 3 })
    const attempt = (secret: string) => wait(() => on.authenticator.password(callFrom(), 'alice', secret))
    for (let i = 0; i < 4; i++) {
      expect(await attempt(`wrong ${i}`)).toBe(i < 3 ? 0 : 1)
    }
    expect(on.hasher.verified).toBe(3)
    expect(await attempt(PASSWORD)).toBe(1)
    expect(on.hasher.verified).toBe(3)
    on.clock.time = NOW + SECOND
    expect(await attempt('wrong again')).toBe(0)
    expect(await attempt(PASSWORD)).toBe(2)
    on.clock.time = NOW + 3 * SECOND
    expect(await outcomeOf(() => on.authenticator.password(callFrom(), 'alice', PASSWORD))).toBe('alice')
    // Which makes good what was.
    expect(await attempt('wrong')).toBe(0)
    expect(await attempt('wrong, too')).toBe(0)
  })

  test('containerd’s pair of POST and GET is one failure, with one hash', async () => {
    await using on = await openLogins({ loginFailures: 2 })
    const pair = async (secret: string) => [
      await outcomeOf(() => on.authenticator.password(callFrom(), 'alice', secret)),
      await outcomeOf(() => on.authenticator.authenticate(callFrom(), basic('alice', secret))),
    ]
    expect(await pair('wrong')).toEqual(['unauthorized', 'unauthorized'])
    expect(on.hasher.verified).toBe(1)
    expect(await outcomeOf(() => on.authenticator.password(callFrom(), 'alice', PASSWORD))).toBe('alice')
    expect(await pair('wrong')).toEqual(['unauthorized', 'unauthorized'])
    expect(await pair('wrong, too')).toEqual(['unauthorized', 'too-many-attempts'])
  })

  const ways: [what: string, attempt: (on: Awaited<ReturnType<typeof openLogins>>) => Promise<unknown>][] = [
    ['tokens', (on) => on.authenticator.password(callFrom(), 'alice', newSecret('token').secret)],
    ['robots’ secrets', (on) => on.authenticator.password(callFrom(), 'acme+ci', newSecret('secret').secret)],
    ['aliases', (on) => on.authenticator.password(callFrom(), 'AWS', newSecret('token').secret)],
    ['key files', (on) => on.authenticator.password(callFrom(), '_json_key', newSecret('link').secret)],
    ['refresh tokens', (on) => on.authenticator.refreshToken(callFrom(), newSecret('refresh').secret)],
    ['assertions', (on) => on.authenticator.assertion(callFrom(), `x.${newSecret('link').secret}.x`)],
    [
      'Bearer',
      async (on) => on.authenticator.authenticate(callFrom(), `Bearer ${newSecret('token').secret}`),
    ],
  ]
  test.each(ways)('%s that are wrong are delayed by their address alone', async (_, attempt) => {
    await using on = await openLogins({ loginFailures: 1, addressFailures: 3 })
    const waits: number[] = []
    for (let i = 0; i < 5; i++) waits.push(await wait(() => attempt(on)))
    expect(waits).toEqual([0, 0, 0, 1, 1])
  })

  test('no secret that is right waits for those that are wrong, whatever its name', async () => {
    await using on = await openLogins({ loginFailures: 2, addressFailures: 3 })
    const { authenticator, clock } = on
    const here = callFrom()
    const token = (await on.give('alice', 'token')).secret
    const refresh = (await on.give('alice', 'refresh')).secret
    const key = await on.giveKey('alice')
    const file = readKeyFile(key.file) as KeyFile
    for (const [, attempt] of ways) await wait(() => attempt(on))
    expect(await wait(() => authenticator.password(here, 'AWS', newSecret('token').secret))).toBe(1)
    const right = [
      () => authenticator.password(here, 'AWS', token),
      () => authenticator.password(here, 'alice', token),
      () => authenticator.password(here, '_json_key', key.file),
      () => authenticator.authenticate(here, `Bearer ${token}`),
      () => authenticator.refreshToken(here, refresh),
      async () =>
        authenticator.assertion(here, await signAssertion(file, { audience: SERVICE, now: clock.now() })),
    ]
    for (const attempt of right) expect(await outcomeOf(attempt)).toBe('alice')
    // A password, which somebody may be guessing, waits as before.
    expect(await outcomeOf(() => authenticator.password(here, 'alice', PASSWORD))).toBe('too-many-attempts')
  })

  test('a token of an account does not clear the failures of its password', async () => {
    await using on = await openLogins({ loginFailures: 2 })
    const token = (await on.give('alice', 'token')).secret
    const attempt = (secret: string) => wait(() => on.authenticator.password(callFrom(), 'alice', secret))
    expect([await attempt('wrong'), await attempt(token), await attempt('wrong, too')]).toEqual([0, 0, 0])
    expect(await outcomeOf(() => on.authenticator.password(callFrom(), 'alice', token))).toBe('alice')
    expect(await attempt('wrong again')).toBe(1)
  })

  test('an address that tries many names is delayed for all of them', async () => {
    await using on = await openLogins({ addressFailures: 3 })
    const attempt = (name: string) => wait(() => on.authenticator.password(callFrom(), name, 'Summer2026!'))
    expect([await attempt('a1'), await attempt('a2'), await attempt('a3'), await attempt('a4')]).toEqual([
      0, 0, 0, 1,
    ])
    expect(
      await outcomeOf(() => on.authenticator.password(callFrom('198.51.100.1'), 'alice', PASSWORD)),
    ).toBe('alice')
  })
})
