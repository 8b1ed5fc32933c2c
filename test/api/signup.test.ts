import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { makeLink } from '../../src/auth/links.ts'
import { parseRepoName } from '../../src/core/names.ts'
import type { LinkPurpose } from '../../src/store/meta/account-store.ts'
import { image, pushed } from '../suite/metadata/fixture.ts'
import {
  CAUSE,
  cookieOf,
  DAY,
  NOBODY,
  NOW,
  OPERATES,
  ORIGIN,
  openApi,
  PASSWORD,
  type Proof,
  type TestApi,
} from './fixture.ts'

const signUp = (api: TestApi, username: string, more: object = {}) =>
  api.call('POST /signup', { body: { username, password: PASSWORD, ...more } })

const secretIn = (url: string) => new URL(url).searchParams.get('token') as string

async function linkFor(api: TestApi, purpose: LinkPurpose): Promise<string> {
  const cause = { ...CAUSE, now: api.clock.time }
  const made = await makeLink(api.store, purpose, { origin: ORIGIN, cause })
  return secretIn(made?.url as string)
}

describe('sign-up that is open', () => {
  let api: TestApi
  beforeAll(async () => {
    api = await openApi({ signUp: 'open' })
  })
  afterAll(() => api[Symbol.asyncDispose]())

  test('makes an account of one’s own, of no administrator, and signs nobody in', async () => {
    const { status, result, headers } = await signUp(api, 'alice', {
      displayName: 'Alice',
      email: 'a@example.com',
    })
    expect([status, cookieOf(headers)]).toEqual([201, undefined])
    expect(result).toMatchObject({
      name: 'alice',
      displayName: 'Alice',
      email: 'a@example.com',
      administrator: false,
    })
    expect((await api.call('GET /session', { as: await api.signIn('alice') })).result.name).toBe('alice')
    const { items } = await api.store.listAudit({ action: 'user.create' }, { limit: 1 })
    expect(items[0]).toMatchObject({ actor: 'anonymous', target: 'alice', address: '203.0.113.7' })
  })
  test('takes no name that is taken, reserved or none', async () => {
    await api.store.createOrganisation({ name: 'acme', owner: undefined }, CAUSE)
    for (const [name, status] of [
      ['alice', 409],
      ['acme', 409],
      ['library', 400],
      ['Alice', 400],
      ['acme+ci', 400],
      ['a', 400],
      ['x'.repeat(65), 400],
    ] as const) {
      const { status: told, problem } = await signUp(api, name)
      expect([name, told]).toEqual([name, status])
      if (status === 400) expect(problem.errors?.[0]?.at).toBe('username')
    }
  })
  test('makes nobody an administrator', async () => {
    expect((await signUp(api, 'mallory', { administrator: true })).status).toBe(400)
    expect(await api.store.findAccount('mallory')).toBeUndefined()
  })
  test('gives nobody repositories that were there before; an administrator does', async () => {
    await pushed(api.store, parseRepoName('left/over'), image())
    expect((await signUp(api, 'left')).status).toBe(409)
    expect(await api.store.findAccount('left')).toBeUndefined()
    expect((await api.call('POST /users', { as: OPERATES, body: { name: 'left' } })).status).toBe(201)
    expect((await api.store.findNamespace('left'))?.owner).toEqual({ kind: 'user', name: 'left' })
  })
  test('takes no password that is none, and does not repeat it', async () => {
    for (const password of [
      'short',
      'mallory',
      'a\tb tab in it',
      `berth_pat_${'x'.repeat(46)}`,
      'x'.repeat(1025),
    ]) {
      const { status, problem } = await signUp(api, 'mallory', { password })
      expect([status, problem.errors?.[0]?.at]).toEqual([400, 'password'])
      expect(JSON.stringify(problem).replaceAll('mallory', '')).not.toContain(password)
    }
  })
})

