import { createHash, createPublicKey, randomUUID } from 'node:crypto'
import type { AccountStore, FoundCredential } from '../store/meta/account-store.ts'
import { type KeyFile, lookupOfKeyId, privateKeyOf } from './key-file.ts'

/** How far away the end of an assertion may be, and clocks may be apart, in seconds. */
export const MAX_ASSERTION_SECONDS = 600
const LEEWAY_SECONDS = 60
/** Characters of an assertion at most. */
const MAX_ASSERTION = 4096

/** Signs that its bearer holds the key (RFC 7523): what `berth login --key` sends. `audience`: the address tokens are asked for at. */
export async function signAssertion(
  file: KeyFile,
  { audience, now }: { readonly audience: string; readonly now: number },
): Promise<string> {
  const key = privateKeyOf(file)
  if (key === undefined)
    throw new Error(`the private_key of the key file of ${file.account} is no Ed25519 key in PEM`)
  const { SignJWT } = await import('jose')
  const seconds = Math.floor(now / 1000)
  return new SignJWT()
    .setProtectedHeader({ alg: 'EdDSA', kid: file.key_id, typ: 'JWT' })
    .setIssuer(file.account)
    .setSubject(file.account)
    .setAudience(audience)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + MAX_ASSERTION_SECONDS / 2)
    .setJti(randomUUID())
    .sign(key)
}

/** Checks assertions. Each is good once: the database that all replicas share remembers those that were taken, until they end. */
export class AssertionCheck {
  readonly #store: Pick<AccountStore, 'useAssertion'>

  constructor(store: Pick<AccountStore, 'useAssertion'>) {
    this.#store = store
  }

  /** The look-up of the key that an assertion names, unverified. */
  lookup(assertion: string): Uint8Array | undefined {
    if (assertion.length > MAX_ASSERTION) return undefined
    const [header = ''] = assertion.split('.', 1)
    try {
      const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { kid?: unknown }
      return lookupOfKeyId(kid)
    } catch {
      return undefined
    }
  }

  /**
   * Whether the assertion was signed by the key that was found for it, about its account, for one of these audiences, for now. The key says
   * which algorithm it is for; the header has no say (SE-3). Fails with the store.
   */
  async check(
    assertion: string,
    found: FoundCredential,
    audiences: readonly string[],
    now: number,
  ): Promise<boolean> {
    const { jwtVerify } = await import('jose')
    let claims: { readonly jti?: string; readonly exp?: number; readonly iat?: number }
    try {
      const key = createPublicKey(found.verifier ?? '')
      if (key.asymmetricKeyType !== 'ed25519') return false
      const { payload } = await jwtVerify(assertion, key, {
        algorithms: ['EdDSA', 'Ed25519'],
        issuer: found.accountName,
        subject: found.accountName,
        audience: [...audiences],
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(now),
        requiredClaims: ['exp', 'jti'],
      })
      claims = payload
    } catch {
      return false
    }
    const { jti, exp = Number.POSITIVE_INFINITY, iat = 0 } = claims
    const seconds = now / 1000
    if (typeof jti !== 'string' || jti.length > 255) return false
    if (exp > seconds + MAX_ASSERTION_SECONDS + LEEWAY_SECONDS || iat > seconds + LEEWAY_SECONDS) return false
    const id = createHash('sha256').update(`${found.id} ${jti}`).digest()
    return this.#store.useAssertion({ id, expiresAt: Math.ceil((exp + LEEWAY_SECONDS) * 1000) })
  }
}
