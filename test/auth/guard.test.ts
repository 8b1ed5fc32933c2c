import { beforeEach, describe, expect, test } from 'bun:test'
import { AccessGuard } from '../../src/auth/guard.ts'
import { type Context, OPERATOR } from '../../src/core/context.ts'
import { type Digest, digestOf } from '../../src/core/digest.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { parseRepoName } from '../../src/core/names.ts'
import { ALL_VERBS, type Verb, verbSet, verbsIn } from '../../src/core/verbs.ts'
import { account, contextOf, FactTable, nobody, TestClock, tokenFor } from './rights.ts'

const WEB = parseRepoName('acme/web')
const SECRET = parseRepoName('acme/secret')
const ABSENT = parseRepoName('acme/absent')
const OPEN = parseRepoName('acme/open')
const DIGEST: Digest = digestOf('x')

const OWNER = 1
const READER = 2
const STRANGER = 3
const ADMIN = 4
const TAGGER = 5
const WRITER = 6

let table: FactTable
let guard: AccessGuard

beforeEach(() => {
  table = new FactTable()
  guard = new AccessGuard(table, new TestClock())
  table.user(OWNER, 'acme')
  table.user(READER, 'reader')
  table.user(STRANGER, 'stranger')
  table.user(ADMIN, 'admin', { administrator: true })
  table.user(TAGGER, 'tagger')
  table.user(WRITER, 'writer')
  table.repository('acme/web', 'private', 'identity-1')
  table.repository('acme/secret', 'private')
  table.repository('acme/open', 'public')
  table.grant(READER, 'acme/web', ['pull'])
  table.grant(TAGGER, 'acme/web', ['create-tag'])
  table.grant(WRITER, 'acme/**', ['push'])
})

async function refusal(asked: () => unknown): Promise<RegistryError> {
  try {
    await asked()
  } catch (error) {
    if (error instanceof RegistryError) return error
    throw error
  }
  throw new Error('it was let through')
}

const required = (ctx: Context, repo: typeof WEB, verb: Verb) => refusal(() => guard.require(ctx, repo, verb))

describe('what is let through', () => {
  const rows: [string, () => Context, typeof WEB, Verb[]][] = [
    ['the operator', () => contextOf(OPERATOR), SECRET, verbsIn(ALL_VERBS)],
    ['a site administrator', () => contextOf(account(ADMIN, 'admin')), ABSENT, verbsIn(ALL_VERBS)],
    ['who owns the namespace', () => contextOf(account(OWNER, 'acme')), ABSENT, verbsIn(ALL_VERBS)],
    ['a reader', () => contextOf(account(READER, 'reader')), WEB, ['pull']],
    ['who may add tags', () => contextOf(account(TAGGER, 'tagger')), WEB, ['pull', 'create-tag']],
    ['a writer', () => contextOf(account(WRITER, 'writer')), ABSENT, ['pull', 'push', 'create-tag']],
    ['nobody, of what is public', () => contextOf(nobody()), OPEN, ['pull']],
    ['a stranger, of what is public', () => contextOf(account(STRANGER, 'stranger')), OPEN, ['pull']],
    [
      'a token, no more than it is for',
      () => contextOf(account(WRITER, 'writer', [tokenFor('acme/web', ['pull'])])),
      WEB,
      ['pull'],
    ],
    [
      'a token for everything, no more than the account',
      () => contextOf(account(READER, 'reader', [tokenFor('acme/web', ['*'])])),
      WEB,
      ['pull'],
    ],
  ]
  test.each(rows)('%s', async (_who, ctx, repo, verbs) => {
    expect(verbsIn(await guard.verbs(ctx(), repo))).toEqual(verbs)
    for (const verb of verbs) expect(verbsIn(await guard.require(ctx(), repo, verb))).toEqual(verbs)
    for (const verb of verbsIn(ALL_VERBS)) {
      if (!verbs.includes(verb))
        expect((await required(ctx(), repo, verb)).code).toBeOneOf(['DENIED', 'UNAUTHORIZED'])
    }
  })

  test('a credential narrows its account, public repositories included', async () => {
    table.user(WRITER, 'writer', { bounds: { scopes: [{ pattern: 'acme/w*', verbs: verbSet(['pull']) }] } })
    const ctx = contextOf(account(WRITER, 'writer'))
    expect(verbsIn(await guard.verbs(ctx, WEB))).toEqual(['pull'])
    expect(await guard.verbs(ctx, SECRET)).toBe(0)
    expect(await guard.verbs(ctx, OPEN)).toBe(0)
  })

  test('an administrator is narrowed by its credential like anyone', async () => {
    table.user(ADMIN, 'admin', {
      administrator: true,
      bounds: { scopes: [{ pattern: 'other/**', verbs: ALL_VERBS }] },
    })
    expect(await guard.verbs(contextOf(account(ADMIN, 'admin')), WEB)).toBe(0)
  })
})

