import { describe, expect, test } from 'bun:test'
import { reasonFor, sourcesOf, verbsOf, verbsWithin } from '../../src/auth/decide.ts'
import { parseRepoName } from '../../src/core/names.ts'
import { ALL_VERBS, NO_VERBS, verbSet, verbsIn } from '../../src/core/verbs.ts'
import type { AccessFacts, GrantFact, SubjectFacts } from '../../src/store/meta/access-store.ts'

const REPO = parseRepoName('acme/web')
const ALICE: SubjectFacts = { id: 1, name: 'alice', kind: 'user', administrator: false, disabled: false }
const ROBOT: SubjectFacts = { ...ALICE, id: 2, name: 'acme+ci', kind: 'robot' }
const NOTHING: AccessFacts = {
  subject: ALICE,
  credential: undefined,
  namespace: { id: 9, account: 5 },
  repository: { id: 7, identity: '7.1', public: false },
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
    const repository = { id: 7, identity: '7.1', public: true }
    for (const subject of [undefined, ALICE, ROBOT])
      expect(verbsIn(verbs({ subject, repository }))).toEqual(['pull'])
  })

  test('a disabled account may do nothing at all, not even what anyone may', () => {
    const everything: AccessFacts = {
      ...NOTHING,
      subject: { ...ALICE, administrator: true, disabled: true },
      namespace: { id: 9, account: ALICE.id },
      repository: { id: 7, identity: '7.1', public: true },
      role: 'owner',
      grants: [grant('**', ALL_VERBS), grant('acme/*', 1, 'anyone')],
    }
    expect(sourcesOf(everything, REPO)).toEqual([])
    expect(reasonFor(everything, REPO, 'pull')).toBeUndefined()
  })

  test('the reason is the strongest source that holds the verb', () => {
    const push = grant('acme/*', 2)
    const facts = { ...NOTHING, grants: [push], repository: { id: 7, identity: '7.1', public: true } }
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
