import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { parseRepoName } from '../../src/core/names.ts'
import { VERBS } from '../../src/core/verbs.ts'
import { openUpload } from '../suite/metadata/fixture.ts'
import { image, pushTo } from './content.ts'
import { CAUSE, NOBODY, NOW, OPERATES, openApi, type Proof, type TestApi } from './fixture.ts'

let api: TestApi
let olga: Proof
let rita: Proof
let will: Proof
let stranger: Proof

const grant = (subject: string, pattern: string, verbs: number) =>
  api.store.setGrant({ namespace: 'acme', subject, pattern, verbs }, CAUSE)

beforeAll(async () => {
  api = await openApi()
  olga = await api.user('olga')
  rita = await api.user('rita')
  will = await api.user('will')
  stranger = await api.user('stranger')
  await api.store.createOrganisation({ name: 'acme', owner: 'olga' }, CAUSE)
  await grant('user:rita', 'acme/private', VERBS.pull)
  await grant('user:will', 'acme/*', VERBS.push)
  await pushTo(api.store, 'acme/private', ['latest'])
  await pushTo(api.store, 'acme/public', ['latest'])
  await api.store.updateRepository({ name: 'acme/public' as never, visibility: 'public' }, CAUSE)
})
afterAll(() => api[Symbol.asyncDispose]())

const get = (repository: string, as: Proof) =>
  api.call('GET /repositories/{repository}', { as, path: { repository } })

describe('a list', () => {
  const names = async (as: Proof, query = {}) =>
    (await api.call('GET /repositories', { as, query })).result.items.map(({ name }) => name)

  test('holds what whoever asks may pull', async () => {
    expect(await names(NOBODY)).toEqual(['acme/public'])
    expect(await names(stranger)).toEqual(['acme/public'])
    expect(await names(rita)).toEqual(['acme/private', 'acme/public'])
    expect(await names(OPERATES)).toEqual(['acme/private', 'acme/public'])
    const narrow = await api.token('olga', { scopes: [{ pattern: 'acme/private', verbs: VERBS.pull }] })
    expect(await names(narrow)).toEqual(['acme/private'])
  })
  test('is read page by page', async () => {
    const first = (await api.call('GET /repositories', { as: olga, query: { limit: '1' } })).result
    expect(first).toMatchObject({ next: 'acme/private', items: [{ name: 'acme/private' }] })
    const second = await api.call('GET /repositories', {
      as: olga,
      query: { limit: '1', after: 'acme/private' },
    })
    expect(second.result.items.map(({ name }) => name)).toEqual(['acme/public'])
    expect(second.result.next).toBeUndefined()
    for (const limit of ['0', '1001', '-1', 'x']) {
      expect((await api.call('GET /repositories', { as: olga, query: { limit } })).status).toBe(400)
    }
  })
  test('of one namespace', async () => {
    await api.call('POST /repositories', { as: olga, body: { name: 'olga/own' } })
    expect(await names(olga, { namespace: 'olga' })).toEqual(['olga/own'])
    expect(await names(stranger, { namespace: 'olga' })).toEqual([])
    expect(await names(olga, { namespace: 'nowhere' })).toEqual([])
  })
})

