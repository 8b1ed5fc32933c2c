import type { PasswordHasher } from '../auth/password-hash.ts'
import type { Authenticator, Guard, TokenService } from '../core/access.ts'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Log } from '../core/log.ts'
import type { Registry } from '../core/registry.ts'
import type { AccessStore, Cause, RepositoryStore } from '../store/meta/access-store.ts'
import type { AccountStore } from '../store/meta/account-store.ts'
import type {
  CollectionStore,
  HistoryStore,
  JobStore,
  ProtectionStore,
  UseStore,
} from '../store/meta/lifecycle-store.ts'
import type { Caller } from './caller.ts'
import type { CheckedBodyOf, CheckedQueryOf, Endpoint, PathOf, ResultOf } from './contract/contract.ts'

/** What the handlers work with. */
export interface ApiParts {
  readonly store: AccountStore &
    AccessStore &
    RepositoryStore &
    CollectionStore &
    JobStore &
    HistoryStore &
    ProtectionStore &
    UseStore
  /** Authorised: what the API does to content, it does as its caller would by the protocol. */
  readonly registry: Registry
  readonly guard: Guard
  readonly authenticator: Authenticator
  readonly tokens: TokenService
  /** Hashes, some at a time (RS-8). */
  readonly passwords: Pick<PasswordHasher, 'hash'>
  /** Asks for a round of collection; `elsewhere`: other processes do that. */
  readonly collect: () => Promise<'started' | 'finished' | 'running' | 'paused' | 'elsewhere'>
  readonly log: Log
  readonly clock: Clock
  readonly settings: ApiSettings
}

export interface ApiSettings {
  readonly signUp: 'open' | 'invite' | 'closed'
  readonly passwordMinLength: number
  /** Seconds. */
  readonly sessionSeconds: number
  /** Bytes. */
  readonly maxBody: number
  /** ms that changes can be undone, where the namespace does not say it. */
  readonly undo: number
  /** ms that content stays which nothing references any more. */
  readonly lease: number
  /** Whether nothing is changed here. */
  readonly readOnly: boolean
}

/** One call, checked against its route: signed in, allowed, well-formed. */
export interface ApiCall<E extends Endpoint> {
  readonly ctx: Context
  readonly caller: Caller
  /** `repository` is a whole name: `library/hello`. */
  readonly path: PathOf<E>
  readonly query: CheckedQueryOf<E>
  readonly body: CheckedBodyOf<E>
  /** From If-Match. */
  readonly version: number | undefined
  /** For the audit row of a change. */
  readonly cause: Cause
}

/** An answer that is more than its result. */
export class Answer<T> {
  readonly result: T
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(result: T, status?: number, headers: Readonly<Record<string, string>> = {}) {
    this.result = result
    this.status = status
    this.headers = headers
  }
}

/** Does what an endpoint says; gives a Response where the answer is no JSON. Refuses as `problem.ts` lists. */
export type Handler<E extends Endpoint> = (
  call: ApiCall<E>,
  parts: ApiParts,
) => Promise<ResultOf<E> | Answer<ResultOf<E>> | Response>

/** Handlers of some endpoints. All together must be every endpoint of the contract, or the server does not compile. */
export type Handlers<E extends Endpoint> = { readonly [Each in E]: Handler<Each> }
