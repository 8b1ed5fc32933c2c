import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ImageReader, MAX_IMAGES, MAX_MANIFEST, MAX_READ, MAX_TOLD } from '../../src/api/hub/images.ts'
import { MAX_ITEMS } from '../../src/api/hub/read-list.ts'
import type { Digest } from '../../src/core/digest.ts'
import { VERBS } from '../../src/core/verbs.ts'
import { image, pushTo } from './content.ts'
import { CAUSE, NOW, openApi, PASSWORD, type Proof, type TestApi } from './fixture.ts'

/* What tools made for Docker Hub send, and what they look at in the answers. */

let api: TestApi
let olga: string
let rita: string
const SECOND = 1000

beforeAll(async () => {
  api = await openApi()
  for (const name of ['olga', 'rita', 'otto']) await api.user(name)
  await api.store.createOrganisation({ name: 'acme', owner: 'olga' }, CAUSE)
  await api.store.setGrant(
    { namespace: 'acme', subject: 'user:rita', pattern: 'acme/*', verbs: VERBS.pull },
    CAUSE,
  )
  await pushTo(api.store, 'acme/web', ['old'], { content: image('old', [10, 20]), now: NOW })
  await pushTo(api.store, 'acme/web', ['new'], { content: image('new', [30]), now: NOW + 2 * SECOND })
  await pushTo(api.store, 'acme/web', ['many'], {
    now: NOW + SECOND,
    content: {
      manifests: [
        {
          digest: `sha256:${'1'.repeat(64)}`,
          size: 5,
          platform: { architecture: 'arm64', os: 'linux', variant: 'v8' },
        },
        { digest: `sha256:${'2'.repeat(64)}`, size: 5 },
      ],
    },
  })
  await pushTo(api.store, 'acme/team/tool', ['v1'])
  await pushTo(api.store, 'acme/public', ['v1'])
  await api.store.updateRepository({ name: 'acme/public' as never, visibility: 'public' }, CAUSE)
  olga = await login('olga')
  rita = await login('rita')
})
afterAll(() => api[Symbol.asyncDispose]())

interface Asking {
  readonly method?: string
  readonly token?: string
  readonly scheme?: string
  readonly body?: unknown
}

