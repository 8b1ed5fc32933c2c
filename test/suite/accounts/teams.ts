import { describe, expect, test } from 'bun:test'
import { NOW } from '../metadata/fixture.ts'
import { type AccountsUnderTest, audited, CAUSE, freshName, newOrganisation, newUser } from './fixture.ts'

export function teamCases(tested: () => AccountsUnderTest) {
  const store = () => tested().store

  describe('teams', () => {
    test('are made once, changed by version, and deleted', async () => {
      const { name: organisation } = await newOrganisation(store())
      const create = { organisation, name: 'devs', description: 'd' }
      const made = await store().createTeam(create, CAUSE)
      const team = {
        id: expect.any(Number),
        ...{ name: 'devs', description: 'd', createdAt: NOW, version: 1 },
      }
      expect(made).toEqual({ outcome: 'created', team })
      expect(await store().createTeam({ ...create, description: 'other' }, CAUSE)).toEqual({
        outcome: 'exists',
        team,
      })
      expect(await store().createTeam({ ...create, organisation: freshName() }, CAUSE)).toEqual({
        outcome: 'absent',
      })
      await store().createTeam({ organisation, name: 'admins' }, CAUSE)
      expect((await store().listTeams(organisation)).map(({ name }) => name)).toEqual(['admins', 'devs'])

      const change = { organisation, team: 'devs', description: 'new' }
      expect(await store().updateTeam({ ...change, version: 9 }, CAUSE)).toBe('stale')
      expect(await store().updateTeam({ ...change, version: 1 }, CAUSE)).toBe('done')
      expect(await store().updateTeam(change, CAUSE)).toBe('done')
      expect(await store().updateTeam({ ...change, team: 'none' }, CAUSE)).toBe('absent')
      expect(await store().findTeam(organisation, 'devs')).toMatchObject({ description: 'new', version: 2 })

      expect(await store().deleteTeam({ organisation, team: 'devs' }, CAUSE)).toBe('done')
      expect(await store().deleteTeam({ organisation, team: 'devs' }, CAUSE)).toBe('absent')
      expect(await store().findTeam(organisation, 'devs')).toBeUndefined()
      const target = `team:${organisation}/devs`
      expect((await audited(tested().sql, organisation)).slice(1)).toEqual([
        { action: 'team.create', target },
        { action: 'team.create', target: `team:${organisation}/admins` },
        { action: 'team.update', target, detail: { description: 'new' } },
        { action: 'team.delete', target },
      ])
    })

    test('hold members of their organisation, who leave them with it', async () => {
      const [user, stranger] = [await newUser(store()), await newUser(store())]
      const { name: organisation } = await newOrganisation(store())
      await store().setMember({ organisation, user: user.name, role: 'member' }, CAUSE)
      for (const name of ['a', 'b']) await store().createTeam({ organisation, name }, CAUSE)
      const add = (team: string, who: string) =>
        store().addTeamMember({ organisation, team, user: who }, CAUSE)
      expect(await add('a', user.name)).toBe('created')
      expect(await add('a', user.name)).toBe('unchanged')
      expect(await add('b', user.name)).toBe('created')
      expect(await add('none', user.name)).toBe('absent')
      for (const who of [stranger.name, freshName(), organisation])
        expect(await add('a', who)).toBe('no-user')
      expect(await store().listTeamMembers(organisation, 'a')).toEqual([user.name])

      const leave = { organisation, team: 'b', user: user.name }
      expect(await store().removeTeamMember(leave, CAUSE)).toBe('done')
      expect(await store().removeTeamMember(leave, CAUSE)).toBe('absent')
      expect(await store().listTeamMembers(organisation, 'b')).toEqual([])
      const target = `team:${organisation}/b`
      const detail = { user: user.name }
      expect((await audited(tested().sql, organisation)).slice(-2)).toEqual([
        { action: 'team.member.add', target, detail },
        { action: 'team.member.remove', target, detail },
      ])

      await store().removeMember({ organisation, user: user.name }, CAUSE)
      expect(await store().listTeamMembers(organisation, 'a')).toEqual([])
      await store().setMember({ organisation, user: user.name, role: 'member' }, CAUSE)
      expect(await store().listTeamMembers(organisation, 'a')).toEqual([])
    })
  })
}
