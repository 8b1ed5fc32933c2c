import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'
import { CompactSign, type JWTPayload, SignJWT } from 'jose'
import { signAssertion } from '../../src/auth/assertion.ts'
import { type KeyFile, keyIdOf, keyLookup, readKeyFile } from '../../src/auth/key-file.ts'
import { newSecret } from '../../src/auth/secrets.ts'
import { BAD_CREDENTIAL } from '../../src/auth/sentences.ts'
import {
  CAUSE,
  callFrom,
  type Logins,
  NOW,
  ORIGIN,
  openLogins,
  outcomeOf,
  refusalOf,
  SERVICE,
} from './logins.ts'

const SECONDS = NOW / 1000

let on: Logins
let file: KeyFile
let key: KeyObject
beforeAll(async () => {
  on = await openLogins()
  file = readKeyFile((await on.giveKey('acme+ci')).file) as KeyFile
  key = createPrivateKey(file.private_key)
})
afterAll(() => on[Symbol.asyncDispose]())

const send = (assertion: string, call = callFrom()) =>
  outcomeOf(() => on.authenticator.assertion(call, assertion))

const good = (): JWTPayload => ({
  iss: 'acme+ci',
  sub: 'acme+ci',
  aud: SERVICE,
  iat: SECONDS,
  exp: SECONDS + 300,
  jti: randomUUID(),
})

/** An assertion like a good one, but for what is said. */
function signed(claims: JWTPayload = {}, header: Record<string, unknown> = {}, by: KeyObject = key) {
  const payload = Object.fromEntries(
    Object.entries({ ...good(), ...claims }).filter(([, value]) => value !== undefined),
  )
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'EdDSA', kid: file.key_id, ...header } as never)
    .sign(by)
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('an assertion signed by a key (RFC 7523)', () => {
  test('is the account', async () => {
    const assertion = await signAssertion(file, { audience: file.token_url, now: NOW })
    const actor = await on.authenticator.assertion(callFrom(), assertion)
    expect(actor).toMatchObject({ kind: 'account', name: 'acme+ci' })
  })

  test.each([
    SERVICE,
    ORIGIN,
    ...['/token', '/v2/token', '/v2/auth', '/service/token', '/oauth2/token'].map((p) => ORIGIN + p),
  ])('may be for %s', async (aud) => {
    expect(await send(await signed({ aud }))).toBe('acme+ci')
    expect(await send(await signed({ aud: ['https://other.example.com/token', aud] }))).toBe('acme+ci')
  })

  test('is good once', async () => {
    const assertion = await signed()
    expect(await send(assertion)).toBe('acme+ci')
    expect(await send(assertion)).toBe('unauthorized')
  })

  test('is good once, whichever process of the database it comes to', async () => {
    const assertion = await signed()
    expect(await send(assertion)).toBe('acme+ci')
    const replica = on.another()
    expect(await outcomeOf(() => replica.assertion(callFrom(), assertion))).toBe('unauthorized')
    expect(await outcomeOf(async () => replica.assertion(callFrom(), await signed()))).toBe('acme+ci')
    await replica.close()
  })

  test('is forgotten when it is over, and not before', async () => {
    const exp = SECONDS + 30
    const assertion = await signed({ exp })
    expect(await send(assertion)).toBe('acme+ci')
    await on.store.sweepCredentials({ now: (exp + 60) * 1000 - 1, limit: 100 })
    expect(await send(assertion)).toBe('unauthorized')
    expect(await on.store.sweepCredentials({ now: (exp + 60) * 1000, limit: 100 })).toBeGreaterThan(0)
  })

  const times: [what: string, claims: JWTPayload, outcome: string][] = [
    ['ends ten minutes away and a leeway', { exp: SECONDS + 660 }, 'acme+ci'],
    ['ends later than that', { exp: SECONDS + 661 }, 'unauthorized'],
    ['ended within the leeway', { exp: SECONDS - 59 }, 'acme+ci'],
    ['ended before', { exp: SECONDS - 60 }, 'unauthorized'],
    ['begins within the leeway', { nbf: SECONDS + 60, iat: SECONDS + 60 }, 'acme+ci'],
    ['begins later', { nbf: SECONDS + 61 }, 'unauthorized'],
    ['was made later', { iat: SECONDS + 61 }, 'unauthorized'],
    ['does not say when it was made', { iat: undefined as never }, 'acme+ci'],
  ]
  test.each(times)('%s', async (_, claims, outcome) => expect(await send(await signed(claims))).toBe(outcome))
})

