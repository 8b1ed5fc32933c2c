import { beforeEach, describe, expect, test } from 'bun:test'
import { AccessGuard } from '../../src/auth/guard.ts'
import { bodyOf } from '../../src/core/body.ts'
import type { Actor, Context } from '../../src/core/context.ts'
import { digestOf } from '../../src/core/digest.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { parseRepoName, parseTag, type RepoName, type UploadId } from '../../src/core/names.ts'
import { ACTION, type Registry } from '../../src/core/registry.ts'
import { ALL_VERBS, type Verb, verbSet } from '../../src/core/verbs.ts'
import { authorize } from '../../src/registry/authorize.ts'
import { account, contextOf, FactTable, nobody, TestClock, tokenFor } from './rights.ts'

const REPO = parseRepoName('acme/web')
const FROM = parseRepoName('acme/base')
const ABSENT = parseRepoName('acme/absent')
const DIGEST = digestOf('a blob')
const TAG = parseTag('latest')
const ID = 'd0e9cb5e-6f5c-4a4d-9d5a-000000000000' as UploadId
const PAGE = { limit: 10 }
const USER = 2

type Operation = keyof Registry

/** Every operation, called on a repository. A new one does not compile until it stands here. */
const CALLS: {
  readonly [O in Operation]: (registry: Registry, ctx: Context, repo: RepoName) => Promise<unknown>
} = {
  resolveBlob: (registry, ctx, repo) => registry.resolveBlob(ctx, repo, DIGEST),
  getBlob: (registry, ctx, repo) => registry.getBlob(ctx, repo, DIGEST),
  resolveManifest: (registry, ctx, repo) => registry.resolveManifest(ctx, repo, { tag: TAG }),
  getManifest: (registry, ctx, repo) => registry.getManifest(ctx, repo, { digest: DIGEST }),
  openUpload: (registry, ctx, repo) => registry.openUpload(ctx, repo, { algorithm: 'sha512' }),
  statUpload: (registry, ctx, repo) => registry.statUpload(ctx, repo, ID),
  appendUpload: (registry, ctx, repo) => registry.appendUpload(ctx, repo, ID, bodyOf(new Uint8Array(1)), 7),
  commitUpload: (registry, ctx, repo) => registry.commitUpload(ctx, repo, ID, DIGEST),
  abortUpload: (registry, ctx, repo) => registry.abortUpload(ctx, repo, ID),
  mountBlob: (registry, ctx, repo) => registry.mountBlob(ctx, repo, DIGEST, repo),
  pushManifest: (registry, ctx, repo) =>
    registry.pushManifest(ctx, repo, new Uint8Array(2), { mediaType: 'x', tags: [TAG] }),
  deleteBlob: (registry, ctx, repo) => registry.deleteBlob(ctx, repo, DIGEST),
  deleteManifest: (registry, ctx, repo) => registry.deleteManifest(ctx, repo, DIGEST),
  deleteTag: (registry, ctx, repo) => registry.deleteTag(ctx, repo, TAG),
  repositories: (registry, ctx) => registry.repositories(ctx, PAGE),
  tags: (registry, ctx, repo) => registry.tags(ctx, repo, PAGE),
  referrers: (registry, ctx, repo) => registry.referrers(ctx, repo, DIGEST, PAGE),
  search: (registry, ctx) => registry.search(ctx, { query: 'x', limit: 1, offset: 0 }),
}
const OPERATIONS = Object.keys(CALLS) as Operation[]

/** Which verbs let an operation through, each alone. */
const LETS: Readonly<Record<(typeof ACTION)[Operation], readonly Verb[]>> = {
  pull: ['pull', 'create-tag', 'push', 'delete', 'admin'],
  push: ['create-tag', 'push', 'admin'],
  delete: ['delete', 'admin'],
  list: ['pull', 'create-tag', 'push', 'delete', 'admin'],
}

let table: FactTable
let calls: [Operation, ...unknown[]][]
let guarded: Registry

beforeEach(() => {
  table = new FactTable()
  table.user(USER, 'user')
  calls = []
  const inner = Object.fromEntries(
    OPERATIONS.map((operation) => [
      operation,
      async (...given: unknown[]) => {
        calls.push([operation, ...given])
        return `done: ${operation}`
      },
    ]),
  ) as unknown as Registry
  guarded = authorize(inner, new AccessGuard(table, new TestClock()))
})

async function attempt(operation: Operation, actor: Actor, repo = REPO): Promise<unknown> {
  try {
    return await CALLS[operation](guarded, contextOf(actor), repo)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return error
  }
}