describe('who is nobody', () => {
  test('is asked for a login, in the same words whatever is there', async () => {
    const told: unknown[] = []
    for (const repo of ['acme/web', 'acme/absent', 'other/absent']) {
      const { kind, message, detail } = await required(contextOf(nobody()), parseRepoName(repo), 'pull')
      told.push([kind, message.replaceAll(repo, 'REPO'), JSON.stringify(detail).replaceAll(repo, 'REPO')])
    }
    expect(new Set(told.map(String)).size).toBe(1)
    expect(told[0]).toEqual([
      'unauthorized',
      'a login is needed to pull from REPO; run docker login and try again',
      '{"challenge":{"scopes":["repository:REPO:pull"]}}',
    ])
  })
  test.each([
    ['pull', 'pull'],
    ['push', 'pull,push'],
    ['create-tag', 'pull,push'],
    ['delete', 'delete'],
    ['admin', '*'],
  ] as [Verb, string][])('is told the scope for %s', async (verb, actions) => {
    const { detail } = await required(contextOf(nobody()), WEB, verb)
    expect(detail.challenge).toEqual({ scopes: [`repository:acme/web:${actions}`] })
  })
  test('with a token is told that it does not suffice', async () => {
    const ctx = contextOf(nobody([tokenFor('acme/web', ['pull'])]))
    const { kind, detail } = await required(ctx, WEB, 'pull')
    expect(kind).toBe('unauthorized')
    expect(detail.challenge).toEqual({ scopes: ['repository:acme/web:pull'], error: 'insufficient_scope' })
  })
  test('may not push to what is public', async () => {
    expect((await required(contextOf(nobody()), OPEN, 'push')).kind).toBe('unauthorized')
  })
  test('is bound by its token for what is public, too', async () => {
    const { detail } = await required(contextOf(nobody([])), OPEN, 'pull')
    expect(detail.challenge?.error).toBe('insufficient_scope')
  })
})

describe('a site administrator', () => {
  const admin = () => contextOf(account(ADMIN, 'admin'))
  test.each(['push', 'create-tag'] as const)('makes no namespace by a slip: %s', async (verb) => {
    const { kind, message } = await required(admin(), parseRepoName('nobody/thing'), verb)
    expect(kind).toBe('name-unknown')
    expect(message).toBe(
      'there is no namespace nobody, so nothing can be pushed to nobody/thing; check the name, or make the namespace: berth org add nobody',
    )
  })
  test('pushes to library, which nobody needs to make', async () => {
    expect(await guard.require(admin(), parseRepoName('library/alpine'), 'push')).toBe(ALL_VERBS)
  })
})