describe('a forged assertion (SE-3)', () => {
  const pem = () => createPublicKey(key).export({ type: 'spki', format: 'pem' })
  const der = () => createPublicKey(key).export({ type: 'spki', format: 'der' })
  const raw = () => Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x as string, 'base64url')
  const hmac = (secret: Uint8Array) =>
    new CompactSign(Buffer.from(JSON.stringify(good())))
      .setProtectedHeader({ alg: 'HS256', kid: file.key_id })
      .sign(secret)
  const fresh = generateKeyPairSync('ed25519')
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

  const forged: [what: string, make: () => string | Promise<string>][] = [
    ['of no algorithm', () => `${part({ alg: 'none', kid: file.key_id })}.${part(good())}.`],
    [
      'of no algorithm, with a good signature',
      async () => {
        const [, payload, signature] = (await signed()).split('.')
        return `${part({ alg: 'none', kid: file.key_id })}.${payload}.${signature}`
      },
    ],
    ['by HS256 with the public key in PEM', () => hmac(Buffer.from(pem()))],
    ['by HS256 with the public key in DER', () => hmac(der())],
    ['by HS256 with the public key itself', () => hmac(raw())],
    ['by another key', () => signed({}, {}, fresh.privateKey)],
    [
      'by another key, which it brings along',
      () => signed({}, { jwk: fresh.publicKey.export({ format: 'jwk' }) }, fresh.privateKey),
    ],
    [
      'by another key, to be fetched',
      () => signed({}, { jku: 'https://evil.example.com/' }, fresh.privateKey),
    ],
    ['by a key of another kind', () => signed({}, { alg: 'ES256' }, p256.privateKey)],
    ['by RSA', () => signed({}, { alg: 'RS256' }, rsa.privateKey)],
    [
      'by a key that nobody knows',
      () => signed({}, { kid: keyIdOf(keyLookup(fresh.publicKey)) }, fresh.privateKey),
    ],
    ['without a key’s name', () => signed({}, { kid: undefined })],
    ['with a path for a key’s name', () => signed({}, { kid: '../../key' })],
    ['with a number for a key’s name', () => signed({}, { kid: 7 })],
    ['with a list for a key’s name', () => signed({}, { kid: [file.key_id] })],
    [
      'with an extension that must be understood',
      () => {
        const text = `${part({ alg: 'EdDSA', kid: file.key_id, crit: ['b'], b: 1 })}.${part(good())}`
        return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
      },
    ],
    ['for another audience', () => signed({ aud: 'https://other.example.com/token' })],
    ['for no audience', () => signed({ aud: undefined as never })],
    ['for this one’s beginning', () => signed({ aud: `${ORIGIN}/token/x` })],
    ['by another issuer', () => signed({ iss: 'alice' })],
    ['by no issuer', () => signed({ iss: undefined as never })],
    ['about another subject', () => signed({ sub: 'alice' })],
    ['about no subject', () => signed({ sub: undefined as never })],
    ['about another account', () => signed({ iss: 'alice', sub: 'alice' })],
    ['without an end', () => signed({ exp: undefined as never })],
    ['with an end that is no number', () => signed({ exp: 'never' as never })],
    ['without a number of its own', () => signed({ jti: undefined as never })],
    ['with a number of its own that is too long', () => signed({ jti: 'x'.repeat(256) })],
    [
      'with a claim changed',
      async () => {
        const [header, , signature] = (await signed()).split('.')
        return `${header}.${part(good())}.${signature}`
      },
    ],
    ['with no signature', async () => `${(await signed()).split('.').slice(0, 2).join('.')}.`],
    ['that is too long', async () => signed({ note: 'x'.repeat(4096) })],
    ['that is nothing', () => ''],
    ['that is garbage', () => 'garbage'],
    ['with a header that is no object', () => `${Buffer.from('null').toString('base64url')}.e30.`],
  ]
  test.each(forged)('%s', async (_, make) => {
    const refusal = await refusalOf(async () => on.authenticator.assertion(callFrom(), await make()))
    expect(refusal).toMatchObject({ kind: 'unauthorized', message: BAD_CREDENTIAL })
  })

  test('in the name of an account whose key it is not', async () => {
    const other = await on.giveKey('alice')
    const its = createPrivateKey((readKeyFile(other.file) as KeyFile).private_key)
    expect(await send(await signed({}, { kid: other.keyId }, its))).toBe('unauthorized')
    expect(await send(await signed({ iss: 'alice', sub: 'alice' }, { kid: other.keyId }, its))).toBe('alice')
  })

  test('by the secret of another credential of the account', async () => {
    const { lookup, secret } = newSecret('token')
    await on.store.createCredential(
      { account: 'alice', credential: { kind: 'token', name: 'no key', lookup } },
      CAUSE,
    )
    const token = await new SignJWT({ ...good(), iss: 'alice', sub: 'alice' })
      .setProtectedHeader({ alg: 'HS256', kid: keyIdOf(lookup) })
      .sign(Buffer.from(secret))
    expect(await send(token)).toBe('unauthorized')
  })
})

describe('a key that ended', () => {
  test('signs nothing more', async () => {
    const dead = await on.giveKey('alice')
    const its = readKeyFile(dead.file) as KeyFile
    const assert = async () => send(await signAssertion(its, { audience: SERVICE, now: NOW }))
    expect(await assert()).toBe('alice')
    await on.store.deleteCredential({ account: 'alice', kinds: ['key'], id: dead.id }, CAUSE)
    expect(await assert()).toBe('unauthorized')
  })

  test('nor does one of a disabled account, or from elsewhere', async () => {
    const cases = [await on.giveKey('dora'), await on.giveKey('alice', { networks: ['198.51.100.1'] })]
    for (const made of cases) {
      const its = readKeyFile(made.file) as KeyFile
      expect(await send(await signAssertion(its, { audience: SERVICE, now: NOW }))).toBe('unauthorized')
    }
  })
})
