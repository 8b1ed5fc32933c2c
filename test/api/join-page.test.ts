import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { makeLink } from '../../src/auth/links.ts'
import type { LinkPurpose } from '../../src/store/meta/account-store.ts'
import { CAUSE, DAY, ORIGIN, openApi, PASSWORD, type TestApi } from './fixture.ts'

let api: TestApi
beforeAll(async () => {
  api = await openApi()
  await api.user('olga')
  await api.store.createOrganisation({ name: 'acme', owner: 'olga' }, CAUSE)
})
afterAll(() => api[Symbol.asyncDispose]())

/** The address that a link is handed on by, from the root. */
async function linkFor(purpose: LinkPurpose): Promise<{ path: string; token: string }> {
  const cause = { ...CAUSE, now: api.clock.time }
  const made = await makeLink(api.store, purpose, { origin: ORIGIN, cause })
  const url = new URL(made?.url ?? '')
  return { path: url.pathname + url.search, token: url.searchParams.get('token') ?? '' }
}

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
/** What browsers send with the page's own form: its policy hides where it stands. */
const BROWSER = { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' }

const send = (path: string, fields: Record<string, string>, headers: Record<string, string> = BROWSER) =>
  api.send(path, {
    method: 'POST',
    body: new URLSearchParams(fields).toString(),
    headers: { ...FORM, ...headers },
  })

const filled = (token: string, username: string, more: Record<string, string> = {}) => ({
  token,
  username,
  displayName: '',
  password: PASSWORD,
  repeated: PASSWORD,
  ...more,
})

describe('the page of a link', () => {
  test('has a form that goes to this server alone, and a policy that lets nothing else happen', async () => {
    const { path, token } = await linkFor({ kind: 'invitation', organisation: 'acme', role: 'owner' })
    const response = await api.send(path)
    expect(response.status).toBe(200)
    const policy = (response.headers.get('Content-Security-Policy') ?? '').split('; ')
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("form-action 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy.join()).not.toContain('unsafe')
    expect(response.headers.get('Referrer-Policy')).toBe('no-referrer')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const text = await response.text()
    expect(text).toContain('an owner of acme')
    expect(text).toContain('<form method="post" action="join">')
    expect(text.split(token)).toHaveLength(2)
    expect(text).toContain(`<input type="hidden" name="token" value="${token}">`)
    expect(text).not.toMatch(/<script|<a |<img|<link|http:|https:/i)
  })
  test('looking at it uses nothing up', async () => {
    const { path } = await linkFor({ kind: 'invitation' })
    for (const method of ['GET', 'HEAD', 'GET']) expect((await api.send(path, { method })).status).toBe(200)
  })
  test('is one and the same for a link that never was, is used, or is over', async () => {
    const used = await linkFor({ kind: 'invitation' })
    expect((await send('/join', filled(used.token, 'user1'))).status).toBe(200)
    const over = await linkFor({ kind: 'invitation' })
    api.clock.time += 8 * DAY
    const pages = await Promise.all(
      [used.path, over.path, '/join?token=nonsense', '/join', '/reset'].map(async (path) => {
        const response = await api.send(path)
        return `${response.status} ${await response.text()}`
      }),
    )
    expect(new Set(pages).size).toBe(1)
    expect(pages[0]).toStartWith('403 ')
    expect((await send('/join', filled(over.token, 'user2'))).status).toBe(403)
    expect(await api.store.findAccount('user2')).toBeUndefined()
  })
})

describe('an invitation', () => {
  test('makes an account, a member where one was asked, and says how to go on', async () => {
    const { token } = await linkFor({ kind: 'invitation', organisation: 'acme', role: 'member' })
    const response = await send('/join', filled(token, ' tina ', { displayName: 'Tina <b>' }))
    const text = await response.text()
    expect([response.status, response.headers.get('Set-Cookie')]).toEqual([200, null])
    expect(text).toContain('docker login registry.example.com -u tina')
    expect(text).toContain('berth token add laptop --server registry.example.com')
    expect(text).toContain('docs/guide/login.md')
    expect(text).not.toContain(token)
    expect(await api.store.findAccount('tina')).toMatchObject({
      displayName: 'Tina <b>',
      administrator: false,
    })
    expect(await api.store.listOrganisationsOf('tina')).toEqual([{ organisation: 'acme', role: 'member' }])
    expect((await api.signIn('tina')).cookie).toBeDefined()
    const again = await send('/join', filled(token, 'tina2'))
    expect(again.status).toBe(403)
    expect(await api.store.findAccount('tina2')).toBeUndefined()
  })

  test('is not used up by what is wrong; it is told at its field, and passwords are typed again', async () => {
    const { token } = await linkFor({ kind: 'invitation' })
    const nasty = '"><script>alert(1)</script>'
    for (const [fields, field, status] of [
      [filled(token, 'olga'), 'username', 409],
      [filled(token, nasty, { displayName: nasty }), 'username', 400],
      [filled(token, 'library'), 'username', 400],
      [filled(token, 'ursula', { password: 'short', repeated: 'short' }), 'password', 400],
      [filled(token, 'ursula', { password: 'ursula', repeated: 'ursula' }), 'password', 400],
      [filled(token, 'ursula', { repeated: 'something else' }), 'repeated', 400],
    ] as const) {
      const response = await send('/join', fields)
      const text = await response.text()
      expect([field, response.status]).toEqual([field, status])
      expect(text).toContain(`id="${field}-wrong"`)
      expect(text).toContain(`<form method="post"`)
      expect(text).not.toContain('<script')
      expect(text).not.toContain(PASSWORD)
      expect(text).not.toContain('something else')
      expect(response.headers.get('Content-Security-Policy')).toContain("form-action 'self'")
    }
    expect((await send('/join', filled(token, 'ursula'))).status).toBe(200)
  })

  test('is not taken from another site, nor as another type, nor without end', async () => {
    const { token } = await linkFor({ kind: 'invitation' })
    const fields = filled(token, 'victor')
    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' },
      { 'Sec-Fetch-Site': 'same-site', Origin: 'https://evil.example.com' },
      { 'Sec-Fetch-Site': 'cross-site', Origin: 'null' },
      { Origin: 'https://evil.example' },
    ]) {
      expect((await send('/join', fields, headers)).status).toBe(403)
    }
    const json = { 'Content-Type': 'application/json', ...BROWSER }
    expect((await send('/join', fields, json)).status).toBe(415)
    expect((await send('/join', { ...fields, displayName: 'x'.repeat(20_000) })).status).toBe(413)
    expect((await api.send('/join', { method: 'PUT' })).status).toBe(405)
    expect(await api.store.findAccount('victor')).toBeUndefined()
    expect((await send('/join', fields, { Origin: ORIGIN })).status).toBe(200)
  })

  test('makes nobody an administrator, whatever the form holds', async () => {
    const { token } = await linkFor({ kind: 'invitation' })
    await send(
      '/join',
      filled(token, 'walter', { administrator: 'true', role: 'owner', organisation: 'acme' }),
    )
    expect(await api.store.findAccount('walter')).toMatchObject({ administrator: false })
    expect(await api.store.listOrganisationsOf('walter')).toEqual([])
  })
})

