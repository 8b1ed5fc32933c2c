import { beforeEach, describe, expect, test } from 'bun:test'
import { AccessGuard } from '../../src/auth/guard.ts'
import { secretKind } from '../../src/auth/secrets.ts'
import { SigningKeys } from '../../src/auth/signing-keys.ts'
import { MAX_SCOPES } from '../../src/auth/token-scopes.ts'
import { LocalTokenService, MAX_REFRESH_TOKENS } from '../../src/auth/token-service.ts'
import { MAX_TOKEN_LENGTH, RegistryTokens } from '../../src/auth/tokens.ts'
import type { AskedScope } from '../../src/core/access.ts'
import type { Actor } from '../../src/core/context.ts'
import { verbSet } from '../../src/core/verbs.ts'
import { parseScopes } from '../../src/oci/scope.ts'
import type { AccountStore, FoundCredential } from '../../src/store/meta/account-store.ts'
import { rejection } from '../suite/metadata/fixture.ts'
import { account, contextOf, FactTable, nobody, TestClock } from './rights.ts'

const OWNER = 1
const READER = 2
const TAGGER = 3

let table: FactTable
let clock: TestClock
let tokens: RegistryTokens
let created: Parameters<AccountStore['createCredential']>[0][]
let credential: Partial<FoundCredential> | undefined

function service(refreshTokenSeconds?: number, issuer = 'https://registry.test') {
  const keys = new SigningKeys({ store: table, clock, signs: 86_400_000, lasts: 3_660_000 })
  tokens = new RegistryTokens({ keys, issuer, service: 'registry.test' })
  return new LocalTokenService({
    guard: new AccessGuard(table, clock),
    keys,
    tokens,
    clock,
    tokenSeconds: 300,
    loginTokenSeconds: 3600,
    refreshTokenSeconds,
    store: {
      readCredential: async () => credential as FoundCredential | undefined,
      createCredential: async (create) => {
        created.push(create)
        return { outcome: 'created', id: 50 }
      },
    },
  })
}

beforeEach(() => {
  table = new FactTable()
  clock = new TestClock()
  created = []
  credential = { id: READER, account: READER, kind: 'token' }
  table.user(OWNER, 'acme')
  table.user(READER, 'reader')
  table.user(TAGGER, 'tagger')
  table.repository('acme/web', 'private', 'identity-1')
  table.repository('acme/open', 'public', 'identity-2')
  table.grant(READER, 'acme/web', ['pull'])
  table.grant(TAGGER, 'acme/*', ['create-tag'])
})

const asked = (...scopes: string[]): AskedScope[] => parseScopes(scopes)
const issue = (actor: Actor, ...scopes: string[]) => service().issue(contextOf(actor), asked(...scopes))
const accessIn = async (token: string) => {
  const verified = await tokens.verify(token, clock.now())
  if (verified === undefined || verified.actor.kind === 'operator') throw new Error('not a good token')
  return verified.actor.access
}

