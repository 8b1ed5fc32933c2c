import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Digest } from '../src/core/digest.ts'
import type { RepoName } from '../src/core/names.ts'
import type { Use } from '../src/store/meta/lifecycle-store.ts'
import type { Store } from '../src/store/meta/store.ts'
import { onDatabases } from './auth/databases.ts'
import { CAUSE, freshName, newUser, repoName } from './suite/access/fixture.ts'
import {
  child,
  freshRepo,
  image,
  index,
  NOW,
  newDigest,
  pushed,
  remove,
  removeTag,
  tag,
} from './suite/metadata/fixture.ts'

const DAY = 20_000
const MAX = 100
const SPAN = { from: 0, to: 1_000_000 }

onDatabases('how content is used', (replicas) => {
  const store = (): Store => replicas().here

  const use = (repo: RepoName, digest: Digest, more: Partial<Use> = {}): Use => ({
    repo,
    digest,
    day: DAY,
    tag: undefined,
    pulls: 0,
    looks: 0,
    referrers: 0,
    pulledAt: more.pulls ? NOW : 0,
    lookedAt: more.looks ? NOW : 0,
    ...more,
  })
  /** `day tag platform pulls/looks/referrers`. */
  const rowsOf = async (repo: RepoName) =>
    (await store().listPulls(repo, SPAN, { limit: 1000 }))?.items.map(
      ({ day, tag, platform, pulls, looks, referrers }) =>
        `${day - DAY} ${tag || '-'} ${platform || '-'} ${pulls}/${looks}/${referrers}`,
    )
  const pullsOf = async (repo: RepoName) => (await store().findRepository(repo))?.pulls
  const tagsOf = async (repo: RepoName) =>
    Object.fromEntries(
      ((await store().describeTags(repo, { limit: 99 }))?.items ?? []).map(({ name, pulledAt }) => [
        name,
        pulledAt,
      ]),
    )
  const manifestsOf = async (repo: RepoName) =>
    new Map(
      ((await store().describeManifests(repo, { limit: 99 }))?.items ?? []).map(({ digest, pulledAt }) => [
        digest,
        pulledAt,
      ]),
    )

  /** An index as it is pushed: its bytes say the platforms. */
  async function multiArch(repo: RepoName, platforms: readonly object[], tags: readonly string[]) {
    const children = []
    for (const _ of platforms) children.push(await pushed(store(), repo, image()))
    const bytes = Buffer.from(
      JSON.stringify({
        manifests: children.map(({ digest }, at) => ({ digest, platform: platforms[at] })),
      }),
    )
    const made = { ...index(children.map(child)), bytes: new Uint8Array(bytes) }
    return { index: await pushed(store(), repo, made, { tags }), children }
  }

  test('pulls, looks and lists of referrers add up by day and tag', async () => {
    const repo = freshRepo()
    const { digest } = await pushed(store(), repo, image(), { tags: ['v1', 'v2'] })
    expect(await store().listPulls(freshRepo(), SPAN, { limit: 5 })).toBeUndefined()
    expect(await rowsOf(repo)).toEqual([])
    await store().recordUses([
      use(repo, digest, { tag: tag('v1'), pulls: 2, looks: 1, pulledAt: NOW + 5 }),
      use(repo, digest, { tag: tag('v2'), looks: 4, lookedAt: NOW }),
      use(repo, digest, { tag: tag('v1'), day: DAY + 1, pulls: 1, pulledAt: NOW + 7 }),
    ])
    await store().recordUses([use(repo, digest, { tag: tag('v1'), pulls: 3, pulledAt: NOW + 6 })])
    await store().recordUses([use(repo, digest, { referrers: 7 })])
    expect(await rowsOf(repo)).toEqual(['0 - - 0/0/7', '0 v1 - 5/1/0', '0 v2 - 0/4/0', '1 v1 - 1/0/0'])
    expect(await pullsOf(repo)).toBe(6)
    // The newest pull counts, in whatever order they are written; a look is none.
    expect(await tagsOf(repo)).toEqual({ v1: NOW + 7, v2: undefined })
    expect((await manifestsOf(repo)).get(digest)).toBe(NOW + 7)
    const found = await store().search({ query: repo, limit: 1, offset: 0 })
    expect(found.hits[0]?.pulls).toBe(6)
    await store().recordUses([])
  })

  test('what was used is listed in pages, within days, with the sums of all of them', async () => {
    const repo = freshRepo()
    const { digest } = await pushed(store(), repo, image(), { tags: ['a', 'b'] })
    const uses = [0, 1, 2].flatMap((day) =>
      ['a', 'b'].map((name) =>
        use(repo, digest, { day: DAY + day, tag: tag(name), pulls: 1, pulledAt: NOW }),
      ),
    )
    await store().recordUses(uses)
    const seen: string[] = []
    let last: string | undefined
    do {
      const page = await store().listPulls(
        repo,
        { from: DAY + 1, to: DAY + 2 },
        { limit: 3, ...(last && { last }) },
      )
      expect(page?.totals).toEqual({ pulls: 4, looks: 0, referrers: 0 })
      const items = page?.items ?? []
      seen.push(...items.map((row) => `${row.day}${row.tag}`))
      const end = items.at(-1)
      last = page?.more && end ? `${end.day}/${end.tag}/${end.platform}` : undefined
    } while (last !== undefined)
    expect(seen).toEqual([1, 2].flatMap((day) => ['a', 'b'].map((name) => `${DAY + day}${name}`)))
    for (const last of ['', 'x', '\0', 'a/b/c', '99999999999/a/b'])
      expect((await store().listPulls(repo, SPAN, { limit: 9, last }))?.items.length).toBe(6)
  })

  test('an index is a step: its child is the pull, with the platform and under the tag that led there', async () => {
    const repo = freshRepo()
    const arm = { os: 'linux', architecture: 'arm64', variant: 'v8' }
    const made = await multiArch(
      repo,
      [{ os: 'linux', architecture: 'amd64' }, arm, { os: 'unknown', architecture: 'unknown' }],
      ['v1'],
    )
    const [amd, armed, attestation] = made.children.map(({ digest }) => digest) as [Digest, Digest, Digest]
    // As docker does: HEAD of the tag, the rest by digest.
    await store().recordUses([
      use(repo, armed, { pulls: 1, pulledAt: NOW + 3 }),
      use(repo, made.index.digest, { pulls: 1, pulledAt: NOW + 2 }),
      use(repo, made.index.digest, { tag: tag('v1'), looks: 1, lookedAt: NOW + 1 }),
    ])
    expect(await rowsOf(repo)).toEqual(['0 v1 - 0/2/0', '0 v1 linux/arm64/v8 1/0/0'])
    expect([await pullsOf(repo), await tagsOf(repo)]).toEqual([1, { v1: NOW + 3 }])
    expect((await manifestsOf(repo)).get(made.index.digest)).toBe(NOW + 2)

    // With nothing that leads there it is by digest; the platform is known from the first time on.
    await store().recordUses([use(repo, amd, { pulls: 1 }), use(repo, attestation, { pulls: 1 })])
    await store().recordUses([use(repo, amd, { pulls: 4 })])
    expect(await rowsOf(repo)).toEqual([
      '0 - linux/amd64 5/0/0',
      '0 - unknown/unknown 0/0/1',
      '0 v1 - 0/2/0',
      '0 v1 linux/arm64/v8 1/0/0',
    ])
    await store().recordUses([
      use(repo, made.index.digest, { tag: tag('v1') }),
      use(repo, amd, { pulls: 1, pulledAt: NOW + 9 }),
    ])
    expect((await rowsOf(repo))?.at(-2)).toBe('0 v1 linux/amd64 1/0/0')
    expect(await tagsOf(repo)).toEqual({ v1: NOW + 9 })
  })

  test.each([
    ['no JSON', 'x'],
    ['no list', '{"manifests":{}}'],
    ['no platforms', '{"manifests":[1,null,{"digest":"DIGEST"},{"digest":"DIGEST","platform":5}]}'],
    [
      'names that are none',
      '{"manifests":[{"digest":"DIGEST","platform":{"os":"li,nux","architecture":"a"}}]}',
    ],
    ['half of one', '{"manifests":[{"digest":"DIGEST","platform":{"os":"linux"}}]}'],
  ])('an index with %s leaves the platform unknown', async (_, text) => {
    const repo = freshRepo()
    const one = await pushed(store(), repo, image())
    const bytes = new Uint8Array(Buffer.from(text.replaceAll('DIGEST', one.digest)))
    await pushed(store(), repo, { ...index([one]), bytes })
    await store().recordUses([use(repo, one.digest, { pulls: 1 })])
    expect(await rowsOf(repo)).toEqual(['0 - - 1/0/0'])
  })

  test('a manifest that becomes a child later gets its platform then', async () => {
    const repo = freshRepo()
    const one = await pushed(store(), repo, image())
    await store().recordUses([use(repo, one.digest, { pulls: 1 })])
    const platform = { os: 'linux', architecture: 's390x' }
    const bytes = Buffer.from(JSON.stringify({ manifests: [{ digest: one.digest, platform }] }))
    await pushed(store(), repo, { ...index([one]), bytes: new Uint8Array(bytes) })
    await store().recordUses([use(repo, one.digest, { pulls: 1 })])
    expect(await rowsOf(repo)).toEqual(['0 - - 1/0/0', '0 - linux/s390x 1/0/0'])
  })

  test('signatures and SBOMs are apart, by their subject and by their tag', async () => {
    const repo = freshRepo()
    const { digest } = await pushed(store(), repo, image(), { tags: ['v1'] })
    const signature = await pushed(store(), repo, image([], { subject: digest, artifactType: 'x/y' }))
    const old = `${digest.replace(':', '-')}.sig`
    const cosign = await pushed(store(), repo, image(), { tags: [old] })
    await store().recordUses([
      use(repo, signature.digest, { pulls: 2 }),
      use(repo, cosign.digest, { tag: tag(old), pulls: 3 }),
    ])
    expect(await rowsOf(repo)).toEqual(['0 - - 0/0/2', `0 ${old} - 0/0/3`])
    expect(await pullsOf(repo)).toBe(0)
  })

  test('what is gone is dropped, and goes with what it was about', async () => {
    const repo = freshRepo()
    const one = await pushed(store(), repo, image(), { tags: ['v1', 'v2'] })
    const gone = await pushed(store(), repo, image(), { tags: ['gone'] })
    const both = [
      use(repo, one.digest, { tag: tag('v1'), pulls: 1 }),
      use(repo, gone.digest, { tag: tag('gone'), pulls: 1 }),
    ]
    await store().recordUses(both)
    await store().deleteManifest(remove(repo, gone.digest))
    await store().deleteTag(removeTag(repo, 'v1'))
    await store().recordUses([
      ...both,
      use(freshRepo(), one.digest, { pulls: 5 }),
      use(repo, newDigest(), { pulls: 5 }),
    ])
    // v1 is no tag any more; that something was pulled by its name stays true.
    expect(await rowsOf(repo)).toEqual(['0 gone - 1/0/0', '0 v1 - 2/0/0'])
    expect(await pullsOf(repo)).toBe(3)
    await pushed(store(), repo, one, { tags: ['v1', 'gone'] })
    expect(await tagsOf(repo)).toEqual({ gone: undefined, v1: undefined, v2: undefined })
  })

  test('two servers that write the same uses at once add up', async () => {
    const { here, there } = replicas()
    const repos = [freshRepo(), freshRepo(), freshRepo()]
    const uses: Use[] = []
    for (const repo of repos) {
      const { digest } = await pushed(store(), repo, image(), { tags: ['v1'] })
      uses.push(use(repo, digest, { tag: tag('v1'), pulls: 1 }), use(repo, digest, { pulls: 1 }))
    }
    const rounds = Array.from({ length: 20 }, (_, at) => (at % 2 ? here : there))
    await Promise.all(rounds.map((each, at) => each.recordUses(at % 3 ? uses : uses.toReversed())))
    for (const repo of repos)
      expect([await rowsOf(repo), await pullsOf(repo)]).toEqual([['0 v1 - 40/0/0'], 40])
  })

  test('while manifests and tags go and come, nothing breaks and nothing is left over', async () => {
    const { here, there } = replicas()
    const repos = Array.from({ length: 4 }, () => freshRepo())
    const manifests = await Promise.all(repos.map((repo) => pushed(here, repo, image(), { tags: ['v1'] })))
    const uses = repos.flatMap((repo, at) => {
      const { digest } = manifests[at] as (typeof manifests)[0]
      return [use(repo, digest, { tag: tag('v1'), pulls: 1 }), use(repo, digest, { looks: 1 })]
    })
    const churn = repos.map(async (repo, at) => {
      const manifest = manifests[at] as (typeof manifests)[0]
      for (let round = 0; round < 15; round++) {
        if (round % 2) await there.deleteTag(removeTag(repo, 'v1'))
        else await there.deleteManifest(remove(repo, manifest.digest))
        await pushed(there, repo, manifest, { tags: ['v1'] })
      }
      await there.deleteManifest(remove(repo, manifest.digest))
    })
    const writes = Array.from({ length: 30 }, () => here.recordUses(uses))
    await Promise.all([...churn, ...writes])
    for (const [at, repo] of repos.entries()) {
      expect(await tagsOf(repo)).toEqual({})
      await pushed(here, repo, manifests[at] as (typeof manifests)[0], { tags: ['v1'] })
      expect([await tagsOf(repo), [...(await manifestsOf(repo)).values()]]).toEqual([
        { v1: undefined },
        [undefined],
      ])
    }
  })

  test('many uses in one go are the same as one by one', async () => {
    const repo = freshRepo()
    const digests: Digest[] = []
    for (let at = 0; at < 6; at++)
      digests.push((await pushed(store(), repo, image(), { tags: [`t${at}`] })).digest)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(5), fc.nat(3), fc.nat(3), fc.nat(80)), { maxLength: 150 }),
        async (picks) => {
          const before = await store().listPulls(repo, SPAN, { limit: 1 })
          const uses = picks.map(([at, pulls, looks, day]) =>
            use(repo, digests[at] as Digest, { tag: tag(`t${at}`), pulls, looks, day: DAY + day }),
          )
          await store().recordUses(uses)
          const after = await store().listPulls(repo, SPAN, { limit: 1 })
          const grown = (name: 'pulls' | 'looks') => (after?.totals[name] ?? 0) - (before?.totals[name] ?? 0)
          const sum = (name: 'pulls' | 'looks') => uses.reduce((all, each) => all + each[name], 0)
          expect([grown('pulls'), grown('looks')]).toEqual([sum('pulls'), sum('looks')])
          expect(await pullsOf(repo)).toBe(after?.totals.pulls)
        },
      ),
      { numRuns: 20, seed: 1 },
    )
  })

  test('stars are exact, whoever gives and takes them at once', async () => {
    const { here, there } = replicas()
    const repo = freshRepo('library')
    await pushed(here, repo, image())
    const users = await Promise.all(Array.from({ length: 5 }, () => newUser(here)))
    const starsOf = async () => (await here.findRepository(repo))?.stars
    const set = (each: Store, user: string, starred: boolean) =>
      each.setStar({ user, repo, starred, now: NOW, max: MAX })
    await Promise.all(
      users.flatMap(({ name }) => [
        set(here, name, true),
        set(there, name, true),
        set(here, name, false),
        set(there, name, true),
      ]),
    )
    await Promise.all(users.map(({ name }) => set(here, name, true)))
    expect(await starsOf()).toBe(5)
    const [first, second] = users.map(({ name }) => name) as [string, string]
    expect([
      await set(here, first, true),
      await set(here, first, false),
      await set(here, first, false),
    ]).toEqual(['unchanged', 'done', 'unchanged'])
    expect([await starsOf(), await here.hasStar(first, repo), await here.hasStar(second, repo)]).toEqual([
      4,
      false,
      true,
    ])
    expect(await set(here, freshName('u'), true)).toBe('absent')
    expect(await here.setStar({ user: first, repo: freshRepo(), starred: true, now: NOW, max: MAX })).toBe(
      'absent',
    )
    await Promise.all(users.slice(2).map(({ name }) => there.deleteAccount({ name }, CAUSE)))
    expect(await starsOf()).toBe(1)
  })

  test('the stars of a user are those that are visible, in pages', async () => {
    const { name: user } = await newUser(store())
    const { name: other } = await newUser(store())
    const names = ['a', 'b', 'c'].map((part) => repoName(`${other}/${part}`))
    for (const name of names) {
      await store().createRepository({ name, visibility: name.endsWith('c') ? 'public' : 'private' }, CAUSE)
      await store().setStar({ user, repo: name, starred: true, now: NOW, max: MAX })
    }
    const [a, b, c] = names as [RepoName, RepoName, RepoName]
    expect(await store().listStars(user, { limit: 2 }, 'everything')).toEqual({ items: [a, b], more: true })
    expect(await store().listStars(user, { limit: 2, last: b }, 'everything')).toEqual({
      items: [c],
      more: false,
    })
    expect(await store().listStars(user, { limit: 9 }, { granted: [b] })).toEqual({
      items: [b, c],
      more: false,
    })
    expect((await store().listStars(user, { limit: 9 }, { granted: [], within: [a] })).items).toEqual([])
    expect((await store().listStars(freshName('u'), { limit: 9 }, 'everything')).items).toEqual([])
    // A namespace that goes with its owner takes the stars of its repositories along.
    expect(await store().deleteAccount({ name: other }, CAUSE)).toBe('done')
    expect((await store().listStars(user, { limit: 9 }, 'everything')).items).toEqual([])
  })

  test('what is asked, counted and starred under a former name is of the repository', async () => {
    const { here } = replicas()
    const before = freshRepo()
    const { digest } = await pushed(here, before, image(), { tags: ['v'] })
    const repo = freshRepo()
    expect(await here.renameRepository({ name: before, to: repo }, CAUSE)).toBe('done')
    await here.recordUses([use(before, digest, { tag: tag('v'), pulls: 1 }), use(repo, digest, { pulls: 1 })])
    expect([await rowsOf(before), await pullsOf(before)]).toEqual([await rowsOf(repo), 2])
    const { name: user } = await newUser(here)
    const star = (name: RepoName, starred = true) =>
      here.setStar({ user, repo: name, starred, now: NOW, max: MAX })
    expect([await star(before), await star(repo), await here.hasStar(user, before)]).toEqual([
      'done',
      'unchanged',
      true,
    ])
    expect((await here.listStars(user, { limit: 5 }, 'everything')).items).toEqual([repo])
    await here.deleteRepository({ name: before }, CAUSE)
    expect([await star(before, false), await here.hasStar(user, repo)]).toEqual(['absent', false])
    expect([await rowsOf(before), await rowsOf(repo)]).toEqual([undefined, undefined])
  })

  test('a user gives so many stars and not one more', async () => {
    const { name: user } = await newUser(store())
    const give = async (starred = true) => {
      const repo = freshRepo()
      await pushed(store(), repo, image())
      return store().setStar({ user, repo, starred, now: NOW, max: 2 })
    }
    expect([await give(), await give(), await give(), await give(false)]).toEqual([
      'done',
      'done',
      'too-many',
      'unchanged',
    ])
  })
})
