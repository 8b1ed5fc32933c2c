import type { Authenticator, MaybePromise } from '../core/access.ts'
import type { Clock } from '../core/clock.ts'
import { type AccountActor, type Actor, ANONYMOUS, type Call, type Context } from '../core/context.ts'
import { type RefusalDetail, refuse } from '../core/errors.ts'
import { readLoginName } from './aliases.ts'
import { answerOf } from './answer.ts'
import { readAuthorization } from './basic.ts'
import type { LastUsed } from './last-used.ts'
import type { LoginAudit } from './login-audit.ts'
import { inNetworks } from './networks.ts'
import { looksLikeSecret } from './secrets.ts'
import { BAD_CREDENTIAL } from './sentences.ts'
import type { Claim, LoginThrottle } from './throttle.ts'
import type { VerifiedToken } from './token-verifier.ts'
import {
  byAssertion,
  byLogin,
  byLoginToken,
  bySecret,
  isGuessable,
  type Proof,
  type Sources,
} from './ways.ts'

/** What a bad token is told (RFC 6750): the client gets itself another one. */
const BAD_TOKEN: RefusalDetail = { challenge: { error: 'invalid_token' } }
const NO_TOKEN: RefusalDetail = { challenge: {} }

export interface AuthenticatorParts extends Sources {
  readonly aliases: ReadonlySet<string>
  readonly throttle: LoginThrottle
  readonly audit: LoginAudit
  readonly lastUsed: LastUsed
  readonly clock: Clock
}

type Good = Extract<Proof, { readonly found: object }>

/** One attempt. */
interface Entry extends Claim {
  /** For the audit. */
  readonly door: string
  readonly detail: RefusalDetail
}

/** Makes actors out of the credentials of this server's own database. */
export class LocalAuthenticator implements Authenticator {
  readonly #parts: AuthenticatorParts

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts
  }

  authenticate(call: Call, authorization: string): MaybePromise<Actor> {
    const read = readAuthorization(authorization)
    if (read === undefined) throw refuse('unauthorized', BAD_CREDENTIAL, NO_TOKEN)
    if (read.scheme === 'bearer') return this.#bearer(call, read.token)
    // What containers/image sends for nobody.
    if (read.name === '' && read.secret === '') return ANONYMOUS
    return this.password(call, read.name, read.secret)
  }

  async password(call: Call, name: string, secret: string): Promise<Actor> {
    const login = readLoginName(name, this.#parts.aliases)
    const guessable = isGuessable(login, secret)
    const door = guessable ? 'password' : login.kind === 'key-file' ? 'key file' : 'token'
    const entry = { name: login.name, secret, guessable, door, detail: NO_TOKEN }
    return this.#enter(call, entry, (now) => byLogin(this.#parts, login, secret, now))
  }

  async refreshToken(call: Call, token: string): Promise<Actor> {
    const entry = { ...unnamed(token), door: 'refresh token' }
    return this.#enter(call, entry, (now) => bySecret(this.#parts, token, now, ['refresh']))
  }

  async assertion(call: Call, assertion: string): Promise<Actor> {
    const entry = { ...unnamed(assertion), door: 'assertion' }
    const actor = await this.#enter(call, entry, (now) => byAssertion(this.#parts, call, assertion, now))
    // Each is one `berth login --key`.
    await this.#parts.audit.done(call, actor, entry.door)
    return actor
  }

  /** Not counted and not audited: a cookie that is no longer good is what every browser has some day, and nobody guesses one. */
  async session(call: Call, cookie: string): Promise<Actor> {
    const now = this.#parts.clock.now()
    return this.#uncounted(call, await bySecret(this.#parts, cookie, now, ['session']), now, NO_TOKEN)
  }

  signedIn(ctx: Context, door: 'token'): Promise<void> {
    return this.#parts.audit.done(ctx, ctx.actor, door)
  }

  used(ctx: Context, door: 'request' | 'token'): void {
    const { actor } = ctx
    // The others stand for a login that has its row.
    if (actor.kind === 'account' && actor.access === undefined && actor.until === undefined)
      this.#parts.audit.used(ctx, actor, door)
  }

  /** Writes what is kept in memory. Never fails. */
  async close(): Promise<void> {
    await Promise.all([this.#parts.lastUsed.flush(), this.#parts.audit.flush()])
  }

  /** A token that was verified before comes back at once: this is the path of every pull. */
  #bearer(call: Call, token: string): MaybePromise<Actor> {
    const { tokens, clock } = this.#parts
    if (looksLikeSecret(token)) {
      const entry = { ...unnamed(token), door: 'bearer', detail: BAD_TOKEN }
      return this.#enter(call, entry, (now) => bySecret(this.#parts, token, now))
    }
    const verified = tokens.verify(token, clock.now())
    return verified instanceof Promise
      ? verified.then((later) => this.#token(call, token, later))
      : this.#token(call, token, verified)
  }

  /** Not counted and not audited: tokens end all the time, and nobody guesses a signature. */
  #token(call: Call, token: string, verified: VerifiedToken | undefined): MaybePromise<Actor> {
    if (verified === undefined) throw refuse('unauthorized', BAD_CREDENTIAL, BAD_TOKEN)
    if (verified.use === 'registry') return verified.actor
    return this.#loginToken(call, token)
  }

  async #loginToken(call: Call, token: string): Promise<Actor> {
    const now = this.#parts.clock.now()
    return this.#uncounted(call, await byLoginToken(this.#parts, token, now), now, BAD_TOKEN)
  }

  #uncounted(call: Call, proof: Proof, now: number, detail: RefusalDetail): AccountActor {
    const usable = usableHere(proof, call)
    if (usable.found === undefined) throw refuse('unauthorized', BAD_CREDENTIAL, detail)
    return this.#actor(call, usable, now)
  }

  /** One attempt by one way: admitted, checked, counted, written down. Refuses `unauthorized` and `too-many-attempts`. */
  async #enter(call: Call, entry: Entry, way: (now: number) => Promise<Proof>): Promise<AccountActor> {
    const { throttle, audit, clock } = this.#parts
    const now = clock.now()
    const attempt = throttle.admit(entry, call.address, now)
    let proof: Proof
    try {
      proof = usableHere(await answerOf(way(now)), call)
    } catch (error) {
      throttle.abandoned(attempt)
      throw error
    }
    if (proof.found !== undefined) {
      throttle.succeeded(attempt)
      return this.#actor(call, proof, now)
    }
    throttle.failed(attempt, clock.now())
    audit.refused(call, { account: proof.account, door: entry.door, reason: proof.reason })
    throw refuse('unauthorized', BAD_CREDENTIAL, entry.detail)
  }

  #actor(call: Call, { found, until }: Good, now: number): AccountActor {
    const { id, account, accountName } = found
    this.#parts.lastUsed.note(id, call, now)
    const actor = {
      kind: 'account',
      id: `account:${account}`,
      account,
      name: accountName,
      credential: id,
    } as const
    return until === undefined ? actor : { ...actor, until }
  }
}

/** What every credential must be besides right: of an account that is let in, and used from where it may be. */
function usableHere(proof: Proof, call: Call): Proof {
  const { found } = proof
  if (found === undefined) return proof
  if (found.disabled) return { reason: 'disabled', account: found.accountName }
  if (!inNetworks(call.address, found.networks)) return { reason: 'address', account: found.accountName }
  return proof
}

function unnamed(secret: string): Omit<Entry, 'door'> {
  return { name: '', secret, guessable: false, detail: NO_TOKEN }
}