describe('scopes are narrowed, never refused', () => {
  const rows: [string, () => Actor, string, string][] = [
    ['what one has', () => account(READER, 'reader'), 'repository:acme/web:pull', 'repository:acme/web:pull'],
    ['less', () => account(READER, 'reader'), 'repository:acme/web:pull,push', 'repository:acme/web:pull'],
    ['nothing', () => account(READER, 'reader'), 'repository:acme/secret:pull', ''],
    [
      'everything one has',
      () => account(READER, 'reader'),
      'repository:acme/web:*',
      'repository:acme/web:pull',
    ],
    [
      'everything there is',
      () => account(OWNER, 'acme'),
      'repository:acme/web:*',
      'repository:acme/web:pull,push,delete,*',
    ],
    [
      'pushes of new tags',
      () => account(TAGGER, 'tagger'),
      'repository:acme/web:delete,push,pull',
      'repository:acme/web:pull,push',
    ],
    [
      'what is public, to nobody',
      () => nobody(),
      'repository:acme/open:pull,push',
      'repository:acme/open:pull',
    ],
    ['nothing else, to nobody', () => nobody(), 'repository:acme/web:pull', ''],
    ['lists', () => nobody(), 'registry:catalog:*,search,x', 'registry:catalog:*,search'],
    ['other lists', () => account(OWNER, 'acme'), 'registry:users:*', ''],
    ['other types', () => account(OWNER, 'acme'), 'artifact:acme/web:pull', ''],
    ['other actions', () => account(OWNER, 'acme'), 'repository:acme/web:admin,PULL,create-tag', ''],
    [
      'names that are none',
      () => account(OWNER, 'acme'),
      'repository:acme/../web:pull repository:ACME/x:pull',
      '',
    ],
    ['a name with a host', () => account(OWNER, 'acme'), 'repository:host:5000/acme/web:pull', ''],
    [
      'the order asked',
      () => account(READER, 'reader'),
      'repository:acme/open:pull repository:acme/no:pull repository:acme/web:push,pull',
      'repository:acme/open:pull repository:acme/web:pull',
    ],
  ]
  test.each(rows)('%s', async (_what, actor, scope, granted) => {
    const issued = await issue(actor(), scope)
    expect(issued.scope).toBe(granted)
    expect(issued.expiresIn).toBe(300)
    expect(issued.issuedAt.getTime()).toBe(clock.time)
    const claimed = (await accessIn(issued.token)) ?? []
    expect(claimed.map(({ type, name, actions }) => `${type}:${name}:${actions}`).join(' ')).toBe(granted)
  })
  test('one-part names are official ones', async () => {
    table.repository('hello', 'public')
    expect((await issue(nobody(), 'repository:hello:pull')).scope).toBe('repository:library/hello:pull')
  })
  test('bound to the repository there is', async () => {
    const { token } = await issue(account(OWNER, 'acme'), 'repository:acme/web:pull repository:acme/new:push')
    expect((await accessIn(token))?.map(({ identity }) => identity)).toEqual(['identity-1', undefined])
  })
  test('by what the credential leaves', async () => {
    table.user(OWNER, 'acme', { bounds: { scopes: [{ pattern: 'acme/w*', verbs: verbSet(['pull']) }] } })
    const { scope } = await issue(account(OWNER, 'acme'), 'repository:acme/web:* repository:acme/open:pull')
    expect(scope).toBe('repository:acme/web:pull')
  })
  test('but a credential that is gone gets no token', async () => {
    table.credentials.delete(OWNER)
    const error = await rejection(issue(account(OWNER, 'acme'), 'repository:acme/web:pull'))
    expect(error.kind).toBe('unauthorized')
  })
  test('nor anyone whose rights cannot be read', async () => {
    table.broken = new Error('disk I/O error')
    const error = await rejection(issue(account(OWNER, 'acme'), 'repository:acme/web:pull'))
    expect(error.kind).toBe('unavailable')
  })
  test('to what one had when it was asked for', async () => {
    const { token } = await issue(account(READER, 'reader'), 'repository:acme/web:pull')
    table.grants = []
    const verified = await tokens.verify(token, clock.now())
    const guard = new AccessGuard(table, clock)
    const repo = table.repository('acme/web', 'private', 'identity-1')
    expect(await guard.verbs(contextOf(verified?.actor as Actor), repo)).toBe(0)
  })
})

describe('a token stays small', () => {
  test('at the most scopes that are looked at, and one more', async () => {
    const pull = (name: string) => ({ type: 'repository', name, actions: ['pull'] })
    const others = Array.from({ length: MAX_SCOPES - 1 }, (_, n) => pull(`other/r${n}`))
    const scopes = [...others, pull('acme/open'), pull('acme/web')]
    const { scope } = await service().issue(contextOf(account(OWNER, 'acme')), scopes)
    expect(scope).toBe('repository:acme/open:pull')
    expect(table.reads).toBe(MAX_SCOPES)
  })
  test('and others get their turn while many scopes are looked at', async () => {
    const asked = Array.from({ length: MAX_SCOPES }, (_, n) => ({
      type: 'repository',
      name: `other/r${n}`,
      actions: ['pull'],
    }))
    let [turns, most, before] = [0, 0, table.reads]
    let done = false
    const turn = () => {
      turns++
      most = Math.max(most, table.reads - before)
      before = table.reads
      if (!done) setImmediate(turn)
    }
    setImmediate(turn)
    await service().issue(contextOf(account(OWNER, 'acme')), asked)
    done = true
    expect(turns).toBeGreaterThan(MAX_SCOPES / 2)
    expect(most).toBeLessThanOrEqual(2)
  })
  test.each([10, 60, 200])('with names of %d characters', async (length) => {
    const name = (n: number) => `acme/${`${n}`.padStart(length, 'x')}`
    for (let n = 0; n < MAX_SCOPES; n++)
      table.repository(name(n), 'private', '9007199254740991.1700000000000')
    const scopes = Array.from({ length: MAX_SCOPES }, (_, n) => `repository:${name(n)}:*`)
    table.user(OWNER, 'a'.repeat(129))
    const long = service(undefined, `https://${'i'.repeat(240)}.test`)
    const { token, scope } = await long.issue(contextOf(account(OWNER, 'a'.repeat(129))), asked(...scopes))
    expect(token.length).toBeLessThanOrEqual(MAX_TOKEN_LENGTH)
    // As much as fits, from the first.
    const granted = scope.split(' ')
    expect(granted.length).toBeGreaterThan(10)
    expect(granted).toEqual(granted.map((_, n) => `repository:${name(n)}:pull,push,delete,*`))
    expect((await accessIn(token))?.length).toBe(granted.length)
  })
})