describe('an account without the right', () => {
  test('is told the same way on where there may be nobody to ask', async () => {
    const told = ['acme/new', 'newns/new'].map(async (name) => {
      const repo = parseRepoName(name)
      const { message } = await required(contextOf(account(STRANGER, 'stranger')), repo, 'create-tag')
      return message.replaceAll(name.slice(0, name.indexOf('/')), 'NAMESPACE')
    })
    const [there, absent] = await Promise.all(told)
    expect(absent).toBe(
      'there is no repository NAMESPACE/new that stranger may push to; check the name, or ask an administrator of NAMESPACE for access – or, if nobody has NAMESPACE yet, make it: berth org add NAMESPACE',
    )
    expect(there).toBe(absent)
  })
  test('that may pull is told what it may and what it lacks', async () => {
    const { kind, message } = await required(contextOf(account(READER, 'reader')), WEB, 'create-tag')
    expect(kind).toBe('denied')
    expect(message).toBe('reader may pull from acme/web, but not push to it; ask an administrator of acme')
  })
  test('whose token is limited is told how', async () => {
    table.user(WRITER, 'writer', { bounds: { scopes: [{ pattern: 'acme/*', verbs: verbSet(['pull']) }] } })
    const { kind, message } = await required(contextOf(account(WRITER, 'writer')), WEB, 'push')
    expect(kind).toBe('denied')
    expect(message).toBe(
      'writer may push to acme/web, but not with this token, which is limited to acme/* (pull); use one with more scopes',
    )
  })
  test.each(['pull', 'push', 'create-tag', 'delete', 'admin'] as const)(
    'cannot tell what is absent from what is hidden: %s',
    async (verb) => {
      for (const access of [
        undefined,
        [tokenFor('acme/secret', ['*']), tokenFor('acme/absent', ['*'])],
        [],
      ]) {
        const ctx = contextOf(account(STRANGER, 'stranger', access))
        const told: string[] = []
        for (const repo of [SECRET, ABSENT]) {
          table.reads = 0
          const { kind, message, detail, stack: _ } = await required(ctx, repo, verb)
          told.push(JSON.stringify([kind, message, detail, table.reads]).replaceAll(repo, 'REPO'))
        }
        expect(told[0]).toBe(told[1] as string)
        expect(told[0]).toContain('"denied"')
        expect(told[0]).toEndWith(',1]')
      }
    },
  )
  test('cannot tell it by a limited token either', async () => {
    table.user(WRITER, 'writer', { bounds: { scopes: [{ pattern: 'x/**', verbs: ALL_VERBS }] } })
    const ctx = contextOf(account(WRITER, 'writer'))
    const [secret, absent] = [await required(ctx, SECRET, 'pull'), await required(ctx, ABSENT, 'pull')]
    expect(secret.message.replaceAll(SECRET, 'R')).toBe(absent.message.replaceAll(ABSENT, 'R'))
    expect(secret.message).toContain('limited to x/**')
  })
  test('with the right, but not in its token, is told to get another', async () => {
    const ctx = contextOf(account(WRITER, 'writer', [tokenFor('acme/web', ['pull'])]))
    const { kind, detail } = await required(ctx, WEB, 'push')
    expect(kind).toBe('unauthorized')
    expect(detail.challenge).toEqual({
      scopes: ['repository:acme/web:pull,push'],
      error: 'insufficient_scope',
    })
  })
})

describe('a token for a repository', () => {
  const holding = (identity?: string) =>
    contextOf(account(READER, 'reader', [tokenFor('acme/web', ['pull'], identity)]))

  test('is good for that one', async () => {
    expect(await guard.require(holding('identity-1'), WEB, 'pull')).toBe(verbSet(['pull']))
  })
  test('is good where there was none when it was made', async () => {
    expect(await guard.require(holding(undefined), WEB, 'pull')).toBe(verbSet(['pull']))
  })
  test('is not good for the next of that name', async () => {
    table.repository('acme/web', 'private', 'identity-2')
    expect((await required(holding('identity-1'), WEB, 'pull')).detail.challenge?.error).toBe(
      'insufficient_scope',
    )
    table.repositories.delete('acme/web')
    expect((await required(holding('identity-1'), WEB, 'pull')).detail.challenge?.error).toBe(
      'insufficient_scope',
    )
  })
  test('is not good for others', async () => {
    expect(await guard.verbs(contextOf(account(WRITER, 'writer', [tokenFor('acme/webs', ['*'])])), WEB)).toBe(
      0,
    )
    expect(await guard.verbs(contextOf(account(WRITER, 'writer', [tokenFor('acme/we', ['*'])])), WEB)).toBe(0)
  })
})

