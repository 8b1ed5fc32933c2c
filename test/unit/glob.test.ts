import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { isRefusal } from '../../src/core/errors.ts'
import { EVERYTHING, fitsGlob, Glob, literalPrefix, MAX_WILDCARDS, parseGlob } from '../../src/core/glob.ts'
import { MAX_NAME_LENGTH } from '../../src/core/names.ts'
import {
  ALL_NAMES,
  behind,
  intersectionOf,
  isOneName,
  Patterns,
  rangeOf,
  startingWith,
  unionOf,
} from '../../src/store/meta/access/name-ranges.ts'
import { runs } from '../fuzz/runs.ts'

/** What patterns mean, said in another language. */
function model(glob: string): RegExp {
  const source = glob.replace(/\*{2,}|[*?]|[^*?]/g, (piece) => {
    if (piece.length > 1) return '.*'
    if (piece === '*') return '[^/]*'
    if (piece === '?') return '[^/]'
    return piece.replace(/[.\\+^$()[\]{}|/-]/, '\\$&')
  })
  return new RegExp(`^${source}$`, 's')
}

const text = (letters: string, maxLength: number) =>
  fc.array(fc.constantFrom(...letters), { maxLength }).map((list) => list.join(''))
const name = text('ab/-.', 10)
const glob = text('ab/-.**?', 10)

describe('patterns of repositories', () => {
  test('fit what they say', () => {
    const fits = (one: string, names: string[]) => names.filter((repo) => fitsGlob(repo, one))
    const names = ['acme/web', 'acme/web/api', 'acme/w', 'acme', 'acmee/web', 'acme/a.b', 'acme/axb']
    expect(fits('acme/*', names)).toEqual(['acme/web', 'acme/w', 'acme/a.b', 'acme/axb'])
    expect(fits('acme/**', names)).toEqual(['acme/web', 'acme/web/api', 'acme/w', 'acme/a.b', 'acme/axb'])
    expect(fits('acme/web', names)).toEqual(['acme/web'])
    expect(fits('acme/w?b', names)).toEqual(['acme/web'])
    expect(fits('acme/a.b', names)).toEqual(['acme/a.b'])
    expect(fits('**/api', names)).toEqual(['acme/web/api'])
    expect(fits('*/*/*', names)).toEqual(['acme/web/api'])
    expect(fits(EVERYTHING, names)).toEqual(names)
  })

  test('fit exactly what a regular expression of the same meaning matches', () => {
    fc.assert(
      fc.property(name, glob, (repo, one) => {
        expect(fitsGlob(repo, one)).toBe(model(one).test(repo))
      }),
      runs(20_000),
    )
  })

  test('cost few steps: no more than their wildcards times the length of the name, and mostly as many as their pieces', () => {
    const repo = `n/${'a/b'.repeat(84)}`
    const worst = [
      'n/**a*b**c',
      'n/**a*a*a*b',
      'n/*/**a?b**b',
      'n/**?a?b/',
      'n/**a*b?b',
      'n/**/*a*a',
      'n/**a?b*b',
    ]
    for (const one of [...worst, `${'*a'.repeat(100)}*b`, `${'**a*'.repeat(50)}`]) {
      for (const name of [repo, 'a'.repeat(MAX_NAME_LENGTH), `n/${'a'.repeat(252)}b`]) {
        const steps = { count: 0 }
        new Glob(one).fits(name, steps)
        const wildcards = one.match(/\*+|\?/g)?.length ?? 0
        expect(steps.count).toBeLessThanOrEqual(2 * wildcards * name.length)
        if (wildcards <= MAX_WILDCARDS) expect(steps.count).toBeLessThanOrEqual(MAX_NAME_LENGTH)
      }
    }
    const steps = { count: 0 }
    expect(new Glob('acme/*/w*b/**').fits('acme/x/web/deep', steps)).toBe(true)
    expect(steps.count).toBe(3)
    expect(new Glob('acme/**').fits('other/x', steps)).toBe(false)
    expect(steps.count).toBe(3)
  })

  test('have four wildcards at most', () => {
    expect(MAX_WILDCARDS).toBe(4)
    for (const one of ['a/*b*c*d*', 'a/????', 'a/**/x*?y**', `**/${'x'.repeat(240)}`])
      expect(parseGlob(one)).toBe(one)
    for (const one of ['a/*b*c*d*e*', 'a/?????', '*/**/?/*/*', `a/${'*a'.repeat(100)}`])
      expect(() => parseGlob(one)).toThrow('a pattern may have 4')
  })

  const good = ['a', 'acme/*', 'acme/**', '**', '*', 'a?c/w*-*', 'a_b/c--d', 'x'.repeat(MAX_NAME_LENGTH)]
  test.each(good)('%p is one', (one) => expect(parseGlob(one)).toBe(one))
  const bad = [
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    'A',
    'a b',
    'a\0',
    'a[b]',
    '{a,b}',
    '!a',
    'é',
    `${'x'.repeat(256)}`,
    'a\n',
  ]
  test.each(bad)('%p is none', (one) => {
    try {
      parseGlob(one)
    } catch (error) {
      expect(isRefusal(error, 'pattern-invalid')).toBe(true)
      return
    }
    throw new Error('it was taken')
  })
})

describe('ranges of names', () => {
  const inside = (ranges: readonly { from: string; to: string }[], repo: string) =>
    ranges.some(({ from, to }) => repo >= from && repo < to)
  const patterns = fc.array(
    glob.filter((one) => one !== ''),
    { maxLength: 6 },
  )

  test('hold every name that fits', () => {
    fc.assert(
      fc.property(name, glob, (repo, one) => {
        expect(repo.startsWith(literalPrefix(one)) || !fitsGlob(repo, one)).toBe(true)
        if (fitsGlob(repo, one)) expect(inside([rangeOf(one)], repo)).toBe(true)
      }),
      runs(2_000),
    )
    expect(isOneName(rangeOf('acme/web'))).toBe(true)
    for (const other of ['acme/web-1', 'acme/web/x', 'acme/we', 'acme/web.']) {
      expect(inside([rangeOf('acme/web')], other)).toBe(false)
      expect(isOneName(rangeOf(`${other}*`))).toBe(false)
    }
    expect(inside([startingWith('a/')], 'a/zzz')).toBe(true)
    expect(inside([{ ...ALL_NAMES, from: behind('a/b') }], 'a/b')).toBe(false)
    expect(inside([{ ...ALL_NAMES, from: behind('a/b') }], 'a/b-')).toBe(true)
  })

  test('are joined and cut as sets are', () => {
    fc.assert(
      fc.property(patterns, patterns, name, (a, b, repo) => {
        const [one, two] = [unionOf(a.map(rangeOf)), unionOf(b.map(rangeOf))]
        expect(inside(one, repo)).toBe(inside(a.map(rangeOf), repo))
        const both = intersectionOf(one, two)
        expect(inside(both, repo)).toBe(inside(one, repo) && inside(two, repo))
        for (const ranges of [one, both])
          for (const [at, { from, to }] of ranges.entries()) {
            expect(from < to).toBe(true)
            if (at > 0) expect(from >= (ranges[at - 1]?.to as string)).toBe(true)
          }
      }),
      runs(2_000),
    )
  })

  test('many patterns fit what one of them fits', () => {
    fc.assert(
      fc.property(patterns, name, (many, repo) => {
        expect(new Patterns(many).fits(repo)).toBe(many.some((one) => fitsGlob(repo, one)))
      }),
      runs(2_000),
    )
  })
})
