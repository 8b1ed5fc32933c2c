import { describe, expect, test } from 'bun:test'
import { parseTag } from '../../src/core/names.ts'
import { fitsTagPatterns, parseTagPattern } from '../../src/core/tag-patterns.ts'

const fits = (tag: string, ...patterns: string[]) => fitsTagPatterns(parseTag(tag), patterns)

describe('patterns of tags', () => {
  test('stand for any characters and for one', () => {
    expect([fits('v1', 'v*'), fits('v', 'v*'), fits('xv1', 'v*'), fits('V1', 'v*')]).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect([fits('v1', 'v?'), fits('v12', 'v?'), fits('1.2.3', '?.*.?'), fits('v1', 'v1')]).toEqual([
      true,
      false,
      true,
      true,
    ])
  })

  test('except what a pattern with ! in front fits, wherever it stands; alone that fits nothing', () => {
    for (const patterns of [
      ['*', '!latest'],
      ['!latest', '*'],
    ]) {
      expect([fits('v1', ...patterns), fits('latest', ...patterns)]).toEqual([true, false])
    }
    expect([fits('v1'), fits('v1', '!latest')]).toEqual([false, false])
  })

  test('are made of what tags are made of, with * ? and one ! in front', () => {
    for (const good of ['v*', '!v*-rc?', '*', 'A_b.c-d', `!${'x'.repeat(128)}`])
      expect(parseTagPattern(good)).toBe(good)
    for (const bad of ['', '!', '!!v', 'a/b', 'a b', 'v*\n', 'ä', 'v!', `!${'x'.repeat(129)}`])
      expect(() => parseTagPattern(bad)).toThrow('is not a pattern of tags')
  })
})
