import { describe, expect, test } from 'bun:test'
import { MAX_TEAM_MEMBERS, MAX_TEAMS_OF_USER } from '../../../src/store/meta/accounts/teams.ts'
import { NOW, rejection } from '../metadata/fixture.ts'
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

    test('hold a thousand members at most, and nobody is in more than 250', async () => {
      const { name: organisation } = await newOrganisation(store())
      const user = await newUser(store())
      await store().setMember({ organisation, user: user.name, role: 'member' }, CAUSE)
      const newTeam = async (name: string) => {
        const made = await store().createTeam({ organisation, name }, CAUSE)
        return 'team' in made ? made.team.id : 0
      }
      const [full, over] = [await newTeam('full'), await newTeam('over')]
      const prefix = freshName()
      const many = (table: string, columns: string, values: string, count: number) =>
        tested().sql(`INSERT INTO ${table} (${columns})
          WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT ${values} FROM n`)
      await many('account', 'name, kind, created_at', `'${prefix}-' || i, 1, 1`, MAX_TEAM_MEMBERS)
      await tested().sql(`INSERT INTO team_member (team_id, user_id)
        SELECT ${full}, id FROM account WHERE name LIKE '${prefix}-%'`)
      const add = (team: string) => store().addTeamMember({ organisation, team, user: user.name }, CAUSE)
      expect((await rejection(add('full'))).message).toContain('1000 members')
      await tested().sql(
        `DELETE FROM team_member WHERE user_id = (SELECT id FROM account WHERE name = '${prefix}-1')`,
      )
      expect(await add('full')).toBe('created')
      expect(await store().listTeamMembers(organisation, 'full')).toHaveLength(MAX_TEAM_MEMBERS)

      const organisationOf = `(SELECT organisation_id FROM team WHERE id = ${over})`
      const places = MAX_TEAMS_OF_USER - 1
      await many('team', 'organisation_id, name, created_at', `${organisationOf}, 't' || i, 1`, places)
      await tested().sql(`INSERT INTO team_member (team_id, user_id) SELECT id, ${user.id} FROM team
        WHERE organisation_id = ${organisationOf} AND name LIKE 't%'`)
      expect((await rejection(add('over'))).message).toContain('250 teams')
      await store().removeTeamMember({ organisation, team: 't1', user: user.name }, CAUSE)
      expect(await add('over')).toBe('created')
      await tested().sql(`DELETE FROM team_member WHERE team_id = ${full}`)
      await tested().sql(`DELETE FROM account WHERE name LIKE '${prefix}-%'`)
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
