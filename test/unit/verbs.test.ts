import { expect, test } from 'bun:test'
import {
  ALL_VERBS,
  allows,
  BUNDLES,
  closed,
  isVerb,
  NO_VERBS,
  VERBS,
  type Verb,
  verbSet,
  verbsIn,
} from '../../src/core/verbs.ts'

const NAMES = Object.keys(VERBS) as Verb[]

test('the numbers of verbs are stored, and so stay as they are', () => {
  expect(VERBS).toEqual({ pull: 1, push: 2, 'create-tag': 4, delete: 8, admin: 16 })
  expect(ALL_VERBS).toBe(31)
  expect(verbsIn(ALL_VERBS)).toEqual(NAMES)
})

test('verbs bring what they need', () => {
  const brings: Record<Verb, Verb[]> = {
    pull: ['pull'],
    push: ['pull', 'push', 'create-tag'],
    'create-tag': ['pull', 'create-tag'],
    delete: ['pull', 'delete'],
    admin: NAMES,
  }
  for (const verb of NAMES) expect(verbsIn(verbSet([verb]))).toEqual(brings[verb])
  expect(verbSet([])).toBe(NO_VERBS)
})

test('a closed set stays, holds what it was made of, and is what its verbs bring together', () => {
  for (let set = 0; set <= ALL_VERBS; set++) {
    const whole = closed(set)
    expect(closed(whole)).toBe(whole)
    expect(whole & set).toBe(set)
    expect(verbsIn(set).reduce((union, verb) => union | verbSet([verb]), NO_VERBS)).toBe(whole)
    for (const verb of NAMES) expect(allows(whole, verb)).toBe(verbsIn(whole).includes(verb))
  }
})

test('bundles are closed, and each is more than the one before', () => {
  for (const set of Object.values(BUNDLES)) expect(closed(set)).toBe(set)
  expect(verbsIn(BUNDLES.read)).toEqual(['pull'])
  expect(verbsIn(BUNDLES.write)).toEqual(['pull', 'push', 'create-tag'])
  expect(BUNDLES.admin).toBe(ALL_VERBS)
})

test('only verbs are verbs', () => {
  for (const verb of NAMES) expect(isVerb(verb)).toBe(true)
  for (const text of ['', 'PULL', 'pull ', '*', 'read', 'toString', '__proto__'])
    expect(isVerb(text)).toBe(false)
})