/** What a refusal tells, but for the repository's name. */
function told(refused: unknown, repo: RepoName): string {
  if (!(refused instanceof RegistryError)) throw new Error('it was let through')
  return JSON.stringify([refused.kind, refused.message, refused.detail]).replaceAll(repo, 'REPO')
}

describe('every operation', () => {
  test('is guarded', () => {
    expect(Object.keys(guarded).sort()).toEqual(Object.keys(ACTION).sort())
  })
  const rows = OPERATIONS.flatMap((operation) =>
    (['pull', 'create-tag', 'push', 'delete', 'admin'] as const).map((verb) => [operation, verb] as const),
  )
  test.each(rows)('%s with %s', async (operation, verb) => {
    table.repository(REPO, 'private')
    table.grant(USER, REPO, [verb])
    const answer = await attempt(operation, account(USER, 'user'))
    if (LETS[ACTION[operation]].includes(verb)) {
      expect(answer).toBe(`done: ${operation}`)
      expect(calls.map(([called]) => called)).toEqual([operation])
    } else {
      expect(answer).toMatchObject({ kind: 'denied' })
      expect(calls).toEqual([])
    }
  })
  const onOne = OPERATIONS.filter((operation) => ACTION[operation] !== 'list')
  const strangers: [string, () => Actor][] = [
    ['nobody', () => nobody()],
    ['nobody with a token', () => nobody([tokenFor(REPO, ['*']), tokenFor(ABSENT, ['*'])])],
    ['a stranger', () => account(USER, 'user')],
    [
      'a stranger with a token',
      () => account(USER, 'user', [tokenFor(REPO, ['*']), tokenFor(ABSENT, ['*'])]),
    ],
  ]
  for (const [who, actor] of strangers) {
    test.each(onOne)(`%s tells ${who} the same of what is hidden and what is absent`, async (operation) => {
      table.repository(REPO, 'private')
      const hidden = told(await attempt(operation, actor()), REPO)
      const reads = table.reads
      const absent = told(await attempt(operation, actor(), ABSENT), ABSENT)
      expect(absent).toBe(hidden)
      expect(table.reads).toBe(reads * 2)
      expect(reads).toBe(1)
      expect(calls).toEqual([])
    })
  }
  test.each(OPERATIONS)('%s is refused while rights cannot be read', async (operation) => {
    table.user(USER, 'user', { administrator: true })
    table.broken = new Error('disk I/O error')
    for (const actor of [account(USER, 'user'), account(USER, 'user', [tokenFor(REPO, ['*'])])]) {
      const answer = await attempt(operation, actor)
      expect(answer).toBeInstanceOf(RegistryError)
      expect((answer as RegistryError).kind).toBeOneOf(['unavailable', 'unauthorized'])
    }
    expect(calls).toEqual([])
  })
  test.each(OPERATIONS)('%s is refused once the right is gone', async (operation) => {
    table.grant(USER, '**', ['admin'])
    const list = { type: 'registry', name: 'catalog', actions: ['*'] } as const
    const actor = account(USER, 'user', [tokenFor(REPO, ['*']), list])
    expect(await attempt(operation, actor)).toBe(`done: ${operation}`)
    table.credentials.delete(USER)
    expect(await attempt(operation, actor)).toMatchObject({ kind: 'unauthorized' })
    expect(calls).toHaveLength(1)
  })
})

describe('what goes on to the registry', () => {
  const options = () => calls.at(-1)?.at(-1)

  test('payloads and options as they came', async () => {
    table.grant(USER, REPO, ['push'])
    await attempt('openUpload', account(USER, 'user'))
    expect(calls[0]?.slice(2)).toEqual([REPO, { algorithm: 'sha512' }])
    await attempt('appendUpload', account(USER, 'user'))
    expect(calls[1]?.slice(2)).toEqual([REPO, ID, expect.anything(), 7])
  })
  test('who may push moves tags', async () => {
    table.grant(USER, REPO, ['push'])
    await attempt('pushManifest', account(USER, 'user'))
    expect(options()).toEqual({ mediaType: 'x', tags: [TAG] })
  })
  test('who may only add tags moves none', async () => {
    table.grant(USER, REPO, ['create-tag'])
    for (const access of [undefined, [tokenFor(REPO, ['push'])], [tokenFor(REPO, ['*'])]]) {
      await attempt('pushManifest', account(USER, 'user', access))
      expect(options()).toEqual({ mediaType: 'x', tags: [TAG], moveTags: false })
    }
  })
  test('nor who has a credential for no more', async () => {
    table.user(USER, 'user', {
      administrator: true,
      bounds: { scopes: [{ pattern: '**', verbs: verbSet(['create-tag']) }] },
    })
    await attempt('pushManifest', account(USER, 'user'))
    expect(options()).toMatchObject({ moveTags: false })
  })
  test('a look by who may push renews the lease, by others not', async () => {
    table.repository(REPO, 'public')
    await attempt('resolveBlob', nobody())
    expect(options()).toEqual({ renewLease: false })
    table.grant(USER, REPO, ['create-tag'])
    await attempt('resolveBlob', account(USER, 'user'))
    expect(options()).toBeUndefined()
  })
  test('lists with what may be seen', async () => {
    table.grant(USER, REPO, ['pull'])
    await attempt('repositories', account(USER, 'user'))
    expect(options()).toEqual({ granted: [], grantee: { account: USER } })
    await attempt('search', nobody())
    expect(options()).toEqual({ granted: [], grantee: {} })
    // Whatever a caller would have them show.
    await guarded.repositories(contextOf(account(USER, 'user')), PAGE, 'everything')
    expect(options()).toEqual({ granted: [], grantee: { account: USER } })
  })
})

