import { describe, expect, test } from 'bun:test'
import type { Digest } from '../../src/core/digest.ts'
import { parseTag } from '../../src/core/names.ts'
import type { Registry } from '../../src/core/registry.ts'
import type { Answer } from './exchange.ts'
import { fakeRegistry } from './fake-registry.ts'
import { artifact, get, head, IMAGE, PUSHED, pushManifest } from './fixtures.ts'
import { ask, handlerOver, jsonOf, nextOf, REPO } from './stub.ts'

/** Lists beyond a page: streamed, linked, cut by bytes. */

describe('lists', () => {
  const NAMES = Array.from({ length: 25 }, (_, i) => parseTag(`t${String(i).padStart(2, '0')}`))

  function listing(asked: number[] = []): Partial<Registry> {
    return {
      tags: async (_ctx, _repo, { limit, last = '' }) => {
        asked.push(limit)
        const behind = NAMES.filter((name) => name > last)
        return { items: behind.slice(0, limit), more: behind.length > limit }
      },
    }
  }

  test('T3 a long list is streamed page by page, the same list', async () => {
    for (const streamPage of [1, 7, 24, 25, 26]) {
      const asked: number[] = []
      const answer = await ask(handlerOver(listing(asked), { streamPage }), get('/v2/{repo}/tags/list'))
      expect(jsonOf(answer)).toEqual({ name: REPO, tags: NAMES })
      expect(asked).toEqual(Array(Math.ceil(NAMES.length / streamPage)).fill(streamPage))
      expect(answer.headers['Content-Length']).toBe(
        streamPage < 25 ? undefined : String(answer.body?.byteLength),
      )
      expect(answer.headers.Link).toBeUndefined()
    }
  })

  test('T3 HEAD of a long list reads one page', async () => {
    const asked: number[] = []
    const answer = await ask(handlerOver(listing(asked), { streamPage: 5 }), head('/v2/{repo}/tags/list'))
    expect(answer).toMatchObject({ status: 200, body: null })
    expect(asked).toEqual([5])
  })

  test('T3 a list whose tags go while it is streamed ends well', async () => {
    let calls = 0
    const tags: Registry['tags'] = async () =>
      calls++ === 0 ? { items: NAMES.slice(0, 2), more: true } : { items: [], more: false }
    const answer = await ask(handlerOver({ tags }), get('/v2/{repo}/tags/list'))
    expect(jsonOf(answer)).toEqual({ name: REPO, tags: NAMES.slice(0, 2) })
  })

  test('T4 links lead through the whole list, n clamped to the limit', async () => {
    const handler = handlerOver(listing(), { maxPage: 4 })
    const seen: unknown[] = []
    let pages = 0
    for (let next: string | undefined = '/v2/{repo}/tags/list?n=9999'; next !== undefined; pages++) {
      const answer = await ask(handler, get(next))
      seen.push(...(jsonOf(answer).tags as unknown[]))
      next = nextOf(answer)
    }
    expect(seen).toEqual(NAMES)
    expect(pages).toBe(7)
  })

  test('T5 the catalogue has 100 a page by itself, and at most the limit', async () => {
    const asked: number[] = []
    const repositories: Registry['repositories'] = async (_ctx, { limit }) => {
      asked.push(limit)
      return { items: [REPO], more: true }
    }
    const handler = handlerOver({ repositories })
    expect(nextOf(await ask(handler, get('/v2/_catalog')))).toBe(
      `/v2/_catalog?n=100&last=${encodeURIComponent(REPO)}`,
    )
    await ask(handler, get('/v2/_catalog?n=1000'))
    await ask(handler, get('/v2/_catalog?n=1001'))
    expect(asked).toEqual([100, 1000, 1000])
  })
})

describe('referrers by bytes', () => {
  const subject = IMAGE
  const sizes = [
    10, 3000, 10, 900, 900, 900, 10, 5000, 10, 10, 700, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
  ]
  const all = sizes.map((size, i) =>
    artifact(subject, { annotations: { i: String(i), fill: 'x'.repeat(size) } }),
  )

  test('R4 no page is larger than the limit unless one referrer alone is, and links lead through all', async () => {
    const base = fakeRegistry()
    const pusher = handlerOver({}, {}, base)
    for (const asked of [...PUSHED, ...all.map((each) => pushManifest(each))])
      expect((await ask(pusher, asked)).status).toBeLessThan(300)
    const limit = 4096
    const reads: number[] = []
    const counting: Partial<Registry> = {
      referrers: (ctx, repo, of, page) => {
        reads.push(page.limit)
        return base.referrers(ctx, repo, of, page)
      },
    }
    const handler = handlerOver(counting, { referrersPageBytes: limit }, base)
    const seen: string[] = []
    for (let next: string | undefined = `/v2/{repo}/referrers/${subject.digest}`; next !== undefined; ) {
      const answer: Answer = await ask(handler, get(next))
      const manifests = jsonOf(answer).manifests as { digest: string }[]
      expect(manifests.length).toBeGreaterThan(0)
      if (manifests.length > 1) expect(answer.body?.byteLength).toBeLessThanOrEqual(limit)
      seen.push(...manifests.map((each) => each.digest))
      next = nextOf(answer)
    }
    expect(seen).toEqual(all.map((each) => each.digest as string).sort())
    expect(Math.max(...reads)).toBeLessThanOrEqual(16)
  })

  test('R4 no more is read than is likely to fit', async () => {
    const reads: number[] = []
    let read = 0
    const referrers: Registry['referrers'] = async (_ctx, _repo, _subject, { limit }) => {
      reads.push(limit)
      const items = Array.from({ length: limit }, () => ({
        mediaType: 'x/y',
        digest: `sha256:${String(read++).padStart(64, '0')}` as Digest,
        size: 1,
        annotations: `{"fill":"${'x'.repeat(1000)}"}`,
      }))
      return { items, more: true }
    }
    const handler = handlerOver({ referrers }, { referrersPageBytes: 40_000 })
    const answer = await ask(handler, get(`/v2/{repo}/referrers/${subject.digest}`))
    expect(answer.body?.byteLength).toBeLessThanOrEqual(40_000)
    expect(reads[0]).toBe(16)
    expect(read).toBeLessThan(40)
  })

  test('R4 a page has at most the limit of referrers, however small', async () => {
    let read = 0
    const referrers: Registry['referrers'] = async (_ctx, _repo, _subject, { limit }) => {
      const items = Array.from({ length: limit }, () => ({
        mediaType: 'x/y',
        digest: `sha256:${String(read++).padStart(64, '0')}` as Digest,
        size: 1,
      }))
      return { items, more: true }
    }
    const answer = await ask(handlerOver({ referrers }), get(`/v2/{repo}/referrers/${subject.digest}`))
    const manifests = jsonOf(answer).manifests as { digest: string }[]
    expect(manifests).toHaveLength(1000)
    expect(nextOf(answer)).toContain(`last=${encodeURIComponent(manifests.at(-1)?.digest as string)}`)
  })
})