describe('making one', () => {
  const make = (as: Proof, body: object) => api.call('POST /repositories', { as, body: body as never })

  test('needs push on the name', async () => {
    const made = await make(will, { name: 'acme/made', description: 'made by will' })
    expect([made.status, made.headers.get('ETag')]).toEqual([201, '"1"'])
    expect(made.result).toMatchObject({ visibility: 'private', published: false, readme: '' })
    expect((await make(NOBODY, { name: 'acme/x' })).status).toBe(401)
    const [there, absent, nowhere] = await Promise.all([
      make(stranger, { name: 'acme/private' }),
      make(stranger, { name: 'acme/absent' }),
      make(stranger, { name: 'nowhere/absent' }),
    ])
    expect([there.status, absent.status, nowhere.status]).toEqual([403, 403, 403])
    expect(there.detail.replaceAll('acme/private', 'REPO')).toBe(
      absent.detail.replaceAll('acme/absent', 'REPO'),
    )
    expect((await make(rita, { name: 'acme/private' })).status).toBe(403)
  })
  test('again with the same properties changes nothing', async () => {
    const again = await make(will, { name: 'acme/made', description: 'made by will' })
    expect([again.status, again.result.version]).toEqual([200, 1])
    expect((await make(will, { name: 'acme/made' })).status).toBe(200)
    expect((await make(will, { name: 'acme/made', description: 'other' })).status).toBe(409)
  })
  test('leaves to administrators who may see it', async () => {
    expect((await make(will, { name: 'acme/open', visibility: 'public' })).status).toBe(403)
    expect((await make(will, { name: 'acme/closed', visibility: 'private' })).status).toBe(201)
    expect((await make(olga, { name: 'acme/open', visibility: 'public' })).result.visibility).toBe('public')
  })
  test('needs a namespace, and a name', async () => {
    expect((await make(OPERATES, { name: 'nowhere/x' })).status).toBe(404)
    expect((await make(OPERATES, { name: 'official' })).result).toMatchObject({ name: 'library/official' })
    expect((await make(olga, { name: 'acme/-/x' })).status).toBe(400)
    expect((await make(olga, { name: 'acme/UPPER' })).status).toBe(400)
    expect((await make(olga, { name: 'acme/x', stars: 5 })).status).toBe(400)
  })
})

describe('one of them', () => {
  test('says what whoever asks may do', async () => {
    expect((await get('acme/private', rita)).result.verbs).toEqual(['pull'])
    expect((await get('acme/public', NOBODY)).result.verbs).toEqual(['pull'])
    expect((await get('acme/private', olga)).result.verbs).toContain('admin')
  })
  test('is absent to whom it is forbidden', async () => {
    for (const [as, status] of [
      [NOBODY, 401],
      [stranger, 403],
    ] as const) {
      const there = await get('acme/private', as)
      const absent = await get('acme/absent', as)
      expect([there.status, absent.status]).toEqual([status, status])
      const plain = ({ problem }: typeof there, name: string) =>
        JSON.stringify({ ...problem, requestId: '' }).replaceAll(name, 'REPO')
      expect(plain(there, 'acme/private')).toBe(plain(absent, 'acme/absent'))
      expect(there.headers.get('WWW-Authenticate')).toBe(absent.headers.get('WWW-Authenticate'))
    }
    const none = await get('acme/absent', olga)
    expect([none.status, none.detail]).toEqual([404, expect.stringContaining('berth repo add acme/absent')])
  })
  test('is changed at the version that was read, by who administers it', async () => {
    const change = (as: Proof, body: object, version?: number) =>
      api.call('PATCH /repositories/{repository}', {
        as,
        path: { repository: 'acme/private' },
        body,
        ...(version !== undefined && { version }),
      })
    const { version } = (await get('acme/private', olga)).result
    const readme = '# Web\n\n<script>alert(1)</script>\n'
    const changed = await change(olga, { description: 'the web', readme }, version)
    expect(changed.result).toMatchObject({ description: 'the web', readme, version: version + 1 })
    expect((await change(olga, { description: 'late' }, version)).status).toBe(412)
    expect((await change(olga, { description: 'the web' })).result.version).toBe(version + 1)
    expect((await change(will, { description: 'no' })).status).toBe(403)
    expect((await change(olga, { official: true })).status).toBe(400)
    expect((await change(olga, { readme: 'x'.repeat(256 * 1024 + 1) })).status).toBe(400)
    const { items } = await api.store.listAudit(
      { action: 'repository.update', namespace: 'acme' },
      { limit: 1 },
    )
    expect(items[0]).toMatchObject({ actor: 'olga', target: 'acme/private' })
  })
})

