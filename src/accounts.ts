import type { ApiParts } from './api/handler.ts'
import { FirstStartError, firstStart } from './auth/first-start.ts'
import { AccessGuard } from './auth/guard.ts'
import { localAuthenticator } from './auth/local.ts'
import { argon2id } from './auth/password-hash.ts'
import { boundedHasher } from './auth/password-queue.ts'
import { SigningKeys } from './auth/signing-keys.ts'
import { LocalTokenService } from './auth/token-service.ts'
import { LEEWAY_SECONDS, RegistryTokens } from './auth/tokens.ts'
import { type Config, ConfigError } from './config.ts'
import type { Clock } from './core/clock.ts'
import { OPERATOR } from './core/context.ts'
import type { Log } from './core/log.ts'
import type { Registry } from './core/registry.ts'
import { hasSession } from './core/session-cookie.ts'
import type { Web } from './http/web.ts'
import { sweepCredentials } from './jobs/credential-sweep.ts'
import { startRounds } from './jobs/rounds.ts'
import type { WireAuth } from './oci/authorization.ts'
import type { OperatorPass } from './operator-file.ts'
import type { Store } from './store/meta/store.ts'

export interface AccountsOptions {
  readonly config: Config
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** Asks for a round of collection. */
  readonly collect: ApiParts['collect']
}

/** Who may do what, put together: everything that only exists with `--auth accounts`. */
export interface Accounts extends AsyncDisposable {
  /** For the wire. */
  readonly auth: WireAuth
  /** The management API over a registry that is authorised, loaded at its first request. `pass`: what lets the operator in. */
  web(registry: Registry, pass: Pick<OperatorPass, 'admits'>): Web
  /**
   * Sees to it that somebody can become administrator: the path of the link to open, where there is none yet; a read-only server says that
   * it cannot. Throws ConfigError for an administrator who cannot be made as the settings say.
   */
  begin(): Promise<string | undefined>
  /** Starts the jobs that accounts need; they end when this is disposed of. */
  startJobs(): void
}

/** Composes accounts over the database. Nothing is read or written yet. */
export function composeAccounts({ config, store, clock, log, collect }: AccountsOptions): Accounts {
  const service = serviceOf(config)
  // Every password of the process goes through one queue, whichever door it came by.
  const hasher = boundedHasher(argon2id, {
    concurrency: config.passwordConcurrency,
    maxWaiting: config.passwordMaxWaiting,
  })
  const keys = new SigningKeys({
    store,
    clock,
    signs: config.signingKeySeconds * 1000,
    lasts: (Math.max(config.tokenSeconds, config.loginTokenSeconds) + LEEWAY_SECONDS) * 1000,
  })
  const signed = new RegistryTokens({ keys, issuer: service, service })
  const guard = new AccessGuard(store, clock)
  const tokens = new LocalTokenService({
    guard,
    keys,
    tokens: signed,
    store,
    clock,
    tokenSeconds: config.tokenSeconds,
    loginTokenSeconds: config.loginTokenSeconds,
    refreshTokenSeconds: config.refreshTokens ? config.refreshTokenSeconds : undefined,
  })
  const authenticator = localAuthenticator({
    store,
    tokens: signed,
    hasher,
    settings: config,
    service,
    clock,
    onError: (error) =>
      log.warn('what credentials were used for could not be written down', {
        error: (error as Error).message,
      }),
  })
  const closing = new AsyncDisposableStack()
  closing.defer(() => authenticator.close())

  return {
    auth: { authenticator, tokens, guard, service },

    web(registry, pass) {
      const load = once(async () => {
        const { createApi } = await import('./api/app.ts')
        const { signUp, passwordMinLength, sessionSeconds, maxApiBody: maxBody, readOnly } = config
        const [undo, lease] = [config.undoSeconds * 1000, config.leaseSeconds * 1000]
        const settings = { signUp, passwordMinLength, sessionSeconds, maxBody, undo, lease, readOnly }
        const parts = {
          store,
          registry,
          guard,
          authenticator,
          tokens,
          passwords: hasher,
          collect,
          log,
          clock,
          settings,
        }
        return createApi(parts)
      })
      return {
        maxBody: (headers) =>
          headers.has('authorization') || hasSession(headers.get('cookie'))
            ? config.maxApiBody
            : Math.min(config.maxApiBody, config.maxStrangerBody),
        wants: isWebPath,
        async fetch(request, call) {
          const isOperator = pass.admits(request.headers.get('authorization'), call.peer)
          const api = await load()
          return api.fetch(request, call, isOperator ? OPERATOR : undefined)
        },
      }
    },

    async begin() {
      const { adminPassword, passwordMinLength, readOnly } = config
      if (readOnly) {
        if ((await store.countAdministrators()) === 0) {
          log.warn(
            'there is no administrator, and a read-only server makes none: nobody can log in to a new registry until it was started once without --read-only',
          )
        }
        return undefined
      }
      const options = {
        accounts: store,
        hasher,
        adminPassword,
        passwordMinLength,
        origin: '',
        now: clock.now(),
      }
      const first = await firstStart(options).catch((error: unknown) => {
        throw error instanceof FirstStartError ? new ConfigError(error.message) : error
      })
      if (first.kind === 'made') log.info(`made the administrator ${first.name}`)
      if (first.kind === 'ready' && adminPassword !== undefined) {
        log.info(
          'there is an administrator already, so BERTH_ADMIN_PASSWORD does nothing; take it out of the environment',
        )
      }
      return first.kind === 'link' ? first.link.url : undefined
    },

    startJobs() {
      const sweep = startRounds({
        name: 'the sweep of credentials',
        every: config.sweepSeconds * 1000,
        log,
        async round(stopped) {
          const swept = await sweepCredentials(store, clock, stopped)
          if (swept > 0) log.info('swept credentials', { expired: swept })
        },
      })
      closing.defer(() => sweep.stop())
    },

    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

/** Whom tokens are for: clients repeat it, and tokens of another registry are not taken. */
function serviceOf({ publicUrl }: Config): string {
  return publicUrl === undefined ? 'berth' : new URL(publicUrl).host
}

/** The API, its pages, and paths of Docker Hub that no repository can have. */
const WEB = /^\/(?:api|join|reset)(?:$|\/)|^\/v2\/(?:users\/|repositories(?:$|\/)|auth\/token\/?$)/

function isWebPath(path: string): boolean {
  return WEB.test(path)
}

/** Runs something once; again where it failed. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined
  return () => {
    loading ??= load().catch((error) => {
      loading = undefined
      throw error
    })
    return loading
  }
}