async function ask(path: string, { method = 'GET', token, scheme = 'JWT', body }: Asking = {}) {
  const response = await api.send(path, {
    method,
    headers: {
      ...(token !== undefined && { Authorization: `${scheme} ${token}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  // biome-ignore lint/suspicious/noExplicitAny: the answers are what tools make of them
  return { status: response.status, headers: response.headers, text, json: (text && JSON.parse(text)) as any }
}

async function login(username: string, password = PASSWORD): Promise<string> {
  const { json } = await ask('/v2/users/login', { method: 'POST', body: { username, password } })
  return json.token
}

const secretOf = ({ authorization = '' }: Proof) => authorization.slice('Bearer '.length)

describe('login', () => {
  test.each(['/v2/users/login', '/v2/users/login/', '/v2/users/login?refresh_token=true'])(
    'at %s',
    async (path) => {
      const { status, json } = await ask(path, {
        method: 'POST',
        body: { username: 'olga', password: PASSWORD },
      })
      expect([status, Object.keys(json)]).toEqual([200, ['token']])
    },
  )
  test('by its newer names, also with a personal access token', async () => {
    const pat = secretOf(await api.token('olga'))
    for (const secret of [PASSWORD, pat]) {
      const { json } = await ask('/v2/auth/token', { method: 'POST', body: { identifier: 'olga', secret } })
      const { status } = await ask('/v2/repositories/acme/web', {
        token: json.access_token,
        scheme: 'Bearer',
      })
      expect(status).toBe(200)
    }
  })
  test('with what is wrong tells nothing of whom there is', async () => {
    const wrong = await ask('/v2/users/login', {
      method: 'POST',
      body: { username: 'olga', password: 'wrong' },
    })
    const nobody = await ask('/v2/users/login', {
      method: 'POST',
      body: { username: 'nobody', password: 'wrong' },
    })
    expect([wrong.status, wrong.text]).toEqual([401, nobody.text])
    // Tools take the answer for an object of texts.
    expect(Object.values(wrong.json).every((value) => typeof value === 'string')).toBe(true)
    expect(wrong.json.detail).toBe(wrong.json.message)
    expect((await ask('/v2/users/login', { method: 'POST', body: { username: 'olga' } })).status).toBe(400)
    expect((await ask('/v2/users/login')).status).toBe(405)
  })
  test('does not widen what the token may', async () => {
    const pat = secretOf(await api.token('olga', { scopes: [{ pattern: 'acme/*', verbs: VERBS.pull }] }))
    const token = await login('olga', pat)
    expect((await ask('/v2/repositories/acme/web/', { token })).status).toBe(200)
    const patch = await ask('/v2/repositories/acme/web/', {
      token,
      method: 'PATCH',
      body: { description: 'x' },
    })
    expect(patch.status).toBe(403)
  })
  test('is written down', async () => {
    const before = (await api.store.listAudit({ action: 'login' }, { limit: 1000 })).items.length
    await login('otto')
    const { items } = await api.store.listAudit({ action: 'login' }, { limit: 1000 })
    expect(items.length).toBe(before + 1)
    expect(items[0]).toMatchObject({ actor: 'otto', result: 'done' })
  })
})

describe('a repository', () => {
  test('has what tools look at, and nothing made up', async () => {
    for (const path of ['/v2/repositories/acme/web', '/v2/repositories/acme/web/']) {
      const { status, json } = await ask(path, { token: rita })
      expect(status).toBe(200)
      expect(json).toMatchObject({
        user: 'acme',
        namespace: 'acme',
        name: 'web',
        is_private: true,
        star_count: 0,
        pull_count: 0,
        full_description: '',
        permissions: { read: true, write: false, admin: false },
      })
      expect(Number.isNaN(Date.parse(json.last_updated))).toBe(false)
    }
    const head = await ask('/v2/repositories/acme/web/', { token: rita, method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
  })
  test('of more parts is found, too', async () => {
    expect((await ask('/v2/repositories/acme/team/tool/', { token: olga })).json.name).toBe('team/tool')
    expect((await ask('/v2/repositories/acme/team/tool/tags/', { token: olga })).json.count).toBe(1)
    expect((await ask('/v2/repositories/acme/team/tool/tags/v1/', { token: olga })).json.name).toBe('v1')
  })
  test('gets its texts, which come back as they are', async () => {
    const full = '# Web\r\n\r\n“quoted” <b>\n'
    // The registry's name is what an old tool sends along.
    const body = { registry: 'registry-1.docker.io', full_description: full, description: 'the web' }
    const { status, json } = await ask('/v2/repositories/acme/web/', { token: olga, method: 'PATCH', body })
    expect([status, json.full_description, json.description]).toEqual([200, full, 'the web'])
    const kept = await ask('/v2/repositories/acme/web', {
      token: olga,
      scheme: 'Bearer',
      method: 'PATCH',
      body: { description: 'shorter' },
    })
    expect([kept.json.full_description, kept.json.description]).toEqual([full, 'shorter'])
    const refused = await ask('/v2/repositories/acme/web/', { token: rita, method: 'PATCH', body })
    expect([refused.status, typeof refused.json.detail]).toEqual([403, 'string'])
    const wrong = await ask('/v2/repositories/acme/web/', {
      token: olga,
      method: 'PATCH',
      body: { description: 5 },
    })
    expect(wrong.status).toBe(400)
  })
  test('becomes public or private', async () => {
    const set = async (is_private: boolean) =>
      (await ask('/v2/repositories/acme/web/', { token: olga, method: 'PATCH', body: { is_private } })).json
        .is_private
    expect(await set(false)).toBe(false)
    expect((await ask('/v2/repositories/acme/web/')).status).toBe(200)
    expect(await set(true)).toBe(true)
  })
  test('is made', async () => {
    const body = {
      namespace: 'acme',
      name: 'fresh',
      description: 'new',
      full_description: 'long',
      is_private: true,
    }
    const make = (token: string, path = '/v2/repositories/') => ask(path, { token, method: 'POST', body })
    expect((await make(rita)).status).toBe(403)
    const made = await make(olga)
    expect([made.status, made.json.name, made.json.full_description]).toEqual([201, 'fresh', 'long'])
    expect((await make(olga, '/v2/repositories')).status).toBe(200)
    body.full_description = 'other'
    expect((await make(olga)).status).toBe(409)
    expect((await ask('/v2/repositories/acme/fresh/', { token: olga })).json.full_description).toBe('long')
  })
  test('is absent to whom it is forbidden', async () => {
    const otto = await login('otto')
    for (const [token, status] of [
      [undefined, 401],
      [otto, 403],
    ] as const) {
      for (const [method, body] of [
        ['GET', undefined],
        ['PATCH', { description: 'x' }],
      ] as const) {
        const options = { method, ...(token !== undefined && { token }), ...(body && { body }) }
        const there = await ask('/v2/repositories/acme/web/', options)
        const absent = await ask('/v2/repositories/acme/absent/', options)
        expect([there.status, absent.status]).toEqual([status, status])
        expect(there.text.replaceAll('acme/web', 'REPO')).toBe(absent.text.replaceAll('acme/absent', 'REPO'))
      }
      const options = token === undefined ? {} : { token }
      const tags = await ask('/v2/repositories/acme/web/tags/?name=none', options)
      const absentTags = await ask('/v2/repositories/acme/absent/tags/?name=none', options)
      expect(tags.text.replaceAll('acme/web', 'REPO')).toBe(absentTags.text.replaceAll('acme/absent', 'REPO'))
      const tag = await ask('/v2/repositories/acme/web/tags/old/', { ...options, method: 'DELETE' })
      expect([tags.status, tag.status]).toEqual([status, status])
    }
    expect((await ask('/v2/repositories/acme/absent/', { token: olga })).status).toBe(404)
  })
})

describe('lists', () => {
  test('of a namespace hold what may be pulled', async () => {
    const names = async (token?: string) =>
      (await ask('/v2/repositories/acme/?ordering=name', token ? { token } : {})).json.results.map(
        ({ name }: { name: string }) => name,
      )
    expect(await names()).toEqual(['public'])
    expect(await names(rita)).toEqual(['public', 'web'])
    // What nothing was pushed to is for those who may push there.
    expect(await names(olga)).toEqual(expect.arrayContaining(['fresh', 'team/tool']))
    expect((await ask('/v2/repositories/nowhere/')).json).toEqual({
      count: 0,
      next: null,
      previous: null,
      results: [],
    })
  })
  test('of tags are cut into numbered pages', async () => {
    const names = ({ json }: { json: { results: { name: string }[] } }) =>
      json.results.map(({ name }) => name)
    const tags = '/v2/repositories/acme/web/tags'
    expect(names(await ask(tags, { token: rita }))).toEqual(['new', 'many', 'old'])
    expect(names(await ask(`${tags}/?ordering=-last_updated`, { token: rita }))).toEqual([
      'old',
      'many',
      'new',
    ])
    expect(names(await ask(`${tags}/?ordering=-name`, { token: rita }))).toEqual(['old', 'new', 'many'])
    expect(names(await ask(`${tags}/?name=ol`, { token: rita }))).toEqual(['old'])
    const first = await ask(`${tags}/?page_size=2&ordering=name`, { token: rita })
    expect(first.json).toMatchObject({ count: 3, previous: null })
    const next = new URL(first.json.next)
    const second = await ask(next.pathname + next.search, { token: rita })
    expect([names(second), second.json.next]).toEqual([['old'], null])
    expect(new URL(second.json.previous).searchParams.get('page')).toBe('1')
    expect((await ask(`${tags}/?page=3&page_size=2`, { token: rita })).status).toBe(404)
    expect((await ask(`${tags}/?page=0`, { token: rita })).status).toBe(400)
    expect((await ask(`${tags}/?page_size=100000`, { token: rita })).status).toBe(200)
  })
})

describe('what a list costs', () => {
  const child = (at: number, word = 'arm64') => ({
    digest: `sha256:${String(at).padStart(64, '0')}`,
    size: 5,
    platform: { architecture: word, os: 'linux' },
  })
  const index = (count: number, note = '') => ({
    manifests: Array.from({ length: count }, (_, at) => child(at)),
    annotations: { note },
  })
  const tagsOf = async (repo: string, query = 'page_size=100') => {
    const { status, text, json } = await ask(`/v2/repositories/${repo}/tags/?${query}`, { token: olga })
    expect(status).toBe(200)
    // biome-ignore lint/suspicious/noExplicitAny: as above
    return { text, json, images: json.results.map((tag: any) => tag.images.length) as number[] }
  }

  test('a page of tags on one long index tells the first images of it, and reads it once', async () => {
    const tags = Array.from({ length: 100 }, (_, at) => `t${at}`)
    await pushTo(api.store, 'acme/long', tags, { content: index(1_000) })
    const { text, images } = await tagsOf('acme/long')
    expect(images[0]).toBe(MAX_IMAGES)
    expect(images.length).toBe(100)
    // What was told, and the tags themselves.
    expect(text.length).toBeLessThan(MAX_TOLD + 100 * 600)
    expect(images.at(-1)).toBe(0)
  })

  test('a manifest that is too large is not looked into', async () => {
    const pushed = await pushTo(api.store, 'acme/huge', ['v1'], { content: index(2_000) })
    expect(pushed.bytes.byteLength).toBeGreaterThan(MAX_MANIFEST)
    const { json, images } = await tagsOf('acme/huge')
    expect([images, json.results[0].full_size]).toEqual([[0], 0])
  })

  test('manifests are read one after another, each once, and no more of them than the bound', async () => {
    const [size, digests] = [MAX_MANIFEST, 40]
    let [open, most] = [0, 0]
    const reads: string[] = []
    const reader = new ImageReader(async (digest) => {
      most = Math.max(most, ++open)
      reads.push(digest)
      await Promise.resolve()
      open--
      const bytes = Buffer.from(JSON.stringify(index(MAX_IMAGES + 1, digest)))
      return { digest, bytes, size: bytes.byteLength, mediaType: 'x/y' }
    })
    const told: number[] = []
    for (let at = 0; at < 2 * digests; at++) {
      const digest = `sha256:${String(at % digests).padStart(64, '0')}` as Digest
      told.push((await reader.behind({ digest, size })).images.length)
    }
    expect([reads.length, new Set(reads).size, most]).toEqual([MAX_READ / size, MAX_READ / size, 1])
    expect(Math.max(...told)).toBe(MAX_IMAGES)
    expect((await reader.behind({ digest: 'sha256:x' as Digest, size: MAX_MANIFEST + 1 })).images).toEqual([])
    expect(reads.length).toBe(MAX_READ / size)
  })

  test('what an index says of itself is told to a length', async () => {
    const manifests = Array.from({ length: MAX_IMAGES }, (_, at) => child(at, 'x'.repeat(5_000)))
    await pushTo(api.store, 'acme/wordy', ['v1'], { content: { manifests } })
    const { json, text } = await tagsOf('acme/wordy')
    expect(json.results[0].images[0].architecture.length).toBe(256)
    expect(text.length).toBeLessThan(MAX_IMAGES * 1_000)
  })

  test('a long list comes in pieces, and whoever follows next sees everything', async () => {
    const all = Array.from({ length: MAX_ITEMS + 3 }, (_, at) => `t${10_000 + at}`)
    await pushTo(api.store, 'acme/many', all)
    const limits: number[] = []
    const describeTags = api.store.describeTags
    Object.assign(api.store, {
      describeTags: (repo: never, page: { limit: number }) => {
        limits.push(page.limit)
        return describeTags(repo, page)
      },
    })
    const names: string[] = []
    let pages = 0
    for (let query: string | null = 'page_size=100&ordering=-name'; query !== null; pages++) {
      const { json }: { json: { next: string | null; count: number; results: { name: string }[] } } =
        await tagsOf('acme/many', query)
      names.push(...json.results.map(({ name }) => name))
      expect(json.count).toBe(pages < 10 ? MAX_ITEMS : 3)
      query = json.next && new URL(json.next).search.slice(1)
    }
    Object.assign(api.store, { describeTags })
    expect([...names].sort()).toEqual(all)
    expect(names.slice(0, MAX_ITEMS)).toEqual(all.slice(0, MAX_ITEMS).reverse())
    // One read a page, of one piece.
    expect(limits).toEqual(Array.from({ length: pages }, () => MAX_ITEMS))
  })
})

describe('a tag', () => {
  test('says its images', async () => {
    const old = (await ask('/v2/repositories/acme/web/tags/old', { token: rita })).json
    expect(old).toMatchObject({ name: 'old', full_size: 30, last_updated: new Date(NOW).toISOString() })
    expect(old.images).toMatchObject([
      { digest: old.digest, size: 30, architecture: null, last_pulled: null },
    ])
    const many = (await ask('/v2/repositories/acme/web/tags/many/', { token: rita })).json
    expect(many.images).toMatchObject([
      { architecture: 'arm64', os: 'linux', variant: 'v8', digest: `sha256:${'1'.repeat(64)}` },
      { architecture: null, os: null, digest: `sha256:${'2'.repeat(64)}` },
    ])
    expect((await ask('/v2/repositories/acme/web/tags/none/', { token: rita })).status).toBe(404)
  })
  test('is deleted by who may', async () => {
    await pushTo(api.store, 'acme/web', ['doomed'], { content: image('doomed') })
    const remove = (token: string) =>
      ask('/v2/repositories/acme/web/tags/doomed/', { token, method: 'DELETE' })
    expect((await remove(rita)).status).toBe(403)
    expect((await remove(olga)).status).toBe(204)
    expect((await remove(olga)).status).toBe(404)
  })
})