describe('tags', () => {
  const path = { repository: 'acme/tags' } as const
  let digest: string
  beforeAll(async () => {
    ;({ digest } = await pushTo(api.store, 'acme/tags', ['v1', 'v1.0', 'v2', 'aa', 'a0aa', 'V1'], {
      now: NOW + 5,
    }))
    await pushTo(api.store, 'acme/tags', ['latest'], { content: image('newest') })
  })
  const list = async (query: object) =>
    (await api.call('GET /repositories/{repository}/-/tags', { as: olga, path, query: { ...query } })).result

  test('are listed by name, filtered, page by page', async () => {
    const all = (await list({})).items.map(({ name }) => name)
    expect(all).toEqual(['V1', 'a0aa', 'aa', 'latest', 'v1', 'v1.0', 'v2'])
    expect((await list({ filter: 'v1' })).items.map(({ name }) => name)).toEqual(['v1', 'v1.0'])
    const walked: string[] = []
    let after: string | undefined
    do {
      const page = await list({ limit: '3', ...(after !== undefined && { after }) })
      walked.push(...page.items.map(({ name }) => name))
      after = page.next
    } while (after !== undefined)
    expect(walked).toEqual(all)
  })
  test('are looked at one by one', async () => {
    for (const tag of ['V1', 'a0aa', 'aa', 'v1', 'v1.0', 'v2']) {
      const one = await api.call('GET /repositories/{repository}/-/tags/{tag}', {
        as: olga,
        path: { ...path, tag },
      })
      expect(one.result).toMatchObject({ name: tag, digest, updatedAt: new Date(NOW + 5).toISOString() })
    }
    for (const tag of ['v', 'v1.', 'a', 'aaa', 'a0', 'zzz', '0']) {
      const one = await api.call('GET /repositories/{repository}/-/tags/{tag}', {
        as: olga,
        path: { ...path, tag },
      })
      expect([tag, one.status]).toEqual([tag, 404])
    }
  })
  test('are deleted by who may', async () => {
    const remove = (as: Proof, tag: string) =>
      api.call('DELETE /repositories/{repository}/-/tags/{tag}', { as, path: { ...path, tag } })
    expect((await remove(will, 'v2')).status).toBe(403)
    expect((await remove(olga, 'v2')).status).toBe(204)
    expect((await remove(olga, 'v2')).status).toBe(404)
    expect((await remove(olga, '-x')).status).toBe(400)
  })
})

describe('manifests', () => {
  const path = { repository: 'acme/manifests' } as const

  test('are listed, and given as they were pushed', async () => {
    const pushed = await pushTo(api.store, 'acme/manifests', ['a'])
    await pushTo(api.store, 'acme/manifests', ['b'], { content: { manifests: [] } })
    const { items } = (await api.call('GET /repositories/{repository}/-/manifests', { as: olga, path }))
      .result
    expect(items).toHaveLength(2)
    expect(items.find(({ digest }) => digest === pushed.digest)).toMatchObject({ size: pushed.bytes.length })
    const response = await api.send(
      `/api/v1/repositories/acme/manifests/-/manifests/${pushed.digest}`,
      {},
      { as: olga },
    )
    expect(await response.text()).toBe(pushed.bytes.toString())
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(response.headers.get('Docker-Content-Digest')).toBe(pushed.digest)
    const head = await api.send(
      `/api/v1/repositories/acme/manifests/-/manifests/${pushed.digest}`,
      { method: 'HEAD' },
      { as: olga },
    )
    expect([head.status, head.headers.get('Content-Length'), await head.text()]).toEqual([
      200,
      String(pushed.bytes.length),
      '',
    ])
  })
  test('are deleted with their tags', async () => {
    const { digest } = await pushTo(api.store, 'acme/manifests', ['c'], { content: image('gone') })
    const remove = (as: Proof) =>
      api.call('DELETE /repositories/{repository}/-/manifests/{digest}', { as, path: { ...path, digest } })
    expect((await remove(will)).status).toBe(403)
    expect((await remove(olga)).status).toBe(204)
    expect((await remove(olga)).status).toBe(404)
    const tag = await api.call('GET /repositories/{repository}/-/tags/{tag}', {
      as: olga,
      path: { ...path, tag: 'c' },
    })
    expect(tag.status).toBe(404)
  })
})

