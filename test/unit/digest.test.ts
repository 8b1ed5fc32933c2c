import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import {
  algorithmOf,
  digestFromBytes,
  digestOf,
  digestToBytes,
  finishHash,
  newHash,
  parseDigest,
  tryParseDigest,
} from '../../src/core/digest.ts'
import { isRefusal } from '../../src/core/errors.ts'
import { runs } from '../fuzz/runs.ts'

const hex = (length: number) => 'a'.repeat(length)

describe('digests (G3, G4)', () => {
  test.each([`sha256:${hex(64)}`, `sha512:${hex(128)}`, `sha256:${'0123456789abcdef'.repeat(4)}`])(
    '%p is one',
    (text) => {
      expect<string>(parseDigest(text)).toBe(text)
      expect<string | undefined>(tryParseDigest(text)).toBe(text)
    },
  )

  const bad: [text: string, says: string][] = [
    ['', 'is not a digest'],
    ['sha256', 'is not a digest'],
    [':', 'is not a digest'],
    [`:${hex(64)}`, 'is not a digest'],
    ['sha256:', 'is not a digest'],
    [`sha256:${hex(63)}`, 'expected 64'],
    [`sha256:${hex(65)}`, 'expected 64'],
    [`sha256:${hex(64).toUpperCase()}`, 'lower-case'],
    [`sha512:${hex(64)}`, 'expected 128'],
    [`sha512:${hex(129)}`, 'expected 128'],
    [`SHA256:${hex(64)}`, 'is not a digest'],
    [`md5:${hex(32)}`, '"md5" is not supported'],
    [`sha256+b64:${hex(44)}`, '"sha256+b64" is not supported'],
    [`blake3:${hex(64)}`, '"blake3" is not supported'],
    [`constructor:${hex(64)}`, '"constructor" is not supported'],
    [`__proto__:${hex(64)}`, 'is not a digest'],
    ['sha256:../../etc/passwd', 'is not a digest'],
    [`sha256:${hex(64)}\n`, 'is not a digest'],
    [`sha256:${hex(63)}\0`, 'is not a digest'],
    [` sha256:${hex(64)}`, 'is not a digest'],
    [`sha256:${hex(63)}\u0430`, 'is not a digest'],
    [`sha256%3A${hex(64)}`, 'is not a digest'],
    [`sha256:${hex(10_000)}`, 'expected 64'],
    [`${hex(100_000)}:x`, 'is not supported'],
  ]
  test.each(bad)('%p is none', (text, says) => {
    expect(tryParseDigest(text)).toBeUndefined()
    expect(() => parseDigest(text)).toThrow(says)
    try {
      parseDigest(text)
    } catch (error) {
      expect(isRefusal(error, 'digest-invalid')).toBe(true)
      expect((error as Error).message.length).toBeLessThan(400)
    }
  })

  test('the grammar takes long texts in linear time', () => {
    for (const text of [`${'a.'.repeat(50_000)}:x`, `${'a'.repeat(100_000)}!`, `a${'+a'.repeat(50_000)}`]) {
      expect(() => parseDigest(text)).toThrow('digest')
    }
  })

  test('are what the hash says, whole or in pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array()),
        fc.constantFrom('sha256' as const, 'sha512' as const),
        (pieces, algorithm) => {
          const whole = Buffer.concat(pieces)
          const expected = `${algorithm}:${createHash(algorithm).update(whole).digest('hex')}`
          const hash = newHash(algorithm)
          for (const piece of pieces) hash.update(piece)
          const digest = digestOf(whole, algorithm)
          expect<string>(digest).toBe(expected)
          expect<string>(finishHash(algorithm, hash)).toBe(expected)
          expect(algorithmOf(digest)).toBe(algorithm)
          expect(digestFromBytes(digestToBytes(digest))).toBe(digest)
          expect(digestToBytes(digest).byteLength).toBe(algorithm === 'sha256' ? 33 : 65)
        },
      ),
      runs(200),
    )
  })
})
