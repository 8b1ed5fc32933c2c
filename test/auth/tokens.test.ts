import { beforeEach, describe, expect, test } from 'bun:test'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { SigningKeys } from '../../src/auth/signing-keys.ts'
import type { Claims } from '../../src/auth/token-claims.ts'
import { LEEWAY_SECONDS, MAX_TOKEN_LENGTH, RegistryTokens } from '../../src/auth/tokens.ts'
import { keyOf, part, signed, signedByHmac, signedText } from './forge.ts'
import { forgedHeaders, forgedPayloads, type Good } from './forgeries.ts'
import { FactTable, TestClock } from './rights.ts'

const ISSUER = 'https://registry.test'
const SERVICE = 'registry.test'
const LIFE = 300

let table: FactTable
let clock: TestClock
let tokens: RegistryTokens
let good: Good
let key: KeyObject

const seconds = () => Math.floor(clock.time / 1000)
const claimsNow = (): Omit<Claims, 'iss' | 'aud'> => ({
  sub: 'account:7',
  name: 'alice',
  cid: 9,
  iat: seconds(),
  nbf: seconds(),
  exp: seconds() + LIFE,
  jti: 'an-id',
  access: [{ type: 'repository', name: 'acme/web', actions: ['pull'], id: '3.17' }],
})

function tokensOver(store: FactTable): RegistryTokens {
  const keys = new SigningKeys({ store, clock, signs: 86_400_000, lasts: 3_660_000 })
  return new RegistryTokens({ keys, issuer: ISSUER, service: SERVICE })
}

beforeEach(async () => {
  table = new FactTable()
  clock = new TestClock()
  tokens = tokensOver(table)
  await tokens.sign(claimsNow())
  const row = table.keys[0]
  if (row === undefined) throw new Error('no key was made')
  key = keyOf(row.privateKey)
  good = {
    header: { alg: 'EdDSA', kid: row.kid, typ: 'JWT' },
    claims: { iss: ISSUER, aud: SERVICE, ...claimsNow() } as Good['claims'],
  }
})

const verify = async (token: string, by = tokens) => by.verify(token, clock.now())

describe('a good token', () => {
  const actor = {
    kind: 'account',
    id: 'account:7',
    account: 7,
    name: 'alice',
    credential: 9,
    access: [{ type: 'repository', name: 'acme/web', actions: ['pull'], identity: '3.17' }],
  } as const

  test('says who it is, and what it is for', async () => {
    const verified = await verify(await tokens.sign(claimsNow()))
    expect(verified).toEqual({
      use: 'registry',
      actor: { ...actor, until: (seconds() + LIFE) * 1000 },
    })
  })
  test('of nobody', async () => {
    const { name: _name, cid: _cid, ...rest } = claimsNow()
    const verified = await verify(await tokens.sign({ ...rest, sub: '', access: [] }))
    expect(verified).toEqual({ use: 'registry', actor: { kind: 'anonymous', id: 'anonymous', access: [] } })
  })
  test('that stands for a login', async () => {
    const { access: _access, ...rest } = claimsNow()
    const verified = await verify(await tokens.sign({ ...rest, use: 'login' }))
    const { access: _none, ...bare } = actor
    expect(verified).toEqual({ use: 'login', actor: { ...bare, until: (seconds() + LIFE) * 1000 } })
  })
  test('is known at once the second time', async () => {
    const token = await tokens.sign(claimsNow())
    const first = tokens.verify(token, clock.now())
    expect(first).toBeInstanceOf(Promise)
    await first
    const again = tokens.verify(token, clock.now())
    expect(again).not.toBeInstanceOf(Promise)
    expect(again).toEqual(await first)
  })
  test('is what the forgeries below are made of', async () => {
    expect(await verify(signed(good.header, good.claims, key))).toBeDefined()
  })
  test('is good for another replica', async () => {
    expect(await verify(await tokens.sign(claimsNow()), tokensOver(table))).toBeDefined()
  })
  test('is as long as one may be, and no longer', async () => {
    const long = (characters: number) => {
      const access = [{ type: 'repository', name: 'x'.repeat(characters), actions: [] }] as const
      return signed(good.header, { ...good.claims, access }, key)
    }
    const spare = MAX_TOKEN_LENGTH - long(0).length
    const fits = [3, 2, 1, 0].map((less) => long(Math.floor((spare * 3) / 4) - less))
    const longest = fits.findLast(({ length }) => length <= MAX_TOKEN_LENGTH) as string
    expect(longest.length).toBeGreaterThan(MAX_TOKEN_LENGTH - 4)
    expect(await verify(longest)).toBeDefined()
    expect(await verify(long(Math.ceil((spare * 3) / 4) + 1))).toBeUndefined()
  })
})