test('a push that was only begun puts no name into the lists of those who may not push there', async () => {
  const namespace = 'begun'
  const owner = await api.user(namespace)
  const reader = await api.user('reader1')
  const writer = await api.user('writer1')
  await api.store.updateNamespace({ name: namespace, defaultVisibility: 'public' }, CAUSE)
  for (const [subject, verbs] of [
    ['user:reader1', VERBS.pull],
    ['user:writer1', VERBS.pull | VERBS['create-tag']],
    ['everyone', VERBS.pull],
  ] as const)
    await api.store.setGrant({ namespace, subject, pattern: 'begun/*', verbs }, CAUSE)
  await openUpload(api.store, parseRepoName('begun/secret-name'))
  await pushTo(api.store, 'begun/shown', ['a'])
  const names = async (as: Proof) =>
    (await api.call('GET /repositories', { as, query: { namespace } })).result.items.map(({ name }) => name)
  for (const as of [NOBODY, reader, stranger]) expect(await names(as)).toEqual(['begun/shown'])
  for (const as of [owner, writer, OPERATES])
    expect(await names(as)).toEqual(['begun/secret-name', 'begun/shown'])
})

test('search finds what whoever asks may see', async () => {
  const find = async (as: Proof, query: Record<string, string>) =>
    (await api.call('GET /search', { as, query })).result.items.map(({ name }) => String(name))
  expect(await find(NOBODY, { q: 'acme/p' })).toEqual(['acme/public'])
  expect((await find(rita, { q: 'acme/p' })).sort()).toEqual(['acme/private', 'acme/public'])
  expect(await find(olga, { q: 'acme/p', limit: '1', page: '2' })).toHaveLength(1)
  expect((await api.call('GET /search', { as: NOBODY })).status).toBe(400)
})

describe('why', () => {
  const ask = (as: Proof, query: Record<string, string>) => api.call('GET /access', { as, query })
  const about = { verb: 'push', repository: 'acme/private' }

  test('anyone who is signed in may ask about oneself', async () => {
    const mine = await ask(will, about)
    expect(mine.result).toMatchObject({ allowed: true, subject: 'will', because: { kind: 'grant' } })
    expect((await ask(rita, about)).result).toMatchObject({ allowed: false, because: { kind: 'no-right' } })
    expect((await ask(rita, { ...about, subject: 'user:rita' })).status).toBe(200)
    expect((await ask(NOBODY, about)).status).toBe(401)
    const narrow = await api.token('will', { scopes: [{ pattern: 'acme/*', verbs: VERBS.pull }] })
    expect((await ask(narrow, about)).result).toMatchObject({
      allowed: false,
      because: { kind: 'token-scopes' },
    })
  })
  test('a stranger learns nothing of what is there', async () => {
    const plain = async (repository: string) =>
      JSON.stringify((await ask(stranger, { ...about, repository })).result).replaceAll(repository, 'REPO')
    expect(await plain('acme/private')).toBe(await plain('acme/absent'))
  })
  test('is asked of who does something, and neither a team nor everyone does', async () => {
    const wrong = [
      'team:acme/devs',
      'everyone',
      '',
      'user:',
      'robot:',
      'user:everyone',
      'user:anyone',
      'Not a name',
    ]
    for (const subject of [...wrong, 'robot:will', 'user:acme+ci', 'user:user:will', 'robot:will+']) {
      const { status, detail } = await ask(will, { ...about, subject })
      expect([subject, status, detail]).toEqual([
        subject,
        400,
        expect.stringContaining('say a user or robot'),
      ])
    }
    expect((await ask(olga, { ...about, subject: 'robot:acme+ci' })).result.subject).toBe('acme+ci')
  })
  test('about others only who administers the repository', async () => {
    expect((await ask(olga, { ...about, subject: 'rita' })).result).toMatchObject({
      allowed: false,
      subject: 'rita',
    })
    expect((await ask(OPERATES, { ...about, subject: 'will' })).result.allowed).toBe(true)
    expect((await ask(olga, { ...about, subject: 'anonymous' })).result.allowed).toBe(false)
    const [there, absent] = await Promise.all([
      ask(stranger, { ...about, subject: 'rita' }),
      ask(stranger, { ...about, subject: 'nobody' }),
    ])
    expect([there.status, absent.status]).toEqual([403, 403])
    expect(there.detail).toBe(absent.detail)
    expect((await ask(will, { ...about, subject: 'rita' })).status).toBe(403)
    expect((await ask(OPERATES, about)).status).toBe(400)
  })
})
