import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import type { RepoName } from '../../../src/core/names.ts'
import { SEARCH_CANDIDATES } from '../../../src/store/meta/search.ts'
import type { MetadataUnderTest } from './fixture.ts'
import { image, openUpload, pushBlob, pushed } from './fixture.ts'

/** `docker search` (PROTOCOL 10.4). Terms are random, so that tests do not find each other's repositories. */
export function searchCases(made: () => MetadataUnderTest, hasDescriptions: boolean) {
  const store = () => made().store
  const term = () => `q${randomBytes(5).toString('hex')}`
  const publish = async (...names: string[]) => {
    for (const name of names) await pushed(store(), name as RepoName, image())
  }
  const find = async (query: string, limit = 100, offset = 0) => {
    const { hits, total } = await store().search({ query, limit, offset })
    return { names: hits.map((hit) => String(hit.name)), total }
  }

  test('search: the exact name first, then prefixes, then anywhere in the name', async () => {
    const q = term()
    await publish(`z/${q}`, `a/x-${q}-y`, `${q}/z`, `${q}/a`, `library/${q}`, `library/${q}er`)
    expect((await find(q)).names).toEqual([
      `library/${q}`,
      `library/${q}er`,
      `${q}/a`,
      `${q}/z`,
      `a/x-${q}-y`,
      `z/${q}`,
    ])
    expect((await find(`${q}/z`)).names).toEqual([`${q}/z`])
    expect((await find(`library/${q}`)).names).toEqual([`library/${q}`, `library/${q}er`])
  })

  test('search: a hit tells what docker shows', async () => {
    const q = term()
    await publish(`library/${q}`, `team/${q}`)
    expect((await store().search({ query: q, limit: 9, offset: 0 })).hits).toEqual([
      { name: `library/${q}` as RepoName, description: '', stars: 0, pulls: 0, official: true },
      { name: `team/${q}` as RepoName, description: '', stars: 0, pulls: 0, official: false },
    ])
  })

  test('search: terms of one and two characters find exact names and prefixes', async () => {
    await publish('7q/inside', 'x7qx/inside', 'library/7q')
    const { names } = await find('7q')
    expect(names.slice(0, 2)).toEqual(['library/7q', '7q/inside'])
    expect(names).not.toContain('x7qx/inside')
    expect((await find('q')).names.length).toBeGreaterThan(0)
  })

  test('search: what was never pushed to is not found', async () => {
    const q = term()
    await pushBlob(store(), `${q}/blob` as RepoName)
    await openUpload(store(), `${q}/upload` as RepoName)
    expect(await find(q)).toEqual({ names: [], total: 0 })
    await publish(`${q}/blob`)
    expect((await find(q.slice(1))).names).toEqual([`${q}/blob`])
  })

  test('search: pages, and counts all of them', async () => {
    const q = term()
    const names = Array.from({ length: 25 }, (_, at) => `${q}/r${String(at).padStart(2, '0')}`)
    await publish(...names)
    expect(await find(q, 10, 0)).toEqual({ names: names.slice(0, 10), total: 25 })
    expect(await find(q, 10, 20)).toEqual({ names: names.slice(20), total: 25 })
    expect(await find(q, 10, 30)).toEqual({ names: [], total: 25 })
    expect(await find(q, 0, 0)).toEqual({ names: [], total: 25 })
    expect((await find(q.slice(1), 100, 0)).names).toEqual(names)
  })

  test('search: upper case, blanks around and NULs do not matter', async () => {
    const q = term()
    await publish(`team/${q}`)
    for (const query of [q.toUpperCase(), `  ${q}\t`, `\0${q}\0`])
      expect((await find(query)).names).toEqual([`team/${q}`])
  })

  test('search: no character means anything', async () => {
    const q = term()
    await publish(`team/${q}-a_b.c`, `team/${q}-aXb`.toLowerCase())
    expect((await find(`${q}-a_b`)).names).toEqual([`team/${q}-a_b.c`])
    expect((await find(`${q}-a%`)).names).toEqual([])
    for (const query of [
      '%%%',
      '___',
      '\\\\\\',
      '"""',
      `"${q}"`,
      `${q}*`,
      `name:${q}`,
      `${q} OR a`,
      `NOT ${q}`,
      `NEAR(${q} a)`,
      `^${q}`,
      `${q}'; DROP TABLE repo; --`,
      '(((',
      '{a b}: c',
      '\ud800\ud800\ud800',
      '\u{1f600}\u{1f600}\u{1f600}',
      'é'.repeat(300),
    ])
      expect(await find(query)).toEqual({ names: [], total: 0 })
  })

  test('search: an empty term lists repositories by name', async () => {
    const { names, total } = await find('', 10)
    expect(names).toEqual([...names].sort())
    expect(total).toBeLessThanOrEqual(SEARCH_CANDIDATES)
    expect(await find('  ', 10)).toEqual({ names, total })
  })

  test('search: a frequent term is counted up to the limit', async () => {
    const q = term()
    const names = Array.from({ length: SEARCH_CANDIDATES + 20 }, (_, at) => `${q}/x${at}`)
    for (let at = 0; at < names.length; at += 100)
      await Promise.all(names.slice(at, at + 100).map((name) => publish(name)))
    const prefix = await find(q, 50, 0)
    expect(prefix).toEqual({ names: names.sort().slice(0, 50), total: SEARCH_CANDIDATES })
    const substring = await find(q.slice(1), 100, SEARCH_CANDIDATES - 10)
    expect([substring.names.length, substring.total]).toEqual([10, SEARCH_CANDIDATES])
  }, 60_000)

  if (!hasDescriptions) return
  test('search: descriptions come last, in any case of letters', async () => {
    const q = term()
    await publish(`aaa/${q}-described`, `zzz/x${q}x`, `aaa/other`)
    const { sql } = made()
    await sql?.(`UPDATE repo SET description = 'The ${q.toUpperCase()} image' WHERE name = 'aaa/other'`)
    await sql?.(`UPDATE repo SET description = 'about ${q}' WHERE name = 'zzz/x${q}x'`)
    expect((await find(q)).names).toEqual([`aaa/${q}-described`, `zzz/x${q}x`, 'aaa/other'])
    const hits = (await store().search({ query: `the ${q}`, limit: 9, offset: 0 })).hits
    expect(hits.map(({ description }) => description)).toEqual([`The ${q.toUpperCase()} image`])
    await sql?.(`UPDATE repo SET description = 'nothing' WHERE name = 'aaa/other'`)
    expect((await find(`the ${q}`)).names).toEqual([])
  })
}
