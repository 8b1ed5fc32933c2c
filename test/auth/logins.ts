import { join } from 'node:path'
import { AccessGuard } from '../../src/auth/guard.ts'
import { newKey } from '../../src/auth/key-file.ts'
import { type LoginSettings, localAuthenticator } from '../../src/auth/local.ts'
import { argon2id } from '../../src/auth/password-hash.ts'
import { boundedHasher, type QueueLimits } from '../../src/auth/password-queue.ts'
import { newSecret } from '../../src/auth/secrets.ts'
import { SigningKeys } from '../../src/auth/signing-keys.ts'
import { LocalTokenService } from '../../src/auth/token-service.ts'
import { RegistryTokens } from '../../src/auth/tokens.ts'
import type { Actor, Call } from '../../src/core/context.ts'
import { isRefusal, RegistryError } from '../../src/core/errors.ts'
import type { AuditRow, Cause } from '../../src/store/meta/access-store.ts'
import type { NewCredential } from '../../src/store/meta/account-store.ts'
import { openSqlite } from '../../src/store/meta/sqlite.ts'
import { tempFolder } from '../testbed/temp.ts'
import { CountingHasher } from './counting-hasher.ts'

export const NOW = 1_700_000_000_000
export const SECOND = 1000
export const SERVICE = 'registry.example.com'
export const ORIGIN = `https://${SERVICE}`
export const HERE = '203.0.113.7'
/** Of alice, and of dora, who is disabled. */
export const PASSWORD = 'canary correct horse'

const SETTINGS: LoginSettings = {
  loginAliases: [],
  loginFailures: 1000,
  addressFailures: 1000,
  loginWindowSeconds: 300,
  lastUsedSeconds: 3600,
}

export const CAUSE: Cause = {
  now: NOW,
  actor: 'operator',
  address: '',
  agent: '',
  requestId: '',
}

/** A request from somewhere. */
export function callFrom(address = HERE, origin = ORIGIN): Call {
  return {
    signal: new AbortController().signal,
    requestId: 'request',
    address,
    agent: 'docker/29.0.1',
    origin,
  }
}

export const basic = (name: string, secret: string) =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`

/** An authenticator over a database with people, robots and organisations. */
export async function openLogins(settings: Partial<LoginSettings> & { readonly queue?: QueueLimits } = {}) {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const store = await openSqlite(join(folder.path, 'berth.db'), { unsafeNoFsync: true })
  stack.defer(() => store.close())
  const clock = {
    time: NOW,
    now: () => clock.time,
  }
  const hasher = new CountingHasher()
  const guard = new AccessGuard(store, clock)
  const keys = new SigningKeys({ store, clock, signs: 86_400_000, lasts: 7_200_000 })
  const tokens = new RegistryTokens({ keys, issuer: ORIGIN, service: SERVICE })
  const service = new LocalTokenService({
    guard,
    keys,
    tokens,
    store,
    clock,
    tokenSeconds: 300,
    loginTokenSeconds: 3600,
    refreshTokenSeconds: 86_400,
  })
  const errors: unknown[] = []
  /** As another process over the same database has it. */
  const another = () =>
    localAuthenticator({
      store,
      tokens,
      hasher: boundedHasher(hasher, settings.queue ?? { concurrency: 2, maxWaiting: 1000 }),
      clock,
      service: SERVICE,
      settings: { ...SETTINGS, ...settings },
      onError: (error) => errors.push(error),
    })
  const authenticator = another()
  stack.defer(() => authenticator.close())

  const password = await argon2id.hash(PASSWORD)
  for (const name of ['alice', 'dora', 'bob']) {
    await store.createUser(
      { name, administrator: false, password: name === 'bob' ? undefined : password },
      CAUSE,
    )
  }
  await store.updateAccount({ name: 'dora', disabled: true }, CAUSE)
  await store.createOrganisation({ name: 'acme', owner: 'alice' }, CAUSE)
  const robotSecret = newSecret('secret')
  await store.createRobot(
    {
      owner: 'acme',
      name: 'ci',
      secret: { kind: 'secret', name: '1', lookup: robotSecret.lookup },
    },
    CAUSE,
  )

  let named = 0
  /** Gives an account a credential with a secret of ours. */
  async function give(
    account: string,
    kind: 'token' | 'secret' | 'session' | 'refresh',
    more: Partial<NewCredential> = {},
  ): Promise<{ readonly secret: string; readonly id: number }> {
    const { secret, lookup } = newSecret(kind)
    const credential: NewCredential = { kind, name: `credential ${++named}`, lookup, ...more }
    const made = await store.createCredential({ account, credential }, CAUSE)
    if (made.outcome !== 'created') throw new Error(made.outcome)
    return { secret, id: made.id }
  }

  /** Gives an account a key. */
  async function giveKey(account: string, more: Partial<NewCredential> = {}) {
    const key = newKey(account, `${ORIGIN}/token`)
    const { lookup, verifier } = key
    const credential: NewCredential = { kind: 'key', name: `key ${++named}`, lookup, verifier, ...more }
    const made = await store.createCredential({ account, credential }, CAUSE)
    if (made.outcome !== 'created') throw new Error(made.outcome)
    return { ...key, id: made.id }
  }

  /** The rows of logins, oldest first. */
  async function logins(): Promise<AuditRow[]> {
    await authenticator.close()
    const { items } = await store.listAudit({ action: 'login' }, { limit: 1000 })
    return items.toReversed()
  }

  const owned = stack.move()
  return {
    store,
    clock,
    hasher,
    tokens,
    service,
    authenticator,
    another,
    robotSecret: robotSecret.secret,
    errors,
    give,
    giveKey,
    logins,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export type Logins = Awaited<ReturnType<typeof openLogins>>

/** Who it is, or how it was refused. */
export async function outcomeOf(attempt: () => Actor | Promise<Actor>): Promise<string> {
  try {
    const actor = await attempt()
    return actor.kind === 'account' ? actor.name : actor.kind
  } catch (error) {
    if (isRefusal(error)) return error.kind
    throw error
  }
}

/** What it was refused with. */
export async function refusalOf(attempt: () => Actor | Promise<Actor>): Promise<RegistryError> {
  try {
    await attempt()
  } catch (error) {
    if (error instanceof RegistryError) return error
    throw error
  }
  throw new Error('it was expected to be refused, and was not')
}
