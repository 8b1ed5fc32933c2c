import { describe, expect, test } from 'bun:test'
import { reasonFor, sourcesOf, verbsOf, verbsWithin } from '../../src/auth/decide.ts'
import { Glob } from '../../src/core/glob.ts'
import { MAX_NAME_LENGTH, parseRepoName } from '../../src/core/names.ts'
import { ALL_VERBS, NO_VERBS, verbSet, verbsIn } from '../../src/core/verbs.ts'
import { MAX_GRANTS } from '../../src/store/meta/access/grants.ts'
import type { AccessFacts, GrantFact, SubjectFacts } from '../../src/store/meta/access-store.ts'

const REPO = parseRepoName('acme/web')
const ALICE: SubjectFacts = { id: 1, name: 'alice', kind: 'user', administrator: false, disabled: false }
const ROBOT: SubjectFacts = { ...ALICE, id: 2, name: 'acme+ci', kind: 'robot' }
const NOTHING: AccessFacts = {
  subject: ALICE,
  credential: undefined,
  namespace: { id: 9, account: 5 },
  repository: { id: 7, name: REPO, identity: '7.1', public: false },
  role: undefined,
  grants: [],
}
const grant = (pattern: string, verbs: number, subject = 'user:alice'): GrantFact => ({
  id: 1,
  subject,
  pattern,
  verbs,
})
const verbs = (facts: Partial<AccessFacts>) => verbsOf({ ...NOTHING, ...facts }, REPO)

describe('who may do what', () => {
  test('nobody may do anything, unless something says so', () => {
    for (const subject of [undefined, ALICE, ROBOT]) {
      expect(verbs({ subject })).toBe(NO_VERBS)
      expect(verbs({ subject, repository: undefined })).toBe(NO_VERBS)
      expect(verbs({ subject, namespace: undefined, repository: undefined })).toBe(NO_VERBS)
      expect(verbs({ subject, role: 'member' })).toBe(NO_VERBS)
    }
  })

  test('site administrators may do everything, also where there is nothing yet', () => {
    const subject = { ...ALICE, administrator: true }
    expect(verbs({ subject })).toBe(ALL_VERBS)
    expect(verbs({ subject, namespace: undefined, repository: undefined })).toBe(ALL_VERBS)
  })

  test('a user owns its namespace; a robot with the same number of a namespace, or a namespace of nobody, gives nothing', () => {
    expect(verbs({ namespace: { id: 9, account: ALICE.id } })).toBe(ALL_VERBS)
    expect(verbs({ namespace: { id: 9, account: ROBOT.id }, subject: ROBOT })).toBe(NO_VERBS)
    expect(verbs({ namespace: { id: ALICE.id, account: undefined } })).toBe(NO_VERBS)
    expect(verbs({ namespace: { id: 9, account: undefined }, subject: undefined })).toBe(NO_VERBS)
  })

  test('owners of an organisation own its namespace, members do not', () => {
    expect(verbs({ role: 'owner' })).toBe(ALL_VERBS)
    expect(verbs({ role: 'member' })).toBe(NO_VERBS)
  })

  test('grants add up where their pattern fits, with what their verbs bring', () => {
    expect(verbs({ grants: [grant('acme/*', 2)] })).toBe(verbSet(['push']))
    expect(verbs({ grants: [grant('acme/web', 8), grant('acme/**', 4)] })).toBe(
      verbSet(['delete', 'create-tag']),
    )
    expect(verbs({ grants: [grant('acme/web/*', 31), grant('acme/we', 31), grant('other/**', 31)] })).toBe(
      NO_VERBS,
    )
    expect(verbs({ subject: undefined, grants: [grant('acme/*', 1, 'anyone')] })).toBe(verbSet(['pull']))
  })

  test('what is public may be pulled by anyone, and no more', () => {
    const repository = { id: 7, name: REPO, identity: '7.1', public: true }
    for (const subject of [undefined, ALICE, ROBOT])
      expect(verbsIn(verbs({ subject, repository }))).toEqual(['pull'])
  })

  test('a disabled account may do nothing at all, not even what anyone may', () => {
    const everything: AccessFacts = {
      ...NOTHING,
      subject: { ...ALICE, administrator: true, disabled: true },
      namespace: { id: 9, account: ALICE.id },
      repository: { id: 7, name: REPO, identity: '7.1', public: true },
      role: 'owner',
      grants: [grant('**', ALL_VERBS), grant('acme/*', 1, 'anyone')],
    }
    expect(sourcesOf(everything, REPO)).toEqual([])
    expect(reasonFor(everything, REPO, 'pull')).toBeUndefined()
  })

  test('the reason is the strongest source that holds the verb', () => {
    const push = grant('acme/*', 2)
    const facts = {
      ...NOTHING,
      grants: [push],
      repository: { id: 7, name: REPO, identity: '7.1', public: true },
    }
    expect(reasonFor(facts, REPO, 'push')).toEqual({ kind: 'grant', grant: push })
    expect(reasonFor(facts, REPO, 'pull')).toEqual({ kind: 'grant', grant: push })
    expect(reasonFor({ ...facts, grants: [] }, REPO, 'pull')).toEqual({ kind: 'public' })
    expect(reasonFor(facts, REPO, 'delete')).toBeUndefined()
    expect(reasonFor({ ...facts, role: 'owner' }, REPO, 'pull')).toEqual({ kind: 'organisation-owner' })
    const own = { ...facts, role: 'owner' as const, namespace: { id: 9, account: ALICE.id } }
    expect(reasonFor(own, REPO, 'pull')).toEqual({ kind: 'own-namespace' })
    expect(reasonFor({ ...own, subject: { ...ALICE, administrator: true } }, REPO, 'pull')).toEqual({
      kind: 'administrator',
    })
  })

  test('the scopes of a credential narrow, and never add', () => {
    expect(verbsWithin(undefined, REPO)).toBe(ALL_VERBS)
    expect(verbsWithin([], REPO)).toBe(NO_VERBS)
    expect(verbsWithin([{ pattern: 'other/**', verbs: ALL_VERBS }], REPO)).toBe(NO_VERBS)
    expect(verbsWithin([{ pattern: 'acme/*', verbs: 2 }], REPO)).toBe(verbSet(['push']))
    const two = [
      { pattern: 'acme/*', verbs: 1 },
      { pattern: '**', verbs: 8 },
    ]
    expect(verbsWithin(two, REPO)).toBe(verbSet(['pull', 'delete']))
  })
})

