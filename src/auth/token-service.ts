import { randomUUID } from 'node:crypto'
import type { AskedScope, IssuedToken, TokenService } from '../core/access.ts'
import type { Clock } from '../core/clock.ts'
import type { AccountActor, Actor, Context } from '../core/context.ts'
import { refuse } from '../core/errors.ts'
import type { AccountStore } from '../store/meta/account-store.ts'
import { answerOf } from './answer.ts'
import type { AccessGuard } from './guard.ts'
import { newSecret } from './secrets.ts'
import { BAD_CREDENTIAL } from './sentences.ts'
import type { SigningKeys } from './signing-keys.ts'
import { type Claims, claimedAccess } from './token-claims.ts'
import { narrowScopes, scopeText } from './token-scopes.ts'
import type { RegistryTokens } from './tokens.ts'

/** Refresh tokens of one account; with more the oldest go. */
export const MAX_REFRESH_TOKENS = 100
/** Characters of a client's name that a refresh token is called by. */
const MAX_CLIENT_NAME = 40

export interface TokenServiceOptions {
  readonly guard: AccessGuard
  readonly keys: SigningKeys
  readonly tokens: RegistryTokens
  readonly store: Pick<AccountStore, 'readCredential' | 'createCredential'>
  readonly clock: Clock
  /** Seconds. */
  readonly tokenSeconds: number
  readonly loginTokenSeconds: number
  /** Seconds; undefined: there are none. */
  readonly refreshTokenSeconds: number | undefined
}

/** Makes registry tokens, login tokens and refresh tokens. */
export class LocalTokenService implements TokenService {
  readonly #options: TokenServiceOptions

  constructor(options: TokenServiceOptions) {
    this.#options = options
  }

  async issue(
    ctx: Context,
    scopes: readonly AskedScope[],
    options: { readonly offline?: boolean; readonly client?: string } = {},
  ): Promise<IssuedToken> {
    const access = await narrowScopes(this.#options.guard, ctx, scopes)
    const issued = await this.#sign(ctx.actor, this.#options.tokenSeconds, {
      access: access.map(claimedAccess),
    })
    const refreshToken = options.offline === true ? await this.#refreshToken(ctx, options.client) : undefined
    return { ...issued, scope: scopeText(access), ...(refreshToken !== undefined && { refreshToken }) }
  }

  async login(ctx: Context): Promise<IssuedToken> {
    if (ctx.actor.kind !== 'account')
      throw refuse('unauthorized', 'a login token stands for an account; log in first', { challenge: {} })
    return this.#sign(ctx.actor, this.#options.loginTokenSeconds, { use: 'login' })
  }

  async jwks(): Promise<{ readonly keys: readonly object[] }> {
    return { keys: await this.#options.keys.published() }
  }

  async #sign(
    actor: Actor,
    seconds: number,
    say: Pick<Claims, 'access' | 'use'>,
  ): Promise<Omit<IssuedToken, 'refreshToken'>> {
    const now = this.#options.clock.now()
    const iat = Math.floor(now / 1000)
    const until = actor.kind === 'account' ? actor.until : undefined
    const exp = Math.min(iat + seconds, Math.floor((until ?? Number.POSITIVE_INFINITY) / 1000))
    const token = await this.#options.tokens.sign({
      ...subjectOf(actor),
      iat,
      nbf: iat,
      exp,
      jti: randomUUID(),
      ...say,
    })
    return { token, expiresIn: Math.max(exp - iat, 0), issuedAt: new Date(iat * 1000), scope: '' }
  }

  /**
   * Ends with the credential it came from, and bound as that is. None for a token that ends soon – it would be a way to live on – and none
   * for a refresh token: the one there is goes on.
   */
  async #refreshToken(ctx: Context, client: string | undefined): Promise<string | undefined> {
    const { refreshTokenSeconds, store, clock } = this.#options
    const { actor } = ctx
    if (refreshTokenSeconds === undefined || actor.kind !== 'account' || actor.until !== undefined)
      return undefined
    const now = clock.now()
    const parent = await answerOf(store.readCredential(actor.credential, now))
    if (parent === undefined || parent.account !== actor.account)
      throw refuse('unauthorized', BAD_CREDENTIAL, { challenge: { error: 'invalid_token' } })
    if (parent.kind === 'refresh') return undefined
    const { secret, lookup } = newSecret('refresh')
    const created = await answerOf(
      store.createCredential(
        {
          account: actor.name,
          credential: {
            kind: 'refresh',
            name: `${printable(client ?? 'client')} ${randomUUID()}`,
            lookup,
            expiresAt: now + refreshTokenSeconds * 1000,
            parent: parent.id,
          },
          keepNewest: MAX_REFRESH_TOKENS,
        },
        {
          now,
          actor: actor.name,
          account: actor.account,
          credential: actor.credential,
          address: ctx.address,
          agent: ctx.agent,
          requestId: ctx.requestId,
        },
      ),
    )
    return created.outcome === 'created' ? secret : undefined
  }
}

function subjectOf(actor: Actor): Pick<Claims, 'sub' | 'name' | 'cid'> {
  if (actor.kind === 'account') return accountClaims(actor)
  return { sub: '' }
}

function accountClaims({ id, name, credential }: AccountActor): Pick<Claims, 'sub' | 'name' | 'cid'> {
  return { sub: id, name, cid: credential }
}

function printable(client: string): string {
  return client.replace(/[^ -~]/g, '').slice(0, MAX_CLIENT_NAME)
}
