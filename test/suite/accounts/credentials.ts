import { describe, expect, test } from 'bun:test'
import type { Cause } from '../../../src/store/meta/access-store.ts'
import type { Credential, FoundCredential } from '../../../src/store/meta/account-store.ts'
import { NOW, rejection } from '../metadata/fixture.ts'
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
  VERIFIER,
} from './fixture.ts'

export function credentialCases(tested: () => AccountsUnderTest) {
  const store = () => tested().store
  const isLive = async (lookup: Uint8Array, now = NOW) =>
    (await store().findCredential(lookup, now)) !== undefined

  describe('credentials', () => {
    test('are found by their hash and number until they expire', async () => {
      const user = await newUser(store())
      const scopes = [{ pattern: 'acme/**', verbs: 3 }]
      const networks = ['192.0.2.0/24']
      const token = credential('token', { expiresAt: NOW + 10, scopes, networks })
      const id = await give(store(), user.name, token)
      const row: Credential = {
        ...{ id, account: user.id, kind: 'token' as const, name: token.name, scopes, networks },
        ...{ keyId: undefined, createdAt: NOW, expiresAt: NOW + 10, lastUsed: undefined },
      }
      const found: FoundCredential = {
        ...row,
        ...{ verifier: undefined, accountName: user.name, accountKind: 'user' as const, disabled: false },
      }
      expect(await store().findCredential(token.lookup, NOW + 9)).toEqual(found)
      expect(await store().readCredential(id, NOW + 9)).toEqual(found)
      expect(await store().findCredential(token.lookup, NOW + 10)).toBeUndefined()
      expect(await store().readCredential(id, NOW + 10)).toBeUndefined()
      expect(await store().findCredential(newLookup(), NOW)).toBeUndefined()
      expect(await store().listCredentials(user.name, ['token'])).toEqual([row])
      expect(await store().listCredentials(user.name, ['key', 'secret'])).toEqual([])
      expect(await store().listCredentials(user.name, [])).toEqual([])
      expect((await audited(tested().sql, user.name)).slice(1)).toEqual([
        {
          action: 'token.create',
          target: user.name,
          detail: {
            ...{ id, name: token.name, networks, expiresAt: NOW + 10 },
            scopes: [{ pattern: 'acme/**', verbs: ['pull', 'push'] }],
          },
        },
      ])
    })

    test('have names of their own within kind and account, and secrets of their own anywhere', async () => {
      const [user, other] = [await newUser(store()), await newUser(store())]
      const token = credential('token', { name: 'laptop' })
      await give(store(), user.name, token)
      await give(store(), other.name, credential('token', { name: 'laptop' }))
      const create = (account: string, given: ReturnType<typeof credential>) =>
        store().createCredential({ account, credential: given }, CAUSE)
      expect(await create(user.name, credential('token', { name: 'laptop' }))).toEqual({ outcome: 'taken' })
      const key = credential('key', { verifier: 'PUBLIC KEY' })
      await give(store(), user.name, key)
      expect(await create(other.name, { ...key, name: 'same' })).toEqual({ outcome: 'taken' })
      expect(await create(freshName(), credential('token'))).toEqual({ outcome: 'absent' })
      const organisation = await newOrganisation(store())
      expect(await create(organisation.name, credential('token'))).toEqual({ outcome: 'absent' })
      expect(await store().findCredential(key.lookup, NOW)).toMatchObject({
        accountName: user.name,
        verifier: 'PUBLIC KEY',
        keyId: Buffer.from(key.lookup).toString('hex'),
      })
      expect((await audited(tested().sql, user.name)).map((row) => row.action)).toEqual([
        'user.create',
        'token.create',
        'key.create',
      ])
    })

    test('end with what they came from, and are bound by it', async () => {
      const user = await newUser(store())
      const scopes = [{ pattern: 'acme/web', verbs: 1 }]
      const token = credential('token', { expiresAt: NOW + 100, scopes })
      const parent = await give(store(), user.name, token)
      const refresh = credential('refresh', { parent, expiresAt: NOW + 1000 })
      const child = await give(store(), user.name, refresh)
      const session = credential('session', { parent: child })
      await give(store(), user.name, session)
      const free = credential('session')
      await give(store(), user.name, free)
      const found = await store().findCredential(session.lookup, NOW)
      expect(found).toMatchObject({ expiresAt: NOW + 100, scopes })

      const remove = { account: user.name, kinds: ['token' as const], id: parent }
      expect(await store().deleteCredential({ ...remove, kinds: ['key'] }, CAUSE)).toBe('absent')
      expect(await store().deleteCredential({ ...remove, account: freshName() }, CAUSE)).toBe('absent')
      const other = await newUser(store())
      expect(await store().deleteCredential({ ...remove, account: other.name }, CAUSE)).toBe('absent')
      expect(await isLive(session.lookup)).toBe(true)
      expect(await store().deleteCredential(remove, CAUSE)).toBe('done')
      expect(await store().deleteCredential(remove, CAUSE)).toBe('absent')
      for (const { lookup } of [token, refresh, session]) expect(await isLive(lookup)).toBe(false)
      expect(await isLive(free.lookup)).toBe(true)
      expect((await audited(tested().sql, user.name)).slice(1)).toEqual([
        { action: 'token.create', target: user.name, detail: expect.anything() },
        { action: 'token.delete', target: user.name, detail: { id: parent, name: token.name } },
      ])
    })

    test('do not come from one that is gone, expired or of another account', async () => {
      const [user, other] = [await newUser(store()), await newUser(store())]
      const theirs = await give(store(), other.name, credential('token'))
      const over = await give(store(), user.name, credential('token', { expiresAt: NOW }))
      for (const parent of [theirs, over, 1e12]) {
        const create = { account: user.name, credential: credential('refresh', { parent }) }
        expect(await store().createCredential(create, CAUSE)).toEqual({ outcome: 'absent' })
      }
    })

    test('are written down with the login that they are made for, or neither is there', async () => {
      const user = await newUser(store())
      const session = credential('session')
      const create = { account: user.name, credential: session, login: 'session' }
      await tested().sql('ALTER TABLE audit RENAME TO audit_away')
      try {
        await rejection(store().createCredential(create, CAUSE))
      } finally {
        await tested().sql('ALTER TABLE audit_away RENAME TO audit')
      }
      expect(await isLive(session.lookup)).toBe(false)
      const made = await store().createCredential(create, CAUSE)
      expect(made.outcome).toBe('created')
      const { items } = await store().listAudit({ namespace: user.name }, { limit: 1 })
      expect(items[0]).toMatchObject({
        ...{ action: 'login', actor: CAUSE.actor, target: user.name, result: 'done' },
        ...{ credential: made.outcome === 'created' && made.id, detail: '{"door":"session"}' },
      })
    })

    test('that are somebody else’s sessions leave a row when they end', async () => {
      const user = await newUser(store())
      const own = { ...CAUSE, account: user.id, actor: user.name }
      for (const kind of ['session', 'refresh'] as const) {
        const end = async (cause: Cause) => {
          const given = credential(kind)
          const id = await give(store(), user.name, given)
          await store().deleteCredential({ account: user.name, kinds: [kind], id }, cause)
          return { id, name: given.name }
        }
        const before = (await audited(tested().sql, user.name)).length
        await end(own)
        const [by, operator] = [await end({ ...CAUSE, account: user.id + 1 }), await end(OPERATOR)]
        expect((await audited(tested().sql, user.name)).slice(before)).toEqual(
          [by, operator].map((detail) => ({ action: `${kind}.delete`, target: user.name, detail })),
        )
      }
    })

    test('are deleted with all that came from them, however many', async () => {
      const user = await newUser(store())
      const parent = await give(store(), user.name, credential('token'))
      const given = Array.from({ length: 700 }, () => credential('session', { parent }))
      const ids = await Promise.all(given.map((each) => give(store(), user.name, each)))
      await give(store(), user.name, credential('refresh', { parent: ids[0] as number }))
      const remove = { account: user.name, kinds: ['token' as const], id: parent }
      expect(await store().deleteCredential(remove, CAUSE)).toBe('done')
      expect(await store().listCredentials(user.name, ['session', 'refresh', 'token'])).toEqual([])
    }, 30_000)

    test('remember their last use, which only moves forward', async () => {
      const user = await newUser(store())
      const ids: number[] = []
      for (let at = 0; at < 70; at++) ids.push(await give(store(), user.name, credential('token')))
      const use = (id: number, at: number, agent = 'docker') => ({
        ...{ credential: id, at, address: '2001:db8::1', agent },
      })
      await store().touchCredentials([])
      await store().touchCredentials(ids.map((id) => use(id, NOW)))
      await store().touchCredentials([
        ...[use(ids[0] as number, NOW + 2), use(ids[0] as number, NOW + 1), use(ids[1] as number, NOW - 1)],
        use(1e12, NOW),
      ])
      await store().touchCredentials([use(ids[2] as number, NOW + 3, 'x'.repeat(5000))])
      const uses = (await store().listCredentials(user.name, ['token'])).reverse().map((row) => row.lastUsed)
      const seen = { at: NOW, address: '2001:db8::1', agent: 'docker' }
      expect(uses.slice(0, 2)).toEqual([{ ...seen, at: NOW + 2 }, seen])
      expect(uses[2]).toEqual({ ...seen, at: NOW + 3, agent: 'x'.repeat(512) })
      expect(uses.slice(3)).toEqual(Array.from({ length: 67 }, () => seen))
    })

    test('are swept when they are over: sessions, refresh tokens, links and used assertions, not tokens', async () => {
      const user = await newUser(store())
      // Earlier than anything else in the database.
      const expiresAt = 1000
      const parent = await give(store(), user.name, credential('session', { expiresAt: 2000 }))
      for (const given of [
        credential('session', { expiresAt, parent }),
        credential('refresh', { expiresAt }),
        credential('token', { expiresAt }),
        credential('session', { expiresAt: 1001 }),
      ]) {
        const made = await store().createCredential(
          { account: user.name, credential: given },
          { ...CAUSE, now: 1 },
        )
        expect(made.outcome).toBe('created')
      }
      for (const over of [expiresAt, 1001])
        await store().createLink(
          { lookup: newLookup(), purpose: { kind: 'invitation' }, expiresAt: over },
          OPERATOR,
        )
      const [used, later] = [newLookup(), newLookup()]
      expect(await store().useAssertion({ id: used, expiresAt })).toBe(true)
      expect(await store().useAssertion({ id: later, expiresAt: 1001 })).toBe(true)
      expect(await store().sweepCredentials({ now: expiresAt, limit: 2 })).toBe(2)
      expect(await store().sweepCredentials({ now: expiresAt, limit: 2 })).toBe(2)
      // Gone, or it could not be used anew.
      expect(await store().useAssertion({ id: used, expiresAt: NOW })).toBe(true)
      expect(await store().useAssertion({ id: later, expiresAt: NOW })).toBe(false)
      expect(await store().sweepCredentials({ now: expiresAt, limit: 2 })).toBe(0)
      const left = await store().listCredentials(user.name, ['session', 'refresh', 'token'])
      expect(left.map(({ kind }) => kind)).toEqual(['session', 'token', 'session'])
    })
  })

  describe('passwords', () => {
    test('a new one ends the logins by the old one, but the one that is kept; the audit says how many sessions', async () => {
      const user = await newUser(store(), { password: VERIFIER })
      const old = await store().findPassword(user.name)
      const parent = old?.id as number
      const [kept, lost, refresh] = [
        credential('session', { parent }),
        credential('session', { parent }),
        credential('refresh', { parent }),
      ]
      const token = credential('token')
      const keep = await give(store(), user.name, kept)
      for (const each of [lost, refresh, token]) await give(store(), user.name, each)

      const change = { user: user.name, verifier: `${VERIFIER}2`, keep }
      expect(await store().setPassword(change, CAUSE)).toBe('done')
      const fresh = await store().findPassword(user.name)
      expect(fresh?.verifier).toBe(`${VERIFIER}2`)
      expect(fresh?.id).not.toBe(parent)
      expect(await store().readCredential(parent, NOW)).toBeUndefined()
      const live = await Promise.all([kept, lost, refresh, token].map(({ lookup }) => isLive(lookup)))
      expect(live).toEqual([true, false, false, true])

      expect(await store().setPassword({ user: user.name, verifier: VERIFIER }, CAUSE)).toBe('done')
      expect(await isLive(kept.lookup)).toBe(false)
      expect(await isLive(token.lookup)).toBe(true)
      expect((await audited(tested().sql, user.name)).slice(-2)).toEqual([
        { action: 'password.set', target: user.name, detail: { sessions: 1 } },
        { action: 'password.set', target: user.name, detail: { sessions: 1 } },
      ])
    })

    test('nothing of another account is kept, nor what is no login', async () => {
      const [user, other] = [await newUser(store(), { password: VERIFIER }), await newUser(store())]
      const foreign = credential('session')
      const keep = await give(store(), other.name, foreign)
      const own = credential('session')
      await give(store(), user.name, own)
      await store().setPassword({ user: user.name, verifier: VERIFIER, keep }, CAUSE)
      expect(await isLive(foreign.lookup)).toBe(true)
      expect(await isLive(own.lookup)).toBe(false)
      const token = credential('token')
      const id = await give(store(), user.name, token)
      for (let at = 0; at < 2; at++)
        await store().setPassword({ user: user.name, verifier: VERIFIER, keep: id }, CAUSE)
      expect(await isLive(token.lookup)).toBe(true)
    })

    test('are of users only, and may come later', async () => {
      const user = await newUser(store())
      const organisation = await newOrganisation(store())
      expect(await store().findPassword(user.name)).toBeUndefined()
      expect(await store().setPassword({ user: user.name, verifier: VERIFIER }, CAUSE)).toBe('done')
      expect(await store().findPassword(user.name)).toMatchObject({ kind: 'password', verifier: VERIFIER })
      for (const absent of [organisation.name, freshName()])
        expect(await store().setPassword({ user: absent, verifier: VERIFIER }, CAUSE)).toBe('absent')
    })

    test('are of the account that was meant, not of another that has its name since', async () => {
      const { name, id } = await newUser(store(), { password: VERIFIER })
      await store().deleteAccount({ name }, CAUSE)
      await store().createUser({ name, administrator: false, password: `${VERIFIER}2` }, CAUSE)
      const change = { user: name, account: id, verifier: `${VERIFIER}3` }
      expect(await store().setPassword(change, CAUSE)).toBe('absent')
      expect((await store().findPassword(name))?.verifier).toBe(`${VERIFIER}2`)
    })
  })
}
