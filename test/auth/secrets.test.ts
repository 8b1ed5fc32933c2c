import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { passwordProblem } from '../../src/auth/password-rules.ts'
import {
  looksLikeSecret,
  lookupOf,
  newSecret,
  SECRET_PREFIXES,
  type SecretKind,
  secretKind,
} from '../../src/auth/secrets.ts'

const KINDS = Object.keys(SECRET_PREFIXES) as SecretKind[]

describe('secrets', () => {
  test.each(KINDS)('a %s is known by its prefix and checksum', (kind) => {
    const { secret, lookup } = newSecret(kind)
    expect(secret).toMatch(/^berth_[a-z]{3}_[0-9A-Za-z]{46}$/)
    expect(secretKind(secret)).toBe(kind)
    expect(Buffer.from(lookup)).toEqual(createHash('sha256').update(secret).digest())
    expect(lookupOf(secret)).toEqual(lookup)
  })

  test('the checksum is what the guide says: CRC-32 of all before it, in base 62', () => {
    const { secret } = newSecret('token')
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    const value = [...secret.slice(-6)].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0)
    expect(value).toBe(crc32(secret.slice(0, -6)))
  })

  test('no two are alike, and every digit occurs', () => {
    const secrets = Array.from({ length: 200 }, () => newSecret('token').secret)
    expect(new Set(secrets).size).toBe(200)
    expect(new Set(secrets.flatMap((secret) => [...secret.slice(10, 50)])).size).toBe(62)
  })

  test('one character wrong anywhere is no secret', () => {
    const { secret } = newSecret('token')
    for (let i = 0; i < secret.length; i++) {
      const wrong = secret.slice(0, i) + (secret[i] === 'a' ? 'b' : 'a') + secret.slice(i + 1)
      expect(secretKind(wrong)).toBeUndefined()
    }
    for (const wrong of ['', secret.slice(1), secret.slice(0, -1), `${secret}0`, ` ${secret}`, `${secret}\n`])
      expect(secretKind(wrong)).toBeUndefined()
  })

  test('a secret is not one of another kind', () => {
    const { secret } = newSecret('secret')
    expect(secretKind(secret.replace('berth_rob_', 'berth_pat_'))).toBeUndefined()
  })

  test('a secret that was cut still looks like one', () => {
    expect(looksLikeSecret(newSecret('token').secret.slice(0, 20))).toBe(true)
    expect(looksLikeSecret('correct horse battery staple')).toBe(false)
  })
})

describe('passwords', () => {
  const problems: [password: string, says: RegExp | undefined][] = [
    ['0123456789', undefined],
    ['012345678', /9 characters; use at least 10/],
    ['', /0 characters/],
    ['ééééé', /5 characters/],
    ['x'.repeat(1024), undefined],
    ['x'.repeat(1025), /1025 characters; use at most 1024/],
    ['alexandria', /name of the account/],
    ['Alexandria', /name of the account/],
    [newSecret('token').secret, /looks like a token/],
    ['eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', /looks like a token/],
    ['tab\tin the middle', /control character/],
    ['a phrase with blanks', undefined],
    ['ключ от квартиры', undefined],
  ]
  test.each(problems)('%j: %p', (password, says) => {
    const problem = passwordProblem(password, 'alexandria', 10)
    if (says === undefined) expect(problem).toBeUndefined()
    else {
      expect(problem).toMatch(says)
      if (password.length > 10) expect(problem).not.toContain(password)
    }
  })
})
