import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import type { Page, PageRequest } from '../../../src/core/registry.ts'
import type { MetadataStore } from '../../../src/store/meta/store.ts'
import {
  freshRepo,
  image,
  index,
  NOW,
  newDigest,
  openUpload,
  pushBlob,
  pushed,
  remove,
  removeTag,
} from './fixture.ts'

/** Walks a list page by page; every page but the last must be full. */
async function walk<Item>(
  list: (page: PageRequest) => Promise<Page<Item> | undefined>,
  limit: number,
  keyOf: (item: Item) => string,
): Promise<Item[]> {
  const items: Item[] = []
  for (let last: string | undefined; ; ) {
    const page = await list({ limit, ...(last !== undefined && { last }) })
    if (page === undefined) throw new Error('there is no such list')
    items.push(...page.items)
    if (!page.more) return items
    expect(page.items.length).toBe(limit)
    last = keyOf(page.items.at(-1) as Item)
  }
}

/** Tags, repositories, referrers: T1 to T5, R1 to R7, CO-9. */
export function listCases(store: () => MetadataStore) {
  const tagsOf = async (repo: ReturnType<typeof freshRepo>, page: PageRequest) => {
    const tags = await store().listTags(repo, page)
    return tags && { items: tags.items.map(String), more: tags.more }
  }

  test('T1: tags of an unknown repository, of one without manifests, of one without tags', async () => {
    const repo = freshRepo()
    expect(await tagsOf(repo, { limit: 10 })).toBeUndefined()
    await pushBlob(store(), repo)
    expect(await tagsOf(repo, { limit: 10 })).toBeUndefined()
    await pushed(store(), repo, image(), { tags: ['only'] })
    await store().deleteTag(removeTag(repo, 'only'))
    expect(await tagsOf(repo, { limit: 10 })).toEqual({ items: [], more: false })
  })

  test('T2: tags come in byte order, also those that begin others (CO-9)', async () => {
    const repo = freshRepo()
    const names = ['a', 'a-b', 'a.b', 'a0', 'aA', 'a_b', 'aa', 'A', 'B', '_', '0', '00', 'z', 'Z', 'aaa']
    await pushed(store(), repo, image(), { tags: names })
    expect((await tagsOf(repo, { limit: 99 }))?.items).toEqual([...names].sort())
  })

  test('T4: page edges', async () => {
    const repo = freshRepo()
    await pushed(store(), repo, image(), { tags: ['a', 'b', 'c'] })
    expect(await tagsOf(repo, { limit: 3 })).toEqual({ items: ['a', 'b', 'c'], more: false })
    expect(await tagsOf(repo, { limit: 2 })).toEqual({ items: ['a', 'b'], more: true })
    expect(await tagsOf(repo, { limit: 2, last: 'b' })).toEqual({ items: ['c'], more: false })
    expect(await tagsOf(repo, { limit: 1, last: 'a' })).toEqual({ items: ['b'], more: true })
    expect(await tagsOf(repo, { limit: 9, last: 'c' })).toEqual({ items: [], more: false })
    expect(await tagsOf(repo, { limit: 0 })).toEqual({ items: [], more: true })
    expect(await tagsOf(repo, { limit: 0, last: 'c' })).toEqual({ items: [], more: false })
    expect((await tagsOf(repo, { limit: Number.MAX_SAFE_INTEGER }))?.items.length).toBe(3)
  })

  test('T4: the last tag of the page before need not exist, nor be a tag', async () => {
    const repo = freshRepo()
    await pushed(store(), repo, image(), { tags: ['a', 'c'] })
    const behind = async (last: string) => (await tagsOf(repo, { limit: 9, last }))?.items
    expect(await behind('b')).toEqual(['c'])
    expect(await behind('')).toEqual(['a', 'c'])
    expect(await behind('a\0')).toEqual(['c'])
    expect(await behind('\0')).toEqual(['a', 'c'])
    expect(await behind('b\0\0z')).toEqual(['c'])
    expect(await behind('~')).toEqual([])
    expect(await behind('é')).toEqual([])
    expect(await behind('\u{1f600}')).toEqual([])
    expect(await behind('\ud800')).toEqual([])
    expect(await behind("a'; DROP TABLE tag; --")).toEqual(['c'])
  })

  test('CO-9: ten thousand random names are listed as they are, whole and in pages', async () => {
    const repo = freshRepo()
    const names = new Set<string>()
    const letters = 'abcXYZ019._-'
    while (names.size < 10_000) {
      const name = [...randomBytes(1 + Math.floor(Math.random() * 8))]
        .map((byte) => letters[byte % 12])
        .join('')
      if (/^[a-zA-Z0-9_]/.test(name)) names.add(name)
    }
    const manifest = image()
    const all = [...names]
    await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        pushed(store(), repo, manifest, { tags: all.slice(at * 100, at * 100 + 100) }),
      ),
    )
    all.sort()
    expect((await tagsOf(repo, { limit: 20_000 }))?.items).toEqual(all)
    expect(await walk((page) => tagsOf(repo, page), 997, String)).toEqual(all)
  }, 60_000)

  test('T5: repositories come in byte order, in pages; those never pushed to are not listed', async () => {
    const space = `list${randomBytes(4).toString('hex')}`
    const names = ['a', 'a-b', 'a/b', 'a.b', 'aa', 'b', 'a/b/c', '0'].map((name) => `${space}/${name}`)
    for (const name of names) await pushed(store(), name as never, image())
    await pushBlob(store(), `${space}/blob` as never)
    await openUpload(store(), `${space}/upload` as never)
    const walked = await walk(
      (page) => store().listRepositories({ limit: page.limit, last: page.last ?? `${space}/` }),
      3,
      String,
    )
    expect(walked.filter((name) => name.startsWith(`${space}/`)).map(String)).toEqual(names.sort())
    expect((await store().listRepositories({ limit: 1, last: `${space}/a/` })).items.map(String)).toEqual([
      `${space}/a/b`,
    ])
  })

  const referrersOf = (repo: ReturnType<typeof freshRepo>, subject: ReturnType<typeof newDigest>) =>
    store().listReferrers(repo, subject, { limit: 100 })

  test('R1: no referrers of anything in an unknown repository', async () => {
    expect(await referrersOf(freshRepo(), newDigest())).toEqual({ items: [], more: false })
  })

  test('R3: a referrer is told with type, size and annotations as they are', async () => {
    const repo = freshRepo()
    const subject = await pushed(store(), repo, image())
    const annotations = '{"b":"\\u0000é","a":"1"}'
    const plain = await pushed(store(), repo, image([], { subject: subject.digest }))
    const full = await pushed(
      store(),
      repo,
      index([], { subject: subject.digest, artifactType: 'application/x.sbom+json', annotations }),
    )
    const { items, more } = await referrersOf(repo, subject.digest)
    expect(more).toBe(false)
    expect([...items].sort((a, b) => Number('annotations' in a) - Number('annotations' in b))).toEqual([
      { mediaType: plain.mediaType, digest: plain.digest, size: 64 },
      {
        mediaType: full.mediaType,
        digest: full.digest,
        size: 64,
        artifactType: 'application/x.sbom+json',
        annotations,
      },
    ])
  })

  test('R4: referrers come in the order of their digests, in pages, of both algorithms', async () => {
    const repo = freshRepo()
    const subject = newDigest('sha512')
    const digests: string[] = []
    for (let at = 0; at < 23; at++) {
      const algorithm = at % 3 === 0 ? 'sha512' : 'sha256'
      digests.push((await pushed(store(), repo, image([], { subject, algorithm }))).digest)
    }
    const list = (page: PageRequest) => store().listReferrers(repo, subject, page)
    for (const limit of [1, 5, 23, 24])
      expect((await walk(list, limit, ({ digest }) => digest)).map(({ digest }) => digest)).toEqual(
        digests.sort() as never,
      )
    expect((await list({ limit: 99, last: 'no digest' })).items.length).toBe(23)
  })

  test('R4: a page of large annotations ends before it is too large', async () => {
    const repo = freshRepo()
    const subject = newDigest()
    const size = 1024 * 1024
    for (let at = 0; at < 6; at++) {
      const annotations = JSON.stringify({ large: 'x'.repeat(size - 20) })
      await pushed(store(), repo, image([], { subject, annotations, size }))
    }
    const first = await store().listReferrers(repo, subject, { limit: 100 })
    expect(first.items.length).toBe(4)
    expect(first.more).toBe(true)
    const last = first.items.at(-1)?.digest ?? ''
    const second = await store().listReferrers(repo, subject, { limit: 100, last })
    expect(second.items.length).toBe(2)
    expect(second.more).toBe(false)
    expect(second.items[0]?.annotations?.length).toBeGreaterThan(size - 30)
  }, 30_000)

  test('R5: referrers are filtered by artifact type, any of several, or none', async () => {
    const repo = freshRepo()
    const subject = newDigest()
    const types = ['a/one', 'a/one', 'b/two', 'c/three', undefined]
    for (const artifactType of types)
      await pushed(store(), repo, image([], { subject, ...(artifactType && { artifactType }) }))
    const count = async (artifactTypes: string[]) =>
      (await store().listReferrers(repo, subject, { limit: 9, artifactTypes })).items.length
    expect(await count(['a/one'])).toBe(2)
    expect(await count(['a/one', 'c/three', 'c/three'])).toBe(3)
    expect(await count([''])).toBe(1)
    expect(await count(['', 'b/two'])).toBe(2)
    expect(await count(['A/ONE'])).toBe(0)
    expect(await count(['nul\0'])).toBe(0)
    expect(await count(Array.from({ length: 600 }, (_, at) => `x/${at}`))).toBe(0)
    const page = await store().listReferrers(repo, subject, { limit: 1, artifactTypes: ['a/one'] })
    expect([page.items.length, page.more]).toEqual([1, true])
  })

  test('R7: a deleted referrer is listed no more; those of a deleted subject stay', async () => {
    const repo = freshRepo()
    const subject = await pushed(store(), repo, image())
    const gone = await pushed(store(), repo, image([], { subject: subject.digest }))
    const stays = await pushed(store(), repo, image([], { subject: subject.digest }))
    await store().deleteManifest(remove(repo, gone.digest))
    await store().deleteManifest(remove(repo, subject.digest))
    const digests = (await referrersOf(repo, subject.digest)).items.map(({ digest }) => digest)
    expect(digests).toEqual([stays.digest])
    await pushed(store(), repo, subject, { now: NOW + 1 })
    expect((await referrersOf(repo, subject.digest)).items.length).toBe(1)
  })

  test('M5: a subject may come later, or be in another repository only', async () => {
    const [repo, other] = [freshRepo(), freshRepo()]
    const subject = image()
    const { digest } = await pushed(store(), repo, image([], { subject: subject.digest }), { sparse: 'none' })
    await pushed(store(), other, subject)
    expect((await referrersOf(repo, subject.digest)).items.map((item) => item.digest)).toEqual([digest])
    expect((await referrersOf(other, subject.digest)).items).toEqual([])
    await pushed(store(), repo, subject)
    expect(await store().deleteManifest(remove(repo, subject.digest))).toEqual({ outcome: 'deleted' })
  })
}