describe('sign-up by invitation', () => {
  let api: TestApi
  let root: Proof
  beforeAll(async () => {
    api = await openApi()
    root = await api.user('root1', { administrator: true })
    await api.user('olga')
    await api.call('POST /organisations', { as: OPERATES, body: { name: 'acme', owner: 'olga' } })
  })
  afterAll(() => api[Symbol.asyncDispose]())
  const inspect = (link: string) => api.call('POST /links/inspect', { body: { link } })

  test('needs a link', async () => {
    const { status, detail } = await signUp(api, 'alice')
    expect(status).toBe(403)
    expect(detail).toContain('invitation')
    expect(await api.store.findAccount('alice')).toBeUndefined()
  })

  test('is by a link of an administrator, once', async () => {
    const { status, result } = await api.call('POST /invitations', { as: root, body: { days: 2 } })
    expect(status).toBe(201)
    expect(result).toMatchObject({ purpose: 'invitation', createdBy: 'root1' })
    expect(Date.parse(result.expiresAt)).toBe(NOW + 2 * DAY)
    expect(result.url).toStartWith(`${ORIGIN}/join?token=berth_lnk_`)
    const link = secretIn(result.url)
    expect((await inspect(link)).result).toMatchObject({ id: result.id, purpose: 'invitation' })
    expect((await signUp(api, 'alice', { link })).status).toBe(201)
    expect((await signUp(api, 'alice2', { link })).status).toBe(404)
    expect((await inspect(link)).status).toBe(404)
    expect(await api.store.findAccount('alice2')).toBeUndefined()
  })

  test('is not used up by a name that is taken', async () => {
    const link = await linkFor(api, { kind: 'invitation' })
    expect((await signUp(api, 'root1', { link })).status).toBe(409)
    expect((await signUp(api, 'UPPER', { link })).status).toBe(400)
    expect((await signUp(api, 'bert', { link, password: 'short' })).status).toBe(400)
    expect((await signUp(api, 'bert', { link })).status).toBe(201)
  })

  test('makes a member of the organisation whose owner invites', async () => {
    const olga = await api.token('olga')
    const asking = { as: olga, path: { organisation: 'acme' } }
    const { result } = await api.call('POST /organisations/{organisation}/invitations', {
      ...asking,
      body: { role: 'owner' },
    })
    expect(result).toMatchObject({ organisation: 'acme', role: 'owner', createdBy: 'olga' })
    const listed = await api.call('GET /organisations/{organisation}/invitations', asking)
    expect(listed.result.items.map(({ id }) => id)).toEqual([result.id])
    // The site's list has none of an organisation, and no secret is in either.
    expect((await api.call('GET /invitations', { as: root })).result.items.map(({ id }) => id)).not.toContain(
      result.id,
    )
    expect(JSON.stringify(listed.result)).not.toContain(secretIn(result.url))
    expect((await signUp(api, 'carl', { link: secretIn(result.url) })).status).toBe(201)
    expect(await api.store.listOrganisationsOf('carl')).toEqual([{ organisation: 'acme', role: 'owner' }])
  })

  test('ends with the link’s time, and with its withdrawal', async () => {
    const link = await linkFor(api, { kind: 'invitation' })
    api.clock.time = NOW + 8 * DAY
    expect((await inspect(link)).status).toBe(404)
    expect((await signUp(api, 'late', { link })).status).toBe(404)
    api.clock.time = NOW
    const { id } = (await inspect(link)).result
    const withdraw = (organisation?: string) =>
      organisation === undefined
        ? api.call('DELETE /invitations/{id}', { as: root, path: { id: String(id) } })
        : api.call('DELETE /organisations/{organisation}/invitations/{id}', {
            as: root,
            path: { organisation, id: String(id) },
          })
    expect((await withdraw('acme')).status).toBe(404)
    expect((await withdraw()).status).toBe(204)
    expect((await withdraw()).status).toBe(404)
    expect((await signUp(api, 'late', { link })).status).toBe(404)
  })

  test('says the same of every link that is no good', async () => {
    const reset = await linkFor(api, { kind: 'password-reset', user: 'olga' })
    const wrong = ['', 'x', `berth_lnk_${'a'.repeat(46)}`, `${reset.slice(0, -1)}`]
    const told = await Promise.all(wrong.map((link) => signUp(api, 'mallory', { link })))
    told.push(await signUp(api, 'mallory', { link: reset }))
    for (const { problem } of told)
      expect({ ...problem, requestId: '' }).toEqual({
        ...(told[0]?.problem as object),
        requestId: '',
      } as never)
    expect(told[0]?.status).toBe(404)
    expect((await inspect(reset)).result).toMatchObject({ purpose: 'password-reset', user: 'olga' })
  })

  test('by a link of the first start makes the administrator, of a namespace that is left, too', async () => {
    await using fresh = await openApi()
    const link = await linkFor(fresh, { kind: 'administrator' })
    const { result } = await signUp(fresh, 'first', { link })
    expect(result.administrator).toBe(true)
    expect((await signUp(fresh, 'second', { link })).status).toBe(404)
    // A second link is of no use once there is an administrator.
    const late = await linkFor(fresh, { kind: 'administrator' })
    expect((await signUp(fresh, 'second', { link: late })).status).toBe(404)
  })
})

