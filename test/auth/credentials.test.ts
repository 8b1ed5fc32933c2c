import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { newKey } from '../../src/auth/key-file.ts'
import { newSecret } from '../../src/auth/secrets.ts'
import { BAD_CREDENTIAL } from '../../src/auth/sentences.ts'
import { ANONYMOUS, contextOf } from '../../src/core/context.ts'
import {
  basic,
  CAUSE,
  callFrom,
  type Logins,
  NOW,
  openLogins,
  outcomeOf,
  PASSWORD,
  refusalOf,
  SECOND,
} from './logins.ts'

const DAY = 86_400 * SECOND

let on: Logins
let pat: string
let loginToken: string
beforeAll(async () => {
  on = await openLogins({ loginAliases: ['gitlab-ci-token'] })
  pat = (await on.give('alice', 'token')).secret
  const alice = await on.authenticator.password(callFrom(), 'alice', PASSWORD)
  loginToken = (await on.service.login(contextOf(callFrom(), alice))).token
})
afterAll(() => on[Symbol.asyncDispose]())

const login = (name: string, secret: string, call = callFrom()) =>
  outcomeOf(() => on.authenticator.authenticate(call, basic(name, secret)))
const bearer = (token: string, call = callFrom()) =>
  outcomeOf(() => on.authenticator.authenticate(call, `Bearer ${token}`))

describe('what docker login takes', () => {
  const GUID = '00000000-0000-0000-0000-000000000000'
  const ALIASES = ['$oauthtoken', 'AWS', GUID, 'oauth2accesstoken', 'gitlab-ci-token']

  test('a name and its password', async () => expect(await login('alice', PASSWORD)).toBe('alice'))
  test('a name and its token', async () => expect(await login('alice', pat)).toBe('alice'))
  test('a name and a login token of its', async () => expect(await login('alice', loginToken)).toBe('alice'))
  test('a robot and its secret', async () => expect(await login('acme+ci', on.robotSecret)).toBe('acme+ci'))
  test('a robot as Harbor writes it', async () =>
    expect(await login('robot$acme+ci', on.robotSecret)).toBe('acme+ci'))

  test.each(ALIASES)('%s and any token, which says whose it is', async (alias) => {
    expect(await login(alias, pat)).toBe('alice')
    expect(await login(alias, on.robotSecret)).toBe('acme+ci')
    expect(await login(alias, loginToken)).toBe('alice')
  })
  test.each(ALIASES)('%s and no password', async (alias) =>
    expect(await login(alias, PASSWORD)).toBe('unauthorized'),
  )

  test('a key file, raw and in base64', async () => {
    const { file } = await on.giveKey('acme+ci')
    expect(await login('_json_key', file)).toBe('acme+ci')
    expect(await login('_json_key_base64', Buffer.from(file).toString('base64'))).toBe('acme+ci')
    expect(await login('_json_key_base64', file)).toBe('unauthorized')
    expect(await login('acme+ci', file)).toBe('unauthorized')
  })
  test('the actor is the account by the credential that came', async () => {
    const { secret, id } = await on.give('alice', 'token')
    const found = await on.store.findAccount('alice')
    const account = found?.id as number
    const actor = await on.authenticator.authenticate(callFrom(), basic('alice', secret))
    expect(actor).toEqual({
      kind: 'account',
      id: `account:${account}`,
      account,
      name: 'alice',
      credential: id,
    })
  })

  test('nobody: an empty Basic', () => {
    expect(on.authenticator.authenticate(callFrom(), 'Basic Og==')).toBe(ANONYMOUS)
  })
})

describe('aliases that would guess', () => {
  test('are off unless switched on', async () => {
    await using off = await openLogins()
    const { secret } = await off.give('alice', 'token')
    const as = (name: string) => outcomeOf(() => off.authenticator.password(callFrom(), name, secret))
    expect(await as('gitlab-ci-token')).toBe('unauthorized')
    expect(await as('AWS')).toBe('alice')
  })
})

