import { describe, expect, test } from 'bun:test'
import { image, NOW, openUpload, pushBlob, pushed } from '../metadata/fixture.ts'
import {
  type AccountsUnderTest,
  audited,
  CAUSE,
  credential,
  freshName,
  give,
  newLookup,
  newOrganisation,
  newUser,
  OPERATOR,
  repoIn,
  VERIFIER,
} from './fixture.ts'

export function deletionCases(tested: () => AccountsUnderTest) {
  const store = () => tested().store
  const remove = (name: string) => store().deleteAccount({ name }, CAUSE)
  const rows = async (text: string) => (await tested().sql(text)).length
  /** A grant and a default grant in a namespace. */
  const grantIn = async (namespace: string, subject: string) => {
    const grant = { namespace, subject, pattern: `${namespace}/**`, verbs: 3 }
    expect(await store().setGrant(grant, CAUSE)).toMatchObject({ outcome: 'created' })
    const grants = [{ subject, verbs: 1 }]
    expect(await store().setDefaultGrants({ namespace, grants }, CAUSE)).toBe('done')
  }
  const grantsTo = (kind: number, subject: number) =>
    rows(`SELECT subject_id FROM access_grant WHERE subject_kind = ${kind} AND subject_id = ${subject}
      UNION ALL SELECT subject_id FROM default_grant WHERE subject_kind = ${kind} AND subject_id = ${subject}`)

  describe('deleting', () => {
    test('a user takes all that it had, and leaves what was not its own', async () => {
      const [user, other] = [await newUser(store(), { password: VERIFIER }), await newUser(store())]
      const { name: organisation } = await newOrganisation(store(), other.name)
      await store().setMember({ organisation, user: user.name, role: 'owner' }, CAUSE)
      await store().createTeam({ organisation, name: 'devs' }, CAUSE)
      await store().addTeamMember({ organisation, team: 'devs', user: user.name }, CAUSE)
      const [token, secret] = [credential('token'), credential('secret')]
      await give(store(), user.name, token)
      const robot = await store().createRobot({ owner: user.name, name: 'ci', secret }, CAUSE)
      const robotId = (robot as { account: { id: number } }).account.id
      await grantIn(organisation, `user:${user.name}`)
      // The site administrators' own, where robots of any owner can have something.
      await store().createRepository({ name: repoIn('library') }, OPERATOR)
      await grantIn('library', `robot:${user.name}+ci`)
      await grantIn(user.name, `user:${other.name}`)
      const reset = newLookup()
      const purpose = { kind: 'password-reset' as const, user: user.name }
      await store().createLink({ lookup: reset, purpose, expiresAt: NOW + 1 }, OPERATOR)

      expect(await remove(user.name)).toBe('done')
      expect(await remove(user.name)).toBe('absent')
      for (const name of [user.name, `${user.name}+ci`])
        expect(await store().findAccount(name)).toBeUndefined()
      for (const { lookup } of [token, secret])
        expect(await store().findCredential(lookup, NOW)).toBeUndefined()
      expect(await store().findPassword(user.name)).toBeUndefined()
      expect(await store().findLink(reset, NOW)).toBeUndefined()
      expect((await store().listMembers(organisation, { limit: 9 })).items.length).toBe(1)
      expect(await store().listTeamMembers(organisation, 'devs')).toEqual([])
      for (const id of [user.id, robotId, other.id]) expect(await grantsTo(1, id)).toBe(0)
      expect(await rows(`SELECT id FROM namespace WHERE name = '${user.name}'`)).toBe(0)
      expect((await audited(tested().sql, organisation)).slice(-3)).toEqual([
        { action: 'member.remove', target: user.name, detail: { deleted: true } },
        {
          action: 'default-grants.remove',
          target: organisation,
          detail: { subject: `user:${user.name}`, verbs: ['pull'] },
        },
        {
          action: 'grant.remove',
          target: `${organisation}/**`,
          detail: {
            subject: `user:${user.name}`,
            pattern: `${organisation}/**`,
            verbs: ['pull', 'push', 'create-tag'],
          },
        },
      ])
      expect((await audited(tested().sql, user.name)).at(-1)).toEqual({
        action: 'user.delete',
        target: user.name,
        detail: { robots: [`${user.name}+ci`] },
      })
    })

    test('a name that is free again brings nothing of what was', async () => {
      const user = await newUser(store(), { password: VERIFIER })
      const { name: organisation } = await newOrganisation(store())
      await grantIn(organisation, `user:${user.name}`)
      await remove(user.name)
      const again = await store().createUser(
        { name: user.name, administrator: false, password: undefined },
        CAUSE,
      )
      expect(again).toMatchObject({ outcome: 'created' })
      const { account } = again as { account: typeof user }
      expect(account.id).toBeGreaterThan(user.id)
      expect(await grantsTo(1, account.id)).toBe(0)
      expect(await store().findPassword(user.name)).toBeUndefined()
      expect(await store().listCredentials(user.name, ['password', 'token'])).toEqual([])
    })

    test('an organisation takes its teams, members, robots, invitations and grants', async () => {
      const user = await newUser(store())
      const { name, id } = await newOrganisation(store(), user.name)
      const team = await store().createTeam({ organisation: name, name: 'devs' }, CAUSE)
      const teamId = (team as { team: { id: number } }).team.id
      await store().addTeamMember({ organisation: name, team: 'devs', user: user.name }, CAUSE)
      const secret = credential('secret')
      await store().createRobot({ owner: name, name: 'ci', secret }, CAUSE)
      await grantIn(name, `team:${name}/devs`)
      const lookup = newLookup()
      const purpose = { kind: 'invitation' as const, organisation: name }
      await store().createLink({ lookup, purpose, expiresAt: NOW + 1 }, OPERATOR)
      expect(await remove(name)).toBe('done')
      expect(await store().listOrganisationsOf(user.name)).toEqual([])
      expect(await store().findCredential(secret.lookup, NOW)).toBeUndefined()
      expect(await store().findLink(lookup, NOW)).toBeUndefined()
      expect(await grantsTo(2, teamId)).toBe(0)
      expect(await rows(`SELECT id FROM team WHERE organisation_id = ${id}`)).toBe(0)
      expect((await audited(tested().sql, name)).at(-1)).toEqual({
        action: 'organisation.delete',
        target: name,
        detail: { robots: [`${name}+ci`] },
      })
    })

    test('a team takes what was granted to it', async () => {
      const { name: organisation } = await newOrganisation(store())
      const made = await store().createTeam({ organisation, name: 'devs' }, CAUSE)
      const { id } = (made as { team: { id: number } }).team
      await grantIn(organisation, `team:${organisation}/devs`)
      expect(await store().deleteTeam({ organisation, team: 'devs' }, CAUSE)).toBe('done')
      expect(await grantsTo(2, id)).toBe(0)
      expect((await audited(tested().sql, organisation)).slice(-3).map((row) => row.action)).toEqual([
        'default-grants.remove',
        'grant.remove',
        'team.delete',
      ])
    })

    test('a robot leaves its owner as it is', async () => {
      const user = await newUser(store())
      const secret = credential('secret')
      await store().createRobot({ owner: user.name, name: 'ci', secret }, CAUSE)
      expect(await remove(`${user.name}+ci`)).toBe('done')
      expect(await store().listRobots(user.name)).toEqual([])
      expect(await store().findCredential(secret.lookup, NOW)).toBeUndefined()
      expect((await audited(tested().sql, user.name)).at(-1)).toEqual({
        action: 'robot.delete',
        target: `${user.name}+ci`,
      })
      const again = credential('secret')
      expect(
        (await store().createRobot({ owner: user.name, name: 'ci', secret: again }, CAUSE)).outcome,
      ).toBe('created')
    })

    test('whoever has repositories stays, whole', async () => {
      const uses = [
        (name: string) => pushed(store(), repoIn(name), image()),
        (name: string) => pushBlob(store(), repoIn(name)),
        (name: string) => openUpload(store(), repoIn(name)),
      ]
      for (const use of uses) {
        const user = await newUser(store(), { password: VERIFIER })
        const { name: organisation } = await newOrganisation(store(), (await newUser(store())).name)
        await store().setMember({ organisation, user: user.name, role: 'member' }, CAUSE)
        await use(user.name)
        expect(await remove(user.name)).toBe('has-repositories')
        expect(await store().findPassword(user.name)).toBeDefined()
        expect(await store().listOrganisationsOf(user.name)).toHaveLength(1)
        expect((await audited(tested().sql, user.name)).map((row) => row.action)).toEqual(['user.create'])
      }
    })

    test('a repository into which nothing came goes with its namespace', async () => {
      const user = await newUser(store())
      const upload = await openUpload(store(), repoIn(user.name))
      await store().abortUpload({ id: upload.id, now: NOW, deleteAfter: NOW })
      expect(await rows(`SELECT id FROM repo WHERE name = '${repoIn(user.name)}'`)).toBe(1)
      expect(await remove(user.name)).toBe('done')
      expect(await rows(`SELECT id FROM repo WHERE name = '${repoIn(user.name)}'`)).toBe(0)
      await pushed(store(), repoIn(user.name), image())
    })

    test('nobody is absent', async () => expect(await remove(freshName())).toBe('absent'))
  })
}