describe('sign-up that is closed', () => {
  let api: TestApi
  beforeAll(async () => {
    api = await openApi({ signUp: 'closed' })
    await api.user('olga')
    await api.call('POST /organisations', { as: OPERATES, body: { name: 'acme', owner: 'olga' } })
  })
  afterAll(() => api[Symbol.asyncDispose]())

  test('is refused, with an invitation, too', async () => {
    const link = await linkFor(api, { kind: 'invitation' })
    for (const more of [{}, { link }]) {
      const { status, detail } = await signUp(api, 'alice', more)
      expect(status).toBe(403)
      expect(detail).toContain('administrators')
    }
    expect(await api.store.findAccount('alice')).toBeUndefined()
  })
  test('hands out no link that could not be used', async () => {
    expect((await api.call('POST /invitations', { as: OPERATES, body: {} })).status).toBe(409)
    const as = await api.token('olga')
    const path = { organisation: 'acme' }
    expect((await api.call('POST /organisations/{organisation}/invitations', { as, path })).status).toBe(409)
  })
  test('lets the first administrator in', async () => {
    const link = await linkFor(api, { kind: 'administrator' })
    expect((await signUp(api, 'first', { link })).result.administrator).toBe(true)
  })
})

describe('a reset link', () => {
  let api: TestApi
  let root: Proof
  beforeAll(async () => {
    api = await openApi()
    root = await api.user('root1', { administrator: true })
    await api.user('alice')
  })
  afterAll(() => api[Symbol.asyncDispose]())
  const make = (user: string, as = root) =>
    api.call('POST /users/{user}/password-reset', { as, path: { user } })
  const reset = (link: string, password: string) =>
    api.call('POST /password-resets', { body: { link, password } })

  test('is made by administrators alone, of a user', async () => {
    expect((await make('nobody')).status).toBe(404)
    expect((await make('alice', await api.token('alice'))).status).toBe(403)
    expect((await make('alice', NOBODY)).status).toBe(401)
  })
  test('sets the password once, and ends every session', async () => {
    const session = await api.signIn('alice')
    const { result } = await make('alice')
    expect(result).toMatchObject({ purpose: 'password-reset', user: 'alice', createdBy: 'root1' })
    expect(result.url).toStartWith(`${ORIGIN}/reset?token=berth_lnk_`)
    const link = secretIn(result.url)
    expect((await reset(link, 'short')).status).toBe(400)
    expect((await reset(link, 'the second password')).status).toBe(204)
    expect((await reset(link, 'the third password')).status).toBe(404)
    expect((await api.call('GET /session', { as: session })).result.kind).toBe('anonymous')
    await api.signIn('alice', 'the second password')
    expect(
      (await api.call('POST /session', { body: { username: 'alice', password: PASSWORD } })).status,
    ).toBe(401)
  })
  test('replaces the one before, and an invitation is none', async () => {
    const [first, second] = [await make('alice'), await make('alice')]
    expect((await reset(secretIn(first.result.url), PASSWORD)).status).toBe(404)
    const invitation = await linkFor(api, { kind: 'invitation' })
    expect((await reset(invitation, PASSWORD)).status).toBe(404)
    expect((await reset(secretIn(second.result.url), PASSWORD)).status).toBe(204)
  })
  test('gives a user without a password its first one', async () => {
    expect((await api.call('POST /users', { as: root, body: { name: 'newbie' } })).status).toBe(201)
    expect(
      (await api.call('POST /session', { body: { username: 'newbie', password: PASSWORD } })).status,
    ).toBe(401)
    const { result } = await make('newbie')
    expect((await reset(secretIn(result.url), PASSWORD)).status).toBe(204)
    await api.signIn('newbie')
  })
})
