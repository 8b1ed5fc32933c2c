import { describe, expect, test } from 'bun:test'
import type { Cause } from '../../../src/store/meta/access-store.ts'
import type { LinkPurpose } from '../../../src/store/meta/account-store.ts'
import { MAX_INVITATIONS } from '../../../src/store/meta/accounts/links.ts'
import { NOW, rejection } from '../metadata/fixture.ts'
import {
  type AccountsUnderTest,
  at,
  audited,
  CAUSE,
  credential,
  freshName,
  give,
  newLookup,
  newOrganisation,
  newUser,
  OPERATOR,
  VERIFIER,
} from './fixture.ts'

export function linkCases(tested: () => AccountsUnderTest) {
  const store = () => tested().store
  const expiresAt = NOW + 100
  const newLink = async (purpose: LinkPurpose, cause = OPERATOR) => {
    const lookup = newLookup()
    const made = await store().createLink({ lookup, purpose, expiresAt }, cause)
    if (made.outcome !== 'created') throw new Error('no link')
    return { lookup, id: made.id }
  }
  const signUp = (link: Uint8Array, name = freshName(), now = NOW) =>
    store().createUser({ name, administrator: false, password: VERIFIER, link }, at(now))

  describe('one-time links', () => {
    test('a thousand invitations are open at most, of each organisation and of the site', async () => {
      const { name: organisation, id } = await newOrganisation(store())
      const prefix = freshName()
      for (const [of, account] of [
        [{ organisation }, id],
        [{}, 'NULL'],
      ] as const) {
        const create = () =>
          store().createLink(
            { lookup: newLookup(), purpose: { kind: 'invitation', ...of }, expiresAt },
            OPERATOR,
          )
        const where = `purpose = 2 AND account_id IS ${account === 'NULL' ? 'NULL' : `NOT NULL AND account_id = ${account}`}`
        const [row] = await tested().sql(
          `SELECT count(*) AS n FROM one_time_link WHERE ${where} AND expires_at > ${NOW}`,
        )
        for (let missing = MAX_INVITATIONS - Number(row?.n) - 1; missing > 0; missing--)
          await store().createLink(
            { lookup: newLookup(), purpose: { kind: 'invitation', ...of }, expiresAt },
            { ...OPERATOR, actor: prefix },
          )
        expect((await create()).outcome).toBe('created')
        expect((await rejection(create())).kind).toBe('request-invalid')
        await tested().sql(`DELETE FROM one_time_link WHERE created_by = '${prefix}'`)
        expect((await create()).outcome).toBe('created')
      }
    })

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

    describe('end with the right they were made with', () => {
      const as = (account: { readonly id: number; readonly name: string }, credential?: number): Cause => ({
        ...OPERATOR,
        ...{ actor: account.name, account: account.id },
        ...(credential !== undefined && { credential }),
      })
      /** By every door: to look at it, in its list, and to use it. */
      const isGood = async (
        { lookup, id }: { readonly lookup: Uint8Array; readonly id: number },
        of?: string,
      ) => {
        const found = (await store().findLink(lookup, NOW)) !== undefined
        const listed = (await store().listLinks(of, NOW)).some((link) => link.id === id)
        expect(listed).toBe(found)
        return found
      }
      const administrator = () => newUser(store(), { administrator: true })
      const LOSSES: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
        demoted: (name) => store().updateAccount({ name, administrator: false }, CAUSE),
        disabled: (name) => store().updateAccount({ name, disabled: true }, CAUSE),
        deleted: (name) => store().deleteAccount({ name }, CAUSE),
      }

      test.each(Object.keys(LOSSES))('of an administrator who is %s', async (loss) => {
        const [maker, user] = [await administrator(), await newUser(store(), { password: VERIFIER })]
        await administrator()
        const reset = await newLink({ kind: 'password-reset', user: user.name }, as(maker))
        const invitation = await newLink({ kind: 'invitation' }, as(maker))
        for (const link of [reset, invitation]) expect(await isGood(link)).toBe(true)
        await LOSSES[loss]?.(maker.name)
        for (const link of [reset, invitation]) expect(await isGood(link)).toBe(false)
        const name = freshName()
        expect(await signUp(invitation.lookup, name)).toEqual({ outcome: 'no-link' })
        expect(await store().findAccount(name)).toBeUndefined()
        const change = { user: user.name, verifier: `${VERIFIER}3`, link: reset.lookup }
        expect(await store().setPassword(change, CAUSE)).toBe('no-link')
        expect((await store().findPassword(user.name))?.verifier).toBe(VERIFIER)
        // It can be taken back all the same.
        expect(await store().deleteLink({ id: invitation.id, organisation: undefined }, CAUSE)).toBe('done')
      })

      test('of an owner who is one no more', async () => {
        const [maker, other] = [await newUser(store()), await newUser(store())]
        const { name: organisation } = await newOrganisation(store(), maker.name)
        await store().setMember({ organisation, user: other.name, role: 'owner' }, CAUSE)
        const invite = () => newLink({ kind: 'invitation', organisation, role: 'owner' }, as(maker))
        const link = await invite()
        const be = (role: 'owner' | 'member') =>
          store().setMember({ organisation, user: maker.name, role }, CAUSE)
        expect(await isGood(link, organisation)).toBe(true)
        await be('member')
        expect(await isGood(link, organisation)).toBe(false)
        expect(await signUp(link.lookup)).toEqual({ outcome: 'no-link' })
        await be('owner')
        const second = await invite()
        await store().removeMember({ organisation, user: maker.name }, CAUSE)
        expect(await isGood(second, organisation)).toBe(false)
        expect(await signUp(second.lookup)).toEqual({ outcome: 'no-link' })
        // An administrator is as good as an owner.
        const third = await newLink({ kind: 'invitation', organisation }, as(await administrator()))
        expect((await signUp(third.lookup)).outcome).toBe('created')
      })

      test('of an owner who makes what only administrators make', async () => {
        const maker = await newUser(store())
        const { name: organisation } = await newOrganisation(store(), maker.name)
        expect(await isGood(await newLink({ kind: 'invitation' }, as(maker)))).toBe(false)
        expect(await isGood(await newLink({ kind: 'password-reset', user: maker.name }, as(maker)))).toBe(
          false,
        )
        expect(
          await isGood(await newLink({ kind: 'invitation', organisation }, as(maker)), organisation),
        ).toBe(true)
      })

      test('and with a token or key they were made with, not with a session or password', async () => {
        const maker = await administrator()
        const kinds = ['token', 'key', 'session', 'password'] as const
        const rows: [(typeof kinds)[number], boolean][] = []
        for (const kind of kinds) {
          const id = await give(store(), maker.name, credential(kind))
          const link = await newLink({ kind: 'invitation' }, as(maker, id))
          expect(await isGood(link)).toBe(true)
          await store().deleteCredential({ account: maker.name, kinds, id }, CAUSE)
          rows.push([kind, await isGood(link)])
          expect((await signUp(link.lookup)).outcome === 'created').toBe(isGoodKind(kind))
        }
        expect(rows).toEqual(kinds.map((kind) => [kind, isGoodKind(kind)]))
        const ends = await give(store(), maker.name, credential('token', { expiresAt: NOW + 10 }))
        const { lookup } = await newLink({ kind: 'invitation' }, as(maker, ends))
        expect(await store().findLink(lookup, NOW + 9)).toBeDefined()
        expect(await store().findLink(lookup, NOW + 10)).toBeUndefined()
      })
      const isGoodKind = (kind: string) => kind === 'session' || kind === 'password'
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
        expect(await store().createLink(create, OPERATOR)).toEqual({ outcome: 'absent' })
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
    for (const lookup of [old, first]) await store.createLink({ lookup, ...create }, OPERATOR)
    expect(await store.countAdministrators()).toBe(0)
    const use = (name: string, link: Uint8Array) =>
      store.createUser({ name, administrator: false, password: VERIFIER, link }, CAUSE)
    expect(await use(freshName(), old)).toEqual({ outcome: 'no-link' })
    const name = freshName()
    expect(await use(name, first)).toMatchObject({ outcome: 'created', account: { administrator: true } })
    expect(await store.countAdministrators()).toBe(1)
    const late = newLookup()
    await store.createLink({ lookup: late, ...create }, OPERATOR)
    expect(await use(freshName(), late)).toEqual({ outcome: 'no-link' })
    const actions = (await audited(sql, null)).map((row) => row.action)
    expect(actions).toEqual(['link.create', 'link.create', 'link.use', 'link.create'])
  })
}