describe('as Bearer', () => {
  test('a token', async () => expect(await bearer(pat)).toBe('alice'))
  test('a robot’s secret', async () => expect(await bearer(on.robotSecret)).toBe('acme+ci'))
  test('a login token, which ends when it says', async () => {
    const actor = await on.authenticator.authenticate(callFrom(), `Bearer ${loginToken}`)
    expect(actor).toMatchObject({ name: 'alice', until: NOW + 3600 * SECOND })
  })
  test('a login token as a password ends no later', async () =>
    expect(await on.authenticator.password(callFrom(), 'oauth2accesstoken', loginToken)).toMatchObject({
      until: NOW + 3600 * SECOND,
    }))
  test('a registry token, at once when it was seen before', async () => {
    const alice = await on.authenticator.password(callFrom(), 'alice', PASSWORD)
    const { token } = await on.service.issue(contextOf(callFrom(), alice), [])
    const first = await on.authenticator.authenticate(callFrom(), `Bearer ${token}`)
    expect(first).toMatchObject({ name: 'alice', access: [] })
    expect(on.authenticator.authenticate(callFrom(), `Bearer ${token}`)).toEqual(first)
    expect(await login('oauth2accesstoken', token)).toBe('unauthorized')
    expect(await login('alice', token)).toBe('unauthorized')
  })
  test('a registry token of nobody', async () => {
    const { token } = await on.service.issue(contextOf(callFrom(), ANONYMOUS), [])
    expect(await bearer(token)).toBe('anonymous')
    expect(await login('oauth2accesstoken', token)).toBe('unauthorized')
  })
})

describe('sessions and refresh tokens', () => {
  test('are good where they belong and nowhere else', async () => {
    const session = (await on.give('alice', 'session', { expiresAt: NOW + DAY })).secret
    const refresh = (await on.give('alice', 'refresh', { expiresAt: NOW + DAY })).secret
    const asSession = (cookie: string) => outcomeOf(() => on.authenticator.session(callFrom(), cookie))
    const asRefresh = (token: string) => outcomeOf(() => on.authenticator.refreshToken(callFrom(), token))
    expect(await asSession(session)).toBe('alice')
    expect(await asRefresh(refresh)).toBe('alice')
    for (const other of [refresh, pat, on.robotSecret, loginToken, 'x', ''])
      expect(await asSession(other)).toBe('unauthorized')
    for (const other of [session, pat, on.robotSecret, loginToken, 'x'])
      expect(await asRefresh(other)).toBe('unauthorized')
    for (const secret of [session, refresh, newSecret('link').secret]) {
      expect(await login('alice', secret)).toBe('unauthorized')
      expect(await bearer(secret)).toBe('unauthorized')
    }
  })
})

describe('a row of another kind than its secret says', () => {
  test('proves nothing', async () => {
    const { secret, lookup } = newSecret('token')
    const session = { kind: 'session', name: 'no token', lookup } as const
    await on.store.createCredential({ account: 'alice', credential: session }, CAUSE)
    expect(await login('alice', secret)).toBe('unauthorized')
    const key = newKey('alice', 'https://x/token')
    const token = { kind: 'token', name: 'no key', lookup: key.lookup } as const
    await on.store.createCredential({ account: 'alice', credential: token }, CAUSE)
    expect(await login('_json_key', key.file)).toBe('unauthorized')
  })
})

