import { describe, expect, test } from 'bun:test'
import { image, NOW, pushBlob, pushed } from '../metadata/fixture.ts'
import {
  type AccountsUnderTest,
  brokenInvariants,
  CAUSE,
  credential,
  disableOtherAdministrators,
  freshName,
  newLookup,
  newOrganisation,
  newUser,
  OPERATOR,
  repoIn,
  VERIFIER,
} from './fixture.ts'

const ROUNDS = 12
const times = <T>(count: number, work: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => work(at))
const count = <T>(all: readonly T[], one: T) => all.filter((each) => each === one).length

/** What happens at the same time must look as if it had happened one after the other (C5). */
export function accountRaces(tested: () => AccountsUnderTest) {
  const store = () => tested().store

  describe('at the same time', () => {
    test('a name is given to one of many', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const name = freshName()
        const outcomes = await Promise.all(
          times(8, async (at) => {
            const made =
              at % 2 === 0
                ? store().createUser({ name, administrator: false, password: VERIFIER }, CAUSE)
                : store().createOrganisation({ name, owner: undefined }, CAUSE)
            return (await made).outcome as string
          }),
        )
        expect(count(outcomes, 'created')).toBe(1)
        expect(count(outcomes, 'taken')).toBe(7)
      }
    }, 30_000)

    test('a namespace is an account’s or the site’s, whichever came first', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const name = freshName()
        const create = { name, administrator: false, password: undefined }
        const [made] = await Promise.all([
          store().createUser(create, CAUSE),
          pushed(store(), repoIn(name), image()),
        ])
        const owned = (await tested().sql(`SELECT account_id AS id FROM namespace WHERE name = '${name}'`))[0]
        expect(owned?.id !== null).toBe(made.outcome === 'created')
      }
    }, 30_000)

    test('a link is used by one of many', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const link = newLookup()
        const purpose = { kind: 'invitation' as const }
        await store().createLink({ lookup: link, purpose, expiresAt: NOW + 1 }, OPERATOR)
        const outcomes = await Promise.all(
          times(8, async () => {
            const create = { name: freshName(), administrator: false, password: undefined, link }
            return (await store().createUser(create, CAUSE)).outcome as string
          }),
        )
        expect(count(outcomes, 'created')).toBe(1)
        expect(count(outcomes, 'no-link')).toBe(7)
      }
    }, 30_000)

    test('an assertion is used by one of many', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const use = { id: newLookup(), expiresAt: NOW }
        const outcomes = await Promise.all(times(8, () => store().useAssertion(use)))
        expect(outcomes.filter((used) => used)).toHaveLength(1)
      }
    }, 30_000)

    test('a reset is used by one of many', async () => {
      const user = await newUser(store(), { password: VERIFIER })
      for (let round = 0; round < ROUNDS; round++) {
        const link = newLookup()
        const purpose = { kind: 'password-reset' as const, user: user.name }
        await store().createLink({ lookup: link, purpose, expiresAt: NOW + 1 }, OPERATOR)
        const outcomes = await Promise.all(
          times(8, (at) => store().setPassword({ user: user.name, verifier: `${at}`, link }, CAUSE)),
        )
        expect(count(outcomes, 'done')).toBe(1)
        const winner = outcomes.indexOf('done')
        expect((await store().findPassword(user.name))?.verifier).toBe(`${winner}`)
      }
    }, 30_000)

    test('many passwords set leave one', async () => {
      const user = await newUser(store(), { password: VERIFIER })
      await Promise.all(times(16, (at) => store().setPassword({ user: user.name, verifier: `${at}` }, CAUSE)))
      expect(await store().listCredentials(user.name, ['password'])).toHaveLength(1)
    }, 30_000)

    test('of two owners who remove each other one stays', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const users = [await newUser(store()), await newUser(store())].map(({ name }) => name)
        const { name: organisation } = await newOrganisation(store(), users[0])
        await store().setMember({ organisation, user: users[1] as string, role: 'owner' }, CAUSE)
        const ends: ((user: string) => Promise<string>)[] = [
          (user) => store().removeMember({ organisation, user }, CAUSE),
          (user) => store().setMember({ organisation, user, role: 'member' }, CAUSE),
          (name) => store().deleteAccount({ name }, CAUSE),
        ]
        const outcomes = await Promise.all(
          users.map((user, at) => (ends[(round + at * Math.floor(round / 3)) % 3] as (typeof ends)[0])(user)),
        )
        expect(count(outcomes, 'last-owner')).toBe(1)
        const { items } = await store().listMembers(organisation, { limit: 9 })
        expect(items.filter(({ role }) => role === 'owner')).toHaveLength(1)
      }
    }, 60_000)

    test('of administrators who end each other one stays', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const users = await Promise.all(times(3, () => newUser(store(), { administrator: true })))
        const names = users.map(({ name }) => name)
        await disableOtherAdministrators(tested(), names)
        const ends: ((name: string) => Promise<string>)[] = [
          (name) => store().updateAccount({ name, administrator: false }, CAUSE),
          (name) => store().updateAccount({ name, disabled: true }, CAUSE),
          (name) => store().deleteAccount({ name }, CAUSE),
        ]
        const outcomes = await Promise.all(
          names.map((name, at) => (ends[(round + at) % 3] as (typeof ends)[0])(name)),
        )
        expect(count(outcomes, 'done')).toBe(2)
        expect(count(outcomes, 'last-administrator')).toBe(1)
        expect(await store().countAdministrators()).toBe(1)
      }
    }, 60_000)

    test('who leaves an organisation is in none of its teams', async () => {
      const user = await newUser(store())
      const { name: organisation } = await newOrganisation(store())
      const teams = ['a', 'b', 'c', 'd']
      for (const name of teams) await store().createTeam({ organisation, name }, CAUSE)
      for (let round = 0; round < ROUNDS; round++) {
        await store().setMember({ organisation, user: user.name, role: 'member' }, CAUSE)
        await Promise.all([
          ...teams.map((team) => store().addTeamMember({ organisation, team, user: user.name }, CAUSE)),
          store().removeMember({ organisation, user: user.name }, CAUSE),
        ])
        for (const team of teams) expect(await store().listTeamMembers(organisation, team)).toEqual([])
      }
    }, 60_000)

    test('nothing is left of an account that is given things while it is deleted', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const user = await newUser(store(), { password: VERIFIER })
        const owner = await newUser(store())
        const { name: organisation } = await newOrganisation(store(), owner.name)
        const parent = (await store().findPassword(user.name))?.id as number
        const given = times(4, () => credential('session', { parent }))
        const [deleted] = await Promise.all([
          store().deleteAccount({ name: user.name }, CAUSE),
          ...given.map((each) => store().createCredential({ account: user.name, credential: each }, CAUSE)),
          store().setMember({ organisation, user: user.name, role: 'member' }, CAUSE),
          store().createRobot({ owner: user.name, name: 'ci', secret: credential('secret') }, CAUSE),
          store().setPassword({ user: user.name, verifier: VERIFIER }, CAUSE),
        ])
        expect(deleted).toBe('done')
        for (const { lookup } of given) expect(await store().findCredential(lookup, NOW)).toBeUndefined()
        expect(await store().findAccount(`${user.name}+ci`)).toBeUndefined()
        expect((await store().listMembers(organisation, { limit: 9 })).items).toHaveLength(1)
      }
    }, 60_000)

    test('nothing stays granted to who is deleted', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const user = await newUser(store())
        const { name: organisation } = await newOrganisation(store())
        await store().createTeam({ organisation, name: 'devs' }, CAUSE)
        const subjects = [`user:${user.name}`, `team:${organisation}/devs`]
        const grants = subjects.map((subject) => ({ subject, verbs: 1 }))
        if (round % 2 === 0) await store().setDefaultGrants({ namespace: organisation, grants }, CAUSE)
        await Promise.all([
          store().setDefaultGrants({ namespace: organisation, grants }, CAUSE),
          ...times(3, (at) => pushed(store(), repoIn(organisation, `app${at}`), image())),
          store().deleteAccount({ name: user.name }, CAUSE),
          store().deleteTeam({ organisation, team: 'devs' }, CAUSE),
          ...subjects.map((subject) =>
            store().setGrant(
              { namespace: organisation, subject, pattern: `${organisation}/*`, verbs: 1 },
              CAUSE,
            ),
          ),
        ])
      }
      expect(await brokenInvariants(tested().sql)).toEqual([])
    }, 60_000)

    test('a repository is of a namespace, whoever goes', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const user = await newUser(store())
        const repo = repoIn(user.name)
        if (round % 2 === 0) await store().createRepository({ name: repo }, CAUSE)
        const [deleted, pushed] = await Promise.allSettled([
          store().deleteAccount({ name: user.name }, CAUSE),
          pushBlob(store(), repo),
        ])
        expect(['done', 'has-repositories']).toContain((deleted as { value: string }).value)
        if (pushed.status === 'rejected') expect(`${pushed.reason}`).toContain('gone')
        else expect(await store().findBlob(repo, pushed.value.digest)).toBeDefined()
      }
      expect(await brokenInvariants(tested().sql)).toEqual([])
    }, 60_000)

    test('no login outlives the password it came from', async () => {
      const user = await newUser(store(), { password: VERIFIER })
      for (let round = 0; round < ROUNDS; round++) {
        const parent = (await store().findPassword(user.name))?.id as number
        const given = times(6, () => credential('session', { parent }))
        await Promise.all([
          ...given.map((each) => store().createCredential({ account: user.name, credential: each }, CAUSE)),
          store().setPassword({ user: user.name, verifier: VERIFIER }, CAUSE),
        ])
        for (const { lookup } of given) expect(await store().findCredential(lookup, NOW)).toBeUndefined()
      }
    }, 60_000)

    test('no more secrets are kept than may be', async () => {
      const owner = await newUser(store())
      await store().createRobot({ owner: owner.name, name: 'ci', secret: credential('secret') }, CAUSE)
      const account = `${owner.name}+ci`
      await Promise.all(
        times(16, () =>
          store().createCredential({ account, credential: credential('secret'), keepNewest: 2 }, CAUSE),
        ),
      )
      expect(await store().listCredentials(account, ['secret'])).toHaveLength(2)
    }, 30_000)

    test('replicas note the same uses without harm', async () => {
      const user = await newUser(store())
      const ids = await Promise.all(
        times(20, async () => {
          const made = await store().createCredential(
            { account: user.name, credential: credential('token') },
            CAUSE,
          )
          return (made as { id: number }).id
        }),
      )
      const uses = (at: number) => ids.map((id) => ({ credential: id, at, address: '', agent: '' }))
      await Promise.all(times(16, (at) => store().touchCredentials(uses(NOW + at))))
      const seen = (await store().listCredentials(user.name, ['token'])).map(({ lastUsed }) => lastUsed?.at)
      expect(seen).toEqual(ids.map(() => NOW + 15))
    }, 30_000)
  })
}
