import { describe, expect, test } from 'bun:test'
import type { RepoName } from '../../../src/core/names.ts'
import type { Store } from '../../../src/store/meta/store.ts'
import { auditOf, CAUSE, given, newOrganisation, newUser, repoName } from '../access/fixture.ts'
import {
  DAY,
  digestAt,
  finishOf,
  GRACE,
  image,
  NOW,
  OWNER,
  openUpload,
  push,
  pushBlob,
  pushed,
  remove,
  removeTag,
  tag,
} from '../metadata/fixture.ts'
import { beside, history, namespaceIn, newName, UNDO } from './fixture.ts'

/** Repositories that are deleted, brought back, renamed and moved. */
export function repositoryHistoryCases(here: () => Store, there: () => Store) {
  const deleted = async (repo: RepoName, now = NOW) =>
    here().listDeletedRepositories(namespaceIn(repo), now, UNDO)
  const rename = (name: RepoName, to: RepoName, store = here()) => store.renameRepository({ name, to }, CAUSE)

  describe('a deleted repository', () => {
    test('is gone for everyone, its name is free, and it comes back as it was', async () => {
      const repo = await newName(here())
      const namespace = namespaceIn(repo)
      const blob = await pushBlob(here(), repo)
      const a = await pushed(here(), repo, image([blob]), { tags: ['v1'] })
      await here().updateRepository({ name: repo, description: 'the first' }, CAUSE)
      expect(await here().deleteRepository({ name: repo }, CAUSE)).toBe('done')
      expect(await here().deleteRepository({ name: repo }, CAUSE)).toBe('absent')
      expect(await here().findManifest(repo, { tag: tag('v1') })).toBeUndefined()
      expect(await here().findBlob(repo, blob.digest)).toBeUndefined()
      expect(await here().findRepository(repo)).toBeUndefined()
      expect((await here().readAccess({ repo, now: NOW })).repository).toBeUndefined()
      expect((await here().search({ query: repo, limit: 5, offset: 0 })).hits).toEqual([])
      const listed = await here().describeRepositories({ namespace, visible: 'everything' }, { limit: 5 })
      expect(listed.items).toEqual([])

      await pushed(here(), repo, image(), { tags: ['v1'] })
      const [row] = await deleted(repo)
      expect(row).toEqual({ id: row?.id as number, name: repo, deletedAt: NOW, until: NOW + UNDO })
      const bring = (name?: RepoName) =>
        here().restoreRepository(
          { namespace, id: row?.id as number, undo: UNDO, ...(name && { name }) },
          CAUSE,
        )
      expect(await bring()).toEqual({ outcome: 'taken', name: repo })
      const other = beside(repo)
      expect([await bring(other), await bring(other)]).toEqual([
        { outcome: 'restored', name: other },
        { outcome: 'absent' },
      ])
      expect(await digestAt(here(), other, 'v1')).toBe(a.digest)
      expect(await digestAt(here(), repo, 'v1')).not.toBe(a.digest)
      expect((await here().findBlob(other, blob.digest))?.size).toBe(blob.size)
      expect((await here().findRepository(other))?.description).toBe('the first')
      expect((await here().search({ query: other, limit: 5, offset: 0 })).hits).toHaveLength(1)
      expect(await deleted(repo)).toEqual([])
      const told = (await auditOf(here(), namespace)).map(({ action, target }) => [action, target])
      expect(told.slice(0, 2)).toEqual([
        ['repository.restore', other],
        ['repository.delete', repo],
      ])
    })

    test('can be restored for as long as the namespace says, and by nobody of another', async () => {
      const repo = await newName(here())
      const namespace = namespaceIn(repo)
      await pushed(here(), repo, image())
      await here().deleteRepository({ name: repo }, CAUSE)
      await here().updateNamespace({ name: namespace, undoSeconds: 60 }, CAUSE)
      expect((await here().findNamespace(namespace))?.undoSeconds).toBe(60)
      const [row] = await deleted(repo)
      const bring = (of: string, now: number) =>
        here().restoreRepository({ namespace: of, id: row?.id as number, undo: UNDO }, { ...CAUSE, now })
      expect(row?.until).toBe(NOW + 60_000)
      expect([await deleted(repo, NOW + 59_999), await deleted(repo, NOW + 60_000)]).toEqual([
        [row as never],
        [],
      ])
      expect((await bring(namespace, NOW + 60_000)).outcome).toBe('absent')
      expect((await bring((await newOrganisation(here())).name, NOW)).outcome).toBe('absent')
      await here().updateNamespace({ name: namespace, undoSeconds: null }, CAUSE)
      expect((await bring(namespace, NOW + 60_000)).outcome).toBe('restored')
    })

    test('ends the uploads into it, also where its name is taken at once', async () => {
      const repo = await newName(here())
      const open = await openUpload(here(), repo)
      await here().deleteRepository({ name: repo }, CAUSE)
      await pushed(here(), repo, image())
      expect(await here().findUpload(repo, open.id, OWNER, NOW)).toBeUndefined()
      expect(await here().finishUpload(finishOf(open))).toEqual({ outcome: 'gone' })
      expect(await here().sweepUploads({ now: NOW + DAY, deleteAfter: NOW, limit: 1_000 })).toBeGreaterThan(0)
    })

    test('beside pushes: each push is in it, or in the one that has the name now', async () => {
      for (let round = 0; round < 8; round++) {
        const repo = await newName(here())
        await pushed(here(), repo, image())
        const images = Array.from({ length: 4 }, () => image())
        await Promise.all([
          ...images.map((each, at) =>
            pushed(at % 2 === 0 ? here() : there(), repo, each, { tags: [`t${at}`] }),
          ),
          there().deleteRepository({ name: repo }, CAUSE),
        ])
        const [row] = await deleted(repo)
        const back = beside(repo)
        const restored = { namespace: namespaceIn(repo), id: row?.id as number, name: back, undo: UNDO }
        expect((await here().restoreRepository(restored, CAUSE)).outcome).toBe('restored')
        for (const [at, { digest }] of images.entries()) {
          const homes = [await digestAt(here(), repo, `t${at}`), await digestAt(here(), back, `t${at}`)]
          expect(homes.filter((found) => found === digest)).toHaveLength(1)
        }
      }
    })
  })

  describe('a renamed repository', () => {
    test('is reached by its old name for everything, and makes no second one', async () => {
      const repo = await newName(here())
      const blob = await pushBlob(here(), repo)
      const a = await pushed(here(), repo, image([blob]), { tags: ['v1'] })
      const to = beside(repo)
      expect(await rename(repo, to)).toBe('done')
      expect(await here().findAlias(repo)).toBe(to)
      expect(await here().findAlias(to)).toBeUndefined()
      expect((await here().listAliases(10_000)).find(({ name }) => name === repo)?.target).toBe(to)
      for (const name of [repo, to]) {
        expect(await digestAt(here(), name, 'v1')).toBe(a.digest)
        expect((await here().findBlob(name, blob.digest))?.size).toBe(blob.size)
        expect((await here().listTags(name, { limit: 5 }))?.items).toEqual([tag('v1')])
        expect((await here().findRepository(name))?.name).toBe(to)
        expect((await here().describeTags(name, { limit: 5 }))?.items).toHaveLength(1)
        expect(await here().extendLease(name, blob.digest, NOW)).toBe(true)
        expect(await here().hasRepository(name)).toBe(true)
        expect(await history(here(), name)).toHaveLength(1)
      }
      const more = await pushBlob(here(), repo)
      const b = await pushed(here(), repo, image([more]), { tags: ['v2'], cause: CAUSE })
      await pushed(here(), repo, image([], { subject: b.digest }))
      expect((await here().listReferrers(repo, b.digest, { limit: 5 })).items).toHaveLength(1)
      expect(await digestAt(here(), to, 'v2')).toBe(b.digest)
      await here().deleteTag(removeTag(repo, 'v2'))
      expect((await here().deleteManifest(remove(repo, b.digest))).outcome).toBe('deleted')
      const namespace = namespaceIn(repo)
      const listed = await here().describeRepositories({ namespace, visible: 'everything' }, { limit: 5 })
      expect(listed.items.map(({ name }) => name)).toEqual([to])
      const mounted = { repo: await newName(here()), digest: blob.digest, from: repo, now: NOW, grace: GRACE }
      expect((await here().mountBlob(mounted))?.size).toBe(blob.size)
    })

    test('its old names end: by what is made under them, by going back, by its deletion', async () => {
      const repo = await newName(here())
      const a = await pushed(here(), repo, image(), { tags: ['v1'] })
      const [second, third] = [beside(repo), beside(repo)]
      await rename(repo, second)
      await rename(repo, third)
      expect(await here().findAlias(second)).toBe(third)
      expect(await here().createRepository({ name: repo }, CAUSE)).toBe('created')
      expect(await here().findAlias(repo)).toBeUndefined()
      expect(await digestAt(here(), repo, 'v1')).toBeUndefined()
      expect(await rename(third, second)).toBe('done')
      expect(await here().findAlias(second)).toBeUndefined()
      expect(await here().findAlias(third)).toBe(second)
      expect(await digestAt(here(), third, 'v1')).toBe(a.digest)
      expect([await rename(third, repo), await rename(third, second)]).toEqual(['taken', 'taken'])
      expect(await rename(second, repoName('nobodys-namespace/x'))).toBe('no-namespace')
      expect(await rename(beside(repo), beside(repo))).toBe('absent')
      await here().deleteRepository({ name: third }, CAUSE)
      expect(await here().findAlias(third)).toBeUndefined()
      await pushed(here(), third, image())
      expect((await here().findRepository(third))?.name).toBe(third)
    })

    test('rights are those on its present name, by whatever name it is asked for', async () => {
      const repo = await newName(here())
      const to = await newName(here(), 'moved')
      const user = await newUser(here())
      await pushed(here(), repo, image())
      await given(here(), `user:${user.name}`, repo, ['pull'])
      await given(here(), `user:${user.name}`, to, ['push'])
      await given(here(), `user:${user.name}`, `${namespaceIn(repo)}/*`, ['delete'])
      const facts = (name: RepoName, former?: false) =>
        here().readAccess({ account: user.id, repo: name, now: NOW, ...(former === false && { former }) })
      const patterns = async (name: RepoName, former?: false) =>
        (await facts(name, former)).grants.map(({ pattern }) => pattern).sort()
      expect(await patterns(repo)).toEqual([`${namespaceIn(repo)}/*`, repo].sort())
      await rename(repo, to)
      expect(await patterns(repo)).toEqual([to])
      expect(await facts(repo)).toEqual(await facts(to))
      expect((await facts(repo)).repository?.name).toBe(to)
      // The grant on exactly the old name was its repository's, which left the namespace.
      expect(await patterns(repo, false)).toEqual([`${namespaceIn(repo)}/*`])
      expect((await facts(repo, false)).repository).toBeUndefined()
      const [row] = await auditOf(here(), namespaceIn(repo))
      expect(row).toEqual({
        action: 'repository.rename',
        target: repo,
        detail: { to, endedGrants: 1 },
      })
      expect((await auditOf(here(), namespaceIn(to)))[0]?.target).toBe(repo)
    })

    test('grants on exactly its name go along within the namespace', async () => {
      const repo = await newName(here())
      const user = await newUser(here())
      await pushed(here(), repo, image())
      await given(here(), `user:${user.name}`, repo, ['pull'])
      const to = beside(repo)
      await rename(repo, to)
      const { items } = await here().listGrants(namespaceIn(repo), { limit: 5 })
      expect(items.map(({ pattern }) => pattern)).toEqual([to])
    })

    test('beside pushes by its old name: all of them are in it, and there is no other', async () => {
      for (let round = 0; round < 8; round++) {
        const repo = await newName(here())
        await pushed(here(), repo, image())
        const to = beside(repo)
        const images = Array.from({ length: 6 }, () => image())
        const pushes = images.map((each, at) =>
          pushed(at % 2 === 0 ? here() : there(), repo, each, { tags: [`t${at}`] }),
        )
        expect(await rename(repo, to, there())).toBe('done')
        await Promise.all(pushes)
        for (const [at, { digest }] of images.entries())
          expect(await digestAt(here(), to, `t${at}`)).toBe(digest)
        expect((await here().findRepository(repo))?.name).toBe(to)
      }
    })

    test('beside a push to the new name: one of the two has it', async () => {
      for (let round = 0; round < 8; round++) {
        const repo = await newName(here())
        const a = await pushed(here(), repo, image(), { tags: ['v1'] })
        const to = beside(repo)
        const b = image()
        const [outcome] = await Promise.all([
          rename(repo, to, there()),
          push(here(), to, b, { tags: ['v2'] }),
        ])
        expect(await digestAt(here(), to, 'v2')).toBe(b.digest)
        expect(['done', 'taken']).toContain(outcome)
        expect(await digestAt(here(), to, 'v1')).toBe(outcome === 'done' ? a.digest : undefined)
      }
    })
  })
}
