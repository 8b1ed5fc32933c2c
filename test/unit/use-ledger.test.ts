import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { uncountedAgents } from '../../src/registry/agents.ts'
import { UseLedger } from '../../src/registry/use-ledger.ts'
import { SETTINGS } from '../../src/settings.ts'
import type { Use } from '../../src/store/meta/lifecycle-store.ts'
import { runs } from '../fuzz/runs.ts'

const DAY = 86_400_000
const MORNING = 20_000 * DAY + 1_000
const digestAt = (at: number) => `sha256:${String(at).padStart(64, '0')}` as never

function ledgerOf(maxEntries: number) {
  const clock = { time: MORNING, now: () => clock.time }
  const ledger = new UseLedger({ clock, maxEntries })
  return { clock, ledger }
}

/** Where a use belongs. */
const keyOf = ({ repo, day, tag, digest }: Pick<Use, 'repo' | 'day' | 'tag' | 'digest'>) =>
  `${repo}|${day}|${tag ?? ''}|${digest}`

type Counts = Pick<Use, 'pulls' | 'looks' | 'referrers'>
const ZERO: Counts = { pulls: 0, looks: 0, referrers: 0 }

/** The sums of what was taken, without what has no count. */
function sumsOf(uses: readonly Use[]): Map<string, Counts> {
  const sums = new Map<string, Counts>()
  for (const use of uses) {
    const { pulls, looks, referrers } = sums.get(keyOf(use)) ?? ZERO
    if (use.pulls + use.looks + use.referrers > 0)
      sums.set(keyOf(use), {
        pulls: pulls + use.pulls,
        looks: looks + use.looks,
        referrers: referrers + use.referrers,
      })
  }
  return sums
}

const COUNT_OF = { pull: 'pulls', look: 'looks', referrers: 'referrers' } as const

const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constantFrom('pull', 'look', 'referrers' as const),
      repo: fc.constantFrom('a/a', 'a/b', 'c/c'),
      tag: fc.option(fc.constantFrom('latest', 'v1'), { nil: undefined }),
      digest: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ wait: fc.constantFrom(1, 1_000, 6_000, DAY) }) },
  { weight: 3, arbitrary: fc.constantFrom('take', 'written', 'lost') },
)

