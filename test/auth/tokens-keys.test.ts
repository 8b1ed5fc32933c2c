import { beforeEach, describe, expect, test } from 'bun:test'
import { SigningKeys } from '../../src/auth/signing-keys.ts'
import { RegistryTokens } from '../../src/auth/tokens.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { rejection } from '../suite/metadata/fixture.ts'
import { keyOf, signed } from './forge.ts'
import { FactTable, TestClock } from './rights.ts'

const SECOND = 1000
const DAY = 86_400 * SECOND
const LASTS = 3_660 * SECOND
/** As long as the public keys may be kept. */
const PUBLISHED = 300 * SECOND

let table: FactTable
let clock: TestClock

beforeEach(() => {
  table = new FactTable()
  clock = new TestClock()
})

/** One replica: keys and tokens over the table that all share. */
function replica(signs = DAY) {
  const keys = new SigningKeys({ store: table, clock, signs, lasts: LASTS })
  const tokens = new RegistryTokens({ keys, issuer: 'i', service: 's' })
  const sign = (life = 300) => {
    const iat = Math.floor(clock.time / 1000)
    return tokens.sign({ sub: '', iat, nbf: iat, exp: iat + life, jti: 'j', access: [] })
  }
  return {
    keys,
    sign,
    verify: async (token: string) => (await tokens.verify(token, clock.time)) !== undefined,
  }
}

const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid

describe('keys that sign', () => {
  test('the first is made when it is needed, once', async () => {
    const one = replica()
    const made = await Promise.all([one.sign(), one.sign(), replica().sign()])
    expect(table.keys).toHaveLength(1)
    expect(new Set(made.map(kidOf)).size).toBe(1)
  })
  test('another takes its place when its time is over, and not before all know it', async () => {
    const [one, two] = [replica(), replica()]
    const first = kidOf(await one.sign())
    expect(kidOf(await two.sign())).toBe(first)
    clock.time += DAY - 1
    expect(kidOf(await one.sign())).toBe(first)
    expect(table.keys).toHaveLength(1)
    clock.time += 1
    expect(kidOf(await one.sign())).toBe(first)
    expect(table.keys).toHaveLength(2)
    clock.time += PUBLISHED - 1
    expect(kidOf(await two.sign())).toBe(first)
    clock.time += 1
    const second = kidOf(await two.sign())
    expect(second).not.toBe(first)
    expect(kidOf(await one.sign())).toBe(second)
    expect(table.keys).toHaveLength(2)
  })
  test('are believed until the last token of theirs is over', async () => {
    const one = replica()
    const first = kidOf(await one.sign())
    clock.time += DAY
    await one.sign()
    clock.time += PUBLISHED - 1
    const last = await one.sign(LASTS / SECOND - 60)
    expect(kidOf(last)).toBe(first)
    // The next rotations, each making room for what is over.
    clock.time += LASTS - 60 * SECOND
    await one.sign()
    expect(await one.verify(last)).toBe(true)
    expect(await replica().verify(last)).toBe(true)
    clock.time += DAY
    await one.sign()
    expect(table.keys.map(({ kid }) => kid)).not.toContain(first)
    expect(await one.verify(last)).toBe(false)
  })
  test('live a minute at least, whatever is set', async () => {
    const one = replica(0)
    for (let i = 0; i < 10; i++) await one.sign()
    expect(table.keys).toHaveLength(1)
  })
})

describe('keys that are looked for', () => {
  const stranger = (n: number) =>
    signed(
      { alg: 'EdDSA', kid: `${n}`.padEnd(43, 'A'), typ: 'JWT' },
      {},
      keyOf(table.keys[0]?.privateKey ?? ''),
    )

  test('the table is read once for any number of unknown names', async () => {
    const one = replica()
    await one.sign()
    clock.time += 10 * SECOND
    const before = table.keyReads
    await Promise.all(Array.from({ length: 50 }, (_, n) => one.verify(stranger(n))))
    for (let n = 0; n < 50; n++) await one.verify(stranger(n))
    expect(table.keyReads - before).toBe(1)
    clock.time += 2 * SECOND - 1
    await one.verify(stranger(1))
    expect(table.keyReads - before).toBe(1)
    clock.time += 1
    await one.verify(stranger(1))
    expect(table.keyReads - before).toBe(2)
  })
  test('and not at all for what cannot be a name', async () => {
    const one = replica()
    await one.sign()
    clock.time += 10 * SECOND
    const before = table.keyReads
    const header = { alg: 'EdDSA', kid: '../../dev/null', typ: 'JWT' }
    expect(await one.verify(signed(header, {}, keyOf(table.keys[0]?.privateKey ?? '')))).toBe(false)
    expect(table.keyReads).toBe(before)
  })
  test('one that another replica made is found', async () => {
    const [one, two] = [replica(), replica()]
    await one.sign()
    table.keys = []
    const token = await two.sign()
    clock.time += 2 * SECOND
    expect(await one.verify(token)).toBe(true)
  })
  test('one that was taken away takes its tokens along, remembered or not, within half a minute', async () => {
    const one = replica()
    const token = await one.sign()
    const another = await one.sign(301)
    for (const remembered of [token, another]) expect(await one.verify(remembered)).toBe(true)
    table.keys = []
    clock.time += 30 * SECOND - 1
    expect(await one.verify(token)).toBe(true)
    clock.time += 1
    expect(await one.verify(token)).toBe(false)
    // Known by now, so that memory alone answers.
    expect(await one.verify(another)).toBe(false)
    expect(await replica().verify(token)).toBe(false)
  })
  test('a database that breaks is a refusal, and no word about tokens', async () => {
    const token = await replica().sign()
    table.broken = new Error('disk I/O error')
    const error = await rejection(replica().verify(token))
    expect(error).toBeInstanceOf(RegistryError)
    expect(error.kind).toBe('unavailable')
  })
  test('a row that is damaged is told without what is in it', async () => {
    const one = replica()
    await one.sign()
    const row = table.keys[0]
    if (row === undefined) throw new Error('no key was made')
    table.keys = [{ ...row, privateKey: row.privateKey.replace(/"d":"..../, '"d":"CANARY') }]
    table.keys.push({ ...row, kid: 'B'.repeat(43), publicKey: 'CANARY' })
    const error = await rejection(replica().sign())
    expect(error.kind).toBe('unavailable')
    expect(`${error.message} ${error.cause} ${error.stack}`).not.toContain('CANARY')
  })
})

describe('the public keys', () => {
  test('are there before the first token, and private nowhere', async () => {
    const one = replica()
    const keys = await one.keys.published()
    expect(keys).toEqual([
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: expect.any(String),
        kid: table.keys[0]?.kid ?? '',
        alg: 'EdDSA',
        use: 'sig',
      },
    ])
    expect(kidOf(await one.sign())).toBe(table.keys[0]?.kid ?? '')
  })
  test('tell of the next before it signs', async () => {
    const one = replica()
    await one.sign()
    clock.time += DAY
    await one.sign()
    expect(await one.keys.published()).toHaveLength(2)
  })
})
