import { describe, expect, test } from 'bun:test'
import { signAssertion } from '../../src/auth/assertion.ts'
import { type KeyFile, readKeyFile } from '../../src/auth/key-file.ts'
import { LastUsed } from '../../src/auth/last-used.ts'
import { newSecret } from '../../src/auth/secrets.ts'
import { type Actor, ANONYMOUS, contextOf } from '../../src/core/context.ts'
import type { LastUse } from '../../src/store/meta/account-store.ts'
import { basic, callFrom, HERE, NOW, openLogins, outcomeOf, PASSWORD, SECOND, SERVICE } from './logins.ts'

const MINUTE = 60 * SECOND

/** What a row says besides who and where. */
const detailOf = (row: { readonly detail: string | undefined }) => JSON.parse(row.detail ?? '{}')

describe('the audit of logins', () => {
  test('has a row for each that a door calls one, and for each assertion', async () => {
    await using on = await openLogins()
    const alice = await on.authenticator.password(callFrom(), 'alice', PASSWORD)
    expect(await on.logins()).toEqual([])
    await on.authenticator.signedIn(contextOf(callFrom(), alice), 'token')
    await on.authenticator.signedIn(contextOf(callFrom('198.51.100.1'), alice), 'token')
    const file = readKeyFile((await on.giveKey('acme+ci')).file) as KeyFile
    await on.authenticator.assertion(callFrom(), await signAssertion(file, { audience: SERVICE, now: NOW }))
    const rows = await on.logins()
    expect(rows).toMatchObject([
      {
        actor: 'alice',
        target: 'alice',
        namespace: 'alice',
        result: 'done',
        address: HERE,
        agent: 'docker/29.0.1',
        requestId: 'request',
        credential: alice.kind === 'account' ? alice.credential : 0,
        at: NOW,
      },
      { actor: 'alice', result: 'done', address: '198.51.100.1' },
      { actor: 'acme+ci', target: 'acme+ci', namespace: 'acme', result: 'done' },
    ])
    expect(rows.map(detailOf)).toEqual([{ door: 'token' }, { door: 'token' }, { door: 'assertion' }])
  })

  test('has one row an hour of what comes along with requests, for a credential and an address', async () => {
    await using on = await openLogins()
    const { secret, id } = await on.give('alice', 'token')
    const use = async (authorization: string, address = HERE, door: 'request' | 'token' = 'request') => {
      const call = callFrom(address)
      on.authenticator.used(contextOf(call, await on.authenticator.authenticate(call, authorization)), door)
    }
    const [password, token] = [basic('alice', PASSWORD), `Bearer ${secret}`]
    for (let i = 0; i < 3; i++) {
      await use(password)
      await use(token)
      await use(token, '198.51.100.1', 'token')
    }
    const rows = await on.logins()
    expect(rows.map((row) => [row.actor, row.result, row.address, detailOf(row)])).toEqual([
      ['alice', 'done', HERE, { door: 'request' }],
      ['alice', 'done', HERE, { door: 'request' }],
      ['alice', 'done', '198.51.100.1', { door: 'token' }],
    ])
    expect(rows[1]?.credential).toBe(id)
    on.clock.time = NOW + 60 * MINUTE - 1
    await use(token)
    expect(await on.logins()).toHaveLength(3)
    on.clock.time = NOW + 60 * MINUTE
    await use(token)
    expect(await on.logins()).toHaveLength(4)
    // A login that was just written down is not written down again.
    const call = callFrom('198.51.100.2')
    const ctx = contextOf(call, await on.authenticator.authenticate(call, password))
    await on.authenticator.signedIn(ctx, 'token')
    on.authenticator.used(ctx, 'token')
    expect(await on.logins()).toHaveLength(5)
    // What stands for a login is none, and nobody is nobody.
    const access = [] as const
    for (const actor of [{ ...ctx.actor, access }, { ...ctx.actor, until: NOW }, ANONYMOUS] as Actor[])
      on.authenticator.used(contextOf(callFrom('198.51.100.3'), actor), 'request')
    expect(await on.logins()).toHaveLength(5)
  })

  test('has a row for what was refused, with the reason, which the client does not get', async () => {
    await using on = await openLogins()
    const from = (n: number) => callFrom(`198.51.100.${n}`)
    const far = (await on.give('alice', 'token', { networks: ['192.0.2.1'] })).secret
    const pat = (await on.give('alice', 'token')).secret
    const over = (await on.give('alice', 'token', { expiresAt: NOW })).secret
    const attempts: [name: string, secret: string, target: string, reason: string][] = [
      ['alice', 'wrong', 'alice', 'wrong'],
      ['dora', PASSWORD, 'dora', 'disabled'],
      ['alice', far, 'alice', 'address'],
      ['bob', pat, 'alice', 'name'],
      ['alice', over, 'alice', 'expired'],
      ['_json_key', (await on.giveKey('alice', { expiresAt: NOW })).file, 'alice', 'expired'],
      ['zoe', 'wrong', '-', 'unknown'],
      ['alice', newSecret('token').secret, '-', 'unknown'],
    ]
    for (const [i, [name, secret]] of attempts.entries())
      expect(await outcomeOf(() => on.authenticator.password(from(i), name, secret))).toBe('unauthorized')
    const rows = await on.logins()
    expect(rows.map((row) => [row.result, row.actor, row.target, detailOf(row).reason])).toEqual(
      attempts.map(([, , target, reason]) => ['refused', 'anonymous', target, reason]),
    )
  })

  test('holds no secret, and no name that is nobody’s: people type passwords there', async () => {
    await using on = await openLogins()
    const secrets = ['canary-password', newSecret('token').secret, 'berth_pat_canary', '{"canary":1}']
    for (const secret of secrets) {
      await outcomeOf(() => on.authenticator.password(callFrom(), secret, secret))
      await outcomeOf(() => on.authenticator.password(callFrom(), 'alice', secret))
      await outcomeOf(() => on.authenticator.password(callFrom(), '_json_key', secret))
      await outcomeOf(() => on.authenticator.authenticate(callFrom(), `Bearer ${secret}`))
      await outcomeOf(() => on.authenticator.assertion(callFrom(), secret))
      await outcomeOf(() => on.authenticator.refreshToken(callFrom(), secret))
      on.clock.time += MINUTE
    }
    const rows = JSON.stringify(await on.logins())
    for (const secret of ['canary', secrets[1] as string]) expect(rows).not.toContain(secret)
    expect(rows).toContain('alice')
  })

  test('has one row a minute for an account, an address and a reason, which says how many more there were', async () => {
    await using on = await openLogins()
    const attempt = (i: number) =>
      outcomeOf(() => on.authenticator.password(callFrom(), `user${i}`, 'berth_pat_wrong'))
    for (let i = 0; i < 100; i++) await attempt(i)
    on.clock.time = NOW + MINUTE - 1
    await attempt(100)
    expect(await on.logins()).toHaveLength(1)
    on.clock.time = NOW + MINUTE
    await attempt(101)
    expect((await on.logins()).map(detailOf)).toEqual([
      { door: 'token', reason: 'unknown' },
      { door: 'token', reason: 'unknown', repeated: 100 },
    ])
    // Others are written at once, and so is another reason.
    await outcomeOf(() => on.authenticator.password(callFrom(), 'dora', PASSWORD))
    await outcomeOf(() => on.authenticator.password(callFrom('198.51.100.1'), 'zoe', 'wrong'))
    expect(await on.logins()).toHaveLength(4)
    const { secret } = await on.give('dora', 'token', { expiresAt: NOW })
    for (let i = 0; i < 2; i++)
      for (const each of [PASSWORD, secret, 'wrong'])
        await outcomeOf(() => on.authenticator.password(callFrom(), 'dora', each))
    expect((await on.logins()).slice(4).map((row) => [row.target, detailOf(row).reason])).toEqual([
      ['dora', 'expired'],
      ['dora', 'wrong'],
    ])
  })

  test('names the account of what is over but not swept yet, by every door', async () => {
    await using on = await openLogins()
    const token = (await on.give('alice', 'token', { expiresAt: NOW + 1 })).secret
    const refresh = (await on.give('bob', 'refresh', { expiresAt: NOW + 1 })).secret
    const file = readKeyFile((await on.giveKey('acme+ci', { expiresAt: NOW + 1 })).file) as KeyFile
    on.clock.time = NOW + 1
    const assertion = await signAssertion(file, { audience: SERVICE, now: NOW + 1 })
    await outcomeOf(() => on.authenticator.authenticate(callFrom(), `Bearer ${token}`))
    await outcomeOf(() => on.authenticator.refreshToken(callFrom(), refresh))
    await outcomeOf(() => on.authenticator.assertion(callFrom(), assertion))
    expect((await on.logins()).map((row) => [row.target, row.result, detailOf(row).reason])).toEqual([
      ['alice', 'refused', 'expired'],
      ['bob', 'refused', 'expired'],
      ['acme+ci', 'refused', 'expired'],
    ])
  })

  test('does not have what everyone’s browser and client do all the time', async () => {
    await using on = await openLogins()
    for (let i = 0; i < 3; i++) {
      await outcomeOf(() => on.authenticator.session(callFrom(), newSecret('session').secret))
      await outcomeOf(() => on.authenticator.authenticate(callFrom(), 'Bearer eyJh.eyJh.eyJh'))
      await outcomeOf(() => on.authenticator.password(callFrom(), 'alice', PASSWORD))
    }
    expect(await on.logins()).toEqual([])
  })

  test('that cannot be written lets nobody in, and refuses as ever', async () => {
    await using on = await openLogins()
    const alice = await on.authenticator.password(callFrom(), 'alice', PASSWORD)
    await on.store.close()
    const signedIn = on.authenticator.signedIn(contextOf(callFrom(), alice), 'token').then(
      () => 'in',
      () => 'not in',
    )
    expect(await signedIn).toBe('not in')
    expect(await outcomeOf(() => on.authenticator.password(callFrom(), 'alice', 'eyJh.eyJh.eyJh'))).toBe(
      'unauthorized',
    )
    await on.authenticator.close()
    // The last use of alice’s password, and the refusal.
    expect(on.errors).toHaveLength(2)
  })
})