describe('a credential that is not good any more', () => {
  const BAD: [string, () => void][] = [
    ['an account that is gone', () => table.subjects.delete(WRITER)],
    ['an account that is disabled', () => table.user(WRITER, 'writer', { disabled: true })],
    ['a credential that is gone or over', () => table.credentials.delete(WRITER)],
    ['an address outside', () => table.user(WRITER, 'writer', { bounds: { networks: ['10.0.0.0/8'] } })],
    ['networks that cannot be read', () => table.user(WRITER, 'writer', { bounds: { networks: ['x'] } })],
  ]
  test.each(BAD)('%s', async (_what, breakIt) => {
    breakIt()
    const told = new Set<string>()
    for (const access of [undefined, [tokenFor('acme/open', ['*'])]]) {
      const ctx = contextOf(account(WRITER, 'writer', access))
      const asked = [
        () => guard.require(ctx, WEB, 'pull'),
        // Nor what anyone may.
        () => guard.require(ctx, OPEN, 'pull'),
        () => guard.verbs(ctx, OPEN),
        () => guard.readableHolder(ctx, DIGEST),
      ]
      for (const one of asked) {
        const { kind, message, detail } = await refusal(one)
        told.add(JSON.stringify([kind, message, detail]))
      }
    }
    const { kind, detail } = await refusal(() =>
      guard.visible(contextOf(account(WRITER, 'writer')), 'catalog'),
    )
    expect([kind, detail.challenge]).toEqual(['unauthorized', { error: 'invalid_token' }])
    expect(told.size).toBe(1)
    expect([...told][0]).toContain('invalid_token')
  })
  test('an address inside', async () => {
    table.user(WRITER, 'writer', { bounds: { networks: ['192.0.2.0/24'] } })
    expect(await guard.verbs(contextOf(account(WRITER, 'writer')), WEB)).toBe(verbSet(['push']))
  })
})

describe('a database that breaks', () => {
  test.each([
    ['a disk', new Error('disk I/O error')],
    ['a connection', new RegistryError('unavailable', 'gone')],
    ['a bug', new TypeError('undefined is not a function')],
  ])('lets nobody through: %s', async (_what, error) => {
    table.broken = error
    const actors = [nobody(), account(ADMIN, 'admin'), account(OWNER, 'acme'), account(WRITER, 'writer')]
    for (const actor of actors) {
      const ctx = contextOf(actor)
      for (const verb of verbsIn(ALL_VERBS)) {
        for (const repo of [WEB, OPEN, ABSENT])
          expect((await required(ctx, repo, verb)).kind).toBe('unavailable')
      }
      expect((await refusal(() => guard.verbs(ctx, OPEN))).kind).toBe('unavailable')
      expect((await refusal(() => guard.visible(ctx, 'search'))).kind).toBe('unavailable')
      expect((await refusal(() => guard.readableHolder(ctx, DIGEST))).kind).toBe('unavailable')
    }
  })
  test('keeps its words to itself', async () => {
    table.broken = new Error('password=hunter2')
    expect((await required(contextOf(nobody()), WEB, 'pull')).message).not.toContain('hunter2')
  })
})

