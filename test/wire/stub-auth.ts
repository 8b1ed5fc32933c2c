import type { AskedScope, Authenticator, Guard, IssuedToken, TokenService } from '../../src/core/access.ts'
import { type Actor, ANONYMOUS, type Context, type TokenAccess } from '../../src/core/context.ts'
import { refuse } from '../../src/core/errors.ts'
import type { RepoName } from '../../src/core/names.ts'
import { ACTION, type Registry } from '../../src/core/registry.ts'
import { ALL_VERBS, allows, BUNDLES, NO_VERBS, type Verb } from '../../src/core/verbs.ts'
import type { WireAuth } from '../../src/oci/authorization.ts'
import { wireHandler } from '../../src/oci/handler.ts'
import type { WireLimits } from '../../src/oci/limits.ts'
import { fakeRegistry } from './fake-registry.ts'
import { DEFAULT_WIRE_LIMITS } from './limits.ts'

/** What passes through the stub, for tests that look. */
export interface Seen {
  readonly calls: unknown[][]
}

const PASSWORD = 'secret of '
const CATALOG: TokenAccess = { type: 'registry', name: 'catalog', actions: ['*'] }

const person = (account: number, name: string, access?: readonly TokenAccess[]): Actor => ({
  kind: 'account',
  id: `account:${account}`,
  account,
  name,
  credential: account,
  ...(access !== undefined && { access }),
})

/** Alice may do everything, Bob may pull; nobody may do nothing, but in the public repository. */
const PEOPLE: Readonly<Record<string, Actor>> = { alice: person(1, 'alice'), bob: person(2, 'bob') }

const TOKENS: Readonly<Record<string, Actor>> = {
  alice: person(1, 'alice'),
  bob: person(2, 'bob'),
  'alice-for-nothing': person(1, 'alice', []),
  'alice-for-the-catalogue': person(1, 'alice', [CATALOG]),
  nobody: { ...ANONYMOUS, access: [] },
  // Its signature is good, its account is not there any more.
  gone: person(9, 'gone', []),
}

export const PUBLIC = 'wire/public'

const wrong = (sentence = 'these credentials are not good') =>
  refuse('unauthorized', sentence, { challenge: { error: 'invalid_token' } })

