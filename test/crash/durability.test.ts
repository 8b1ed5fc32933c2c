import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { digestFromBytes } from '../../src/core/digest.ts'
import { imageManifest, randomBlob, type TestBlob } from '../suite/content.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { snapshotOf } from './database.ts'
import {
  type Acknowledgement,
  acknowledgements,
  logSyncs,
  syncedBetween,
  unsyncedBlob,
  WATCHED,
} from './durability.ts'
import { pathOf } from './scrub.ts'
import { type Site, startServer } from './server.ts'
import { postgresSite, sqliteSite } from './sites.ts'
import { parseTrace, type SystemCall, trace } from './tracer.ts'
import { UploadSession } from './upload-session.ts'
import { ask, type Wire, wireTo } from './wire.ts'

/*
 * What must survive a power loss is what was synced before it was acknowledged. Nobody pulls a plug here: the system calls of a real
 * server tell whether every acknowledgement waited for the syncs that it promises (C1, CO-1, CO-3).
 */

setDefaultTimeout(120_000)

const REPO = 'crash/power'
const CLIENTS = 8

/** One blob in one request, one in chunks, one large; several clients at once, so that syncs are shared. */
async function pushBlobs(wire: Wire): Promise<TestBlob[]> {
  const clients = Array.from({ length: CLIENTS }, async () => {
    const blobs = [randomBlob(3_000), randomBlob(9_000), randomBlob(2_500_000)]
    for (const [n, { digest, bytes }] of blobs.entries()) {
      const session = new UploadSession(REPO, digest, bytes)
      await session.open(wire)
      if (n === 1) await session.patch(wire, 4_000)
      await session.close(wire)
    }
    return blobs
  })
  return (await Promise.all(clients)).flat()
}

/** Writes to the database alone, one after the other: a mount, manifests, deletions. */
async function pushAndDelete(wire: Wire, blobs: readonly TestBlob[]): Promise<number> {
  const [config, layer, other] = blobs as [TestBlob, TestBlob, TestBlob]
  const { bytes, digest, mediaType } = imageManifest(config, [layer])
  const put = { headers: { 'content-type': mediaType }, body: bytes }
  const uploads = `/v2/${REPO}-2/blobs/uploads/`
  await ask(wire, 'POST', `${uploads}?mount=${other.digest}&from=${REPO}`, [201])
  await ask(wire, 'PUT', `/v2/${REPO}/manifests/latest`, [201], put)
  await ask(wire, 'PUT', `/v2/${REPO}/manifests/${digest}?tag=one&tag=two`, [201], put)
  await ask(wire, 'DELETE', `/v2/${REPO}/manifests/latest`, [202])
  await ask(wire, 'DELETE', `/v2/${REPO}/manifests/${digest}`, [202])
  await ask(wire, 'DELETE', `/v2/${REPO}-2/blobs/${other.digest}`, [202])
  return 6
}

/** The files that hold blobs, by digest. */
async function filesOf(site: Site): Promise<Map<string, string>> {
  await using snapshot = await snapshotOf(site)
  const rows = await snapshot.rows<{ digest: Uint8Array; obj: string }>('SELECT digest, obj FROM blob')
  return new Map(rows.map((row) => [digestFromBytes(row.digest), pathOf(site, row.obj)]))
}

/** Runs a server under watch, and gives what it promised and what was synced. `database` is PostgreSQL's process, where there is one. */
async function watch(site: Site, database?: number) {
  await using other = database === undefined ? undefined : await trace(database, ['fdatasync', 'fsync'])
  await using server = await startServer(site)
  await using tracer = await trace(server.daemon.pid, WATCHED)
  const wire = wireTo(server.url)
  const blobs = await pushBlobs(wire)
  const alone = await pushAndDelete(wire, blobs)
  const calls = await tracer.stop()
  const syncs = logSyncs(other === undefined ? calls : await other.stop())
  return { blobs, alone, calls, syncs, files: await filesOf(site) }
}