describe('a mount', () => {
  const mount = (actor: Actor, from?: RepoName) => guarded.mountBlob(contextOf(actor), REPO, DIGEST, from)

  beforeEach(() => table.grant(USER, REPO, ['push']))

  test('needs pull on the source', async () => {
    expect(await mount(account(USER, 'user'), FROM)).toBeUndefined()
    table.repository(FROM, 'private')
    table.reads = 0
    expect(await mount(account(USER, 'user'), FROM)).toBeUndefined()
    const reads = table.reads
    expect(await mount(account(USER, 'user'), ABSENT)).toBeUndefined()
    expect(table.reads).toBe(reads * 2)
    expect(calls).toEqual([])
    table.grant(USER, FROM, ['pull'])
    expect(await mount(account(USER, 'user'), FROM)).toBe('done: mountBlob' as never)
    expect(calls[0]?.slice(2)).toEqual([REPO, DIGEST, FROM])
  })
  test('needs it of the token, too', async () => {
    table.grant(USER, FROM, ['pull'])
    const target = tokenFor(REPO, ['pull', 'push'])
    expect(await mount(account(USER, 'user', [target]), FROM)).toBeUndefined()
    expect(await mount(account(USER, 'user', [target, tokenFor(FROM, ['pull'])]), FROM)).toBe(
      'done: mountBlob' as never,
    )
  })
  test('without a source goes from one that may be read', async () => {
    table.holder = FROM
    expect(await mount(account(USER, 'user'))).toBeUndefined()
    table.grant(USER, FROM, ['pull'])
    expect(await mount(account(USER, 'user'))).toBe('done: mountBlob' as never)
    expect(calls[0]?.slice(2)).toEqual([REPO, DIGEST, FROM])
    table.holder = undefined
    expect(await mount(account(USER, 'user'))).toBeUndefined()
    expect(calls).toHaveLength(1)
  })
  test('needs push on the target; the challenge names both', async () => {
    const refused = await attemptMount(nobody(), FROM)
    expect(refused.detail.challenge).toEqual({
      scopes: ['repository:acme/web:pull,push', 'repository:acme/base:pull'],
    })
    const narrow = await attemptMount(account(USER, 'user', [tokenFor(REPO, ['pull'])]), FROM)
    expect(narrow.detail.challenge).toEqual({
      scopes: ['repository:acme/web:pull,push', 'repository:acme/base:pull'],
      error: 'insufficient_scope',
    })
    expect((await attemptMount(nobody())).detail.challenge).toEqual({
      scopes: ['repository:acme/web:pull,push'],
    })
    table.credentials.delete(USER)
    expect((await attemptMount(account(USER, 'user'), FROM)).detail.challenge).toEqual({
      error: 'invalid_token',
    })
  })

  async function attemptMount(actor: Actor, from?: RepoName): Promise<RegistryError> {
    try {
      await mount(actor, from)
    } catch (error) {
      if (error instanceof RegistryError) return error
      throw error
    }
    throw new Error('it was let through')
  }
})

test('verbs of a token are those of the model', async () => {
  table.user(USER, 'user', { administrator: true })
  const guard = new AccessGuard(table, new TestClock())
  const of = (...actions: string[]) =>
    guard.verbs(contextOf(account(USER, 'user', [tokenFor(REPO, actions)])), REPO)
  expect(await of('pull')).toBe(1)
  expect(await of('push')).toBe(2 | 4)
  expect(await of('delete')).toBe(8)
  expect(await of('*')).toBe(ALL_VERBS)
  expect(await of('admin', 'create-tag', 'PULL', '__proto__', 'constructor')).toBe(0)
})
