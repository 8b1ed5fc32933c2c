import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import {
  descriptorOf,
  imageManifest,
  indexManifest,
  randomBlob,
  type TestManifest,
} from '../suite/content.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { type Postgres, startPostgres } from '../testbed/postgres.ts'
import { tempFolder } from '../testbed/temp.ts'
import { snapshotOf, tamper } from './database.ts'
import { COLLECT } from './failpoint-paths.ts'
import { pushedImage, pushWhole, putManifest, SMALL } from './requests.ts'
import { scrub } from './scrub.ts'
import { type Armed, launch, type Site, startServer } from './server.ts'
import { describeOnBoth, postgresSite } from './sites.ts'
import { stopAndScrub } from './strike.ts'
import { readRepository } from './visible.ts'
import { ask, readManifest, wireTo } from './wire.ts'

/* Rules G1 to G3 and what stands beside them: a collector that dies anywhere is followed by another that ends its work. */

setDefaultTimeout(120_000)

/** Looks for work all the time, takes small steps, and finds what is let go due at once. */
const HASTY = {
  ...{ BERTH_GC_SECONDS: '0.05', BERTH_SWEEP_SECONDS: '0.05', BERTH_GC_BATCH: '2' },
  ...{ BERTH_LEASE_SECONDS: '0', BERTH_TOMBSTONE_SECONDS: '0', BERTH_UNDO_SECONDS: '0' },
}
const REPO = 'crash/collection'
const GONE = 'crash/deleted'
const GARBAGE = 5

/** What must stay: an index under a tag with its children, and what refers to it. Returned are manifests by digest. */
async function prepare(site: Site): Promise<{ kept: TestManifest[]; garbage: TestManifest[] }> {
  await using server = await startServer(site)
  const wire = wireTo(server.url)
  const children: TestManifest[] = []
  for (const tag of ['amd64', 'arm64']) children.push((await pushedImage(wire, REPO, tag)).manifest)
  const index = indexManifest(children)
  await putManifest(wire, REPO, 'latest', index)
  for (const tag of ['amd64', 'arm64']) await ask(wire, 'DELETE', `/v2/${REPO}/manifests/${tag}`, [202])
  const config = randomBlob(200)
  await pushWhole(wire, REPO, config)
  const signature = imageManifest(config, [], { subject: descriptorOf(index, index.mediaType) })
  await putManifest(wire, REPO, signature.digest, signature)

  const garbage: TestManifest[] = []
  for (let n = 0; n < GARBAGE; n++) {
    const { manifest } = await pushedImage(wire, REPO, `old-${n}`)
    await ask(wire, 'DELETE', `/v2/${REPO}/manifests/old-${n}`, [202])
    garbage.push(manifest)
  }
  await pushWhole(wire, REPO, randomBlob(SMALL))
  await pushedImage(wire, GONE, 'v')
  await server.kill()
  await tamper(
    site,
    'UPDATE gc_manifest SET review_after = 1',
    'UPDATE gc_link SET review_after = 1',
    'UPDATE repo_blob SET lease_until = 1 WHERE lease_until IS NOT NULL',
    `UPDATE repo SET deleted_at = 1, deleted_name = name, name = '!1' WHERE name = '${GONE}'`,
    `INSERT INTO tag_event (repo_id, name, at, kind, actor, address, agent)
       SELECT id, 'latest', 1, 1, 'a', '', '' FROM repo WHERE name = '${REPO}'`,
  )
  return { kept: [index, ...children, signature], garbage }
}

const LEFT = ['gc_manifest', 'gc_link', 'gc_blob', 'tombstone', 'tag_event']
  .map((table) => `SELECT '${table}' AS name FROM ${table}`)
  .concat("SELECT 'repo' AS name FROM repo WHERE deleted_at IS NOT NULL")
  .join(' UNION ALL ')

