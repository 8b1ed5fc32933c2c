import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Visible } from '../../../src/core/access.ts'
import { fitsGlob } from '../../../src/core/glob.ts'
import type { Page, PageRequest } from '../../../src/core/registry.ts'
import { allows } from '../../../src/core/verbs.ts'
import { MAX_HOLDERS } from '../../../src/store/meta/access/holders.ts'
import { SEARCH_LOOKS } from '../../../src/store/meta/search.ts'
import { image, newDigest, pushBlob, pushed } from '../metadata/fixture.ts'
import {
  CAUSE,
  type DatabaseUnderTest,
  freshName,
  given,
  newOrganisation,
  newTeam,
  newUser,
  repoName,
} from './fixture.ts'

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
            seen
              .filter(({ name, published }) => published || fits(name, granted))
              .map(({ name }) => name)
              .filter((name) => name.startsWith(`${spaces[0]}/`)),
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

  test('SE-7: whatever is granted to whom, lists hold exactly what a decision lets through, in order', async () => {
    const orgs = [await newOrganisation(store()), await newOrganisation(store())] as const
    const user = await newUser(store())
    const teams = [
      `team:${orgs[0].name}/${await newTeam(store(), orgs[0].name, user.name)}`,
      `team:${orgs[1].name}/${await newTeam(store(), orgs[1].name, user.name)}`,
    ]
    const names: string[] = []
    const published: string[] = []
    const make = async (name: string, publish: boolean) => {
      if (publish) await pushed(store(), repoName(name), image())
      else await store().createRepository({ name: repoName(name) }, CAUSE)
      if (publish) published.push(name)
      names.push(name)
    }
    const bits = fc.sample(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()), { numRuns: 70, seed: 7 })
    const may = async (name: string, account: number | undefined) => {
      const { grants } = await store().readAccess({
        repo: repoName(name),
        now: CAUSE.now,
        ...(account !== undefined && { account }),
      })
      const verb = published.includes(name) ? 'pull' : 'create-tag'
      return grants.some(({ pattern, verbs }) => fitsGlob(name, pattern) && allows(verbs, verb))
    }
    for (const [round, [space, part, whom, what]] of bits.entries()) {
      const which = space % 2
      const org = orgs[which] as (typeof orgs)[0]
      const name = `${org.name}/${PARTS[part % PARTS.length]}`
      const subject = ['anyone', 'everyone', `user:${user.name}`, teams[which] as string][whom % 4] as string
      // Grants ahead of their repositories, and behind them; some are pushed to later.
      if (what % 3 === 0) await make(name, round % 2 === 0)
      else {
        const pattern = what % 3 === 1 ? name : `${org.name}/${GLOBS[part % GLOBS.length]}`
        if (what % 7 === 0) {
          const { items } = await store().listGrants(org.name, { limit: 1 })
          for (const { id } of items) await store().removeGrant({ namespace: org.name, id }, CAUSE)
        } else await given(store(), subject, pattern, whom % 4 > 1 && what % 5 < 3 ? ['push'] : ['pull'])
      }
      if (round % 5 !== 4) continue
      const all = [...new Set(names)].sort()
      for (const account of [user.id, orgs[0].owner.id, undefined]) {
        const seen: string[] = []
        for (const each of all) if (await may(each, account)) seen.push(each)
        for (const within of [
          undefined,
          [`${orgs[0].name}/**`],
          [`${orgs[1].name}/a*`, `${orgs[0].name}/web`],
        ]) {
          const visible: Visible = {
            granted: [],
            grantee: { account },
            ...(within !== undefined && { within }),
          }
          const held = seen.filter((each) => within?.some((one) => fitsGlob(each, one)) ?? true)
          for (const limit of [1, 3, 50]) {
            for (const { name: namespace } of orgs) {
              const described = await walk(async (page) => {
                const { items, more } = await store().describeRepositories({ namespace, visible }, page)
                return { items: items.map((row) => String(row.name)), more }
              }, limit)
              expect(described).toEqual(held.filter((each) => each.startsWith(`${namespace}/`)))
            }
          }
          const ours = (each: string) => orgs.some((one) => each.startsWith(`${one.name}/`))
          const heldPublished = held.filter((each) => published.includes(each))
          const list = (page: PageRequest) => store().listRepositories(page, visible) as Promise<Page<string>>
          expect((await walk(list, 7)).filter(ours)).toEqual(heldPublished)
          for (const { name: term } of orgs) {
            const { hits } = await store().search({ query: term.slice(1), limit: 100, offset: 0 }, visible)
            expect(hits.map((hit) => String(hit.name)).sort()).toEqual(
              heldPublished.filter((each) => each.includes(term.slice(1))),
            )
          }
        }
      }
    }
    expect(published.length).toBeGreaterThan(5)
  }, 120_000)

  test('a grant that is given while its repository is made or pushed to shows it all the same', async () => {
    const { name } = await newOrganisation(store())
    const repos = Array.from({ length: 24 }, (_, at) => repoName(`${name}/r${10 + at}`))
    await Promise.all(
      repos.map(async (repo, at) => {
        if (at % 2 === 0) await store().createRepository({ name: repo }, CAUSE)
        await Promise.all([
          pushed(store(), repo, image()),
          given(store(), 'everyone', repo),
          given(store(), 'anyone', repo),
        ])
      }),
    )
    for (const account of [(await newUser(store())).id, undefined]) {
      const request = { limit: repos.length, last: `${name}/` }
      const { items } = await store().listRepositories(request, { granted: [], grantee: { account } })
      expect(items).toEqual(repos)
    }
  })

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
    const org = await newOrganisation(store())
    const user = await newUser(store())
    const grantee = { account: user.id }
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
    const given1 = repoName(`${org.name}/given`)
    const other = newDigest()
    await pushed(store(), given1, image([await pushBlob(store(), given1, other)]))
    expect(await find({ granted: [], grantee }, other)).toBeUndefined()
    for (const pattern of [given1, `${org.name}/g*`]) {
      const { id } = await given(store(), `user:${user.name}`, pattern)
      expect(await find({ granted: [], grantee }, other)).toBe(given1)
      expect(await find({ granted: [], grantee, within: [`${one}/**`] }, other)).toBeUndefined()
      expect(await find({ granted: [], grantee: { account: undefined } }, other)).toBeUndefined()
      await store().removeGrant({ namespace: org.name, id }, CAUSE)
    }
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