describe('the last use of a credential', () => {
  test('is written when the server ends, once for each', async () => {
    await using on = await openLogins()
    const { secret, id } = await on.give('alice', 'token')
    const last = async () => (await on.store.readCredential(id, NOW))?.lastUsed
    for (let i = 0; i < 3; i++) {
      on.clock.time = NOW + i * SECOND
      await on.authenticator.password(callFrom(`198.51.100.${i}`), 'alice', secret)
    }
    expect(await last()).toBeUndefined()
    await on.authenticator.close()
    expect(await last()).toEqual({ at: NOW + 2 * SECOND, address: '198.51.100.2', agent: 'docker/29.0.1' })
  })

  test('is not noted for one that was refused', async () => {
    await using on = await openLogins()
    const { secret, id } = await on.give('alice', 'token', { networks: ['192.0.2.1'] })
    await outcomeOf(() => on.authenticator.password(callFrom(), 'alice', secret))
    await on.authenticator.close()
    expect((await on.store.readCredential(id, NOW))?.lastUsed).toBeUndefined()
  })

  const use = (id: number, at = NOW): LastUse & { readonly credential: number } => ({
    credential: id,
    at,
    address: HERE,
    agent: 'docker/29.0.1',
  })

  test('is written by itself after the interval', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const store = { touchCredentials: async (uses: unknown) => resolve(uses) }
    const lastUsed = new LastUsed(store, { interval: 1, onError: resolve })
    // The timer does not keep a process alive; this one does.
    const alive = setInterval(() => {}, 1000)
    lastUsed.note(1, callFrom(), NOW)
    lastUsed.note(2, callFrom(), NOW)
    lastUsed.note(1, callFrom(), NOW + 1)
    expect(await promise).toEqual([use(1, NOW + 1), use(2)])
    clearInterval(alive)
  })

  test('takes bounded memory, and what cannot be written is told and forgotten', async () => {
    const errors: unknown[] = []
    const written: number[] = []
    let broken = true
    const store = {
      touchCredentials: async (uses: readonly unknown[]) => {
        if (broken) throw new Error('no database')
        written.push(uses.length)
      },
    }
    const lastUsed = new LastUsed(store, { interval: 3_600_000, onError: (error) => errors.push(error) })
    lastUsed.note(1, callFrom(), NOW)
    await lastUsed.flush()
    expect(errors).toEqual([new Error('no database')])
    broken = false
    for (let id = 0; id < 10_005; id++) lastUsed.note(id, callFrom(), NOW)
    await lastUsed.flush()
    await lastUsed.flush()
    expect(written).toEqual([10_000])
  })

  test('of a long agent is cut', async () => {
    await using on = await openLogins()
    const { secret, id } = await on.give('alice', 'token')
    await on.authenticator.password({ ...callFrom(), agent: 'x'.repeat(10_000) }, 'alice', secret)
    await on.authenticator.close()
    expect((await on.store.readCredential(id, NOW))?.lastUsed?.agent).toHaveLength(200)
  })
})
