import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import pg from 'pg'
import type { ObjectKey } from '../src/core/names.ts'
import {
  COMMANDS,
  type CommandArgs,
  type CommandName,
  type CommandResult,
} from '../src/store/meta/commands.ts'
import type { Dialect, Tx } from '../src/store/meta/driver.ts'
import { openPostgres } from '../src/store/meta/postgres.ts'
import { postgresDialect, postgresTx, Statements } from '../src/store/meta/postgres-connection.ts'
import type { PushManifest, Store } from '../src/store/meta/store.ts'
import { collectAll, countOf, idOf, LIMIT, manifestRow, speak } from './suite/collection/fixture.ts'
import { audit } from './suite/metadata/audit.ts'
import {
  DAY,
  finishOf,
  freshRepo,
  GRACE,
  image,
  index,
  NOW,
  openUpload,
  push,
  pushBlob,
  pushed,
  remove,
  removeTag,
  type TestManifest,
  tag,
} from './suite/metadata/fixture.ts'
import { describeNeeding } from './testbed/needs.ts'
import { startPostgres } from './testbed/postgres.ts'

type AnyCommand = (tx: Tx, dialect: Dialect, args: unknown) => Promise<unknown>

/** When what is queued at NOW is due. */
const LATER = NOW + GRACE

/**
 * Two transactions that meet: the first has done everything but its commit when the second begins. Whichever is first, the end must be one
 * that some order of the two gives.
 */
