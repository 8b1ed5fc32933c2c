import { expect, test } from 'bun:test'
import { parseRepoName, parseTag } from '../../src/core/names.ts'
import { CommitMark } from '../../src/store/meta/commit-mark.ts'
import { cachedReads, type HotReads } from '../../src/store/meta/read-cache.ts'
import { randomBlob } from '../suite/content.ts'

const repo = parseRepoName('a/b')
const reference = { tag: parseTag('latest') }

const SUBJECT = { name: 'alice', kind: 'user', administrator: false, disabled: false } as const

/** A database whose one manifest has the number of the query as its size; `during` happens inside each query. */
function counting(during: () => void = () => {}) {
  const { digest } = randomBlob()
  let queries = 0
  const reads = {
    findBlob: async () => undefined,
    findManifest: async () => {
      during()
      return { digest, mediaType: 'x/y', size: ++queries }
    },
    readManifest: async () => ({ digest, mediaType: 'x/y', size: 1000, bytes: new Uint8Array(1000) }),
    async loadAccess(account, credential) {
      queries++
      const ended = {
        subject: account === undefined ? undefined : { ...SUBJECT, id: account },
        credential: undefined,
        namespace: undefined,
        repository: undefined,
        role: undefined,
        grants: [],
      }
      return { facts: credential === undefined ? ended : { ...ended, credential: {} }, ended, endsAt: 1000 }
    },
  } satisfies HotReads
  return { reads, queries: () => queries }
}

test('answers are kept while nothing is committed, and forgotten behind a commit', async () => {
  const mark = new CommitMark()
  const { reads } = counting()
  const cached = cachedReads(reads, mark, 1e6)
  expect((await cached.findManifest(repo, reference))?.size).toBe(1)
  expect((await cached.findManifest(repo, reference))?.size).toBe(1)
  mark.begin()
  mark.end()
  expect((await cached.findManifest(repo, reference))?.size).toBe(2)
})

test('while a commit is under way every question goes to the database, and nothing of it is kept', async () => {
  const mark = new CommitMark()
  const { reads } = counting()
  const cached = cachedReads(reads, mark, 1e6)
  mark.begin()
  expect((await cached.findManifest(repo, reference))?.size).toBe(1)
  expect((await cached.findManifest(repo, reference))?.size).toBe(2)
  mark.end()
  expect((await cached.findManifest(repo, reference))?.size).toBe(3)
  expect((await cached.findManifest(repo, reference))?.size).toBe(3)
})

test('an answer during whose query a commit began or passed is not kept', async () => {
  for (const passes of [true, false]) {
    const mark = new CommitMark()
    let armed = true
    const { reads } = counting(() => {
      if (!armed) return
      armed = false
      mark.begin()
      if (passes) mark.end()
    })
    const cached = cachedReads(reads, mark, 1e6)
    expect((await cached.findManifest(repo, reference))?.size).toBe(1)
    if (!passes) mark.end()
    expect((await cached.findManifest(repo, reference))?.size).toBe(2)
    expect((await cached.findManifest(repo, reference))?.size).toBe(2)
  }
})

test('what it holds is bounded', async () => {
  const mark = new CommitMark()
  const { reads, queries } = counting()
  const cached = cachedReads(reads, mark, 10_000)
  await cached.findManifest(repo, reference)
  for (let i = 0; i < 20; i++) await cached.readManifest(repo, { tag: parseTag(`t${i}`) })
  await cached.findManifest(repo, reference)
  expect(queries()).toBe(2)
})

test('a failed query is asked again', async () => {
  const { reads } = counting()
  let failing = true
  const cached = cachedReads(
    {
      ...reads,
      findBlob: async () => {
        if (failing) throw new Error('broken')
        return undefined
      },
    },
    new CommitMark(),
    1e6,
  )
  const { digest } = randomBlob()
  await expect(cached.findBlob(repo, digest)).rejects.toThrow('broken')
  failing = false
  expect(await cached.findBlob(repo, digest)).toBeUndefined()
})

test('the facts about a right are kept for each account, credential and repository, and forgotten behind a commit', async () => {
  const mark = new CommitMark()
  const { reads, queries } = counting()
  const cached = cachedReads(reads, mark, 1e6)
  const asked = [{}, { account: 1 }, { account: 1, credential: 2 }, { account: 12 }, { account: 2 }]
  for (let round = 0; round < 2; round++) {
    for (const query of asked)
      expect((await cached.readAccess({ ...query, repo, now: 1 })).subject?.id).toBe(query.account as number)
  }
  expect(queries()).toBe(asked.length)
  await cached.readAccess({ account: 1, repo: parseRepoName('a/c'), now: 1 })
  expect(queries()).toBe(asked.length + 1)
  mark.begin()
  mark.end()
  await cached.readAccess({ account: 1, repo, now: 1 })
  expect(queries()).toBe(asked.length + 2)
})

test('a credential that ends while nothing is committed has ended', async () => {
  const { reads, queries } = counting()
  const cached = cachedReads(reads, new CommitMark(), 1e6)
  const at = async (now: number) =>
    (await cached.readAccess({ account: 1, credential: 2, repo, now })).credential
  expect(await at(999)).toEqual({})
  expect(await at(1000)).toBeUndefined()
  expect(queries()).toBe(1)
})
