import { describe, expect, test } from 'bun:test'
import { image, NOW, pushed, rejection } from '../metadata/fixture.ts'
import {
  type AccountsUnderTest,
  at,
  audited,
  CAUSE,
  credential,
  disableOtherAdministrators,
  freshName,
  give,
  newOrganisation,
  newUser,
  repoIn,
  VERIFIER,
} from './fixture.ts'

export function accountCases(tested: () => AccountsUnderTest) {
  const store = () => tested().store

  describe('users and organisations', () => {
    test('a user is made with a namespace and a password, and the audit says so', async () => {
      const name = freshName()
      const made = await store().createUser(
        {
          name,
          displayName: 'Ünë 🚢',
          email: 'a@example.com',
          administrator: false,
          password: VERIFIER,
        },
        CAUSE,
      )
      expect(made).toEqual({
        outcome: 'created',
        account: {
          id: expect.any(Number),
          ...{ name, kind: 'user', displayName: 'Ünë 🚢', description: '', email: 'a@example.com' },
          ...{ administrator: false, disabled: false, owner: undefined, createdAt: NOW, version: 1 },
        },
      })
      expect(await store().findAccount(name)).toEqual(made.outcome === 'created' ? made.account : undefined)
      expect(await store().findPassword(name)).toMatchObject({ verifier: VERIFIER, accountName: name })
      expect(await tested().sql(`SELECT account_id FROM namespace WHERE name = '${name}'`)).toEqual([
        { account_id: (made as { account: { id: number } }).account.id },
      ])
      expect(await audited(tested().sql, name)).toEqual([
        { action: 'user.create', target: name, detail: { administrator: false } },
      ])
      const [row] = await tested().sql(`SELECT * FROM audit WHERE namespace = '${name}'`)
      expect(row).toMatchObject({ actor: 'root', account_id: 1, credential_id: 2, result: 1, at: NOW })
      expect(row).toMatchObject({ address: '192.0.2.1', agent: 'tester/1', request_id: 'r1' })
    })

    test('a name is given once, to users and organisations alike', async () => {
      const user = await newUser(store())
      const create = { name: user.name, administrator: false, password: undefined }
      expect(await store().createUser(create, CAUSE)).toEqual({ outcome: 'taken' })
      expect(await store().createUser({ ...create, adopt: true }, CAUSE)).toEqual({ outcome: 'taken' })
      const organisation = { name: user.name, owner: undefined, adopt: true }
      expect(await store().createOrganisation(organisation, CAUSE)).toEqual({ outcome: 'taken' })
      expect((await audited(tested().sql, user.name)).length).toBe(1)
    })

    test('a namespace that holds repositories of nobody goes only to who adopts it', async () => {
      const name = freshName()
      const repo = repoIn(name)
      await pushed(store(), repo, image())
      const create = { name, administrator: false, password: undefined }
      expect(await store().createUser(create, CAUSE)).toEqual({ outcome: 'taken' })
      expect(await store().createOrganisation({ name, owner: undefined }, CAUSE)).toEqual({
        outcome: 'taken',
      })
      expect(await store().findAccount(name)).toBeUndefined()
      expect((await store().createUser({ ...create, adopt: true }, CAUSE)).outcome).toBe('created')
      expect(await audited(tested().sql, name)).toEqual([
        { action: 'user.create', target: name, detail: { administrator: false, adopted: true } },
      ])
      expect(await store().hasRepository(repo)).toBe(true)
    })

    test('an organisation is made with its owner, who must be a user', async () => {
      const owner = await newUser(store())
      const name = freshName('o')
      const create = { name, displayName: 'O', description: 'd', owner: freshName() }
      expect(await store().createOrganisation(create, CAUSE)).toEqual({ outcome: 'no-user' })
      expect(await store().findAccount(name)).toBeUndefined()
      const made = await store().createOrganisation({ ...create, owner: owner.name }, CAUSE)
      expect(made).toMatchObject({ outcome: 'created', account: { kind: 'organisation', description: 'd' } })
      expect(await store().listOrganisationsOf(owner.name)).toEqual([{ organisation: name, role: 'owner' }])
      expect(await audited(tested().sql, name)).toEqual([
        { action: 'organisation.create', target: name },
        { action: 'member.set', target: owner.name, detail: { role: 'owner' } },
      ])
      const again = await store().createOrganisation({ name: freshName('o'), owner: name }, CAUSE)
      expect(again).toEqual({ outcome: 'no-user' })
    })

    test('changes name the version they were made from; what changes nothing leaves no row', async () => {
      const { name } = await newUser(store())
      const change = { name, displayName: 'A', description: 'B', email: 'c@example.com' }
      expect(await store().updateAccount({ ...change, version: 2 }, CAUSE)).toBe('stale')
      expect(await store().updateAccount({ ...change, version: 1 }, CAUSE)).toBe('done')
      expect(await store().updateAccount({ ...change, version: 2 }, CAUSE)).toBe('done')
      expect(await store().updateAccount({ name, disabled: true }, CAUSE)).toBe('done')
      expect(await store().findAccount(name)).toMatchObject({ ...change, disabled: true, version: 3 })
      expect((await audited(tested().sql, name)).slice(1)).toEqual([
        {
          action: 'user.update',
          target: name,
          detail: { displayName: 'A', description: 'B', email: 'c@example.com' },
        },
        { action: 'user.update', target: name, detail: { disabled: true } },
      ])
      expect(await store().updateAccount({ name: freshName(), disabled: true }, CAUSE)).toBe('absent')
    })

    test('only users are administrators', async () => {
      const { name } = await newOrganisation(store())
      const refused = await rejection(store().updateAccount({ name, administrator: true }, CAUSE))
      expect(refused.kind).toBe('request-invalid')
      expect(refused.message).toContain(name)
    })

    test('the last administrator who can sign in stays one', async () => {
      const [first, second] = [
        await newUser(store(), { administrator: true }),
        await newUser(store(), { administrator: true }),
      ]
      await disableOtherAdministrators(tested(), [first.name, second.name])
      expect(await store().countAdministrators()).toBe(2)
      expect(await store().updateAccount({ name: first.name, disabled: true }, CAUSE)).toBe('done')
      expect(await store().countAdministrators()).toBe(1)
      for (const end of [{ administrator: false }, { disabled: true }])
        expect(await store().updateAccount({ name: second.name, ...end }, CAUSE)).toBe('last-administrator')
      expect(await store().deleteAccount({ name: second.name }, CAUSE)).toBe('last-administrator')
      expect(await store().updateAccount({ name: second.name, displayName: 'x' }, CAUSE)).toBe('done')
      expect(await store().updateAccount({ name: first.name, disabled: false }, CAUSE)).toBe('done')
      expect(await store().updateAccount({ name: second.name, administrator: false }, CAUSE)).toBe('done')
      expect(await store().deleteAccount({ name: first.name }, CAUSE)).toBe('last-administrator')
      expect((await audited(tested().sql, second.name)).at(-1)).toEqual({
        action: 'user.update',
        target: second.name,
        detail: { administrator: false },
      })
    })

    test('lists are by name, in pages, of one kind, and may be narrowed', async () => {
      const prefix = freshName('list')
      const all = [`${prefix}.a`, `${prefix}.b`, `${prefix}.c_d`]
      for (const name of all)
        await store().createUser({ name, administrator: false, password: undefined }, CAUSE)
      await store().createOrganisation({ name: `${prefix}.o`, owner: undefined }, CAUSE)
      const list = async (options: object) => {
        const { items, more } = await store().listAccounts('user', { limit: 10, ...options })
        return [items.map((account) => account.name), more]
      }
      expect(await list({ filter: prefix })).toEqual([all, false])
      expect(await list({ filter: prefix.toUpperCase(), limit: 2 })).toEqual([all.slice(0, 2), true])
      expect(await list({ filter: prefix, last: `${prefix}.a`, limit: 2 })).toEqual([all.slice(1), false])
      expect(await list({ filter: `${prefix}.c_` })).toEqual([all.slice(2), false])
      expect(await list({ filter: `${prefix}%` })).toEqual([[], false])
      expect(await list({ filter: `${prefix}_a` })).toEqual([[], false])
      expect(await list({ last: `${prefix}.a`, limit: 1 })).toEqual([[`${prefix}.b`], true])
      const organisations = await store().listAccounts('organisation', { limit: 9, filter: prefix })
      expect(organisations.items.map((account) => account.name)).toEqual([`${prefix}.o`])
    })

    test('texts and numbers that PostgreSQL does not have are refused by both', async () => {
      const { name } = await newUser(store())
      const bad = 'a\0b'
      const calls: Promise<unknown>[] = [
        store().findAccount(bad),
        store().findPassword(bad),
        store().listAccounts('user', { limit: 1, filter: bad }),
        store().listAccounts('user', { limit: 1, last: bad }),
        store().findTeam(name, bad),
        store().readCredential(2 ** 64, NOW),
        store().createUser({ name: bad, administrator: false, password: undefined }, CAUSE),
        store().updateAccount({ name, displayName: bad }, CAUSE),
        store().updateAccount({ name, displayName: 'x' }, { ...CAUSE, agent: bad }),
        store().deleteLink({ id: 1.5, organisation: undefined }, CAUSE),
        store().touchCredentials([{ credential: 1, at: NOW, address: bad, agent: '' }]),
        store().createCredential(
          {
            account: name,
            credential: credential('token', { scopes: [{ pattern: bad, verbs: 1 }] }),
          },
          CAUSE,
        ),
      ]
      for (const call of calls) expect((await rejection(call)).kind).toBe('request-invalid')
      expect(await store().findAccount(name)).toMatchObject({ displayName: '', version: 1 })
      const odd = '\ud800 “🚢” \u0001'
      expect(await store().updateAccount({ name, displayName: odd }, CAUSE)).toBe('done')
    })
  })

  describe('robots', () => {
    test('belong to a user or an organisation, and come with a secret', async () => {
      const owner = await newOrganisation(store())
      const secret = credential('secret', { scopes: [{ pattern: `${owner.name}/**`, verbs: 1 }] })
      const create = { owner: owner.name, name: 'ci', description: 'builds', secret }
      const made = await store().createRobot(create, CAUSE)
      const name = `${owner.name}+ci`
      expect(made).toMatchObject({
        outcome: 'created',
        account: { name, kind: 'robot', owner: owner.name, description: 'builds' },
      })
      expect(await store().createRobot({ ...create, secret: credential('secret') }, CAUSE)).toEqual({
        outcome: 'taken',
      })
      const second = { ...create, name: 'a', secret: credential('secret') }
      await store().createRobot(second, CAUSE)
      expect((await store().listRobots(owner.name)).map((robot) => robot.name)).toEqual([
        `${owner.name}+a`,
        name,
      ])
      for (const absent of [name, freshName()])
        expect(await store().createRobot({ ...second, owner: absent }, CAUSE)).toEqual({ outcome: 'absent' })
      expect(await store().findCredential(secret.lookup, NOW)).toMatchObject({
        accountName: name,
        accountKind: 'robot',
        disabled: false,
        scopes: secret.scopes,
      })
      expect((await audited(tested().sql, owner.name)).slice(1, 2)).toEqual([
        {
          action: 'robot.create',
          target: name,
          detail: {
            secret: {
              id: expect.any(Number),
              name: secret.name,
              scopes: [{ pattern: `${owner.name}/**`, verbs: ['pull'] }],
            },
          },
        },
      ])
    })

    test('are disabled with their owner, and by themselves', async () => {
      const owner = await newUser(store())
      const secret = credential('secret')
      await store().createRobot({ owner: owner.name, name: 'r', secret }, CAUSE)
      const disabled = async () => (await store().findCredential(secret.lookup, NOW))?.disabled
      const set = (name: string, value: boolean) => store().updateAccount({ name, disabled: value }, CAUSE)
      expect(await disabled()).toBe(false)
      await set(owner.name, true)
      expect(await disabled()).toBe(true)
      await set(owner.name, false)
      await set(`${owner.name}+r`, true)
      expect(await disabled()).toBe(true)
      expect((await audited(tested().sql, owner.name)).at(-1)).toEqual({
        action: 'robot.update',
        target: `${owner.name}+r`,
        detail: { disabled: true },
      })
    })

    test('keep the newest of their secrets', async () => {
      const owner = await newUser(store())
      const secrets = Array.from({ length: 4 }, () => credential('secret'))
      const [first, ...later] = secrets as [(typeof secrets)[0], ...typeof secrets]
      await store().createRobot({ owner: owner.name, name: 'r', secret: first }, CAUSE)
      const robot = `${owner.name}+r`
      for (const secret of later) await give(store(), robot, secret, 2)
      const live = await Promise.all(
        secrets.map(async ({ lookup }) => (await store().findCredential(lookup, NOW)) !== undefined),
      )
      expect(live).toEqual([false, false, true, true])
      expect((await store().listCredentials(robot, ['secret'])).map(({ name }) => name)).toEqual([
        later[2]?.name,
        later[1]?.name,
      ] as string[])
      expect((await audited(tested().sql, owner.name)).at(-1)).toMatchObject({
        action: 'secret.create',
        target: robot,
        detail: { name: later[2]?.name, replaced: [later[0]?.name] },
      })
    })
  })

  test('what is written tells of its own time', async () => {
    const { name } = await newUser(store())
    await store().updateAccount({ name, displayName: 'later' }, at(NOW + 5))
    const rows = await tested().sql(`SELECT at FROM audit WHERE namespace = '${name}' ORDER BY id`)
    expect(rows.map((row) => Number(row.at))).toEqual([NOW, NOW + 5])
  })
}
