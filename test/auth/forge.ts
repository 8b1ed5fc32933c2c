import { createHmac, createPrivateKey, type KeyObject, sign } from 'node:crypto'

/* Tokens as an attacker writes them, and as nobody should: whatever the claims, the header and the key. */

export const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Signs any header and claims (as objects, or as their very text) with an Ed25519 key. */
export function signed(header: unknown, claims: unknown, key: KeyObject): string {
  return signedText(`${part(header)}.${part(claims)}`, key)
}

/** Signs any text. */
export function signedText(input: string, key: KeyObject): string {
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}

/** The same by HMAC with a text that everyone may know. */
export function signedByHmac(header: unknown, claims: unknown, secret: string | Buffer): string {
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** A private key from its JSON Web Key. */
export function keyOf(jwk: string): KeyObject {
  return createPrivateKey({ key: JSON.parse(jwk), format: 'jwk' })
}
