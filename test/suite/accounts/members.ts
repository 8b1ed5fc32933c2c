import { describe, expect, test } from 'bun:test'
import { MAX_MEMBERSHIPS } from '../../../src/store/meta/accounts/members.ts'
import { rejection } from '../metadata/fixture.ts'
import { type AccountsUnderTest, audited, CAUSE, freshName, newOrganisation, newUser } from './fixture.ts'

export function memberCases(tested: () => AccountsUnderTest) {
  const store = () => tested().store

  describe('members', () => {
    test('are set, changed and removed; the audit says what was before', async () => {
      const owner = await newUser(store())
      const { name: user } = await newUser(store())
      const { name: organisation } = await newOrganisation(store(), owner.name)
      const set = (role: 'owner' | 'member') => store().setMember({ organisation, user, role }, CAUSE)
      expect(await set('member')).toBe('created')
      expect(await set('member')).toBe('unchanged')
      expect(await set('owner')).toBe('changed')
      expect((await store().listMembers(organisation, { limit: 9 })).items).toEqual(
        [
          { user: owner.name, role: 'owner' as const },
          { user, role: 'owner' as const },
        ].sort((a, b) => (a.user < b.user ? -1 : 1)),
      )
      expect(await store().removeMember({ organisation, user }, CAUSE)).toBe('done')
      expect(await store().removeMember({ organisation, user }, CAUSE)).toBe('absent')
      expect(await store().listOrganisationsOf(user)).toEqual([])
      expect((await audited(tested().sql, organisation)).slice(2)).toEqual([
        { action: 'member.set', target: user, detail: { role: 'member' } },
        { action: 'member.set', target: user, detail: { role: 'owner', before: 'member' } },
        { action: 'member.remove', target: user, detail: { role: 'owner' } },
      ])
    })

    test('are in 500 organisations at most', async () => {
      const { name: user, id } = await newUser(store())
      const prefix = freshName()
      await tested().sql(`INSERT INTO account (name, kind, created_at)
        WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${MAX_MEMBERSHIPS})
        SELECT '${prefix}-' || i, 2, 1 FROM n`)
      await tested().sql(`INSERT INTO member (organisation_id, user_id, role, created_at)
        SELECT id, ${id}, 1, 1 FROM account WHERE name LIKE '${prefix}-%'`)
      const [last, over] = [await newOrganisation(store()), await newOrganisation(store())]
      const set = (organisation: string, role: 'owner' | 'member' = 'member') =>
        store().setMember({ organisation, user, role }, CAUSE)
      expect(await set(last.name)).toBe('created')
      expect((await rejection(set(over.name))).kind).toBe('request-invalid')
      const own = { name: freshName(), owner: user }
      expect((await rejection(store().createOrganisation(own, CAUSE))).kind).toBe('request-invalid')
      expect(await set(last.name, 'owner')).toBe('changed')
      expect(await store().listOrganisationsOf(user)).toHaveLength(MAX_MEMBERSHIPS)
      await store()
        .removeMember({ organisation: last.name, user }, CAUSE)
        .catch(() => undefined)
      await tested().sql(`DELETE FROM member WHERE organisation_id IN
        (SELECT id FROM account WHERE name LIKE '${prefix}-%')`)
      await tested().sql(`DELETE FROM account WHERE name LIKE '${prefix}-%'`)
      expect(await set(over.name)).toBe('created')
    })

    test('leave what was granted to them alone, unless it is to go, too – in that organisation alone', async () => {
      const [owner, user] = [await newUser(store()), await newUser(store())]
      const { name: organisation } = await newOrganisation(store(), owner.name)
      const subject = `user:${user.name}`
      const join = () => store().setMember({ organisation, user: user.name, role: 'member' }, CAUSE)
      const leave = (grants?: 'keep' | 'remove') =>
        store().removeMember({ organisation, user: user.name, ...(grants && { grants }) }, CAUSE)
      const grant = (namespace: string, whom = subject) =>
        store().setGrant({ namespace, subject: whom, pattern: `${namespace}/**`, verbs: 1 }, CAUSE)
      const everyones = { subject: 'everyone', verbs: 1 }
      const grants = [{ subject, verbs: 1 }, everyones]
      await join()
      for (const namespace of [organisation, owner.name]) await grant(namespace)
      await grant(organisation, 'everyone')
      await store().setDefaultGrants({ namespace: organisation, grants }, CAUSE)
      const subjects = async (namespace: string) =>
        (await store().listGrants(namespace, { limit: 9 })).items.map((each) => each.subject)
      for (const keep of [undefined, 'keep'] as const) {
        expect(await leave(keep)).toBe('done')
        expect(await subjects(organisation)).toEqual([subject, 'everyone'])
        // Who is no member keeps it, too.
        expect(await leave('remove')).toBe('absent')
        expect(await store().listDefaultGrants(organisation)).toHaveLength(2)
        await join()
      }
      expect(await leave('remove')).toBe('done')
      expect(await subjects(organisation)).toEqual(['everyone'])
      expect(await store().listDefaultGrants(organisation)).toEqual([everyones])
      expect(await subjects(owner.name)).toEqual([subject])
      expect((await audited(tested().sql, organisation)).slice(-3)).toEqual([
        { action: 'default-grants.remove', target: organisation, detail: { subject, verbs: ['pull'] } },
        {
          action: 'grant.remove',
          target: `${organisation}/**`,
          detail: { subject, verbs: ['pull'], pattern: `${organisation}/**` },
        },
        { action: 'member.remove', target: user.name, detail: { role: 'member' } },
      ])
    })

    test('the last owner stays', async () => {
      const [first, second] = [await newUser(store()), await newUser(store())]
      const { name: organisation } = await newOrganisation(store(), first.name)
      await store().setMember({ organisation, user: second.name, role: 'member' }, CAUSE)
      const demote = (user: string) => store().setMember({ organisation, user, role: 'member' }, CAUSE)
      expect(await demote(first.name)).toBe('last-owner')
      expect(await store().removeMember({ organisation, user: first.name }, CAUSE)).toBe('last-owner')
      expect(await store().deleteAccount({ name: first.name }, CAUSE)).toBe('last-owner')
      expect(await store().findAccount(first.name)).toBeDefined()
      await store().setMember({ organisation, user: second.name, role: 'owner' }, CAUSE)
      expect(await demote(first.name)).toBe('changed')
      expect(await store().deleteAccount({ name: first.name }, CAUSE)).toBe('done')
      expect((await store().listMembers(organisation, { limit: 9 })).items).toEqual([
        { user: second.name, role: 'owner' },
      ])
    })

    test('are users of organisations, and nothing else', async () => {
      const [user, organisation] = [await newUser(store()), await newOrganisation(store())]
      const set = (where: string, who: string) =>
        store().setMember({ organisation: where, user: who, role: 'member' }, CAUSE)
      expect(await set(freshName(), user.name)).toBe('absent')
      expect(await set(user.name, user.name)).toBe('absent')
      expect(await set(organisation.name, freshName())).toBe('no-user')
      expect(await set(organisation.name, organisation.name)).toBe('no-user')
    })

    test('are listed in pages', async () => {
      const { name: organisation } = await newOrganisation(store())
      const users: string[] = []
      for (let at = 0; at < 5; at++) users.push((await newUser(store())).name)
      for (const user of users) await store().setMember({ organisation, user, role: 'member' }, CAUSE)
      users.sort()
      const found: string[] = []
      for (let last: string | undefined, more = true; more; ) {
        const page = await store().listMembers(organisation, { limit: 2, ...(last && { last }) })
        found.push(...page.items.map((item) => item.user))
        last = page.items.at(-1)?.user
        more = page.more
      }
      expect(found).toEqual(users)
      expect(await store().listMembers(freshName(), { limit: 2 })).toEqual({ items: [], more: false })
    })
  })
}
