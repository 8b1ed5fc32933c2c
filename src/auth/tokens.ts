import { hash } from 'node:crypto'
import type { MaybePromise } from '../core/access.ts'
import { Recent } from './recent.ts'
import type { SigningKeys } from './signing-keys.ts'
import { type Claims, hasOnly, readClaims } from './token-claims.ts'
import type { TokenVerifier, VerifiedToken } from './token-verifier.ts'

/** Characters of a token at most: it travels in a header, with others. */
export const MAX_TOKEN_LENGTH = 8 * 1024
/**
 * How far clocks may be apart, in seconds, at both ends of a token's life. At its end, too: replicas' clocks differ, clients count its
 * seconds from when it came, and nothing is gained by being exact, since rights are read at each request.
 */
export const LEEWAY_SECONDS = 60
/** Tokens that are remembered as good. */
const REMEMBERED = 10_000

const PART = /^[A-Za-z0-9_-]+$/
/** Of the header: nothing else is understood, and what is not understood is refused. */
const HEADER = ['alg', 'kid', 'typ']

export interface TokensOptions {
  readonly keys: SigningKeys
  /** Who issues tokens, and whom they are for. */
  readonly issuer: string
  readonly service: string
}

interface Remembered {
  readonly token: VerifiedToken
  readonly kid: string
  /** ms since the epoch. */
  readonly until: number
}

/** Signs and verifies tokens: JWT, EdDSA, by keys of the database (PROTOCOL 10.2, SE-3). */
export class RegistryTokens implements TokenVerifier {
  readonly #options: TokensOptions
  /** By the token's SHA-256: nobody finds tokens in memory, and each takes the same room. */
  readonly #good = new Recent<string, Remembered>(REMEMBERED)

  constructor(options: TokensOptions) {
    this.#options = options
  }

  /** Signs claims with the key of the day. */
  async sign(claims: Omit<Claims, 'iss' | 'aud'>): Promise<string> {
    const { SignJWT } = await import('jose')
    const { issuer, service, keys } = this.#options
    const { kid, key } = await keys.signer()
    const whole: Claims = { iss: issuer, aud: service, ...claims }
    return new SignJWT({ ...whole }).setProtectedHeader({ alg: 'EdDSA', kid, typ: 'JWT' }).sign(key)
  }

  verify(token: string, now: number): MaybePromise<VerifiedToken | undefined> {
    if (token.length > MAX_TOKEN_LENGTH) return undefined
    const id = hash('sha256', token, 'latin1')
    const known = this.#good.get(id)
    // A key that was taken from the table takes what it signed along.
    if (known !== undefined && this.#options.keys.isFresh(now)) {
      return now < known.until && this.#options.keys.has(known.kid) ? known.token : undefined
    }
    return this.#verify(token, id, now)
  }

  async #verify(token: string, id: string, now: number): Promise<VerifiedToken | undefined> {
    const parts = token.split('.')
    if (parts.length !== 3) return undefined
    const header = readPart(parts[0])
    if (!hasOnly(header, HEADER, []) || header.alg !== 'EdDSA' || header.typ !== 'JWT') return undefined
    const { keys, issuer, service } = this.#options
    // What breaks here is the database's doing and goes on as it is; all that comes after is the token's.
    const key = await keys.find(header.kid, now)
    if (key === undefined || !isExact(parts[2])) return undefined
    const { compactVerify } = await import('jose')
    try {
      await compactVerify(token, key, { algorithms: ['EdDSA'] })
    } catch {
      return undefined
    }
    const claims = readPart(parts[1])
    const read = readClaims(claims)
    if (read === undefined) return undefined
    const { iss, aud, iat, nbf, exp } = claims as Claims
    const seconds = now / 1000
    if (iss !== issuer || aud !== service) return undefined
    if (seconds >= exp + LEEWAY_SECONDS) return undefined
    if (nbf > seconds + LEEWAY_SECONDS || iat > seconds + LEEWAY_SECONDS) return undefined
    this.#good.set(id, { token: read, kid: header.kid as string, until: (exp + LEEWAY_SECONDS) * 1000 })
    return read
  }
}

/**
 * The JSON of one part, if it was written as this server writes it. Text that reads the same but is another – keys twice, numbers that
 * are too large, loose bits – is no token of ours, whoever signed it.
 */
function readPart(part: string | undefined): unknown {
  if (part === undefined || !isExact(part)) return undefined
  const text = Buffer.from(part, 'base64url').toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    return JSON.stringify(value) === text ? value : undefined
  } catch {
    return undefined
  }
}

/** Whether the text is base64url in its one exact spelling. */
function isExact(part: string | undefined): boolean {
  return (
    part !== undefined && PART.test(part) && Buffer.from(part, 'base64url').toString('base64url') === part
  )
}
