import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import type { Visible } from '../../../src/core/access.ts'
import type { RepoName } from '../../../src/core/names.ts'
import type { MetadataStore } from '../../../src/store/meta/store.ts'
import { image, pushBlob, pushed } from './fixture.ts'

/** Lists hold what their reader may see (SE-7). Nothing is public here. */
export function visibleCases(store: () => MetadataStore) {
  test('SE-7: repositories are listed and found by who was granted them, within the bounds of the credential', async () => {
    const space = `vis${randomBytes(4).toString('hex')}`
    const names = ['a', 'a/b', 'b', 'c', 'd'].map((name) => `${space}/${name}`)
    for (const name of names) await pushed(store(), name as RepoName, image())
    await pushBlob(store(), `${space}/bb` as RepoName)
    const list = async (visible: Visible, limit = 100, last = `${space}/`) => {
      const { items, more } = await store().listRepositories({ limit, last }, visible)
      return { names: items.map((name) => name.replace(`${space}/`, '')), more }
    }
    const find = async (visible: Visible, query = space) => {
      const { hits, total } = await store().search({ query, limit: 100, offset: 0 }, visible)
      expect(total).toBe(hits.length)
      return hits.map(({ name }) => name.replace(`${space}/`, ''))
    }
    const all = (glob: string) => `${space}/${glob}`
    for (const [visible, seen] of [
      [{ granted: [] }, []],
      [{ granted: [all('**')] }, ['a', 'a/b', 'b', 'c', 'd']],
      [{ granted: [all('*')] }, ['a', 'b', 'c', 'd']],
      [{ granted: [all('b'), all('none'), all('bb'), all('a/*')] }, ['a/b', 'b']],
      [{ granted: ['**'], within: [all('?')] }, ['a', 'b', 'c', 'd']],
      [{ granted: [all('a*'), all('b')], within: [all('b'), all('c')] }, ['b']],
      [{ granted: [all('*')], within: [] }, []],
    ] as [Visible, string[]][]) {
      const ours = visible !== 'everything' && visible.granted.includes('**')
      expect((await list(visible)).names).toEqual(seen)
      for (const query of [space, space.slice(1)]) expect(await find(visible, query)).toEqual(seen)
      if (!ours) expect(await list(visible, seen.length)).toEqual({ names: seen, more: false })
      if (seen.length > 1)
        expect(await list(visible, 1, all(seen[0] as string))).toEqual({
          names: seen.slice(1, 2),
          more: seen.length > 2,
        })
    }
    expect((await list('everything')).names.slice(0, 5)).toEqual(['a', 'a/b', 'b', 'c', 'd'])
    expect((await list({ granted: [all('*')] }, 0)).more).toBe(true)
    expect((await list({ granted: [all('*')] }, 9, `${space}/c\0x`)).names).toEqual(['d'])
  })
}
