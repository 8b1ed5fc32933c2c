import { describe, expect, test } from 'bun:test'
import type { LinkPurpose } from '../../../src/store/meta/account-store.ts'
import { NOW } from '../metadata/fixture.ts'
import {
  type AccountsUnderTest,
  at,
  audited,
  CAUSE,
  freshName,
  newLookup,
  newOrganisation,
  newUser,
  VERIFIER,
} from './fixture.ts'

export function linkCases(tested: () => AccountsUnderTest) {
  const store = () => tested().store
  const expiresAt = NOW + 100
  const newLink = async (purpose: LinkPurpose) => {
    const lookup = newLookup()
    const made = await store().createLink({ lookup, purpose, expiresAt }, CAUSE)
    if (made.outcome !== 'created') throw new Error('no link')
    return { lookup, id: made.id }
  }
  const signUp = (link: Uint8Array, name = freshName(), now = NOW) =>
    store().createUser({ name, administrator: false, password: VERIFIER, link }, at(now))

  describe('one-time links', () => {
    test('an invitation makes one account, a member of the organisation', async () => {
      const { name: organisation } = await newOrganisation(store())
      const purpose = { kind: 'invitation' as const, organisation, role: 'owner' as const }
      const { lookup, id } = await newLink(purpose)
      const link = { id, purpose, createdBy: 'root', createdAt: NOW, expiresAt }
      expect(await store().findLink(lookup, NOW)).toEqual(link)
      expect(await store().listLinks(organisation, NOW)).toEqual([link])
      expect(await store().listLinks(organisation, expiresAt)).toEqual([])
      expect((await store().listLinks(undefined, NOW)).map((each) => each.id)).not.toContain(id)

      const name = freshName()
      expect((await signUp(lookup, name)).outcome).toBe('created')
      expect(await store().listOrganisationsOf(name)).toEqual([{ organisation, role: 'owner' }])
      expect(await signUp(lookup)).toEqual({ outcome: 'no-link' })
      expect(await store().findLink(lookup, NOW)).toBeUndefined()
      expect((await audited(tested().sql, organisation)).slice(1)).toEqual([
        { action: 'link.create', target: `link:${id}`, detail: { purpose, expiresAt } },
        { action: 'link.use', target: `link:${id}`, detail: { purpose, user: name } },
        { action: 'member.set', target: name, detail: { role: 'owner' } },
      ])
      expect(await audited(tested().sql, name)).toEqual([
        { action: 'user.create', target: name, detail: { administrator: false, link: id } },
      ])
    })

    test('a name that is taken leaves the link as it was', async () => {
      const user = await newUser(store())
      const { lookup } = await newLink({ kind: 'invitation' })
      expect(await signUp(lookup, user.name)).toEqual({ outcome: 'taken' })
      expect((await signUp(lookup)).outcome).toBe('created')
    })

    test('an expired, unknown or other link makes no account', async () => {
      const user = await newUser(store())
      const invitation = await newLink({ kind: 'invitation' })
      const reset = await newLink({ kind: 'password-reset', user: user.name })
      const name = freshName()
      expect(await signUp(invitation.lookup, name, expiresAt)).toEqual({ outcome: 'no-link' })
      for (const lookup of [newLookup(), reset.lookup])
        expect(await signUp(lookup, name)).toEqual({ outcome: 'no-link' })
      expect(await store().findAccount(name)).toBeUndefined()
      expect(await store().findLink(reset.lookup, NOW)).toBeDefined()
    })

    test('a reset sets the password of its user, once; a later one replaces it', async () => {
      const [user, other] = [await newUser(store(), { password: VERIFIER }), await newUser(store())]
      const purpose = { kind: 'password-reset' as const, user: user.name }
      const first = await newLink(purpose)
      const { lookup, id } = await newLink(purpose)
      expect(await store().findLink(first.lookup, NOW)).toBeUndefined()
      const set = (name: string, link: Uint8Array) =>
        store().setPassword({ user: name, verifier: `${VERIFIER}3`, link }, CAUSE)
      expect(await set(other.name, lookup)).toBe('no-link')
      expect(await set(user.name, first.lookup)).toBe('no-link')
      expect(await set(user.name, (await newLink({ kind: 'invitation' })).lookup)).toBe('no-link')
      expect((await store().findPassword(user.name))?.verifier).toBe(VERIFIER)
      expect(await set(user.name, lookup)).toBe('done')
      expect(await set(user.name, lookup)).toBe('no-link')
      expect((await store().findPassword(user.name))?.verifier).toBe(`${VERIFIER}3`)
      expect((await audited(tested().sql, user.name)).slice(-2)).toEqual([
        { action: 'link.use', target: `link:${id}`, detail: { purpose, user: user.name } },
        { action: 'password.set', target: user.name, detail: { link: id } },
      ])
    })

    test('whoever sets the password otherwise ends the reset', async () => {
      const user = await newUser(store())
      const { lookup } = await newLink({ kind: 'password-reset', user: user.name })
      await store().setPassword({ user: user.name, verifier: VERIFIER }, CAUSE)
      expect(await store().findLink(lookup, NOW)).toBeUndefined()
    })

    test('are about those who are here', async () => {
      const [user, organisation] = [await newUser(store()), await newOrganisation(store())]
      const purposes: LinkPurpose[] = [
        { kind: 'password-reset', user: freshName() },
        { kind: 'password-reset', user: organisation.name },
        { kind: 'invitation', organisation: freshName() },
        { kind: 'invitation', organisation: user.name },
      ]
      for (const purpose of purposes) {
        const create = { lookup: newLookup(), purpose, expiresAt }
        expect(await store().createLink(create, CAUSE)).toEqual({ outcome: 'absent' })
      }
    })

    test('are taken back by those whose they are', async () => {
      const { name: organisation } = await newOrganisation(store())
      const theirs = await newLink({ kind: 'invitation', organisation })
      const sites = await newLink({ kind: 'invitation' })
      expect((await store().listLinks(undefined, NOW)).map(({ id }) => id)).toContain(sites.id)
      const remove = (id: number, of: string | undefined) =>
        store().deleteLink({ id, organisation: of }, CAUSE)
      expect(await remove(theirs.id, undefined)).toBe('absent')
      expect(await remove(sites.id, organisation)).toBe('absent')
      expect(await remove(theirs.id, organisation)).toBe('done')
      expect(await remove(theirs.id, organisation)).toBe('absent')
      expect(await remove(sites.id, undefined)).toBe('done')
      expect(await signUp(sites.lookup)).toEqual({ outcome: 'no-link' })
      expect((await audited(tested().sql, organisation)).at(-1)).toEqual({
        action: 'link.delete',
        target: `link:${theirs.id}`,
        detail: { purpose: { kind: 'invitation', organisation, role: 'member' } },
      })
    })
  })
}

/** In a database without an administrator. */
export function firstAdministratorCases(tested: () => AccountsUnderTest) {
  test('the link of the first administrator makes one, and no second', async () => {
    const { store, sql } = tested()
    const create = { purpose: { kind: 'administrator' as const }, expiresAt: NOW + 100 }
    const [old, first] = [newLookup(), newLookup()]
    for (const lookup of [old, first]) await store.createLink({ lookup, ...create }, CAUSE)
    expect(await store.countAdministrators()).toBe(0)
    const use = (name: string, link: Uint8Array) =>
      store.createUser({ name, administrator: false, password: VERIFIER, link }, CAUSE)
    expect(await use(freshName(), old)).toEqual({ outcome: 'no-link' })
    const name = freshName()
    expect(await use(name, first)).toMatchObject({ outcome: 'created', account: { administrator: true } })
    expect(await store.countAdministrators()).toBe(1)
    const late = newLookup()
    await store.createLink({ lookup: late, ...create }, CAUSE)
    expect(await use(freshName(), late)).toEqual({ outcome: 'no-link' })
    const actions = (await audited(sql, null)).map((row) => row.action)
    expect(actions).toEqual(['link.create', 'link.create', 'link.use', 'link.create'])
  })
}
