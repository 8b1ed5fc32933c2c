import { describe, expect, test } from 'bun:test'
import { parseRepoName, type RepoName } from '../../src/core/names.ts'
import { FormerNames, MAX_FORMER_NAMES } from '../../src/registry/former-names.ts'

const OLD = parseRepoName('acme/old')
const NEW = parseRepoName('acme/new')

/** Names over a store that counts what it is asked. */
function watched(refresh = 1_000) {
  const state = { now: 0, lists: 0, finds: 0, fails: false, names: new Map<RepoName, RepoName>() }
  const store = {
    async listAliases(limit: number) {
      expect(limit).toBe(MAX_FORMER_NAMES)
      state.lists++
      if (state.fails) throw new Error('the database is away')
      return Array.from(state.names, ([name, target]) => ({ name, target }))
    },
    async findAlias(name: RepoName) {
      state.finds++
      if (state.fails) throw new Error('the database is away')
      return state.names.get(name)
    },
  }
  return { state, names: new FormerNames(store, { now: () => state.now }, refresh) }
}

describe('former names', () => {
  test('cost nothing while nothing is renamed, but one look at all of them in a while', async () => {
    const { state, names } = watched()
    await names.read()
    for (let at = 0; at < 100; at++) expect(names.presentName(OLD)).toBeUndefined()
    expect([state.lists, state.finds]).toEqual([1, 0])
    state.now = 1_000
    for (let at = 0; at < 100; at++) names.presentName(OLD)
    expect(state.lists).toBe(2)
  })

  test('are told as they are at that moment', async () => {
    const { state, names } = watched()
    state.names.set(OLD, NEW)
    await names.read()
    expect(await names.presentName(OLD)).toBe(NEW)
    expect(names.presentName(NEW)).toBeUndefined()
    state.names.clear()
    expect(await names.presentName(OLD)).toBeUndefined()
  })

  test('a database that does not answer only keeps the remark', async () => {
    const { state, names } = watched(0)
    state.names.set(OLD, NEW)
    await names.read()
    state.fails = true
    await names.read()
    expect(await names.presentName(OLD)).toBeUndefined()
    state.fails = false
    expect(await names.presentName(OLD)).toBe(NEW)
  })
})