test('a repository that is asked for by a former name is decided about by its present one', () => {
  const facts: AccessFacts = {
    ...NOTHING,
    repository: { id: 7, name: parseRepoName('shop/site'), identity: '7.1', public: false },
    grants: [grant('acme/*', ALL_VERBS), grant('shop/site', 1)],
  }
  expect(verbsIn(verbsOf(facts, REPO))).toEqual(['pull'])
})

describe('what a decision costs', () => {
  /** As bad as the store lets patterns be: all in reach of the name, none that fits. */
  const patterns = (count: number) =>
    Array.from({ length: count }, (_, at) => `acme/**a*b${'x'.repeat(at % 7)}**c?`)
  const counted = <T extends object>(rows: readonly T[]) => {
    const looks = { count: 0 }
    const get = (row: T, key: string) => {
      if (key === 'pattern') looks.count++
      return Reflect.get(row, key)
    }
    const told = rows.map((row) => new Proxy(row, { get: get as ProxyHandler<T>['get'] & {} }))
    return { looks, told }
  }

  test('facts that are remembered are gone through once, for each repository anew', () => {
    const { looks, told } = counted(patterns(250).map((pattern) => grant(pattern, 1)))
    const facts = { ...NOTHING, repository: undefined, grants: told }
    expect(verbsOf(facts, REPO)).toBe(NO_VERBS)
    const first = looks.count
    expect(first).toBe(250)
    for (let again = 0; again < 100; again++) verbsOf(facts, REPO)
    expect(looks.count).toBe(first)
    expect(verbsOf(facts, parseRepoName('acme/aabcc'))).not.toBe(NO_VERBS)
    expect(verbsOf(facts, REPO)).toBe(NO_VERBS)
  })

  test('and so are the scopes of a credential', () => {
    const { looks, told } = counted(patterns(50).map((pattern) => ({ pattern, verbs: 1 })))
    for (let again = 0; again < 100; again++) expect(verbsWithin(told, REPO)).toBe(NO_VERBS)
    expect(looks.count).toBe(50)
  })

  test('the worst patterns that a namespace may have cost few steps together', () => {
    expect(MAX_GRANTS).toBe(250)
    for (const part of ['aaaaa/b'.repeat(29), 'ab'.repeat(125), `${'a'.repeat(248)}b`, 'a/b'.repeat(30)]) {
      for (const rest of ['**a*b**c*b', '**a?b**b', '*a?b*?b', '**ab*a**b', '?**a*?b']) {
        const steps = { count: 0 }
        const name = parseRepoName(`acme/${part}`)
        for (let at = 0; at < MAX_GRANTS; at++) new Glob(`acme/${rest}`).fits(name, steps)
        // A step is a search of a short text: some 50 ns.
        expect(steps.count).toBeLessThanOrEqual(MAX_GRANTS * MAX_NAME_LENGTH)
      }
    }
  })
})
