import { createPublicKey, type KeyObject } from 'node:crypto'

/** A header and claims that are good. */
export interface Good {
  readonly header: { readonly alg: string; readonly kid: string; readonly typ: string }
  readonly claims: Readonly<Record<string, unknown>>
}

type Forge<Part> = [what: string, forge: (good: Part) => unknown]

/** Headers that bring their own key, name another, or say what is not understood. A text is the very JSON. */
export function forgedHeaders(attacker: KeyObject): Forge<Good['header']>[] {
  const jwk = createPublicKey(attacker).export({ format: 'jwk' })
  const more = (what: string, extra: object): Forge<Good['header']> => [
    what,
    (header) => ({ ...header, ...extra }),
  ]
  return [
    more('jwk', { jwk }),
    more('jwk and its own kid', { jwk, kid: 'mine' }),
    more('jku', { jku: 'http://127.0.0.1:1/keys' }),
    more('x5c', { x5c: ['MIIB'] }),
    more('x5u', { x5u: 'http://127.0.0.1:1/chain' }),
    more('x5t', { x5t: 'AAAA' }),
    more('crit', { crit: ['exp'] }),
    more('b64', { b64: false, crit: ['b64'] }),
    more('zip', { zip: 'DEF' }),
    more('cty', { cty: 'JWT' }),
    more('another type', { typ: 'at+jwt' }),
    more('alg ES256', { alg: 'ES256' }),
    more('alg RS256', { alg: 'RS256' }),
    more('alg Ed25519', { alg: 'Ed25519' }),
    more('alg in small letters', { alg: 'eddsa' }),
    more('alg of another type', { alg: ['EdDSA'] }),
    ['no alg', ({ alg: _, ...header }) => header],
    ['no kid', ({ kid: _, ...header }) => header],
    ['no typ', ({ typ: _, ...header }) => header],
    ['a kid that is unknown', (header) => ({ ...header, kid: 'A'.repeat(43) })],
    more('a kid that is a path', { kid: '../../dev/null' }),
    more('a kid that is a file', { kid: '/dev/null' }),
    more('a kid that is SQL', { kid: "x' UNION SELECT 'key' --" }),
    more('an empty kid', { kid: '' }),
    more('a huge kid', { kid: 'A'.repeat(4000) }),
    more('a kid beyond ASCII', { kid: 'é💥\u0000' }),
    more('a kid of the language', { kid: '__proto__' }),
    more('a kid that is a list', { kid: ['a'] }),
    ['a kid that is a list of ours', (header) => ({ ...header, kid: [header.kid] })],
    more('a kid that is an object', { kid: { toString: 'x' } }),
    more('a kid that is a number', { kid: 1 }),
    more('a kid that is null', { kid: null }),
    ['a kid twice', ({ kid }) => `{"alg":"EdDSA","kid":"mine","kid":${JSON.stringify(kid)},"typ":"JWT"}`],
    ['blanks', (header) => JSON.stringify(header, null, 1)],
    ['a prototype', ({ kid }) => `{"alg":"EdDSA","kid":"${kid}","typ":"JWT","__proto__":{"alg":"none"}}`],
    ['a list', (header) => [header]],
    ['null', () => 'null'],
    ['no JSON', () => '{"alg":'],
    ['nothing', () => ''],
  ]
}

/** Claims that our own key would have to have signed: not one is let through on the word of a signature. */
export function forgedPayloads(): Forge<Good['claims']>[] {
  const but = (name: string, value: unknown): Forge<Good['claims']> => [
    `${name} ${JSON.stringify(value)?.slice(0, 40)}`,
    (claims) => ({ ...claims, [name]: value }),
  ]
  const without = (name: string): Forge<Good['claims']> => [
    `no ${name}`,
    (claims) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name)),
  ]
  const raw = (name: string, json: string): Forge<Good['claims']> => [
    `${name} written ${json}`,
    (claims) => JSON.stringify({ ...claims, [name]: 'HERE' }).replace('"HERE"', json),
  ]
  const entry = { type: 'repository', name: 'acme/web', actions: ['pull'] }
  return [
    ...['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti', 'name', 'cid', 'access'].map(without),
    but('iss', 'https://evil.test'),
    but('iss', 'https://registry.test/'),
    but('iss', ['https://registry.test']),
    but('aud', 'other.test'),
    but('aud', ''),
    but('aud', ['registry.test']),
    but('aud', ['other.test', 'registry.test']),
    ...['exp', 'nbf', 'iat'].flatMap((time) => [
      but(time, '1700000000'),
      but(time, null),
      but(time, true),
      but(time, [1_700_000_000]),
      but(time, -1),
      but(time, 1_700_000_000.5),
      raw(time, 'NaN'),
      raw(time, '1e400'),
      raw(time, '17e8'),
      raw(time, '9007199254740993'),
    ]),
    but('exp', 1_600_000_000),
    but('exp', 0),
    but('nbf', 1_800_000_000),
    but('iat', 1_800_000_000),
    ...[
      'account:0',
      'account:-1',
      'account:',
      'account:7x',
      'account:07',
      'account: 7',
      'alice',
      'operator',
    ].map((subject) => but('sub', subject)),
    but('sub', 'account:99999999999999999999'),
    but('sub', 7),
    but('sub', null),
    // Nobody has no name and no credential.
    but('sub', ''),
    but('name', ''),
    but('name', 7),
    but('cid', 0),
    but('cid', '9'),
    but('cid', null),
    but('cid', 1.5),
    but('jti', 7),
    but('access', null),
    but('access', 'repository:acme/web:pull'),
    but('access', entry),
    but('access', [null]),
    but('access', ['repository:acme/web:pull']),
    but('access', [[entry]]),
    but('access', [{ ...entry, type: 'admin' }]),
    but('access', [{ ...entry, name: 7 }]),
    but('access', [{ ...entry, actions: 'pull' }]),
    but('access', [{ ...entry, actions: [7] }]),
    but('access', [{ ...entry, id: 7 }]),
    but('access', [{ ...entry, more: true }]),
    but('access', [{ type: 'repository', name: 'acme/web' }]),
    // Both for something and for everything.
    but('use', 'login'),
    but('use', 'registry'),
    but('use', null),
    but('admin', true),
    ['a claim twice', (claims) => JSON.stringify(claims).replace('{', '{"sub":"account:1",')],
    ['a prototype', (claims) => JSON.stringify(claims).replace('{', '{"__proto__":{"sub":"account:1"},')],
    ['blanks', (claims) => JSON.stringify(claims, null, 1)],
    ['a list', (claims) => [claims]],
    ['null', () => 'null'],
    ['a text', () => '"claims"'],
    ['no JSON', () => '{'],
    ['bytes that are no text', () => '\ud800'],
  ]
}
