import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Visible } from '../../../src/core/access.ts'
import { fitsGlob } from '../../../src/core/glob.ts'
import type { Page, PageRequest } from '../../../src/core/registry.ts'
import { MAX_HOLDERS } from '../../../src/store/meta/access/holders.ts'
import { SEARCH_LOOKS } from '../../../src/store/meta/search.ts'
import { image, newDigest, pushBlob, pushed } from '../metadata/fixture.ts'
import { CAUSE, type DatabaseUnderTest, freshName, repoName } from './fixture.ts'

/** Lists show what may be seen: SE-7, SE-2. */
export function visibleCases(made: () => DatabaseUnderTest) {
  const store = () => made().store

  /** Every page but the last must be full. */
  async function walk(list: (page: PageRequest) => Promise<Page<string>>, limit: number) {
    const names: string[] = []
    for (let last: string | undefined; ; ) {
      const page = await list({ limit, ...(last !== undefined && { last }) })
      names.push(...page.items)
      if (!page.more) return names
      expect(page.items.length).toBe(limit)
      last = page.items.at(-1)
    }
  }

  const PARTS = ['a', 'a-b', 'a/b', 'a.b', 'aa', 'b', 'a/b/c', '0', 'z', 'web', 'web-1', 'web/x']
  const GLOBS = ['*', '**', 'a*', 'a', 'a/*', 'a/**', 'web?1', 'w**', '*b', 'none', 'b', '**/x', 'z', '0*']

  test('SE-7: whatever may be seen, lists of any page size hold exactly that, in order', async () => {
    const spaces = [freshName('v'), freshName('v')]
    const all: { name: string; isPublic: boolean; published: boolean }[] = []
    for (const [at, space] of spaces.entries()) {
      for (const [place, part] of PARTS.entries()) {
        const name = `${space}/${part}`
        const published = (place + at) % 4 !== 0
        if (published) await pushed(store(), repoName(name), image())
        else await pushBlob(store(), repoName(name))
        const isPublic = (place + at) % 3 === 0
        if (isPublic) await store().updateRepository({ name: repoName(name), visibility: 'public' }, CAUSE)
        all.push({ name, isPublic, published })
      }
    }
    all.sort((a, b) => (a.name < b.name ? -1 : 1))
    const glob = fc
      .tuple(fc.constantFrom(...spaces, ...spaces, '*'), fc.constantFrom(...GLOBS))
      .map((parts) => parts.join('/'))
    const globs = fc.array(
      fc.oneof({ weight: 9, arbitrary: glob }, { weight: 1, arbitrary: fc.constant('**') }),
      {
        maxLength: 6,
      },
    )
    await fc.assert(
      fc.asyncProperty(
        globs,
        fc.option(globs),
        fc.integer({ min: 1, max: 5 }),
        async (granted, within, limit) => {
          const visible: Visible = within === null ? { granted } : { granted, within }
          const fits = (name: string, list: readonly string[]) => list.some((one) => fitsGlob(name, one))
          const seen = all.filter(
            ({ name, isPublic }) =>
              (isPublic || fits(name, granted)) && (within === null || fits(name, within)),
          )
          const ours = (names: string[]) =>
            names.filter((name) => spaces.some((space) => name.startsWith(`${space}/`)))
          const listed = await walk(
            (page) => store().listRepositories(page, visible) as Promise<Page<string>>,
            limit + 3,
          )
          expect(ours(listed)).toEqual(seen.filter(({ published }) => published).map(({ name }) => name))
          expect(listed).toEqual([...new Set(listed)].sort())
          const described = await walk(async (page) => {
            const { items, more } = await store().describeRepositories(
              { namespace: spaces[0] as string, visible },
              page,
            )
            return { items: items.map(({ name }) => name), more }
          }, limit)
          expect(described).toEqual(
            seen.map(({ name }) => name).filter((name) => name.startsWith(`${spaces[0]}/`)),
          )
          for (const term of [spaces[0] as string, (spaces[1] as string).slice(1)]) {
            const { hits, total } = await store().search({ query: term, limit: 100, offset: 0 }, visible)
            expect(hits.map(({ name }) => String(name)).sort()).toEqual(
              seen.filter(({ name, published }) => published && name.includes(term)).map(({ name }) => name),
            )
            expect(total).toBe(hits.length)
          }
        },
      ),
      { numRuns: 60 },
    )
    const everything = await store().describeRepositories({ visible: 'everything' }, { limit: 1_000 })
    expect(everything.items.map(({ name }) => String(name))).toEqual(
      expect.arrayContaining(all.map(({ name }) => name)),
    )
  }, 60_000)

  test('SE-7: what others have does not fill the pages of who sees little', async () => {
    const [mine, theirs, word] = [freshName('m'), freshName('l'), freshName('w')]
    await pushed(store(), repoName(`${theirs}/x`), image())
    await made().sql(`INSERT INTO repo (ns_id, name, created_at, updated_at)
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${SEARCH_LOOKS + 10})
      SELECT (SELECT id FROM namespace WHERE name = '${theirs}'), '${theirs}/${word}-' || i, 1, 1 FROM n`)
    await made().sql(`UPDATE repo SET published_at = 1 WHERE name LIKE '${theirs}/${word}-%'`)
    // Last of all, so that the indexes tell of all the others first.
    await pushed(store(), repoName(`${mine}/${word}`), image())
    await pushed(store(), repoName(`${mine}/zzz`), image())
    await store().updateRepository({ name: repoName(`${mine}/zzz`), description: `a ${word}` }, CAUSE)
    const find = async (query: string, visible: Visible) =>
      (await store().search({ query, limit: 10, offset: 0 }, visible)).hits.map(({ name }) => String(name))
    const visible = { granted: [`${mine}/**`] }
    for (const query of [word, word.slice(1)])
      expect(await find(query, visible)).toEqual([`${mine}/${word}`, `${mine}/zzz`])
    expect(await find(word, { granted: [] })).toEqual([])
    expect((await find(word, 'everything')).length).toBe(10)
    expect(await find(`${theirs}/x`, visible)).toEqual([])
    expect(await find(`${theirs}/x`, { granted: [`${theirs}/x`] })).toEqual([`${theirs}/x`])
    const listed = await store().listRepositories(
      { limit: 1, last: `${mine}/` },
      { granted: [`${mine}/**`, `${theirs}/**`] },
    )
    expect(listed.items.map(String)).toEqual([`${mine}/${word}`])
    // As many grants of single names as default grants make.
    const granted = Array.from({ length: 2_000 }, (_, at) => `${theirs}/${word}-${at + 1}`)
    const page = await store().listRepositories({ limit: 1_500, last: `${theirs}/` }, { granted })
    expect(page.items.length).toBe(1_500)
    expect(page.more).toBe(true)
  }, 60_000)

  test('SE-2: a blob is found in a repository that may be seen, and in no other', async () => {
    const [one, two] = [freshName('h'), freshName('h')]
    const digest = newDigest()
    const find = async (visible: Visible, of = digest) => await store().findHolder(of, visible)
    expect(await find('everything')).toBeUndefined()
    const [secret, open] = [repoName(`${one}/secret`), repoName(`${two}/open`)]
    for (const repo of [secret, open])
      await pushed(store(), repo, image([await pushBlob(store(), repo, digest)]))
    expect([secret, open]).toContain((await find('everything')) as never)
    expect(await find({ granted: [] })).toBeUndefined()
    expect(await find({ granted: [`${one}/x`, `${one}/secre?`] })).toBe(secret)
    expect(await find({ granted: [`${one}/**`], within: [`${two}/**`] })).toBeUndefined()
    await store().updateRepository({ name: open, visibility: 'public' }, CAUSE)
    expect(await find({ granted: [] })).toBe(open)
    expect(await find({ granted: [`${one}/**`] })).toBe(secret)
    expect(await find({ granted: [], within: [`${one}/**`] })).toBeUndefined()
    expect(await find({ granted: [`${one}/**`] }, newDigest())).toBeUndefined()
  })

  test('SE-2: the search for a blob ends, however much may be seen', async () => {
    const space = freshName('big')
    const digest = newDigest()
    await pushed(store(), repoName(`${space}/0`), image())
    await made().sql(`INSERT INTO repo (ns_id, name, created_at, updated_at, published_at)
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MAX_HOLDERS})
      SELECT (SELECT id FROM namespace WHERE name = '${space}'), '${space}/r' || i, 1, 1, 1 FROM n`)
    const last = repoName(`${space}/zzz`)
    await pushed(store(), last, image([await pushBlob(store(), last, digest)]))
    expect(await store().findHolder(digest, { granted: [`${space}/**`] })).toBeUndefined()
    expect(await store().findHolder(digest, { granted: [`${space}/z*`] })).toBe(last)
  })
}
