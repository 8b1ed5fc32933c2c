import type { Clock } from '../core/clock.ts'
import type { Store } from '../store/meta/store.ts'
import { loginAliases } from './aliases.ts'
import { AssertionCheck } from './assertion.ts'
import { LocalAuthenticator } from './authenticator.ts'
import { LastUsed } from './last-used.ts'
import { LoginAudit } from './login-audit.ts'
import { PasswordCheck } from './password-check.ts'
import type { PasswordHasher } from './password-hash.ts'
import { LoginThrottle } from './throttle.ts'
import type { TokenVerifier } from './token-verifier.ts'

/** The settings that logins have. */
export interface LoginSettings {
  readonly loginAliases: readonly string[]
  readonly loginFailures: number
  readonly addressFailures: number
  readonly loginWindowSeconds: number
  readonly lastUsedSeconds: number
}

export interface LocalAuthenticatorOptions {
  readonly store: Store
  readonly tokens: TokenVerifier
  /** The one that the process has, which bounds how many run at once. */
  readonly hasher: PasswordHasher
  readonly settings: LoginSettings
  /** Whom tokens and assertions are for. */
  readonly service: string
  readonly clock: Clock
  /** Told when the last uses, or a refused login, could not be written. */
  readonly onError: (error: unknown) => void
}

/** Puts an authenticator together over the server's own database. */
export function localAuthenticator(options: LocalAuthenticatorOptions): LocalAuthenticator {
  const { store, tokens, hasher, settings, service, clock, onError } = options
  return new LocalAuthenticator({
    accounts: store,
    tokens,
    service,
    clock,
    aliases: loginAliases(settings.loginAliases),
    passwords: new PasswordCheck(hasher),
    assertions: new AssertionCheck(store),
    throttle: new LoginThrottle({
      loginFailures: settings.loginFailures,
      addressFailures: settings.addressFailures,
      window: settings.loginWindowSeconds * 1000,
    }),
    audit: new LoginAudit(store, { clock, onError }),
    lastUsed: new LastUsed(store, { interval: settings.lastUsedSeconds * 1000, onError }),
  })
}