async function untilCollected(site: Site): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    await using snapshot = await snapshotOf(site)
    const left = await snapshot.rows(LEFT)
    if (left.length === 0) return
    if (Date.now() > deadline)
      throw new Error(`not collected: ${JSON.stringify(left)}\n${(await scrub(site)).join('\n')}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function insistOnOutcome(
  site: Site,
  url: string,
  { kept, garbage }: Awaited<ReturnType<typeof prepare>>,
): Promise<void> {
  const wire = wireTo(url)
  for (const { digest } of kept) expect((await readManifest(wire, REPO, digest))?.digest).toBe(digest)
  for (const { digest } of garbage) expect(await readManifest(wire, REPO, digest)).toBeUndefined()
  await readRepository(wire, REPO)
  await using snapshot = await snapshotOf(site)
  // Each once, whoever did it, and however often it was tried.
  expect(await snapshot.rows('SELECT manifests FROM collected')).toEqual([{ manifests: GARBAGE + 1 }])
}

/** Lets a server collect until nothing is left, and looks at what is. */
async function insistOnCollected(
  site: Site,
  content: Awaited<ReturnType<typeof prepare>>,
  armed: readonly Armed[] = [],
): Promise<void> {
  await using server = await startServer(site, { env: HASTY, armed })
  await untilCollected(site)
  await insistOnOutcome(site, server.url, content)
  await stopAndScrub(site, server)
}

/** The process that died had the job for a minute. */
const passTime = (site: Site) => tamper(site, 'UPDATE job SET lease_until = 1')

describeOnBoth('collection', (newSite) => {
  for (const point of COLLECT) {
    test(`goes on after kill -9 at ${point}`, async () => {
      await using site = await newSite()
      const content = await prepare(site)
      {
        await using server = await startServer(site, {
          env: HASTY,
          armed: [{ point, nth: 1, action: 'kill' }],
        })
        await server.killed()
      }
      await passTime(site)
      await insistOnCollected(site, content)
    })
  }

  test('goes on after kill -9 in every transaction, before and after its commit', async () => {
    await using site = await newSite()
    const content = await prepare(site)
    for (let nth = 2; nth < 9; nth++) {
      const point = nth % 2 === 0 ? 'tx.before-commit' : 'tx.after-commit'
      await using server = await startServer(site, { env: HASTY, armed: [{ point, nth, action: 'kill' }] })
      await server.killed()
      await passTime(site)
    }
    await insistOnCollected(site, content)
  })

  test('tries again after every failure', async () => {
    await using site = await newSite()
    const content = await prepare(site)
    const points = [...COLLECT, 'tx.before-commit', 'tx.begun'] as const
    await insistOnCollected(
      site,
      content,
      points.map((point) => ({ point, nth: 2, action: 'error:EIO' })),
    )
  })
})

describeNeeding({ programs: ['initdb', 'postgres'] }, 'two processes on PostgreSQL', () => {
  let cluster: Postgres
  beforeAll(async () => {
    cluster = await startPostgres()
  }, 60_000)
  afterAll(() => cluster[Symbol.asyncDispose]())

  test('collect at once; one is killed, and the other ends the work', async () => {
    await using site = await postgresSite(cluster)
    const content = await prepare(site)
    // A data directory of its own, over the same storage.
    await using folder = await tempFolder()
    const other: Site = { ...site, data: join(folder.path, 'data') }
    await mkdir(other.data, { mode: 0o700 })
    await symlink(join(site.data, 'blobs'), join(other.data, 'blobs'))

    await using second = await startServer(other, { env: HASTY, armed: [] })
    const armed = [{ point: 'collect.before-links', nth: 1, action: 'kill' }] as const
    // Whichever takes the job first: the one that is armed dies in its first turn.
    await using first = launch(site, { env: HASTY, armed })
    const ended = first.exited
    let isDead = false
    ended.then(() => (isDead = true))
    while (!isDead) {
      await tamper(
        site,
        `INSERT INTO gc_link SELECT repo_id, blob_id, 1 FROM repo_blob LIMIT 1 ON CONFLICT DO NOTHING`,
      )
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await passTime(site)
    await untilCollected(site)
    await insistOnOutcome(site, second.url, content)
    await stopAndScrub(site, second)
  })
})
