import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { registryStack } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { refuse } from '../src/core/errors.ts'
import type { Registry } from '../src/core/registry.ts'
import { startWritingUses, type WriteUsesOptions } from '../src/jobs/write-uses.ts'
import { uncountedAgents } from '../src/registry/agents.ts'
import { observe } from '../src/registry/observe.ts'
import { UseLedger } from '../src/registry/use-ledger.ts'
import { memoryBlobStore } from '../src/store/blob-memory.ts'
import { COMMANDS, type RunCommand } from '../src/store/meta/commands.ts'
import type { Tx } from '../src/store/meta/driver.ts'
import { metadataStore } from '../src/store/meta/facade.ts'
import type { Use } from '../src/store/meta/lifecycle-store.ts'
import { migrateSqlite, openDatabase, sqliteDialect, sqliteTx } from '../src/store/meta/sqlite-connection.ts'
import type { Store } from '../src/store/meta/store.ts'
import { testContext } from './suite/content.ts'
import { freshRepo, image, newDigest, pushed, rejection, tag } from './suite/metadata/fixture.ts'
import { tempFolder } from './testbed/temp.ts'

const silent = { error() {}, warn() {}, info() {}, debug() {} }
const LONG = 1_000_000

/** A registry over a database whose every statement is counted. */
async function counted() {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const database = openDatabase(join(folder.path, 'berth.db'), 'write')
  stack.defer(() => database.close(true))
  await migrateSqlite(database)
  let statements = 0
  const inner = sqliteTx(database)
  const counting = (name: keyof Tx) => (sql: string, values: never) => {
    statements++
    return inner[name](sql, values)
  }
  const tx = {
    get: counting('get'),
    all: counting('all'),
    run: counting('run'),
    insert: counting('insert'),
  } as Tx
  const run = ((name, args) => COMMANDS[name](tx, sqliteDialect, args as never)) as RunCommand
  const store: Store = { ...metadataStore(tx, sqliteDialect, run), async check() {}, async close() {} }
  const config = readConfig({}, { auth: 'none' })
  const plain = registryStack(config, memoryBlobStore(), store, silent as never, undefined)
  const ledger = new UseLedger({ clock: { now: () => 1_000 }, maxEntries: 100 })
  const observed = observe(plain, { ledger, isUncounted: uncountedAgents(['trivy']) })
  const owned = stack.move()
  return {
    store,
    plain,
    observed,
    ledger,
    /** How many statements something takes. */
    async statementsOf(work: () => Promise<unknown>) {
      const before = statements
      await work()
      return statements - before
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const by = (agent: string) => ({ ...testContext(), agent })
const told = (uses: readonly Use[]) =>
  uses.map(({ tag, pulls, looks, referrers }) => `${tag ?? '-'} ${pulls}/${looks}/${referrers}`).sort()

describe('an observed registry', () => {
  test('notes a GET as a pull, a HEAD as a look, lists of referrers apart', async () => {
    await using under = await counted()
    const { store, observed, ledger } = under
    const repo = freshRepo()
    const { digest } = await pushed(store, repo, image(), { tags: ['v1'] })
    await pushed(store, repo, image([], { subject: digest }))
    const docker = by('docker/28')
    await observed.resolveManifest(docker, repo, { tag: tag('v1') })
    for (const _ of [1, 2]) await observed.getManifest(docker, repo, { tag: tag('v1') })
    await observed.getManifest(docker, repo, { digest })
    await observed.referrers(docker, repo, digest, { limit: 5 })
    expect(told(ledger.take())).toEqual(['- 1/0/1', 'v1 2/1/0'])
    // What scanners get was looked at.
    await observed.getManifest(by('Trivy/0.56'), repo, { tag: tag('v1') })
    expect(told(ledger.take())).toEqual(['v1 0/1/0'])
  })

  test('does not note what is not there, nor the further pages of a list', async () => {
    await using under = await counted()
    const { store, observed, ledger } = under
    const repo = freshRepo()
    const { digest } = await pushed(store, repo, image(), { tags: ['v1'] })
    const ctx = by('docker/28')
    await rejection(observed.getManifest(ctx, repo, { tag: tag('v2') }))
    await rejection(observed.resolveManifest(ctx, repo, { digest: newDigest() }))
    await rejection(observed.getManifest(ctx, freshRepo(), { digest }))
    await observed.referrers(ctx, repo, newDigest(), { limit: 5 })
    await observed.referrers(ctx, repo, digest, { limit: 5 })
    const two = [
      await pushed(store, repo, image([], { subject: digest })),
      await pushed(store, repo, image([], { subject: digest })),
    ]
    const [last] = two.map((each) => each.digest).sort()
    expect(
      (await observed.referrers(ctx, repo, digest, { limit: 5, last: last as string })).items.length,
    ).toBe(1)
    expect(ledger.take()).toEqual([])
  })

  test('asks the database nothing that was not asked before', async () => {
    await using under = await counted()
    const { store, plain, observed } = under
    const repo = freshRepo()
    const { digest } = await pushed(store, repo, image(), { tags: ['v1'] })
    const ctx = by('docker/28')
    const work: ((registry: Registry) => Promise<unknown>)[] = [
      (registry) => registry.getManifest(ctx, repo, { tag: tag('v1') }),
      (registry) => registry.getManifest(ctx, repo, { digest }),
      (registry) => registry.resolveManifest(ctx, repo, { tag: tag('v1') }),
      (registry) => registry.resolveManifest(ctx, repo, { digest }),
      (registry) => registry.referrers(ctx, repo, digest, { limit: 5 }),
    ]
    for (const each of work) {
      const before = await under.statementsOf(() => each(plain))
      expect(before).toBeGreaterThan(0)
      expect(await under.statementsOf(() => each(observed))).toBe(before)
    }
    expect(await under.statementsOf(() => observed.getManifest(ctx, repo, { digest }))).toBe(1)
  })
})

describe('what is noted', () => {
  const NOTE = (ledger: UseLedger, at: number) =>
    ledger.note('pull', 'acme/web' as never, undefined, `sha256:${String(at).padStart(64, '0')}` as never)
  const setting = (recordUses: (uses: readonly Use[]) => Promise<void>, maxEntries = 1_000) => {
    const ledger = new UseLedger({ clock: { now: () => 1_000 }, maxEntries })
    const lines: string[] = []
    const log = {
      ...silent,
      warn: (line: string) => lines.push(line),
      error: (line: string) => lines.push(line),
    }
    const options: WriteUsesOptions = { ledger, store: { recordUses }, log, every: LONG }
    return { ledger, lines, options }
  }

  test('is written in pieces when the job is stopped', async () => {
    const pieces: number[] = []
    const { ledger, options, lines } = setting(async (uses) => void pieces.push(uses.length))
    const job = startWritingUses(options)
    for (let at = 0; at < 499; at++) NOTE(ledger, at)
    await job[Symbol.asyncDispose]()
    expect([pieces, ledger.size, ledger.dropped, lines]).toEqual([[256, 243], 0, 0, []])
  })

  test('is written at once when half of the room is taken, one round at a time', async () => {
    let underWay = 0
    let most = 0
    let written = 0
    const enough = Promise.withResolvers<void>()
    const { ledger, options } = setting(async (uses) => {
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay--
      written += uses.length
      if (written >= 900) enough.resolve()
    }, 100)
    await using _ = startWritingUses(options)
    for (let at = 0; at < 1_000; at++) {
      while (ledger.size >= 100) await new Promise((resolve) => setImmediate(resolve))
      NOTE(ledger, at)
    }
    await enough.promise
    expect([most, ledger.dropped]).toEqual([1, 0])
  })

  test('waits for a database that is away, and is lost when it stays away', async () => {
    let away = true
    let written = 0
    const { ledger, options, lines } = setting(async (uses) => {
      if (away) throw refuse('unavailable', 'away')
      written += uses.length
    }, 4)
    const first = startWritingUses(options)
    for (const at of [0, 1, 2, 3, 4]) NOTE(ledger, at)
    // The fifth found no room; the others are kept.
    expect([ledger.size, ledger.dropped]).toEqual([4, 1])
    await first[Symbol.asyncDispose]()
    expect([ledger.size, ledger.dropped, lines.length]).toEqual([0, 5, 1])
    const second = startWritingUses(options)
    NOTE(ledger, 1)
    NOTE(ledger, 2)
    away = false
    await second[Symbol.asyncDispose]()
    expect([written, ledger.size, ledger.dropped]).toEqual([2, 0, 5])
  })

  test('that cannot be written is told and does not hold up the rest', async () => {
    let written = 0
    const { ledger, options, lines } = setting(async (uses) => {
      if (uses.length === 256) throw new Error('a bug')
      written += uses.length
    })
    const job = startWritingUses(options)
    for (let at = 0; at < 300; at++) NOTE(ledger, at)
    await job[Symbol.asyncDispose]()
    expect([written, ledger.dropped, ledger.size, lines]).toEqual([
      44,
      256,
      0,
      ['uses could not be written down and are lost'],
    ])
  })
})
