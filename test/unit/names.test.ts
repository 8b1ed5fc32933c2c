import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { isRefusal, RegistryError } from '../../src/core/errors.ts'
import { parseReference, parseRepoName, parseTag, tryParseUploadId } from '../../src/core/names.ts'
import { runs } from '../fuzz/runs.ts'

const a = (count: number) => 'a'.repeat(count)
const parts = (count: number) => Array(count).fill('a').join('/')

describe('repository names (G1, G5)', () => {
  const good: [text: string, name: string][] = [
    ['a', 'library/a'],
    ['0', 'library/0'],
    ['a/b', 'a/b'],
    ['a.b_c__d-e--f---g/h', 'a.b_c__d-e--f---g/h'],
    ['blobs/uploads/manifests/tags/list', 'blobs/uploads/manifests/tags/list'],
    [`a/${a(253)}`, `a/${a(253)}`],
    [a(247), `library/${a(247)}`],
    [parts(32), parts(32)],
    ['__proto__x'.slice(9), 'library/x'],
    ['constructor', 'library/constructor'],
  ]
  test.each(good)('%p is one', (text, name) => expect<string>(parseRepoName(text)).toBe(name))

  const bad = [
    '',
    '/',
    'A',
    'a/',
    '/a',
    'a//b',
    '.',
    '..',
    '../a',
    'a/..',
    'a/../b',
    './a',
    '-a',
    'a-',
    '_a',
    'a_',
    'a___b',
    'a..b',
    'a._b',
    'a b',
    'a\n',
    'a\0',
    'a%2fb',
    'a\\b',
    'a:b',
    'a@b',
    'ä',
    '\u212a',
    '\u0430',
    'a\u0301',
    '__proto__',
    'a/_b',
    'a?b',
    'a#b',
    '~',
    `a/${a(254)}`,
    a(248),
    a(256),
    a(100_000),
    parts(33),
    '-'.repeat(255),
    `${'a-'.repeat(50_000)}`,
  ]
  test.each(bad)('%p is none', (text) => {
    expect(() => parseRepoName(text)).toThrow(RegistryError)
    try {
      parseRepoName(text)
    } catch (error) {
      expect(isRefusal(error, 'name-invalid')).toBe(true)
      // A client's megabyte must not become the answer's.
      expect((error as Error).message.length).toBeLessThan(1000)
    }
  })

  test('a name stays itself when it is parsed again', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9._/-]{1,40}$/), (text) => {
        let name: string
        try {
          name = parseRepoName(text)
        } catch (error) {
          return isRefusal(error, 'name-invalid')
        }
        return parseRepoName(name) === name && name.includes('/') && !name.includes('..')
      }),
      runs(2000),
    )
  })
})

describe('tags (G2)', () => {
  test.each(['a', '_', '0', 'A.b-c_d', a(128), '__proto__', 'latest', `_${'.-'.repeat(63)}`])(
    '%p is one',
    (text) => expect<string>(parseTag(text)).toBe(text),
  )
  test.each([
    '',
    '.',
    '-',
    '.a',
    '-a',
    a(129),
    a(1e6),
    'a b',
    'a/b',
    'a\n',
    'a\0',
    'ä',
    '\u212a',
    'a%',
    'a:b',
    'a@b',
    '..',
  ])('%p is none', (text) => expect(() => parseTag(text)).toThrow(RegistryError))
})

describe('references (G2)', () => {
  test('with a colon it is a digest, else a tag', () => {
    expect(parseReference('latest')).toEqual({ tag: parseTag('latest') })
    expect(parseReference(`sha256:${a(64)}`)).toHaveProperty('digest')
    for (const text of ['a:b', ':', 'sha256:', `sha256:${a(63)}`]) {
      expect(() => parseReference(text)).toThrow('digest')
    }
  })
})

describe('upload ids (B1)', () => {
  test('are UUIDs in small letters', () => {
    const id = crypto.randomUUID()
    expect<string | undefined>(tryParseUploadId(id)).toBe(id)
    for (const text of [
      '',
      id.toUpperCase().replace(/\d/g, 'F'),
      `${id} `,
      `${id}\n`,
      id.slice(1),
      `../${id}`,
      id.replaceAll('-', ''),
    ]) {
      expect(tryParseUploadId(text)).toBeUndefined()
    }
  })
})