/** `Authorization` of one of these people, or with one of these tokens. */
export const basic = (name: string, secret = PASSWORD + name): { Authorization: string } => ({
  Authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`,
})
export const bearer = (token: string): { Authorization: string } => ({ Authorization: `Bearer ${token}` })

/** Accounts made of two people and a few tokens, just true enough for the protocol layer. */
export function stubAuth(seen: Seen = { calls: [] }, changes: Partial<Authenticator> = {}): WireAuth {
  const byPassword = (name: string, secret: string): Actor => {
    if (name === 'stormy')
      throw refuse('too-many-attempts', 'too many failed logins; wait', { retryAfter: 7 })
    const found = PEOPLE[name]
    if (found === undefined || secret !== PASSWORD + name) throw wrong()
    return found
  }
  const authenticator: Authenticator = {
    authenticate(_call, authorization) {
      const [scheme, value = ''] = authorization.split(' ')
      if (scheme === 'Bearer') {
        const found = TOKENS[value]
        if (found === undefined) throw wrong('the token is "expired" – or was never one\\')
        return found
      }
      const [name = '', secret = ''] = Buffer.from(value, 'base64').toString().split(':')
      return name === '' ? ANONYMOUS : Promise.resolve().then(() => byPassword(name, secret))
    },
    password: async (_call, name, secret) => byPassword(name, secret),
    async refreshToken(_call, token) {
      if (token !== 'refresh of alice') throw wrong()
      return PEOPLE.alice as Actor
    },
    async assertion(_call, assertion) {
      if (assertion !== 'assertion of alice') throw wrong()
      return PEOPLE.alice as Actor
    },
    async session() {
      throw wrong()
    },
    async signedIn({ actor }, door) {
      seen.calls.push(['signedIn', actor.kind === 'account' ? actor.name : actor.kind, door])
    },
    used() {},
    ...changes,
  }
  const tokens: TokenService = {
    async issue({ actor }, scopes, options) {
      seen.calls.push(['issue', actor.kind === 'account' ? actor.name : actor.kind, scopes, options])
      return issued('a registry token', textOf(scopes), options?.offline === true)
    },
    async login({ actor }) {
      seen.calls.push(['login', actor.kind === 'account' ? actor.name : actor.kind])
      return issued('a login token', '', false)
    },
    jwks: async () => ({ keys: [{ kty: 'OKP', kid: 'one' }] }),
  }
  return { authenticator, tokens, guard: stubGuard, service: 'berth.test' }
}

function issued(token: string, scope: string, offline: boolean): IssuedToken {
  const issuedAt = new Date('2026-01-02T03:04:05.678Z')
  return { token, expiresIn: 300, issuedAt, scope, ...(offline && { refreshToken: 'a refresh token' }) }
}

const textOf = (scopes: readonly AskedScope[]) =>
  scopes.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ')

const WIRE: Record<Verb, string> = {
  pull: 'pull',
  push: 'pull,push',
  'create-tag': 'pull,push',
  delete: 'delete',
  admin: '*',
}

function verbsOf({ actor }: Context, repo: RepoName): number {
  if (actor.kind === 'account' && actor.name === 'gone') throw wrong()
  if (actor.kind === 'account') return actor.name === 'alice' ? ALL_VERBS : BUNDLES.read
  return repo === PUBLIC ? BUNDLES.read : NO_VERBS
}

const stubGuard: Guard = {
  require(ctx, repo, verb) {
    const verbs = verbsOf(ctx, repo)
    const { actor } = ctx
    const challenge = { scopes: [`repository:${repo}:${WIRE[verb]}`] }
    const bounded = actor.kind !== 'operator' && actor.access !== undefined
    if (allows(verbs, verb) && !(bounded && repo !== PUBLIC)) return verbs
    const sentence = `${actor.id} may not ${verb} here`
    if (bounded)
      throw refuse('unauthorized', sentence, { challenge: { ...challenge, error: 'insufficient_scope' } })
    if (actor.kind === 'anonymous') throw refuse('unauthorized', sentence, { challenge })
    throw refuse('denied', sentence)
  },
  verbs: verbsOf,
  visible({ actor }, list) {
    if (actor.kind === 'operator') return 'everything'
    const challenge = { scopes: ['registry:catalog:*'] }
    const within = actor.access
    if (list === 'catalog' && within !== undefined && !within.includes(CATALOG)) {
      throw refuse('unauthorized', 'the token is not for the catalogue', {
        challenge: { ...challenge, error: 'insufficient_scope' },
      })
    }
    if (actor.kind === 'account') return 'everything'
    if (list === 'catalog') throw refuse('unauthorized', 'the catalogue is for accounts', { challenge })
    return { granted: [] }
  },
  readableHolder: async () => undefined,
}

/** Asks the stub before every operation, as policy around a registry does. */
function guarded(inner: Registry): Registry {
  const operations = Object.entries(ACTION).map(([name, action]) => {
    const operation = inner[name as keyof Registry] as (...args: unknown[]) => unknown
    return [
      name,
      async (ctx: Context, ...args: unknown[]) => {
        if (action === 'list') stubGuard.visible(ctx, name === 'search' ? 'search' : 'catalog')
        else stubGuard.require(ctx, args[0] as RepoName, action)
        return operation(ctx, ...args)
      },
    ]
  })
  return Object.fromEntries(operations) as Registry
}

/** A handler with accounts, over maps in memory. */
export function guardedHandler(auth: WireAuth = stubAuth(), limits: Partial<WireLimits> = {}) {
  return wireHandler(guarded(fakeRegistry()), { limits: { ...DEFAULT_WIRE_LIMITS, ...limits }, auth })
}