describe('the ledger', () => {
  test('adds up as a list of everything would, within its bound', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 2, max: 30 }),
        (steps, maxEntries) => {
          const { clock, ledger } = ledgerOf(maxEntries)
          const taken: Use[] = []
          let open: Use[] = []
          let noted = 0
          let lost = 0
          const expected: Map<string, { -readonly [Name in keyof Counts]: number }> = new Map()
          for (const each of steps) {
            if (each === 'take') {
              const uses = ledger.take()
              taken.push(...uses)
              open.push(...uses)
            } else if (each === 'written' || each === 'lost') {
              ledger.settle(open, each)
              if (each === 'lost')
                for (const { pulls, looks, referrers } of open) lost += pulls + looks + referrers
              open = []
            } else if ('wait' in each) clock.time += each.wait
            else {
              const { kind, repo, tag } = each
              const digest = digestAt(each.digest)
              const before = ledger.dropped
              ledger.note(kind as 'pull', repo as never, tag as never, digest)
              noted++
              if (ledger.dropped > before) continue
              const key = keyOf({
                repo: repo as never,
                day: Math.floor(clock.time / DAY),
                tag: tag as never,
                digest,
              })
              const sum = expected.get(key) ?? { ...ZERO }
              sum[COUNT_OF[kind as 'pull']]++
              expected.set(key, sum)
            }
            expect(ledger.size).toBeLessThanOrEqual(maxEntries)
          }
          taken.push(...ledger.take())
          expect([...sumsOf(taken)].sort()).toEqual([...expected].sort() as never)
          const { pull, look, referrers } = ledger.counted
          expect(pull + look + referrers).toBe(noted)
          const written = [...sumsOf(taken).values()].reduce(
            (sum, each) => sum + each.pulls + each.looks + each.referrers,
            0,
          )
          expect(written + ledger.dropped - lost).toBe(noted)
        },
      ),
      runs(500),
    )
  })

  test('holds 100,000 pulls over 10,000 tags within the default bound, and not one more', () => {
    const { fallback } = SETTINGS.maxNotedUses
    const { ledger } = ledgerOf(fallback)
    for (let pull = 0; pull < 100_000; pull++)
      ledger.note('pull', 'acme/web' as never, `t${pull % 10_000}` as never, digestAt(pull % 10_000))
    expect([ledger.size, ledger.dropped]).toEqual([fallback, 0])
    ledger.note('pull', 'acme/web' as never, 'one-more' as never, digestAt(1))
    ledger.note('pull', 'acme/other' as never, undefined, digestAt(1))
    ledger.note('pull', 'acme/web' as never, 't1' as never, digestAt(1))
    expect([ledger.size, ledger.dropped, ledger.counted.pull]).toEqual([fallback, 2, 100_003])
    const taken = ledger.take()
    expect(ledger.size).toBeLessThanOrEqual(fallback)
    expect(taken.length).toBe(10_000)
    expect(taken.reduce((sum, { pulls }) => sum + pulls, 0)).toBe(100_001)
  })

  test('what is being written keeps its room until it is written', () => {
    const { ledger } = ledgerOf(4)
    const pull = (at: number) => ledger.note('pull', 'a/a' as never, undefined, digestAt(at))
    for (let at = 0; at < 4; at++) pull(at)
    const taken = ledger.take()
    pull(0)
    expect([ledger.size, ledger.dropped]).toEqual([4, 1])
    ledger.settle(taken, 'written')
    pull(0)
    expect([ledger.size, ledger.dropped]).toEqual([1, 1])
    ledger.settle(ledger.take(), 'lost')
    expect([ledger.size, ledger.dropped]).toEqual([0, 2])
  })

  test('says once when half of its room is taken', () => {
    const { ledger } = ledgerOf(7)
    let told = 0
    ledger.onHalf = () => told++
    const pull = (at: number) => ledger.note('pull', 'a/a' as never, undefined, digestAt(at))
    for (const at of [0, 1, 1, 2]) pull(at)
    expect([told, ledger.isHalf]).toEqual([0, false])
    for (const at of [3, 4, 5]) pull(at)
    expect([told, ledger.isHalf]).toEqual([1, true])
    ledger.settle(ledger.take(), 'written')
    expect(ledger.isHalf).toBe(false)
    // Who is told takes what told it, too.
    const taken: number[] = []
    ledger.onHalf = () => taken.push(...ledger.take().map(({ pulls }) => pulls))
    for (const at of [0, 1, 2, 3]) pull(at)
    expect([taken, ledger.take()]).toEqual([[1, 1, 1, 1], []])
  })

  test('a day ends at midnight, UTC', () => {
    const { clock, ledger } = ledgerOf(10)
    const pull = () => ledger.note('pull', 'a/a' as never, 'v1' as never, digestAt(1))
    clock.time = 20_001 * DAY - 1
    pull()
    clock.time++
    pull()
    pull()
    expect(ledger.take().map(({ day, pulls, pulledAt }) => [day, pulls, pulledAt])).toEqual([
      [20_000, 1, 20_001 * DAY - 1],
      [20_001, 2, 20_001 * DAY],
    ])
  })

  test('a tag that was asked for last is told beside what is then asked for by digest, and only there', () => {
    const { clock, ledger } = ledgerOf(100)
    const note = (kind: 'pull' | 'look', repo: string, tag?: string) =>
      ledger.note(kind, repo as never, tag as never, digestAt(1))
    note('look', 'a/a', 'old')
    clock.time += 6_000
    note('look', 'a/a', 'v1')
    note('look', 'a/b', 'v1')
    ledger.take()
    note('pull', 'a/a')
    note('look', 'a/b', 'v2')
    const told = ledger.take().map(({ repo, tag, pulls, looks }) => `${repo} ${tag} ${pulls} ${looks}`)
    expect(told.sort()).toEqual(['a/a undefined 1 0', 'a/a v1 0 0', 'a/b v2 0 1'])
    note('pull', 'a/a')
    expect(ledger.take().map(({ tag }) => tag as string | undefined)).toEqual(['v1', undefined])
    clock.time += 6_000
    ledger.take()
    note('pull', 'a/a')
    expect(ledger.take().map(({ tag }) => tag)).toEqual([undefined])
  })
})

describe('clients that do not count', () => {
  const isUncounted = uncountedAgents(SETTINGS.uncountedAgents.fallback)
  test.each([
    'trivy/0.56.2',
    'Clair/4.7',
    'harbor-scanner-trivy/0.31',
    'RenovateBot/39 (https://github.com/renovatebot/renovate)',
    'Watchtower/1.7.1 (Docker)',
    'something (via diun/4.28)',
    'syft/1.0 go-containerregistry',
  ])('%s', (agent) => {
    expect([isUncounted(agent), isUncounted(agent)]).toEqual([true, true])
  })
  test.each([
    'docker/28.1.1 go/go1.23.8 git-commit/01f442b kernel/6.8.0 os/linux arch/amd64 UpstreamClient(Docker-Client/28.1.1 \\(linux\\))',
    'containerd/v2.0.0',
    'cri-o/1.31 go/go1.23 os/linux arch/arm64',
    'skopeo/1.16.1',
    'Artifactory/7.90 79000900',
    'Nexus/3.70',
    'clairvoyant/1.0',
    'eclair/1',
    '',
  ])('%s counts', (agent) => {
    expect(isUncounted(agent)).toBe(false)
  })
  test('are those that are said, whatever stands in them', () => {
    const own = uncountedAgents(['my.tool', '(x)'])
    expect(['My.Tool/1', 'myxtool/1', 'a (x)'].map(own)).toEqual([true, false, true])
    expect(uncountedAgents([])('trivy/1')).toBe(false)
    // What is remembered is bounded, and forgotten agents are known again.
    for (let at = 0; at < 3_000; at++) expect(own(`my.tool/${at}`)).toBe(true)
  })
})
