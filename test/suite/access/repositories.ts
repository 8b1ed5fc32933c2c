import { expect, test } from 'bun:test'
import type { RepoName } from '../../../src/core/names.ts'
import type { PageRequest } from '../../../src/core/registry.ts'
import {
  image,
  index,
  NOW,
  newDigest,
  openUpload,
  push,
  pushBlob,
  pushed,
  rejection,
  remove,
} from '../metadata/fixture.ts'
import {
  auditOf,
  CAUSE,
  type DatabaseUnderTest,
  freshName,
  newOrganisation,
  newUser,
  repoName,
} from './fixture.ts'

/** Repositories beside the protocol. */
export function repositoryCases(made: () => DatabaseUnderTest) {
  const store = () => made().store

  test('a repository is created before anything is pushed; again changes nothing', async () => {
    const { name } = await newOrganisation(store())
    const repo = repoName(`${name}/web`)
    const create = { name: repo, visibility: 'public' as const, description: 'The web' }
    expect(await store().createRepository(create, CAUSE)).toBe('created')
    expect(await store().createRepository({ ...create, visibility: 'private' }, CAUSE)).toBe('exists')
    expect(await store().findRepository(repo)).toEqual({
      name: repo,
      description: 'The web',
      visibility: 'public',
      official: false,
      stars: 0,
      pulls: 0,
      createdAt: NOW,
      updatedAt: NOW,
      published: false,
      version: 1,
      readme: '',
    })
    expect((await auditOf(store(), name))[0]).toEqual({
      action: 'repository.create',
      target: repo,
      detail: { visibility: 'public', description: 'The web' },
    })
    await pushed(store(), repo, image())
    expect(await store().findRepository(repo)).toMatchObject({ published: true, visibility: 'public' })
    const nowhere = { name: repoName(`${freshName('n')}/x`) }
    expect(await store().createRepository(nowhere, CAUSE)).toBe('no-namespace')
    expect(await store().findRepository(nowhere.name)).toBeUndefined()
    const official = repoName(freshName('hello'))
    expect(await store().createRepository({ name: official }, CAUSE)).toBe('created')
    expect((await store().findRepository(official))?.official).toBe(true)
    expect((await store().findNamespace('library'))?.owner).toBeUndefined()
  })

  test('what a new repository begins with is told: who sees it, and the grants of its namespace', async () => {
    const { name } = await newOrganisation(store())
    const grants = [
      { subject: 'everyone', verbs: 1 },
      { subject: 'anyone', verbs: 1 },
    ]
    await store().setDefaultGrants({ namespace: name, grants }, CAUSE)
    const [made, pushedTo] = [repoName(`${name}/made`), repoName(`${name}/pushed`)]
    // Given before, and not by being made.
    await store().setGrant({ namespace: name, subject: 'everyone', pattern: made, verbs: 1 }, CAUSE)
    await store().createRepository({ name: made, visibility: 'public' }, CAUSE)
    await pushed(store(), pushedTo, image(), { cause: CAUSE })
    const [of, by] = ['everyone', 'anyone'].map((subject) => ({ subject, verbs: ['pull'] }))
    expect((await auditOf(store(), name)).slice(0, 2)).toEqual([
      { action: 'repository.create', target: pushedTo, detail: { visibility: 'private', grants: [of, by] } },
      { action: 'repository.create', target: made, detail: { visibility: 'public', grants: [by] } },
    ])
  })

  test('what makes a repository is told once, with its cause, and without one is not', async () => {
    const { name } = await newOrganisation(store())
    await store().updateNamespace({ name, defaultVisibility: 'public' }, CAUSE)
    const other = repoName(`${name}/other`)
    const blob = await pushBlob(store(), other)
    const cause = { ...CAUSE, actor: 'somebody' }
    const told = async () =>
      (await auditOf(store(), name)).filter(({ action }) => action === 'repository.create').length
    expect(await told()).toBe(0)

    const mount = (repo: RepoName, from = other) =>
      store().mountBlob({ repo, digest: blob.digest, from, now: NOW, grace: 1, cause })
    const doors: ((repo: RepoName) => Promise<unknown>)[] = [
      (repo) => openUpload(store(), repo, { cause }),
      (repo) => mount(repo),
      (repo) => pushed(store(), repo, image(), { cause }),
      (repo) => pushed(store(), repo, image(), { cause, expect: { absent: true } }),
    ]
    for (const [at, door] of doors.entries()) {
      const repo = repoName(`${name}/r${at}`)
      // At the same time, too.
      await Promise.allSettled([door(repo), door(repo), door(repo)])
      for (const again of doors) await again(repo)
      expect(await told()).toBe(at + 1)
      expect((await auditOf(store(), name))[0]).toEqual({
        action: 'repository.create',
        target: repo,
        detail: { visibility: 'public' },
      })
    }
    const { items } = await store().listAudit({ namespace: name }, { limit: 1 })
    expect(items[0]).toMatchObject({ actor: 'somebody', address: CAUSE.address, requestId: CAUSE.requestId })

    // What comes to nothing leaves nothing.
    const none = repoName(`${name}/none`)
    expect(await mount(none, repoName(`${name}/absent`))).toBeUndefined()
    await rejection(openUpload(store(), none, { cause, maxPerOwner: 0 }))
    expect((await push(store(), none, image([blob]), { cause, sparse: 'none' })).outcome).toBe('missing')
    expect(await store().findRepository(none)).toBeUndefined()
    expect(await told()).toBe(doors.length)
  })

  test('settings change with their version, and only what differs is told', async () => {
    const { name } = await newOrganisation(store())
    const repo = repoName(`${name}/web`)
    await store().createRepository({ name: repo }, CAUSE)
    const before = (await auditOf(store(), name)).length
    const update = (change: object) => store().updateRepository({ name: repo, ...change }, CAUSE)
    expect(await update({ version: 2, description: 'x' })).toBe('stale')
    expect(await update({ version: 1, description: 'Ein Wort', readme: '# Hä', visibility: 'public' })).toBe(
      'done',
    )
    const stands = { description: 'Ein Wort', readme: '# Hä', visibility: 'public', version: 2 }
    expect(await store().findRepository(repo)).toMatchObject(stands)
    expect(await update({ description: 'Ein Wort', readme: '# Hä', visibility: 'public' })).toBe('done')
    expect(await update({})).toBe('done')
    expect(await store().findRepository(repo)).toMatchObject(stands)
    expect(await update({ readme: '' })).toBe('done')
    expect(await store().findRepository(repo)).toMatchObject({ ...stands, readme: '', version: 3 })
    const rows = await auditOf(store(), name)
    expect(rows.slice(0, rows.length - before).map(({ detail }) => detail)).toEqual([
      { readme: { characters: 0 } },
      {
        visibility: { from: 'private', to: 'public' },
        description: { from: '', to: 'Ein Wort' },
        readme: { characters: 4 },
      },
    ])
    const absent = { name: repoName(`${name}/none`), description: 'x' }
    expect(await store().updateRepository(absent, CAUSE)).toBe('absent')
    for (const bad of [{ description: 'a\0' }, { readme: '\0' }])
      expect((await rejection(update(bad))).kind).toBe('request-invalid')
    expect((await rejection(store().createRepository({ name: repo, description: '\0' }, CAUSE))).kind).toBe(
      'request-invalid',
    )
  })

  test('a description is found once it is set, in a repository published before or after', async () => {
    const { name } = await newOrganisation(store())
    const [early, late] = [repoName(`${name}/early`), repoName(`${name}/late`)]
    const word = freshName('word')
    await pushed(store(), early, image())
    await store().updateRepository({ name: early, description: `The ${word}` }, CAUSE)
    await store().createRepository({ name: late, description: `A ${word}` }, CAUSE)
    await pushed(store(), late, image())
    const found = await store().search({ query: word, limit: 9, offset: 0 })
    expect(found.hits.map((hit) => hit.name)).toEqual([early, late])
  })

  test('of several who change one version at once, one does', async () => {
    const { name } = await newOrganisation(store())
    const repo = repoName(`${name}/web`)
    await store().createRepository({ name: repo }, CAUSE)
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, (_, at) =>
        store().updateRepository({ name: repo, version: 1, description: `d${at}` }, CAUSE),
      ),
    )
    expect(outcomes.filter((outcome) => outcome === 'done').length).toBe(1)
    expect(outcomes.filter((outcome) => outcome === 'stale').length).toBe(15)
  })

  test('a repository made at once by pushes and by its settings is one', async () => {
    const { name } = await newUser(store())
    const repo = repoName(`${name}/x`)
    await store().setDefaultGrants({ namespace: name, grants: [{ subject: 'everyone', verbs: 1 }] }, CAUSE)
    const outcomes = await Promise.all([
      ...Array.from({ length: 8 }, () => store().createRepository({ name: repo }, CAUSE)),
      ...Array.from({ length: 8 }, () => pushed(store(), repo, image())),
    ])
    expect(outcomes.filter((outcome) => outcome === 'created').length).toBeLessThanOrEqual(1)
    expect((await store().listGrants(name, { limit: 9 })).items.length).toBe(1)
  })

  test('tags are described in pages, with a filter', async () => {
    const { name } = await newUser(store())
    const repo = repoName(`${name}/x`)
    expect(await store().describeTags(repo, { limit: 9 })).toBeUndefined()
    await store().createRepository({ name: repo }, CAUSE)
    expect(await store().describeTags(repo, { limit: 9 })).toEqual({ items: [], more: false })
    const [one, two] = [
      await pushed(store(), repo, image(), { tags: ['v1', 'v2', 'x_1'] }),
      await pushed(store(), repo, index([]), { tags: ['V1', 'latest'], now: NOW + 5 }),
    ]
    const tags = async (page: PageRequest & { filter?: string }) => {
      const found = await store().describeTags(repo, page)
      return found && [found.items.map((tag) => tag.name), found.more]
    }
    const { digest, mediaType } = two
    const of = { digest, mediaType, size: 64, updatedAt: NOW + 5, pulledAt: undefined }
    expect((await store().describeTags(repo, { limit: 2 }))?.items).toEqual([
      { name: 'V1', ...of },
      { name: 'latest', ...of },
    ])
    expect(await tags({ limit: 2, last: 'latest' })).toEqual([['v1', 'v2'], true])
    expect((await store().describeTags(repo, { limit: 1, last: 'latest' }))?.items[0]?.digest).toBe(
      one.digest,
    )
    expect(await tags({ limit: 9, last: 'v2\0\0' })).toEqual([['x_1'], false])
    expect(await tags({ limit: 9, filter: 'v' })).toEqual([['v1', 'v2'], false])
    expect(await tags({ limit: 1, filter: '1' })).toEqual([['V1'], true])
    expect(await tags({ limit: 1, filter: '1', last: 'V1' })).toEqual([['v1'], true])
    expect(await tags({ limit: 9, filter: '' })).toMatchObject([{ length: 5 }, false])
    for (const filter of ['%', 'x%', '\0', '%1', 'v1x', "'"])
      expect([filter, await tags({ limit: 9, filter })]).toEqual([filter, [[], false]])
    expect(await tags({ limit: 9, filter: '_' })).toEqual([['x_1'], false])
  })

  test('manifests are described in pages, with the bytes they list', async () => {
    const { name } = await newUser(store())
    const repo = repoName(`${name}/x`)
    expect(await store().describeManifests(repo, { limit: 9 })).toBeUndefined()
    const blobs = [
      await pushBlob(store(), repo, newDigest(), { size: 1000 }),
      await pushBlob(store(), repo, newDigest(), { size: 5_000_000_000 }),
    ]
    const pushes = [
      await pushed(store(), repo, image(blobs)),
      await pushed(store(), repo, image([], { artifactType: 'a/b', size: 99, algorithm: 'sha512' })),
    ]
    pushes.push(await pushed(store(), repo, index([pushes[0] as (typeof pushes)[0]])))
    const expected = [
      { artifactType: undefined, size: 64, blobBytes: 5_000_001_000 },
      { artifactType: 'a/b', size: 99, blobBytes: 0 },
      { artifactType: undefined, size: 64, blobBytes: 0 },
    ]
      .map((more, at) => {
        const { digest, mediaType } = pushes[at] as (typeof pushes)[0]
        return { digest, mediaType, createdAt: NOW, pulledAt: undefined, ...more }
      })
      .sort((a, b) => (a.digest < b.digest ? -1 : 1))
    expect(await store().describeManifests(repo, { limit: 9 })).toEqual({ items: expected, more: false })
    const last = expected[0]?.digest as string
    expect(await store().describeManifests(repo, { limit: 1, last })).toEqual({
      items: expected.slice(1, 2),
      more: true,
    })
    expect((await store().describeManifests(repo, { limit: 9, last: 'nothing\0' }))?.items.length).toBe(3)
    await store().deleteManifest(remove(repo, pushes[1]?.digest as never))
    expect((await store().describeManifests(repo, { limit: 9 }))?.items.length).toBe(2)
  })
}
