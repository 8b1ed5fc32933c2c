import type { IssuedToken } from '../core/access.ts'
import type { Body } from '../core/body.ts'
import { collect } from '../core/body.ts'
import { type Actor, type Call, contextOf } from '../core/context.ts'
import { isRefusal, refuse } from '../core/errors.ts'
import { actorOf, type WireAuth } from './authorization.ts'
import type { WireLimits } from './limits.ts'
import type { WireReply, WireRequest } from './message.ts'
import { tokenRefusal, tokenReply } from './oauth.ts'
import { parameter, parameters } from './query.ts'
import { parseScopes } from './scope.ts'

/** Where tokens are given out: the first is the one that challenges name, the others are known to scripts. */
const PATHS: ReadonlySet<string> = new Set([
  '/token',
  '/v2/token',
  '/v2/auth',
  '/service/token',
  '/oauth2/token',
])

const FORM = 'application/x-www-form-urlencoded'
const ASSERTION = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const METHODS = 'GET, POST'

export function isTokenPath(path: string): boolean {
  return PATHS.has(path)
}

/** What a token is for, who gets it, and with what along. */
interface Wish {
  readonly actor: Actor
  readonly scopes: readonly string[]
  readonly offline: boolean
  readonly client: string | undefined
}

/**
 * The token end-point (PROTOCOL 10.2): GET with or without Basic, POST of a form. A token is for what of the scopes its bearer may do,
 * perhaps for nothing; only credentials that are not good are refused. `service` and `account` are not looked at: tokens are for this
 * registry, and the credentials say whose they are.
 */
export function tokenHandler(auth: WireAuth, limits: WireLimits) {
  const { authenticator, tokens, service } = auth

  async function issue(call: Call, { actor, scopes, offline, client }: Wish): Promise<IssuedToken> {
    // Also of what it is not for: a token that leaked must not become another one.
    if (actor.kind !== 'operator' && actor.access !== undefined)
      throw refuse('unauthorized', 'a registry token gives no further token; send what you log in with')
    const asked = parseScopes(scopes)
    const ctx = contextOf(call, actor)
    const issued = await tokens.issue(ctx, asked, { offline, ...(client && { client }) })
    // Without a scope it is `docker login` that asks.
    if (scopes.length > 0) authenticator.used(ctx, 'token')
    else if (actor.kind === 'account') await authenticator.signedIn(ctx, 'token')
    return issued
  }

  async function byQuery(request: WireRequest, call: Call): Promise<IssuedToken> {
    const { query } = request
    const wish = {
      scopes: parameters(query, 'scope'),
      offline: parameter(query, 'offline_token') === 'true',
      client: parameter(query, 'client_id'),
    }
    return issue(call, { ...wish, actor: await actorOf(auth, request, call) })
  }

  async function byForm(form: string, call: Call): Promise<IssuedToken> {
    const need = (name: string): string => {
      const value = parameter(form, name)
      if (value) return value
      throw refuse('request-invalid', `the form has no ${name}; add it`)
    }
    const grant = need('grant_type')
    const wish = {
      scopes: parameters(form, 'scope'),
      offline: parameter(form, 'access_type') === 'offline',
      client: parameter(form, 'client_id'),
    }
    switch (grant) {
      case 'password':
        return issue(call, {
          ...wish,
          actor: await authenticator.password(call, need('username'), need('password')),
        })
      case 'refresh_token': {
        const token = need('refresh_token')
        const actor = await authenticator.refreshToken(call, token)
        // The one that came goes on to be good: giving out another each time would fill the database.
        const issued = await issue(call, { ...wish, offline: false, actor })
        return wish.offline ? { ...issued, refreshToken: token } : issued
      }
      case ASSERTION:
        return tokens.login(contextOf(call, await authenticator.assertion(call, need('assertion'))))
      default:
        throw refuse(
          'grant-unsupported',
          `there is no grant type ${JSON.stringify(grant.slice(0, 80))} here; use password, refresh_token or ${ASSERTION}`,
        )
    }
  }

  async function readForm(request: WireRequest, body: Body): Promise<string> {
    const type = request.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
    if (type !== FORM) {
      throw refuse(
        'media-type-unsupported',
        `a token is asked for with a form; send it as Content-Type: ${FORM}, or use GET`,
      )
    }
    const bytes = await collect(body, limits.maxTokenBody, 'body-too-large', 'the form')
    return Buffer.from(bytes).toString()
  }

  return async (request: WireRequest, body: Body, call: Call): Promise<WireReply> => {
    const { method } = request
    try {
      if (method === 'GET') return tokenReply(await byQuery(request, call))
      if (method === 'POST') return tokenReply(await byForm(await readForm(request, body), call))
      throw refuse(
        'method-not-allowed',
        `a token is asked for with ${METHODS}, not ${JSON.stringify(method.slice(0, 20))}`,
        { allow: METHODS },
      )
    } catch (error) {
      if (!isRefusal(error)) throw error
      return tokenRefusal(error, service, method === 'POST')
    }
  }
}