function insist({ blobs, alone, calls, syncs, files }: Awaited<ReturnType<typeof watch>>): void {
  const answers = acknowledgements(calls)
  for (const { digest } of blobs) {
    const created = answers.find(({ location }) => location === `/v2/${REPO}/blobs/${digest}`)
    expect(created).toBeDefined()
    expect(unsyncedBlob(calls, files.get(digest) ?? '', syncs, created as Acknowledgement)).toBeUndefined()
  }
  // The last ones came one after the other: each has the time since the one before for itself.
  const sequence = answers.slice(-alone - 1)
  expect(sequence.length).toBe(alone + 1)
  for (const [at, { sent }] of sequence.entries()) {
    const before = sequence[at - 1]
    if (before !== undefined) expect(syncedBetween(syncs, before.sent, sent)).toBe(true)
  }
}

describeNeeding({ programs: ['strace'], root: true }, 'every acknowledgement waits for the disk', () => {
  test('with SQLite', async () => {
    await using site = await sqliteSite()
    insist(await watch(site))
  })

  describeNeeding({ programs: ['initdb', 'postgres'] }, 'of PostgreSQL, too', () => {
    test('with PostgreSQL', async () => {
      await using cluster = await startPostgres({ settings: { fsync: 'on', full_page_writes: 'on' } })
      await using site = await postgresSite(cluster)
      insist(await watch(site, cluster.pid))
    })
  })
})

describe('the rules refuse', () => {
  const FILE = '/d/0a/0a3f'
  const at = (start: number, name: string, args: string, result = 0): SystemCall => {
    return { name, args, result, start, end: start + 0.5 }
  }
  const GOOD = [
    at(1, 'openat', `AT_FDCWD</>, "${FILE}", O_WRONLY|O_CREAT|O_TRUNC, 0640`, 9),
    at(2, 'pwrite64', `9<${FILE}>, ""..., 10, 0`, 10),
    at(3, 'fdatasync', `9<${FILE}>`),
    at(3, 'fsync', '10</d/0a>'),
    at(5, 'fdatasync', '4</d/berth.db-wal>'),
  ]
  const judge = (calls: readonly SystemCall[]) =>
    unsyncedBlob(calls, FILE, logSyncs(calls), { status: 201, location: undefined, sent: 7 })

  test('nothing that is in order', () => expect(judge(GOOD)).toBeUndefined())

  for (const [index, complaint] of [
    [2, /bytes/],
    [3, /name/],
    [4, /row/],
  ] as const) {
    const call = GOOD[index] as SystemCall
    test(`no ${call.name} of ${call.args}`, () =>
      expect(judge(GOOD.filter((each) => each !== call))).toMatch(complaint))
    test(`a ${call.name} of ${call.args} that failed`, () =>
      expect(judge(GOOD.map((each) => (each === call ? { ...call, result: -1 } : each)))).toMatch(complaint))
    test(`a ${call.name} of ${call.args} that came after the answer`, () =>
      expect(judge(GOOD.map((each) => (each === call ? { ...call, end: 8 } : each)))).toMatch(complaint))
  }

  test('bytes that were written after they were synced', () =>
    expect(judge([...GOOD, at(6, 'pwrite64', `9<${FILE}>, ""..., 1, 10`, 1)])).toMatch(/bytes/))

  test('a row that was synced while the bytes were', () =>
    expect(judge(GOOD.map((each) => (each.start === 5 ? { ...each, start: 3.2 } : each)))).toMatch(/row/))
})

test('a trace is read, with calls that others interrupted', () => {
  const text = [
    '70 1000.25 fdatasync(9</d/a> <unfinished ...>',
    '71 1000.50 write(4</d/b>, "x\\r\\n", 3) = 3 <0.125>',
    '70 1000.75 <... fdatasync resumed>) = 0 <0.5>',
    '72 1001.00 openat(AT_FDCWD</>, "/d/c", O_RDONLY) = -1 ENOENT (No such file or directory) <0.25>',
  ].join('\n')
  expect(parseTrace(text)).toEqual([
    { name: 'fdatasync', args: '9</d/a>', result: 0, start: 1000.25, end: 1000.75 },
    { name: 'write', args: '4</d/b>, "x\\r\\n", 3', result: 3, start: 1000.5, end: 1000.625 },
    { name: 'openat', args: 'AT_FDCWD</>, "/d/c", O_RDONLY', result: -1, start: 1001, end: 1001.25 },
  ])
})