describe('the times of a token', () => {
  const at = async (times: Partial<Claims>, offset: number) => {
    clock.time = Math.floor(clock.time / 1000) * 1000
    const token = signed(good.header, { ...good.claims, ...times }, key)
    clock.time += offset
    return await verify(token)
  }

  test('its end, with the leeway', async () => {
    expect(await at({}, (LIFE + LEEWAY_SECONDS) * 1000 - 1)).toBeDefined()
  })
  test('behind it', async () => expect(await at({}, (LIFE + LEEWAY_SECONDS) * 1000)).toBeUndefined())
  test('its beginning, with the leeway', async () =>
    expect(await at({ nbf: seconds() + LEEWAY_SECONDS }, 0)).toBeDefined())
  test('before it', async () => expect(await at({ nbf: seconds() + LEEWAY_SECONDS + 1 }, 0)).toBeUndefined())
  test('made later than now', async () => {
    expect(await at({ iat: seconds() + LEEWAY_SECONDS }, 0)).toBeDefined()
    expect(await at({ iat: seconds() + LEEWAY_SECONDS + 1 }, 0)).toBeUndefined()
  })
  test('end for a token that is remembered, too', async () => {
    const token = await tokens.sign(claimsNow())
    expect(await verify(token)).toBeDefined()
    // The table stays fresh, so that it is the memory that answers.
    clock.time = (seconds() + LIFE + LEEWAY_SECONDS) * 1000 - 1
    expect(await verify(token)).toBeDefined()
    clock.time += 1
    expect(tokens.verify(token, clock.now())).toBeUndefined()
  })
})

describe('a forged token is refused, and breaks nothing (SE-3)', () => {
  const attacker = generateKeyPairSync('ed25519').privateKey

  test('by another key, under our name', async () => {
    expect(await verify(signed(good.header, good.claims, attacker))).toBeUndefined()
  })
  test.each(['none', 'None', 'NONE', ''])('without a signature: alg %j', async (alg) => {
    const header = { ...good.header, alg }
    for (const signature of ['', part('x'), signed(good.header, good.claims, key).split('.')[2]]) {
      expect(await verify(`${part(header)}.${part(good.claims)}.${signature}`)).toBeUndefined()
    }
  })
  test.each(['HS256', 'HS384', 'HS512'])('%s with the public key as its secret', async (alg) => {
    const { publicKey = '' } = table.keys[0] ?? {}
    const object = createPublicKey(key)
    const secrets = [
      publicKey,
      Buffer.from(JSON.parse(publicKey).x, 'base64url'),
      object.export({ format: 'der', type: 'spki' }),
      object.export({ format: 'pem', type: 'spki' }) as string,
    ]
    for (const secret of secrets) {
      expect(await verify(signedByHmac({ ...good.header, alg }, good.claims, secret))).toBeUndefined()
    }
  })
  test.each(forgedHeaders(attacker))('header: %s', async (_what, forge) => {
    const before = table.keyReads
    const header = forge(good.header)
    expect(await verify(signed(header, good.claims, attacker))).toBeUndefined()
    // Not even with our own signature: what it says is not understood.
    expect(await verify(signed(header, good.claims, key))).toBeUndefined()
    expect(table.keyReads - before).toBeLessThanOrEqual(1)
  })
  test.each(forgedPayloads())('claims: %s', async (_what, forge) => {
    expect(await verify(signed(good.header, forge(good.claims), key))).toBeUndefined()
  })
  test('of another number of parts', async () => {
    const [header, claims, signature] = signed(good.header, good.claims, key).split('.') as [
      string,
      string,
      string,
    ]
    const forms = [
      '',
      '.',
      '..',
      '....',
      header,
      `${header}.${claims}`,
      `${header}.${claims}.`,
      `.${claims}.${signature}`,
      `${header}..${signature}`,
      `${header}.${claims}.${signature}.`,
      `${header}.${claims}.${signature}.${signature}`,
      // As an encrypted one has (RFC 7516).
      `${part({ alg: 'dir', enc: 'A256GCM', kid: good.header.kid })}..${part('iv')}.${claims}.${signature}`,
      `${header}.${part('key')}.${part('iv')}.${claims}.${signature}.${signature}`,
    ]
    for (const form of forms) expect(await verify(form)).toBeUndefined()
  })
  test('in another spelling', async () => {
    const token = signed(good.header, good.claims, key)
    const last = token.at(-1) as string
    // The last character of 64 bytes has four bits to spare.
    const loose = String.fromCharCode(last.charCodeAt(0) + 1)
    const others = [
      `${token}=`,
      `${token}==`,
      ` ${token}`,
      `${token} `,
      `${token}\n`,
      token.slice(0, -1) + loose,
    ]
    for (const other of others) expect(await verify(other)).toBeUndefined()
    expect(await verify(token.replaceAll('-', '+').replaceAll('_', '/').replace('.', '.='))).toBeUndefined()
  })
  test('in another spelling that we signed', async () => {
    const [header, claims] = [part(good.header), part(good.claims)]
    for (const more of ['=', '==', ' ', '\n', '!']) {
      expect(await verify(signedText(`${header}${more}.${claims}`, key))).toBeUndefined()
      expect(await verify(signedText(`${header}.${claims}${more}`, key))).toBeUndefined()
    }
  })
  test('of any text at all', async () => {
    const texts = [
      'a'.repeat(1_000_000),
      '.'.repeat(1_000_000),
      `${'a.'.repeat(500_000)}`,
      '\u0000',
      '💥.💥.💥',
    ]
    const nested = part(`${'['.repeat(3000)}${']'.repeat(3000)}`)
    texts.push(
      `${nested}.e30.e30`,
      `${part(good.header)}.${nested.slice(0, 4000)}.e30`,
      'null.null.null',
      'e30.e30.e30',
    )
    texts.push(`${part('null')}.${part('1')}.e30`, `${part('"x"')}.e30.e30`, `${part('[]')}.e30.e30`)
    for (const text of texts) expect(await verify(text)).toBeUndefined()
  })
})