describe('a login token', () => {
  test('stands for its credential for its time', async () => {
    const issued = await service().login(contextOf(account(READER, 'reader')))
    expect(issued.expiresIn).toBe(3600)
    const verified = await tokens.verify(issued.token, clock.now())
    expect(verified).toEqual({
      use: 'login',
      actor: { ...account(READER, 'reader'), until: clock.time + 3_600_000 },
    })
  })
  test('is nothing for nobody', async () => {
    expect((await rejection(service().login(contextOf(nobody())))).kind).toBe('unauthorized')
  })
  test('makes nothing that outlives it', async () => {
    const actor = { ...account(READER, 'reader'), until: clock.time + 60_000 }
    const long = service(86_400)
    const again = await long.login(contextOf(actor))
    expect(again.expiresIn).toBe(60)
    const issued = await long.issue(contextOf(actor), [], { offline: true })
    expect(issued.expiresIn).toBe(60)
    expect(issued.refreshToken).toBeUndefined()
    expect(created).toEqual([])
  })
})

describe('refresh tokens', () => {
  const offline = { offline: true, client: 'docker\u0000\n💥' }

  test('are not given unless switched on and asked for', async () => {
    const ctx = contextOf(account(READER, 'reader'))
    expect((await service().issue(ctx, [], offline)).refreshToken).toBeUndefined()
    expect((await service(86_400).issue(ctx, [])).refreshToken).toBeUndefined()
    expect((await service(86_400).issue(contextOf(nobody()), [], offline)).refreshToken).toBeUndefined()
    expect(created).toEqual([])
  })
  test('come from the credential that was used, hashed', async () => {
    const { refreshToken = '' } = await service(86_400).issue(
      contextOf(account(READER, 'reader')),
      [],
      offline,
    )
    expect(secretKind(refreshToken)).toBe('refresh')
    expect(created).toHaveLength(1)
    expect(created[0]).toMatchObject({
      account: 'reader',
      keepNewest: MAX_REFRESH_TOKENS,
      credential: { kind: 'refresh', parent: READER, expiresAt: clock.time + 86_400_000 },
    })
    expect(created[0]?.credential.name).toMatch(/^docker [0-9a-f-]{36}$/)
    expect(JSON.stringify(created)).not.toContain(refreshToken)
  })
  test('do not breed', async () => {
    credential = { id: READER, account: READER, kind: 'refresh' }
    const issued = await service(86_400).issue(contextOf(account(READER, 'reader')), [], offline)
    expect(issued.refreshToken).toBeUndefined()
  })
  test.each([undefined, { id: READER, account: OWNER, kind: 'token' as const }])(
    'are refused for a credential that is gone or another’s',
    async (found) => {
      credential = found
      const issuing = service(86_400).issue(contextOf(account(READER, 'reader')), [], offline)
      expect((await rejection(issuing)).kind).toBe('unauthorized')
    },
  )
})

test('the public keys are those that sign', async () => {
  const one = service()
  const { token } = await one.issue(contextOf(nobody()), [])
  const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
  expect(await one.jwks()).toEqual({ keys: [expect.objectContaining({ kid })] })
})