describeNeeding(
  { programs: ['postgres', 'initdb'], root: true },
  'collection and others on PostgreSQL',
  () => {
    const owned = new AsyncDisposableStack()
    let store: Store
    let admin: pg.Client
    let client: pg.Client
    let tx: Tx
    const sql = async (text: string) => (await admin.query(text)).rows

    beforeAll(async () => {
      const cluster = owned.use(await startPostgres())
      store = await openPostgres(cluster.url)
      owned.defer(() => store.close())
      const connect = async () => {
        const made = new pg.Client({ connectionString: cluster.url })
        await made.connect()
        owned.defer(() => made.end())
        return made
      }
      admin = await connect()
      // With the types of the store's own connections.
      client = new pg.Client({ connectionString: cluster.url, types: NUMBERS })
      await client.connect()
      owned.defer(() => client.end())
      tx = postgresTx(client, new Statements())
      speak('postgres')
    }, 60_000)
    afterAll(() => owned.disposeAsync(), 60_000)
    afterEach(async () => {
      await client.query('ROLLBACK')
      expect(await audit(sql)).toEqual([])
      await collectAll(store, { now: NOW + 100 * DAY })
      expect(await audit(sql)).toEqual([])
    })

    /** Does a command up to its commit. */
    async function begin<Name extends CommandName>(
      name: Name,
      args: CommandArgs<Name>,
      alone = false,
    ): Promise<CommandResult<Name>> {
      await client.query('BEGIN')
      return (await (COMMANDS[name] as AnyCommand)(tx, postgresDialect(alone), args)) as CommandResult<Name>
    }
    const commit = () => client.query('COMMIT')

    /** Lets another begin, and commits the first when the other waits for it, or is done without waiting. */
    async function meet<T>(other: Promise<T>): Promise<T> {
      let isDone = false
      const done = other.finally(() => (isDone = true))
      done.catch(() => {})
      const waiting =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
      while (!isDone && (await sql(waiting)).length === 0);
      await commit()
      return await done
    }

    const review = { now: LATER, limit: LIMIT, undo: 0, grace: GRACE }
    const g1 = () => store.reviewManifests(review)
    const g2 = () => store.reviewLinks({ ...review, grace: 0 })
    const g3 = () => store.reviewBlobs({ ...review, deleteAfter: LATER })
    const isThere = async (repo: ReturnType<typeof freshRepo>, manifest: TestManifest) =>
      (await store.findManifest(repo, manifest)) !== undefined
    const pushOf = (
      repo: ReturnType<typeof freshRepo>,
      manifest: TestManifest,
      tags: string[] = [],
    ): PushManifest => ({
      ...manifest,
      ...{ repo, tags: tags.map(tag), sparse: 'none', now: LATER, grace: GRACE },
    })

    async function pieceOf(repo: ReturnType<typeof freshRepo>, manifest: TestManifest) {
      const [row] = (await sql(`SELECT ${idOf(repo)} AS repo, ${manifestRow(repo, manifest)} AS id`)) as [
        { repo: string; id: string },
      ]
      return { ...review, repoId: Number(row.repo), ids: [Number(row.id)] }
    }

    describe('G1 and', () => {
      /** What one pushes that has to do with a candidate; which subject the candidate itself has. */
      const PUSHES: Record<
        string,
        {
          subject?: TestManifest
          of(candidate: TestManifest): [TestManifest, string[]]
          keeps: boolean
          behind: string
        }
      > = {}
      const subject = image()
      PUSHES['a tag for the candidate'] = { of: (it) => [it, ['v']], keeps: true, behind: 'stored' }
      PUSHES['the candidate once more'] = { of: (it) => [it, []], keeps: true, behind: 'stored' }
      PUSHES['its parent'] = { of: (it) => [index([it]), ['v']], keeps: true, behind: 'missing' }
      PUSHES['its referrer'] = {
        of: (it) => [image([], { subject: it.digest }), []],
        keeps: false,
        behind: 'stored',
      }
      PUSHES['its subject'] = { subject, of: () => [subject, ['v']], keeps: true, behind: 'stored' }

      for (const [what, { subject, of, keeps, behind }] of Object.entries(PUSHES)) {
        const prepare = async () => {
          const repo = freshRepo()
          const blob = await pushBlob(store, repo)
          const candidate = image([blob], subject === undefined ? {} : { subject: subject.digest })
          await pushed(store, repo, candidate)
          const [manifest, tags] = of(candidate)
          return { repo, candidate, manifest, tags }
        }

        test(`${what}, which is first`, async () => {
          const { repo, candidate, manifest, tags } = await prepare()
          expect(await begin('pushManifest', pushOf(repo, manifest, tags))).toEqual({ outcome: 'stored' })
          const round = await meet(g1())
          expect(round.deleted).toBe(keeps ? 0 : 1)
          expect(await isThere(repo, candidate)).toBe(keeps)
          expect(await isThere(repo, manifest)).toBe(true)
        })

        test(`${what}, which is second`, async () => {
          const { repo, candidate, manifest, tags } = await prepare()
          const piece = await pieceOf(repo, candidate)
          expect(await begin('reviewManifestPiece', piece)).toEqual({ reviewed: 1, deleted: 1 })
          const { outcome } = await meet(store.pushManifest(pushOf(repo, manifest, tags)))
          expect(outcome).toBe(behind as never)
          expect(await isThere(repo, manifest)).toBe(behind === 'stored')
        })
      }

      test('the deletion of its last tag, of its parent, of itself', async () => {
        for (const by of ['tag', 'parent', 'digest']) {
          const repo = freshRepo()
          const candidate = await pushed(store, repo, image())
          if (by === 'tag') await pushed(store, repo, candidate, { tags: ['v'] })
          const parent =
            by === 'parent' ? await pushed(store, repo, index([candidate]), { tags: ['w'] }) : undefined
          expect(
            by === 'tag'
              ? await begin('deleteTag', removeTag(repo, 'v'))
              : await begin('deleteManifest', remove(repo, (parent ?? candidate).digest)),
          ).toEqual({ outcome: 'deleted' })
          // It waited, and saw what was left.
          expect(await meet(g1())).toMatchObject({ deleted: by === 'digest' ? 0 : 1 })
          expect(await isThere(repo, candidate)).toBe(false)
        }
      })

      test('a look at it, first: it was promised and stands', async () => {
        const repo = freshRepo()
        const candidate = await pushed(store, repo, image())
        const look = { repo, digest: candidate.digest, until: LATER + GRACE }
        expect(await begin('postponeReview', look)).toBe(true)
        expect(await meet(g1())).toMatchObject({ deleted: 0 })
        expect((await store.findManifest(repo, candidate))?.reviewAfter).toBe(LATER + GRACE)
      })

      test('a look at it, second: nothing is promised', async () => {
        const repo = freshRepo()
        const candidate = await pushed(store, repo, image())
        await begin('reviewManifestPiece', await pieceOf(repo, candidate))
        expect(await meet(store.postponeReview(repo, candidate.digest, LATER + GRACE))).toBe(false)
      })

      test('another collector: each candidate goes once', async () => {
        const repo = freshRepo()
        const candidate = await pushed(store, repo, image([await pushBlob(store, repo)]))
        const before = (await store.garbageState(LATER)).collected.manifests
        await begin('reviewManifestPiece', await pieceOf(repo, candidate))
        expect(await meet(g1())).toMatchObject({ reviewed: 0, deleted: 0 })
        expect((await store.garbageState(LATER)).collected.manifests).toBe(before + 1)
      })
    })

    describe('G2 and', () => {
      const where = async () => {
        const [repo, other] = [freshRepo(), freshRepo()]
        const blob = await pushBlob(store, repo)
        await store.mountBlob({ repo: other, digest: blob.digest, from: repo, now: NOW + DAY, grace: GRACE })
        return { repo, other, blob }
      }
      const mountOf = ({ repo, other, blob }: Awaited<ReturnType<typeof where>>) => ({
        ...{ repo, digest: blob.digest, from: other, now: LATER, grace: GRACE },
      })
      const collectFirst = async () => {
        expect(await begin('reviewLinks', { ...review, grace: 0 })).toMatchObject({ deleted: 1 })
      }

      test('a push that lists the blob, first', async () => {
        const { repo, blob } = await where()
        await begin('pushManifest', pushOf(repo, image([blob]), ['v']))
        expect(await meet(g2())).toMatchObject({ deleted: 0 })
        expect(await g2()).toMatchObject({ reviewed: 1, deleted: 0 })
        expect((await store.findBlob(repo, blob.digest))?.leaseUntil).toBeUndefined()
      })

      test('a push that lists the blob, second: told that it is missing', async () => {
        const { repo, blob } = await where()
        await collectFirst()
        expect(await meet(push(store, repo, image([blob]), { now: LATER }))).toEqual({
          outcome: 'missing',
          digests: [blob.digest],
        })
      })

      test('a mount, first and second: the link stands', async () => {
        for (const first of ['mount', 'collector']) {
          const world = await where()
          if (first === 'mount') {
            await begin('mountBlob', mountOf(world))
            expect(await meet(g2())).toMatchObject({ deleted: 0 })
          } else {
            await collectFirst()
            expect(await meet(store.mountBlob(mountOf(world)))).toBeDefined()
          }
          expect(await g2()).toMatchObject({ deleted: 0 })
          expect((await store.findBlob(world.repo, world.blob.digest))?.leaseUntil).toBe(LATER + GRACE)
        }
      })

      test('a HEAD, first: it was promised and stands', async () => {
        const { repo, blob } = await where()
        expect(await begin('extendLease', { repo, digest: blob.digest, until: LATER + GRACE })).toBe(true)
        expect(await meet(g2())).toMatchObject({ deleted: 0 })
        expect(await g2()).toMatchObject({ reviewed: 1, deleted: 0 })
        expect((await store.findBlob(repo, blob.digest))?.leaseUntil).toBe(LATER + GRACE)
      })

      test('a HEAD, second: nothing is promised', async () => {
        const { repo, blob } = await where()
        await collectFirst()
        expect(await meet(store.extendLease(repo, blob.digest, LATER + GRACE))).toBe(false)
      })

      test('the end of an upload, first and second: the link stands', async () => {
        for (const first of ['upload', 'collector']) {
          const { repo, blob } = await where()
          const open = await openUpload(store, repo)
          const finish = finishOf(open, { digest: blob.digest, now: LATER })
          if (first === 'upload') {
            expect(await begin('finishUpload', finish)).toEqual({ outcome: 'finished' })
            expect(await meet(g2())).toMatchObject({ deleted: 0 })
          } else {
            await collectFirst()
            expect(await meet(store.finishUpload(finish))).toEqual({ outcome: 'finished' })
          }
          expect((await store.findBlob(repo, blob.digest))?.leaseUntil).toBe(LATER + GRACE)
        }
      })

      test('the deletion of the manifest that lists the blob: the link gets its lease', async () => {
        const { repo, blob } = await where()
        const manifest = await pushed(store, repo, image([blob]), { tags: ['v'] })
        await begin('deleteManifest', remove(repo, manifest.digest, LATER))
        expect(await meet(g2())).toMatchObject({ deleted: 0 })
        expect((await store.findBlob(repo, blob.digest))?.leaseUntil).toBe(LATER + GRACE)

        await pushed(store, repo, manifest, { tags: ['v'] })
        await begin('reviewLinks', { ...review, now: LATER + GRACE })
        expect(await meet(store.deleteManifest(remove(repo, manifest.digest, LATER)))).toEqual({
          outcome: 'deleted',
        })
        expect(await store.reviewLinks({ ...review, now: LATER + GRACE })).toMatchObject({ deleted: 1 })
      })

      test('the deletion of the blob, first and second', async () => {
        const one = await where()
        expect(await begin('deleteBlob', remove(one.repo, one.blob.digest))).toEqual({ outcome: 'deleted' })
        expect(await meet(g2())).toMatchObject({ deleted: 0 })
        const two = await where()
        await collectFirst()
        expect(await meet(store.deleteBlob(remove(two.repo, two.blob.digest)))).toEqual({ outcome: 'absent' })
      })

      test('another collector passes over what the first holds', async () => {
        await where()
        await collectFirst()
        expect(await meet(g2())).toMatchObject({ reviewed: 0, deleted: 0 })
      })
    })

    describe('G3 and', () => {
      /** A blob that no repository holds, in the queue, and one that could hold it. */
      const where = async () => {
        const [repo, gone] = [freshRepo(), freshRepo()]
        const { digest } = await pushBlob(store, gone)
        const key = (await store.findObject(digest))?.key as ObjectKey
        return { repo, gone, digest, key, open: await openUpload(store, repo) }
      }
      const unlink = ({ gone, digest }: Awaited<ReturnType<typeof where>>) =>
        store.deleteBlob(remove(gone, digest))
      const collectFirst = async () => {
        expect(await begin('reviewBlobs', { ...review, deleteAfter: LATER })).toMatchObject({ deleted: 1 })
      }
      const isBuried = async (key: ObjectKey) => (await countOf(sql, `tombstone WHERE obj = '${key}'`)) === 1

      for (const how of ['reuse', 'write'] as const) {
        test(`the end of an upload (${how}), first: the blob stands`, async () => {
          const world = await where()
          await unlink(world)
          const { digest, key, open, repo } = world
          const finish = finishOf(open, { digest, now: LATER, ...(how === 'reuse' && { reuse: key }) })
          expect(await begin('finishUpload', finish)).toEqual({ outcome: 'finished' })
          expect(await meet(g3())).toMatchObject({ deleted: 0 })
          expect(await g3()).toMatchObject({ reviewed: 1, deleted: 0 })
          expect((await store.findBlob(repo, digest))?.key).toBe(key)
          expect(await isBuried(key)).toBe(false)
        })
      }

      test('the end of an upload that wrote nothing, second: told so, and the session stands', async () => {
        const world = await where()
        await unlink(world)
        await collectFirst()
        const { digest, key, open, repo } = world
        const finish = finishOf(open, { digest, now: LATER, reuse: key })
        expect(await meet(store.finishUpload(finish))).toEqual({ outcome: 'vanished' })
        expect(await isBuried(key)).toBe(true)
        expect(await isBuried(open.key)).toBe(false)
        const { reuse: _, ...written } = finish
        expect(await store.finishUpload(written)).toEqual({ outcome: 'finished' })
        expect((await store.findBlob(repo, digest))?.key).toBe(open.key)
      })

      test('the end of an upload that wrote, second: its object takes the place', async () => {
        const world = await where()
        await unlink(world)
        await collectFirst()
        const { digest, key, open, repo } = world
        expect(await meet(store.finishUpload(finishOf(open, { digest, now: LATER })))).toEqual({
          outcome: 'finished',
        })
        expect((await store.findBlob(repo, digest))?.key).toBe(open.key)
        expect(await isBuried(key)).toBe(true)
      })

      test('a mount from the last repository that holds it, first', async () => {
        const world = await where()
        const { repo, gone, digest } = world
        await begin('mountBlob', { repo, digest, from: gone, now: LATER, grace: GRACE })
        await unlink(world)
        expect(await meet(g3())).toMatchObject({ deleted: 0 })
        expect(await g3()).toMatchObject({ reviewed: 1, deleted: 0 })
        expect(await store.findBlob(repo, digest)).toBeDefined()
      })

      test('a mount, second: there is nothing to be mounted', async () => {
        const world = await where()
        const { repo, digest } = world
        await unlink(world)
        await collectFirst()
        const mount = { repo, digest, from: undefined, now: LATER, grace: GRACE }
        expect(await meet(store.mountBlob(mount))).toBeUndefined()
      })

      test('a mount that found a link, and waits for the row', async () => {
        const { repo, gone, digest } = await where()
        // Link and blob go in one transaction, as no rule does it: the mount sees the link, and waits.
        await client.query('BEGIN')
        const id = '(SELECT id FROM blob ORDER BY id DESC LIMIT 1)'
        await client.query(`SELECT 1 FROM blob WHERE id = ${id} FOR UPDATE`)
        for (const table of ['gc_link', 'repo_blob'])
          await client.query(`DELETE FROM ${table} WHERE blob_id = ${id}`)
        await client.query(`DELETE FROM blob WHERE id = ${id}`)
        const mount = { repo, digest, from: gone, now: LATER, grace: GRACE }
        expect(await meet(store.mountBlob(mount))).toBeUndefined()
      })

      test('the deletion of the last link, first and second: the blob is queued in the end', async () => {
        for (const first of ['deletion', 'collector']) {
          const world = await where()
          const { gone, repo, digest } = world
          // An entry of an earlier time, which is wrong now.
          await store.mountBlob({ repo, digest, from: gone, now: NOW, grace: GRACE })
          await store.deleteBlob(remove(repo, digest))
          if (first === 'deletion') {
            await begin('deleteBlob', remove(gone, digest, LATER))
            await meet(g3())
          } else {
            expect(await begin('reviewBlobs', { ...review, deleteAfter: 0 })).toMatchObject({
              reviewed: 1,
              deleted: 0,
            })
            expect(await meet(store.deleteBlob(remove(gone, digest, LATER)))).toEqual({ outcome: 'deleted' })
          }
          expect(await countOf(sql, 'gc_blob')).toBe(1)
          expect(await store.reviewBlobs({ ...review, now: LATER + GRACE, deleteAfter: 0 })).toMatchObject({
            deleted: 1,
          })
        }
      })

      test('G2 of the last link, first and second', async () => {
        for (const first of ['G2', 'G3']) {
          const { gone, repo, digest } = await where()
          await store.mountBlob({ repo, digest, from: gone, now: NOW, grace: GRACE })
          await store.deleteBlob(remove(repo, digest))
          if (first === 'G2') {
            expect(await begin('reviewLinks', { ...review, grace: 0 })).toMatchObject({ deleted: 1 })
            expect(await meet(g3())).toMatchObject({ deleted: 0 })
          } else {
            await begin('reviewBlobs', { ...review, deleteAfter: 0 })
            expect(await meet(g2())).toMatchObject({ deleted: 1 })
          }
          expect(await g3()).toMatchObject({ deleted: 1 })
        }
      })

      test('another collector passes over what the first holds', async () => {
        const world = await where()
        await unlink(world)
        await collectFirst()
        expect(await meet(g3())).toMatchObject({ reviewed: 0, deleted: 0 })
      })
    })

    test('64 collectors of one heap of garbage: everything goes once', async () => {
      const repos = Array.from({ length: 5 }, () => freshRepo())
      for (const repo of repos) {
        await Promise.all(
          Array.from({ length: 30 }, async () => pushed(store, repo, image([await pushBlob(store, repo)]))),
        )
      }
      const before = (await store.garbageState(LATER)).collected
      const all = async (rule: () => Promise<{ deleted: number; bytes: number }>) => {
        const rounds = await Promise.all(Array.from({ length: 64 }, rule))
        return rounds.reduce((sum, { deleted }) => sum + deleted, 0)
      }
      expect(await all(() => store.reviewManifests({ ...review, limit: 40, grace: 0 }))).toBeLessThanOrEqual(
        150,
      )
      await store.reviewManifests({ ...review, grace: 0 })
      await all(() => store.reviewLinks({ ...review, limit: 40, grace: 0 }))
      await g2()
      await all(() => store.reviewBlobs({ ...review, limit: 40, deleteAfter: 0 }))
      await g3()
      const after = (await store.garbageState(LATER)).collected
      expect(after.manifests - before.manifests).toBe(150)
      expect(after.links - before.links).toBe(150)
      expect(after.blobs - before.blobs).toBe(150)
      expect(after.bytes - before.bytes).toBe(15_000)
    }, 60_000)
  },
)

const INT8 = 20
/** bigint as a number, as the store reads it. */
const NUMBERS = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}
