import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { FIRST_ADMINISTRATOR, FirstStartError, firstStart } from '../../src/auth/first-start.ts'
import { findLink, LINK_SECONDS, lookupOfLink, makeLink } from '../../src/auth/links.ts'
import { argon2id } from '../../src/auth/password-hash.ts'
import { newSecret } from '../../src/auth/secrets.ts'
import { openSqlite } from '../../src/store/meta/sqlite.ts'
import { rejection } from '../suite/metadata/fixture.ts'
import { tempFolder } from '../testbed/temp.ts'
import { CAUSE, NOW, ORIGIN } from './logins.ts'

const DAY = 86_400_000
const GOOD = 'a good password'

async function openEmpty() {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const store = await openSqlite(join(folder.path, 'berth.db'), { unsafeNoFsync: true })
  stack.defer(() => store.close())
  const owned = stack.move()
  const start = (adminPassword?: string, now = NOW) =>
    firstStart({
      accounts: store,
      hasher: argon2id,
      adminPassword,
      passwordMinLength: 10,
      origin: ORIGIN,
      now,
    })
  return { store, start, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function startedWithLink(on: Awaited<ReturnType<typeof openEmpty>>): Promise<string> {
  const started = await on.start()
  if (started.kind !== 'link') throw new Error(started.kind)
  return secretOf(started.link.url)
}

const secretOf = (url: string) => new URL(url).searchParams.get('token') as string

describe('the first start', () => {
  test('gives a link for the log, which makes an administrator, once', async () => {
    await using on = await openEmpty()
    const started = await on.start()
    if (started.kind !== 'link') throw new Error(started.kind)
    expect(started.link).toMatchObject({ expiresAt: NOW + DAY })
    expect(started.link.url).toMatch(
      /^https:\/\/registry\.example\.com\/join\?token=berth_lnk_[0-9A-Za-z]{46}$/,
    )
    const link = lookupOfLink(secretOf(started.link.url)) as Uint8Array
    const join = (name: string) =>
      on.store.createUser({ name, administrator: false, password: 'x', link }, { ...CAUSE, now: NOW + 1 })
    expect(await join('ada')).toMatchObject({ outcome: 'created', account: { administrator: true } })
    expect(await join('eve')).toEqual({ outcome: 'no-link' })
    expect(await on.start()).toEqual({ kind: 'ready' })
  })

  test('gives another link at each start, and the former is void', async () => {
    await using on = await openEmpty()
    const first = await startedWithLink(on)
    const second = await startedWithLink(on)
    expect(second).not.toBe(first)
    expect(await findLink(on.store, first, NOW)).toBeUndefined()
    expect(await findLink(on.store, second, NOW)).toMatchObject({ purpose: { kind: 'administrator' } })
  })

  test('has no link any more once somebody else made an administrator', async () => {
    await using on = await openEmpty()
    const link = await startedWithLink(on)
    expect(await on.store.listLinks(undefined, NOW)).toHaveLength(1)
    await on.store.createUser({ name: 'ada', administrator: true, password: 'x' }, CAUSE)
    expect(await findLink(on.store, link, NOW)).toBeUndefined()
    expect(await on.store.listLinks(undefined, NOW)).toEqual([])
  })

  test('makes admin with BERTH_ADMIN_PASSWORD, and lets it be afterwards', async () => {
    await using on = await openEmpty()
    expect(await on.start(GOOD)).toEqual({ kind: 'made', name: FIRST_ADMINISTRATOR })
    const found = await on.store.findPassword('admin')
    expect(await argon2id.verify(GOOD, found?.verifier ?? '')).toBe(true)
    expect(await on.store.findAccount('admin')).toMatchObject({ administrator: true, kind: 'user' })
    // Nor does another value change the password.
    expect(await on.start('another password')).toEqual({ kind: 'ready' })
    expect(await on.start('short')).toEqual({ kind: 'ready' })
    expect((await on.store.findPassword('admin'))?.verifier).toBe(found?.verifier)
  })

  const bad: [password: string, says: RegExp][] = [
    ['short', /^BERTH_ADMIN_PASSWORD: the password has 5 characters; use at least 10$/],
    ['x'.repeat(1025), /use at most 1024/],
    [newSecret('token').secret, /looks like a token/],
  ]
  test.each(bad)('refuses the password %p without telling it', async (password, says) => {
    await using on = await openEmpty()
    const error = await rejection(on.start(password))
    expect(error).toBeInstanceOf(FirstStartError)
    expect(error.message).toMatch(says)
    expect(error.message).not.toContain(password)
    expect(await on.store.findAccount('admin')).toBeUndefined()
  })

  test('does not make somebody else’s account an administrator', async () => {
    await using on = await openEmpty()
    await on.store.createUser({ name: 'admin', administrator: false, password: undefined }, CAUSE)
    const error = await rejection(on.start(GOOD))
    expect(error).toBeInstanceOf(FirstStartError)
    expect(error.message).toContain('there is an account admin already')
    expect(await startedWithLink(on)).toStartWith('berth_lnk_')
  })

  test('of two servers at once makes one administrator', async () => {
    await using on = await openEmpty()
    const kinds = (await Promise.all([on.start(GOOD), on.start(GOOD)])).map(({ kind }) => kind)
    expect(kinds.toSorted()).toEqual(['made', 'ready'])
    expect(await on.store.countAdministrators()).toBe(1)
  })
})

describe('one-time links', () => {
  const made = async (on: Awaited<ReturnType<typeof openEmpty>>, purpose: Parameters<typeof makeLink>[1]) =>
    makeLink(on.store, purpose, { origin: ORIGIN, cause: CAUSE })

  test('end when they say', async () => {
    await using on = await openEmpty()
    const link = await made(on, { kind: 'invitation' })
    const secret = secretOf(link?.url as string)
    const end = NOW + LINK_SECONDS.invitation * 1000
    expect(link?.expiresAt).toBe(end)
    expect(await findLink(on.store, secret, end - 1)).toMatchObject({ purpose: { kind: 'invitation' } })
    expect(await findLink(on.store, secret, end)).toBeUndefined()
  })

  test('are nothing else, and nothing else is one', async () => {
    await using on = await openEmpty()
    for (const text of ['', 'x', newSecret('token').secret, newSecret('link').secret.slice(0, -1)]) {
      expect(lookupOfLink(text)).toBeUndefined()
      expect(await findLink(on.store, text, NOW)).toBeUndefined()
    }
    expect(await findLink(on.store, newSecret('link').secret, NOW)).toBeUndefined()
  })

  test('set a password, and are not made for who is not there', async () => {
    await using on = await openEmpty()
    expect(await made(on, { kind: 'password-reset', user: 'zoe' })).toBeUndefined()
    expect(await made(on, { kind: 'invitation', organisation: 'acme' })).toBeUndefined()
    await on.store.createUser({ name: 'zoe', administrator: false, password: undefined }, CAUSE)
    const reset = await made(on, { kind: 'password-reset', user: 'zoe' })
    expect(reset?.url).toStartWith(`${ORIGIN}/reset?token=berth_lnk_`)
    const link = lookupOfLink(secretOf(reset?.url as string)) as Uint8Array
    expect(await on.store.setPassword({ user: 'zoe', verifier: 'x', link }, CAUSE)).toBe('done')
    expect(await on.store.setPassword({ user: 'zoe', verifier: 'y', link }, CAUSE)).toBe('no-link')
  })
})
