import { expect } from 'bun:test'
import { join } from 'node:path'
import { type Accounts, composeAccounts } from '../../src/accounts.ts'
import { API_PATH } from '../../src/api/client.ts'
import { Problem } from '../../src/api/contract/common.ts'
import {
  type BodyOf,
  CONTRACT,
  type Endpoint,
  type PathOf,
  type ResultOf,
} from '../../src/api/contract/contract.ts'
import type { Route } from '../../src/api/contract/route.ts'
import { registryStack } from '../../src/app.ts'
import { argon2id } from '../../src/auth/password-hash.ts'
import { newSecret } from '../../src/auth/secrets.ts'
import { readConfig } from '../../src/config.ts'
import type { Call } from '../../src/core/context.ts'
import { ALL_VERBS, type VerbSet } from '../../src/core/verbs.ts'
import type { SettingName } from '../../src/settings.ts'
import { memoryBlobStore } from '../../src/store/blob-memory.ts'
import type { Cause } from '../../src/store/meta/access-store.ts'
import type { NewCredential } from '../../src/store/meta/account-store.ts'
import { openSqlite } from '../../src/store/meta/sqlite.ts'
import type { Store } from '../../src/store/meta/store.ts'
import type { Logger } from '../../src/telemetry/log.ts'
import { tempFolder } from '../testbed/temp.ts'

export const NOW = 1_700_000_000_000
export const DAY = 86_400_000
export const ORIGIN = 'https://registry.example.com'
export const PASSWORD = 'canary correct horse'
export const CAUSE: Cause = { now: NOW, actor: 'operator', address: '', agent: '', requestId: '' }

/** What every password of the fixture is stored as: hashing it for each user would take a while. */
const verifier = argon2id.hash(PASSWORD)

/** Who calls. */
export interface Proof {
  readonly authorization?: string
  /** Of a session. */
  readonly cookie?: string
  readonly operator?: true
}

export interface Asking<E extends Endpoint> {
  readonly as?: Proof
  readonly path?: PathOf<E>
  readonly query?: Readonly<Record<string, string>>
  /** What the contract has, or what it must refuse. */
  readonly body?: BodyOf<E> | { readonly [member: string]: unknown }
  readonly version?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly address?: string
}

/** An answer whose form was checked against the contract. */
export interface Answered<T> {
  readonly status: number
  readonly headers: Headers
  /** Of a success. */
  readonly result: T
  /** Of a refusal. */
  readonly problem: Problem
  /** The sentence of a refusal; '' of a success. */
  readonly detail: string
}

export interface TestApi extends AsyncDisposable {
  readonly store: Store
  readonly auth: Accounts['auth']
  /** In ms since the epoch; tests move it. */
  readonly clock: { time: number }
  /** Lines of the log. */
  readonly log: string[]
  /** Any request, by the path from the root. */
  send(
    path: string,
    init?: RequestInit,
    options?: { as?: Proof; address?: string; origin?: string },
  ): Promise<Response>
  /** A call of the contract. Fails where the answer is not what the contract says. */
  call<E extends Endpoint>(endpoint: E, asking?: Asking<E>): Promise<Answered<ResultOf<E>>>
  /** A user with PASSWORD; gives a token of it that is not narrowed. */
  user(name: string, options?: { administrator?: boolean }): Promise<Proof>
  /** A token of an account, for `**` and everything unless told. */
  token(account: string, credential?: Partial<NewCredential>): Promise<Proof>
  /** Signs in with a password. */
  signIn(username: string, password?: string): Promise<Proof>
}

export const OPERATES: Proof = { operator: true }
export const NOBODY: Proof = {}
export const everything = (verbs: VerbSet = ALL_VERBS) => [{ pattern: '**', verbs }]

type Flags = Partial<Record<SettingName, unknown>>