test('a reset sets the password of the user it is for', async () => {
  await api.user('paul')
  const session = await api.signIn('paul')
  const { path, token } = await linkFor({ kind: 'password-reset', user: 'paul' })
  expect(path).toStartWith('/reset?token=')
  const form = await (await api.send(path)).text()
  expect(form).toContain('action="reset"')
  expect(form).toContain('value="paul"')
  const password = 'another canary horse'
  const done = await send('/reset', filled(token, 'olga', { password, repeated: password }))
  expect(done.status).toBe(200)
  expect(await done.text()).toContain('docker login registry.example.com -u paul')
  expect((await api.call('GET /session', { as: session })).result.kind).toBe('anonymous')
  expect((await api.signIn('paul', password)).cookie).toBeDefined()
  expect((await api.signIn('olga')).cookie).toBeDefined()
  expect((await send('/reset', filled(token, 'paul'))).status).toBe(403)
})

test('the first administrator is made by the first link, once', async () => {
  await using fresh = await openApi()
  const made = await makeLink(fresh.store, { kind: 'administrator' }, { origin: ORIGIN, cause: CAUSE })
  const token = new URL(made?.url ?? '').searchParams.get('token') ?? ''
  const post = (username: string) =>
    fresh.send('/join', {
      method: 'POST',
      body: new URLSearchParams(filled(token, username)).toString(),
      headers: { ...FORM, ...BROWSER },
    })
  expect((await post('root1')).status).toBe(200)
  expect(await fresh.store.findAccount('root1')).toMatchObject({ administrator: true })
  expect((await post('root2')).status).toBe(403)
  expect(fresh.log.join()).not.toContain(token)
})

describe('without a link, where sign-up is open', () => {
  let open: TestApi
  beforeAll(async () => {
    open = await openApi({ signUp: 'open' })
  })
  afterAll(() => open[Symbol.asyncDispose]())
  const sendTo = (path: string, fields: Record<string, string>) =>
    open.send(path, {
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
      headers: { ...FORM, ...BROWSER },
    })

  test('there is a form, which makes an account of no administrator', async () => {
    const page = await open.send('/join')
    const text = await page.text()
    expect(page.status).toBe(200)
    expect(text).toContain('<form method="post" action="join">')
    expect(text).toContain('<input type="hidden" name="token" value="">')
    const short = await sendTo('/join', filled('', 'eve', { password: 'x', repeated: 'x' }))
    expect([short.status, (await short.text()).includes('id="password-wrong"')]).toEqual([400, true])
    const made = await sendTo('/join', filled('', 'eve'))
    expect([made.status, (await made.text()).includes('Welcome, eve')]).toEqual([200, true])
    expect(await open.store.findAccount('eve')).toMatchObject({ administrator: false })
    const taken = await sendTo('/join', filled('', 'eve'))
    expect([taken.status, (await taken.text()).includes('id="username-wrong"')]).toEqual([409, true])
  })

  test('a link that is no good is none, and a password is set with a link alone', async () => {
    const pages = ['/join?token=nonsense', '/reset', '/reset?token='].map((path) => open.send(path))
    expect((await Promise.all(pages)).map(({ status }) => status)).toEqual([403, 403, 403])
    expect((await sendTo('/join', filled('nonsense', 'mallory'))).status).toBe(403)
    expect((await sendTo('/reset', filled('', 'mallory'))).status).toBe(403)
    expect(await open.store.findAccount('mallory')).toBeUndefined()
  })

  test('elsewhere nothing is made without one', async () => {
    expect((await send('/join', filled('', 'mallory'))).status).toBe(403)
    expect(await api.store.findAccount('mallory')).toBeUndefined()
  })
})