describe('lists', () => {
  /** What anyone may see, and what is granted to anyone. */
  const PUBLIC = { granted: [], grantee: { account: undefined } }
  const catalog = { type: 'registry', name: 'catalog', actions: ['*'] } as const
  const search = { type: 'registry', name: 'catalog', actions: ['search'] } as const

  test('the catalogue asks strangers for a token', async () => {
    const { kind, detail } = await refusal(() => guard.visible(contextOf(nobody()), 'catalog'))
    expect([kind, detail.challenge]).toEqual(['unauthorized', { scopes: ['registry:catalog:*'] }])
  })
  test.each([
    ['nobody', () => nobody([search])],
    ['an account', () => account(READER, 'reader', [search, tokenFor('acme/web', ['*'])])],
  ])('the catalogue asks %s with another token for its own', async (_who, actor) => {
    const { detail } = await refusal(() => guard.visible(contextOf(actor()), 'catalog'))
    expect(detail.challenge).toEqual({ scopes: ['registry:catalog:*'], error: 'insufficient_scope' })
  })
  test('search is for whoever shows nothing, but not for a token that is for something else', async () => {
    expect(await guard.visible(contextOf(nobody()), 'search')).toEqual(PUBLIC)
    expect(await guard.visible(contextOf(nobody([search])), 'search')).toEqual(PUBLIC)
    expect(await guard.visible(contextOf(nobody([catalog])), 'search')).toEqual(PUBLIC)
    const { detail } = await refusal(() => guard.visible(contextOf(nobody([])), 'search'))
    expect(detail.challenge).toEqual({ scopes: ['registry:catalog:search'], error: 'insufficient_scope' })
  })
  test('show what the actor may pull', async () => {
    expect(await guard.visible(contextOf(OPERATOR), 'catalog')).toBe('everything')
    expect(await guard.visible(contextOf(account(ADMIN, 'admin')), 'catalog')).toBe('everything')
    expect(await guard.visible(contextOf(account(READER, 'reader')), 'catalog')).toEqual({
      granted: [],
      grantee: { account: READER },
    })
    expect(await guard.visible(contextOf(account(OWNER, 'acme', [catalog])), 'catalog')).toEqual({
      granted: ['acme/**'],
      grantee: { account: OWNER },
    })
    expect(await guard.visible(contextOf(nobody([catalog])), 'catalog')).toEqual(PUBLIC)
  })
  test('show no more than the credential is for', async () => {
    const scopes = [
      { pattern: 'acme/w*', verbs: verbSet(['pull']) },
      { pattern: 'acme/none', verbs: 0 },
    ]
    table.user(READER, 'reader', { bounds: { scopes } })
    table.user(ADMIN, 'admin', { administrator: true, bounds: { scopes } })
    expect(await guard.visible(contextOf(account(READER, 'reader')), 'catalog')).toEqual({
      granted: [],
      grantee: { account: READER },
      within: ['acme/w*'],
    })
    expect(await guard.visible(contextOf(account(ADMIN, 'admin')), 'catalog')).toEqual({
      granted: ['**'],
      within: ['acme/w*'],
    })
  })
})

describe('a repository to mount from', () => {
  test('is one that the list and the guard both let through', async () => {
    table.holder = WEB
    expect(await guard.readableHolder(contextOf(account(READER, 'reader')), DIGEST)).toBe(WEB)
    expect(await guard.readableHolder(contextOf(account(STRANGER, 'stranger')), DIGEST)).toBeUndefined()
    table.holder = undefined
    expect(await guard.readableHolder(contextOf(account(READER, 'reader')), DIGEST)).toBeUndefined()
  })
  test('is looked for among what the token is for', async () => {
    table.holder = WEB
    const access = [tokenFor('acme/web', ['pull'], 'identity-1'), tokenFor('acme/secret', ['push'])]
    const ctx = contextOf(account(WRITER, 'writer', access))
    expect(await guard.readableHolder(ctx, DIGEST)).toBe(WEB)
    expect(table.lastVisible).toEqual({
      granted: [],
      grantee: { account: WRITER },
      within: ['acme/web'],
    })
    table.repository('acme/web', 'private', 'identity-2')
    expect(await guard.readableHolder(ctx, DIGEST)).toBeUndefined()
  })
  test('is not looked for where the credential leaves nothing of that', async () => {
    const scopes = [{ pattern: 'acme/other', verbs: ALL_VERBS }]
    table.user(WRITER, 'writer', { bounds: { scopes } })
    table.holder = WEB
    const ctx = contextOf(account(WRITER, 'writer', [tokenFor('acme/web', ['*'])]))
    expect(await guard.readableHolder(ctx, DIGEST)).toBeUndefined()
    expect(table.lastVisible).toBeUndefined()
  })
})
