import { expect, test } from 'bun:test'
import { AccessGuard } from '../../src/auth/guard.ts'
import { bodyOf } from '../../src/core/body.ts'
import type { AccountActor, Actor } from '../../src/core/context.ts'
import type { Digest } from '../../src/core/digest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../src/core/media-types.ts'
import { parseTag, type RepoName } from '../../src/core/names.ts'
import type { Registry } from '../../src/core/registry.ts'
import { authorize } from '../../src/registry/authorize.ts'
import { localRegistry } from '../../src/registry/local.ts'
import { memoryBlobStore } from '../../src/store/blob-memory.ts'
import { given, newUser, repoName } from '../suite/access/fixture.ts'
import { randomBlob } from '../suite/content.ts'
import { rejection } from '../suite/metadata/fixture.ts'
import { TEST_LIMITS } from '../suite/stacks.ts'
import { onDatabases, signedIn } from './databases.ts'
import { contextOf, nobody, TestClock } from './rights.ts'

const DAY = 86_400_000

onDatabases('an authorised registry', (replicas) => {
  const setUp = async ({ audit = true } = {}) => {
    const store = replicas().here
    const clock = new TestClock()
    const inner = localRegistry({
      blobs: memoryBlobStore(),
      meta: store,
      clock,
      limits: { ...TEST_LIMITS, lease: DAY },
      sparse: 'index',
      renewLeases: true,
      audit,
      shortcut: 'in-repository',
    })
    const registry = authorize(inner, new AccessGuard(store, clock))
    const [owner, user] = [await newUser(store), await newUser(store)]
    const [ofOwner, ofUser] = [await signedIn(store, owner), await signedIn(store, user)]
    const repo = (name: string) => repoName(`${owner.name}/${name}`)
    const own = (name: string) => repoName(`${user.name}/${name}`)
    const give = (name: string, verb: 'pull' | 'create-tag') =>
      given(store, `user:${user.name}`, `${owner.name}/${name}`, [verb])
    return { store, clock, registry, ofOwner, ofUser, repo, own, give }
  }

  const push = async (registry: Registry, actor: Actor, repo: RepoName): Promise<Digest> => {
    const blob = randomBlob()
    const { id } = await registry.openUpload(contextOf(actor), repo)
    await registry.commitUpload(contextOf(actor), repo, id, blob.digest, { body: bodyOf(blob.bytes) })
    return blob.digest
  }
  const pushManifest = async (registry: Registry, actor: Actor, repo: RepoName, name: string) => {
    const config = await push(registry, actor, repo)
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: { mediaType: 'application/x', digest: config, size: 64 },
        layers: [],
      }),
    )
    return registry.pushManifest(contextOf(actor), repo, bytes, {
      mediaType: OCI_MANIFEST,
      tags: [parseTag(name)],
    })
  }

  test('mounts from what may be read only, named or not', async () => {
    const { registry, ofOwner, ofUser, repo, own, give } = await setUp()
    const digest = await push(registry, ofOwner, repo('base'))
    await pushManifest(registry, ofOwner, repo('base'), 'v1')
    const mount = (from?: RepoName) => registry.mountBlob(contextOf(ofUser), own('mine'), digest, from)
    expect(await mount(repo('base'))).toBeUndefined()
    expect(await mount(repo('absent'))).toBeUndefined()
    expect(await mount()).toBeUndefined()
    expect((await rejection(registry.resolveBlob(contextOf(ofUser), own('mine'), digest))).kind).toBe(
      'blob-unknown',
    )
    await give('base', 'pull')
    expect(await mount()).toEqual({ digest, size: 64 })
    expect(await registry.resolveBlob(contextOf(ofUser), own('mine'), digest)).toEqual({ digest, size: 64 })
  })

  test('writes down who made a repository, by whatever came first, and nothing of later pushes', async () => {
    const { store, registry, ofOwner, ofUser, repo, own, give } = await setUp()
    const made = async (actor: AccountActor) =>
      (await store.listAudit({ actor: actor.name, action: 'repository.create' }, { limit: 10 })).items
        .map(({ target }) => target)
        .toReversed()
    const digest = await push(registry, ofOwner, repo('base'))
    await pushManifest(registry, ofOwner, repo('base'), 'v1')
    await give('base', 'pull')
    await registry.mountBlob(contextOf(ofUser), own('mounted'), digest, repo('base'))
    await pushManifest(registry, ofUser, own('mounted'), 'v1')
    const empty = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }
    for (const tag of ['v1', 'v2']) {
      await registry.pushManifest(contextOf(ofUser), own('index'), Buffer.from(JSON.stringify(empty)), {
        mediaType: OCI_INDEX,
        tags: [parseTag(tag)],
      })
    }
    expect(await made(ofOwner)).toEqual([repo('base')])
    expect(await made(ofUser)).toEqual([own('mounted'), own('index')])
    const [row] = (await store.listAudit({ actor: ofUser.name, action: 'repository.create' }, { limit: 1 }))
      .items
    const { address, agent, requestId } = contextOf(ofUser)
    expect(row).toMatchObject({
      credential: ofUser.credential,
      namespace: ofUser.name,
      result: 'done',
      address,
      agent,
      requestId,
      detail: '{"visibility":"private"}',
    })
    // What is refused makes none: a mount of what may not be read, a manifest whose parts are not there.
    const secret = await push(registry, ofOwner, repo('secret'))
    await registry.mountBlob(contextOf(ofUser), own('none'), secret, repo('secret'))
    const broken = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: 'x/y', digest, size: 64 },
      layers: [],
    }
    await rejection(
      registry.pushManifest(contextOf(ofUser), own('none'), Buffer.from(JSON.stringify(broken)), {
        mediaType: OCI_MANIFEST,
        tags: [],
      }),
    )
    expect(await made(ofUser)).toEqual([own('mounted'), own('index')])
  })

  test('writes down nothing of that where it is not told to', async () => {
    const { store, registry, ofOwner, repo } = await setUp({ audit: false })
    await pushManifest(registry, ofOwner, repo('web'), 'v1')
    expect(await store.findRepository(repo('web'))).toMatchObject({ published: true })
    const { items } = await store.listAudit({ actor: ofOwner.name }, { limit: 10 })
    expect(items.filter(({ action }) => action === 'repository.create')).toEqual([])
  })

  test('lets who may add tags push, and move none', async () => {
    const { registry, ofOwner, ofUser, repo, give } = await setUp()
    await pushManifest(registry, ofOwner, repo('web'), 'v1')
    await give('web', 'create-tag')
    await pushManifest(registry, ofUser, repo('web'), 'v2')
    expect((await rejection(pushManifest(registry, ofUser, repo('web'), 'v1'))).kind).toBe('tag-exists')
    expect((await rejection(pushManifest(registry, ofUser, repo('web'), 'v2'))).kind).toBe('tag-exists')
    await pushManifest(registry, ofOwner, repo('web'), 'v2')
  })

  test('keeps what who may push looks at, and not what others do', async () => {
    const { store, clock, registry, ofOwner, ofUser, repo, give } = await setUp()
    const digest = await push(registry, ofOwner, repo('web'))
    await give('web', 'pull')
    const until = async () => (await store.findBlob(repo('web'), digest))?.leaseUntil
    const first = await until()
    clock.time += DAY - 1000
    await registry.resolveBlob(contextOf(ofUser), repo('web'), digest)
    expect(await until()).toBe(first)
    await registry.resolveBlob(contextOf(ofOwner), repo('web'), digest)
    expect(await until()).toBe(clock.time + DAY)
  })

  test('lists and finds what may be pulled', async () => {
    const { registry, ofOwner, ofUser, repo, give } = await setUp()
    for (const name of ['one', 'two']) await pushManifest(registry, ofOwner, repo(name), 'v1')
    await give('two', 'pull')
    const seen = async (actor: Actor) => {
      const { items } = await registry.repositories(contextOf(actor), { limit: 1000 })
      return items.filter((name) => name.startsWith(repo('x').slice(0, -1)))
    }
    expect(await seen(ofOwner)).toEqual([repo('one'), repo('two')])
    expect(await seen(ofUser)).toEqual([repo('two')])
    const query = repo('x').slice(0, -2)
    const found = async (actor: Actor) => {
      const { hits } = await registry.search(contextOf(actor), { query, limit: 10, offset: 0 })
      return hits.map(({ name }) => name)
    }
    expect(await found(ofUser)).toEqual([repo('two')])
    expect(await found(nobody())).toEqual([])
  })

  test('binds an upload to who began it', async () => {
    const { registry, ofOwner, ofUser, repo, give } = await setUp()
    await give('web', 'create-tag')
    const { id } = await registry.openUpload(contextOf(ofOwner), repo('web'))
    expect((await rejection(registry.statUpload(contextOf(ofUser), repo('web'), id))).kind).toBe(
      'upload-unknown',
    )
    expect((await rejection(registry.abortUpload(contextOf(ofUser), repo('web'), id))).kind).toBe(
      'upload-unknown',
    )
    expect((await rejection(registry.statUpload(contextOf(nobody()), repo('web'), id))).kind).toBe(
      'unauthorized',
    )
    await registry.abortUpload(contextOf(ofOwner), repo('web'), id)
  })
})