/** The API over an embedded database of the test's own. */
export async function openApi(flags: Flags = {}): Promise<TestApi> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const store = await openSqlite(join(folder.path, 'berth.db'), { unsafeNoFsync: true })
  stack.defer(() => store.close())
  const api = stack.use(apiOver(store, flags))
  const owned = stack.move()
  return { ...api, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** The API over a store, with everything real but the network. */
export function apiOver(store: Store, flags: Flags = {}): TestApi {
  const config = readConfig(
    {},
    { auth: 'accounts', loginFailures: '1000', addressFailures: '10000', ...flags },
  )
  const clock = { time: NOW }
  const log: string[] = []
  const logger = listing(log)
  const accounts: Accounts = composeAccounts({
    config,
    store,
    clock: { now: () => clock.time },
    log: logger,
    collect: async () => 'elsewhere',
  })
  const registry = registryStack(config, memoryBlobStore(), store, logger, accounts.auth.guard)
  let operator = false
  const web = accounts.web(registry, { admits: () => operator })
  let requests = 0

  const api: TestApi = {
    store,
    auth: accounts.auth,
    clock,
    log,
    async send(path, init = {}, { as = NOBODY, address = '203.0.113.7', origin = ORIGIN } = {}) {
      const headers = new Headers(init.headers)
      if (as.authorization !== undefined) headers.set('Authorization', as.authorization)
      if (as.cookie !== undefined) {
        headers.set('Cookie', `${cookieName(origin)}=${as.cookie}`)
        if (!headers.has('Origin') && !headers.has('Sec-Fetch-Site')) headers.set('Origin', origin)
      }
      const request = new Request(origin + path, { ...init, headers })
      const { signal } = request
      const call = { ...callFrom(address, origin, signal), requestId: `r${++requests}`, peer: address }
      operator = as.operator === true
      const response = await web.fetch(request, call)
      if (response === undefined) throw new Error(`${path} is not the API's`)
      return response
    },

    async call(endpoint, { as, path, query, body, version, headers, address } = {}) {
      const [method = '', template = ''] = endpoint.split(' ')
      const filled = template.replace(/\{(\w+)\}/g, (_, name: string) =>
        encodeURIComponent((path as Record<string, string>)[name] ?? ''),
      )
      const response = await api.send(
        `${API_PATH}${filled}${query ? `?${new URLSearchParams(query)}` : ''}`,
        {
          method,
          headers: {
            ...(body !== undefined && { 'Content-Type': 'application/json' }),
            ...(version !== undefined && { 'If-Match': `"${version}"` }),
            ...headers,
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        },
        { ...(as && { as }), ...(address && { address }) },
      )
      return checked(endpoint, response)
    },

    async user(name, { administrator = false } = {}) {
      const made = await store.createUser({ name, administrator, password: await verifier }, CAUSE)
      if (made.outcome !== 'created') throw new Error(`${name}: ${made.outcome}`)
      return api.token(name)
    },

    async token(account, credential = {}) {
      const { secret, lookup } = newSecret('token')
      const made = await store.createCredential(
        {
          account,
          credential: { kind: 'token', name: secret.slice(-20), lookup, scopes: everything(), ...credential },
        },
        CAUSE,
      )
      if (made.outcome !== 'created') throw new Error(`token of ${account}: ${made.outcome}`)
      return { authorization: `Bearer ${secret}` }
    },

    async signIn(username, password = PASSWORD) {
      const { headers, status, detail } = await api.call('POST /session', { body: { username, password } })
      const cookie = cookieOf(headers)
      if (cookie === undefined) throw new Error(`${username} was not let in: ${status} ${detail}`)
      return { cookie }
    },
    [Symbol.asyncDispose]: () => accounts[Symbol.asyncDispose](),
  }
  return api
}

/** Where a call comes from. */
export function callFrom(
  address = '203.0.113.7',
  origin = ORIGIN,
  signal: AbortSignal = new AbortController().signal,
): Call {
  return { signal, requestId: 'r0', address, agent: 'test/1', origin }
}

/** A log that is a list of lines. */
function listing(lines: string[]): Logger {
  const at = (level: string) => (message: string, fields?: object) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`)
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    access: () => {},
    flush: () => {},
  }
}

const cookieName = (origin: string) =>
  origin.startsWith('https:') ? '__Host-berth_session' : 'berth_session'

/** The session's secret that an answer sets. */
export function cookieOf(headers: Headers): string | undefined {
  return /^(?:__Host-)?berth_session=([^;]+)/.exec(headers.get('Set-Cookie') ?? '')?.[1]
}

async function checked<E extends Endpoint>(endpoint: E, response: Response): Promise<Answered<ResultOf<E>>> {
  const { status, headers } = response
  const text = await response.text()
  expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
  expect(headers.get('Cache-Control')).toBe('no-store')
  expect(headers.get('Content-Security-Policy')).toStartWith("default-src 'none'")
  const told = { status, headers, detail: '' } as Answered<ResultOf<E>>
  if (response.ok) {
    const { result } = CONTRACT[endpoint] as Route
    if (result === undefined) {
      expect([status, text]).toEqual([204, ''])
      return told
    }
    expect(headers.get('Content-Type')).toBe('application/json')
    return { ...told, result: result.parse(JSON.parse(text)) as ResultOf<E> }
  }
  expect(headers.get('Content-Type')).toBe('application/problem+json')
  const problem = Problem.parse(JSON.parse(text))
  expect(problem.status).toBe(status)
  return { ...told, problem, detail: problem.detail }
}
