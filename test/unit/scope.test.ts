import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { AskedScope } from '../../src/core/access.ts'
import { parseScopes } from '../../src/oci/scope.ts'
import { runs } from '../fuzz/runs.ts'

const repository = (name: string, ...actions: string[]): AskedScope => ({ type: 'repository', name, actions })

describe('scopes (PROTOCOL 10.2)', () => {
  const rows: [title: string, values: string[], scopes: AskedScope[]][] = [
    ['one', ['repository:acme/web:pull'], [repository('acme/web', 'pull')]],
    ['several actions', ['repository:acme/web:pull,push'], [repository('acme/web', 'pull', 'push')]],
    ['everything', ['repository:acme/web:*'], [repository('acme/web', '*')]],
    ['a one-part name stays as it was written', ['repository:hello:pull'], [repository('hello', 'pull')]],
    [
      'a host with its port belongs to the name',
      ['repository:berth.test:5000/a/b:pull,push'],
      [repository('berth.test:5000/a/b', 'pull', 'push')],
    ],
    [
      'repeated parameters',
      ['repository:a/a:pull', 'repository:b/b:pull,push'],
      [repository('a/a', 'pull'), repository('b/b', 'pull', 'push')],
    ],
    [
      'separated by blanks, of whatever kind and number',
      ['repository:a/a:pull  repository:b/b:push\t', ' repository:c/c:pull\n'],
      [repository('a/a', 'pull'), repository('b/b', 'push'), repository('c/c', 'pull')],
    ],
    [
      'the same repository again adds its actions',
      ['repository:a/a:pull repository:b/b:pull', 'repository:a/a:push,pull'],
      [repository('a/a', 'pull', 'push'), repository('b/b', 'pull')],
    ],
    ['a class is not looked at', ['repository(plugin):a/a:pull'], [repository('a/a', 'pull')]],
    ['the catalogue', ['registry:catalog:*'], [{ type: 'registry', name: 'catalog', actions: ['*'] }]],
    [
      'an unknown type and action are told as they came',
      ['x9:y:z'],
      [{ type: 'x9', name: 'y', actions: ['z'] }],
    ],
    ['no action', ['repository:a/a:'], [repository('a/a')]],
    ['commas too many', ['repository:a/a:,pull,,push,'], [repository('a/a', 'pull', 'push')]],
    ['nothing', [], []],
    ['empty values', ['', '   '], []],
  ]
  test.each(rows)('%s', (_title, values, scopes) => expect(parseScopes(values)).toEqual(scopes))

  test.each([
    'repository',
    'repository:',
    'repository:a/a',
    'repository::pull',
    ':a/a:pull',
    'Repository:a/a:pull',
    'repository(:a/a:pull',
    'repository():a/a:pull',
    'repository(plugin)x:a/a:pull',
    '__proto__:a:b',
  ])('%p is none, and takes nothing away from its neighbour', (text) =>
    expect(parseScopes([`${text} repository:b/b:pull`])).toEqual([repository('b/b', 'pull')]),
  )

  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const scopes = fc.uniqueArray(
    fc.record({
      type: word,
      name: fc.stringMatching(/^[a-z0-9./:-]{1,20}$/).filter((name) => !/^:|:$/.test(name)),
      actions: fc.uniqueArray(fc.stringMatching(/^(?:[a-z]{1,8}|\*)$/)),
    }),
    { selector: ({ type, name }) => `${type}:${name}` },
  )
  test('what is written in the grammar is read back', () => {
    fc.assert(
      fc.property(scopes, (asked) => {
        const texts = asked.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`)
        expect(parseScopes(texts)).toEqual(asked)
        expect(parseScopes([texts.join(' ')])).toEqual(asked)
      }),
      runs(300),
    )
  })
})