describe('what is refused', () => {
  /** Each with all of what was right but for one thing. */
  const cases: [what: string, attempt: () => Promise<[name: string, secret: string]>][] = [
    ['a wrong password', async () => ['alice', 'canary wrong']],
    ['a password in another case', async () => ['alice', PASSWORD.toUpperCase()]],
    ['an empty password', async () => ['alice', '']],
    ['a password that is too long', async () => ['alice', 'canary'.repeat(200)]],
    ['an unknown user', async () => ['zoe', PASSWORD]],
    ['a name that cannot be one', async () => ['zoe\0', PASSWORD]],
    ['a user without a password', async () => ['bob', PASSWORD]],
    ['a disabled user', async () => ['dora', PASSWORD]],
    ['an organisation', async () => ['acme', PASSWORD]],
    ['a robot with somebody’s password', async () => ['acme+ci', PASSWORD]],
    ['a token of a disabled user', async () => ['dora', (await on.give('dora', 'token')).secret]],
    ['a token under another name', async () => ['bob', pat]],
    ['a token under no name', async () => ['', pat]],
    ['a token that does not exist', async () => ['alice', newSecret('token').secret]],
    ['a token that was cut', async () => ['alice', pat.slice(0, -1)]],
    ['an expired token', async () => ['alice', (await on.give('alice', 'token', { expiresAt: NOW })).secret]],
    [
      'a revoked token',
      async () => {
        const { secret, id } = await on.give('alice', 'token')
        expect(await login('alice', secret)).toBe('alice')
        await on.store.deleteCredential({ account: 'alice', kinds: ['token'], id }, CAUSE)
        return ['alice', secret]
      },
    ],
    [
      'a token from elsewhere',
      async () => ['alice', (await on.give('alice', 'token', { networks: ['198.51.100.0/24'] })).secret],
    ],
    ['a key file that nobody knows', async () => ['_json_key', newKey('alice', 'https://x/token').file]],
    [
      'a key file under another name',
      async () => {
        const { file } = await on.giveKey('alice')
        return ['_json_key', file.replace('"alice"', '"bob"')]
      },
    ],
    ['an expired key', async () => ['_json_key', (await on.giveKey('alice', { expiresAt: NOW - 1 })).file]],
    [
      'a login token of a revoked credential',
      async () => {
        const { secret, id } = await on.give('alice', 'token')
        const actor = await on.authenticator.password(callFrom(), 'alice', secret)
        const { token } = await on.service.login(contextOf(callFrom(), actor))
        expect(await login('oauth2accesstoken', token)).toBe('alice')
        await on.store.deleteCredential({ account: 'alice', kinds: ['token'], id }, CAUSE)
        expect(await bearer(token)).toBe('unauthorized')
        return ['oauth2accesstoken', token]
      },
    ],
    ['a login token with its end changed', async () => ['oauth2accesstoken', `${loginToken.slice(0, -2)}AA`]],
  ]

  test.each(cases)('%s', async (_, attempt) => {
    const [name, secret] = await attempt()
    const refusal = await refusalOf(() => on.authenticator.authenticate(callFrom(), basic(name, secret)))
    // One text for whatever is wrong; no secret, nor part of one, in it (SE-13, SE-15).
    expect(refusal).toMatchObject({
      kind: 'unauthorized',
      message: BAD_CREDENTIAL,
      detail: { challenge: {} },
    })
    expect(JSON.stringify([refusal.message, refusal.stack, refusal.detail])).not.toContain('canary')
    expect(refusal.cause).toBeUndefined()
  })

  test.each([
    '',
    'Basic',
    'Basic !!!',
    'Digest x',
    'Bearer',
    `Basic ${Buffer.from('alice').toString('base64')}`,
  ])('the header %j', async (header) =>
    expect(await refusalOf(() => on.authenticator.authenticate(callFrom(), header))).toMatchObject({
      kind: 'unauthorized',
      message: BAD_CREDENTIAL,
    }),
  )

  test('a bad Bearer says that the token was bad', async () => {
    for (const token of ['x', 'a.b.c', newSecret('token').secret, `${pat.slice(0, -1)}!`]) {
      const refusal = await refusalOf(() => on.authenticator.authenticate(callFrom(), `Bearer ${token}`))
      expect(refusal).toMatchObject({
        kind: 'unauthorized',
        message: BAD_CREDENTIAL,
        detail: { challenge: { error: 'invalid_token' } },
      })
    }
  })

  test('a credential with address ranges is good from there', async () => {
    const { secret } = await on.give('alice', 'token', { networks: ['198.51.100.0/24', '2001:db8::/32'] })
    expect(await login('alice', secret, callFrom('198.51.100.9'))).toBe('alice')
    expect(await login('alice', secret, callFrom('2001:db8::9'))).toBe('alice')
    expect(await login('alice', secret, callFrom(''))).toBe('unauthorized')
    expect(await bearer(secret)).toBe('unauthorized')
    expect(await bearer(secret, callFrom('198.51.100.9'))).toBe('alice')
  })

  test('a robot whose owner is disabled', async () => {
    await using own = await openLogins()
    const as = () => outcomeOf(() => own.authenticator.password(callFrom(), 'acme+ci', own.robotSecret))
    expect(await as()).toBe('acme+ci')
    await own.store.updateAccount({ name: 'acme', disabled: true }, CAUSE)
    expect(await as()).toBe('unauthorized')
  })

  test('a password that was changed, at once, though it was good a moment ago', async () => {
    await using own = await openLogins()
    const as = (password: string) =>
      outcomeOf(() => own.authenticator.password(callFrom(), 'alice', password))
    expect(await as(PASSWORD)).toBe('alice')
    await own.store.setPassword({ user: 'alice', verifier: await own.hasher.hash('another one') }, CAUSE)
    expect(await as(PASSWORD)).toBe('unauthorized')
    expect(await as('another one')).toBe('alice')
  })
})

describe('when the database does not answer', () => {
  test('nobody is let in, and it is no failure of theirs', async () => {
    await using own = await openLogins({ loginFailures: 1 })
    await own.store.close()
    for (let i = 0; i < 3; i++) {
      const secret = newSecret('token').secret
      expect(await outcomeOf(() => own.authenticator.password(callFrom(), 'alice', secret))).toBe(
        'unavailable',
      )
    }
  })
})
