import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { ALL_VERBS, verbSet } from '../../../src/core/verbs.ts'
import { NOW, openUpload } from '../metadata/fixture.ts'
import {
  CAUSE,
  type DatabaseUnderTest,
  freshName,
  given,
  newOrganisation,
  newRobot,
  newTeam,
  newUser,
  repoName,
} from './fixture.ts'

/** What a decision rests on: SE-12, SE-17. */
export function factCases(made: () => DatabaseUnderTest) {
  const store = () => made().store
  const now = NOW + 1

  test('of nobody and nothing there are no facts', async () => {
    expect(await store().readAccess({ repo: repoName(`${freshName('n')}/x`), now })).toEqual({
      subject: undefined,
      credential: undefined,
      namespace: undefined,
      repository: undefined,
      role: undefined,
      grants: [],
    })
    const gone = { account: 987_654_321, credential: 987_654_321, now }
    const facts = await store().readAccess({ ...gone, repo: repoName('a/b') })
    expect([facts.subject, facts.credential]).toEqual([undefined, undefined])
    expect(await store().readReach(gone)).toMatchObject({ subject: undefined, owned: [] })
  })

  test('the facts about an owner, a member, a stranger and an administrator', async () => {
    const org = await newOrganisation(store())
    const [member, stranger, root] = [
      await newUser(store()),
      await newUser(store()),
      await newUser(store(), { administrator: true }),
    ]
    await store().setMember({ organisation: org.name, user: member.name, role: 'member' }, CAUSE)
    const repo = repoName(`${org.name}/web`)
    expect(await store().createRepository({ name: repo }, CAUSE)).toBe('created')
    const facts = async (account: number) => await store().readAccess({ account, repo, now })
    expect(await facts(org.owner.id)).toMatchObject({
      subject: {
        id: org.owner.id,
        name: org.owner.name,
        kind: 'user',
        administrator: false,
        disabled: false,
      },
      namespace: { account: org.id },
      repository: { public: false },
      role: 'owner',
      grants: [],
    })
    expect((await facts(member.id)).role).toBe('member')
    expect((await facts(stranger.id)).role).toBeUndefined()
    expect((await facts(root.id)).subject?.administrator).toBe(true)
    expect((await facts(org.id)).subject).toBeUndefined()
    await store().removeMember({ organisation: org.name, user: member.name }, CAUSE)
    expect((await facts(member.id)).role).toBeUndefined()
  })

  test('a repository is known by more than its name; a deleted one is absent, an unpublished one is there', async () => {
    const { name } = await newUser(store())
    const repo = repoName(`${name}/x`)
    await openUpload(store(), repo)
    const { repository } = await store().readAccess({ repo, now })
    expect(repository).toEqual({
      id: repository?.id as number,
      name: repo,
      identity: `${repository?.id}.${NOW}`,
      public: false,
    })
    await made().sql(`UPDATE repo SET deleted_at = 1 WHERE name = '${repo}'`)
    // Another command makes the embedded database's memory of it go.
    await store().createRepository({ name: repoName(`${name}/y`) }, CAUSE)
    expect((await store().readAccess({ repo, now })).repository).toBeUndefined()
    expect(await store().findRepository(repo)).toBeUndefined()
  })

  test('grants: to itself, its teams, everyone, anyone – of this namespace and for this repository only', async () => {
    const org = await newOrganisation(store())
    const [user, other] = [await newUser(store()), await newUser(store())]
    const team = await newTeam(store(), org.name, user.name)
    const otherTeam = await newTeam(store(), org.name, other.name)
    const s = org.name
    await given(store(), `user:${user.name}`, `${s}/*`, ['pull'])
    await given(store(), `user:${user.name}`, `${s}/web`, ['push'])
    await given(store(), `user:${user.name}`, `${s}/other`, ['admin'])
    await given(store(), `user:${other.name}`, `${s}/**`, ['admin'])
    await given(store(), `team:${s}/${team}`, `${s}/w?b`, ['delete'])
    await given(store(), `team:${s}/${team}`, `${s}/web`, ['create-tag'])
    await given(store(), `team:${s}/${otherTeam}`, `${s}/web`, ['admin'])
    await given(store(), 'everyone', `${s}/web`)
    await given(store(), 'anyone', `${s}/w*`)
    await given(store(), `user:${user.name}`, `${(await newOrganisation(store())).name}/web`, ['admin'])

    const grants = async (account?: number) => {
      const query = { repo: repoName(`${s}/web`), now, ...(account !== undefined && { account }) }
      const { grants } = await store().readAccess(query)
      return grants.map(({ subject, pattern, verbs }) => `${subject} ${pattern} ${verbs}`).sort()
    }
    expect(await grants(user.id)).toEqual(
      [
        `anyone ${s}/w* ${verbSet(['pull'])}`,
        `everyone ${s}/web ${verbSet(['pull'])}`,
        `team:${s}/${team} ${s}/w?b ${verbSet(['delete'])}`,
        `team:${s}/${team} ${s}/web ${verbSet(['create-tag'])}`,
        `user:${user.name} ${s}/* ${verbSet(['pull'])}`,
        `user:${user.name} ${s}/web ${verbSet(['push'])}`,
      ].sort(),
    )
    expect(await grants()).toEqual([`anyone ${s}/w* 1`])
    expect(await grants(987_654_321)).toEqual([`anyone ${s}/w* 1`])

    await store().removeTeamMember({ organisation: s, team, user: user.name }, CAUSE)
    expect((await grants(user.id)).some((grant) => grant.startsWith('team:'))).toBe(false)
  })

  test('a robot has its own grants, and goes to sleep with its owner', async () => {
    const org = await newOrganisation(store())
    const robot = await newRobot(store(), org.name)
    await given(store(), `robot:${robot.name}`, `${org.name}/*`, ['push'])
    const facts = () => store().readAccess({ account: robot.id, repo: repoName(`${org.name}/x`), now })
    expect(await facts()).toMatchObject({
      subject: { id: robot.id, name: robot.name, kind: 'robot', administrator: false, disabled: false },
      role: undefined,
      grants: [{ subject: `robot:${robot.name}`, verbs: verbSet(['push']) }],
    })
    for (const name of [robot.name, org.name]) {
      await store().updateAccount({ name, disabled: true }, CAUSE)
      expect((await facts()).subject?.disabled).toBe(true)
      expect(await store().readReach({ account: robot.id, now })).toMatchObject({ owned: [] })
      await store().updateAccount({ name, disabled: false }, CAUSE)
      expect((await facts()).subject?.disabled).toBe(false)
    }
  })

  test('a credential tells its bounds as long as it lives, and is its account’s', async () => {
    const [user, other] = [await newUser(store()), await newUser(store())]
    const scopes = [{ pattern: `${user.name}/*`, verbs: verbSet(['pull']) }]
    const create = async (name: string, options: object) => {
      const credential = {
        ...{ kind: 'token' as const, name, lookup: new Uint8Array(randomBytes(32)) },
        ...options,
      }
      const made = await store().createCredential({ account: user.name, credential }, CAUSE)
      if (made.outcome !== 'created') throw new Error(made.outcome)
      return made.id
    }
    const bounded = await create('a', { scopes, networks: ['192.0.2.0/24'], expiresAt: NOW + 100 })
    const free = await create('b', {})
    const repo = repoName(`${user.name}/x`)
    const bounds = async (credential: number, at = now, account = user.id) =>
      (await store().readAccess({ account, credential, repo, now: at })).credential
    expect(await bounds(bounded)).toEqual({ scopes, networks: ['192.0.2.0/24'] })
    expect(await bounds(free, Number.MAX_SAFE_INTEGER)).toEqual({})
    expect(await bounds(bounded, NOW + 99)).toBeDefined()
    expect(await bounds(bounded, NOW + 100)).toBeUndefined()
    expect(await bounds(bounded, NOW + 99)).toBeDefined()
    expect(await bounds(bounded, now, other.id)).toBeUndefined()
    expect((await store().readReach({ account: user.id, credential: bounded, now })).credential).toEqual({
      scopes,
      networks: ['192.0.2.0/24'],
    })
    const ended = { account: user.id, credential: bounded, now: NOW + 100 }
    expect((await store().readReach(ended)).credential).toBeUndefined()

    const derived = await create('c', { kind: 'refresh', parent: bounded, expiresAt: NOW + 500 })
    expect(await bounds(derived, NOW + 99)).toEqual({ scopes, networks: ['192.0.2.0/24'] })
    expect(await bounds(derived, NOW + 100)).toBeUndefined()

    await store().deleteCredential({ account: user.name, kinds: ['token'], id: bounded }, CAUSE)
    expect(await bounds(bounded)).toBeUndefined()
    expect(await bounds(derived)).toBeUndefined()
  })

  test('a right that was taken away is gone at the next look', async () => {
    const user = await newUser(store())
    const org = await newOrganisation(store())
    const query = { account: user.id, repo: repoName(`${org.name}/x`), now }
    for (let round = 0; round < 20; round++) {
      const { id } = await given(store(), `user:${user.name}`, `${org.name}/*`, ['admin'])
      for (let again = 0; again < 2; again++)
        expect((await store().readAccess(query)).grants[0]?.verbs).toBe(ALL_VERBS)
      await store().removeGrant({ namespace: org.name, id }, CAUSE)
      for (let again = 0; again < 2; again++) expect((await store().readAccess(query)).grants).toEqual([])
    }
  })

  test('what a subject owns', async () => {
    const org = await newOrganisation(store())
    const [user, stranger] = [await newUser(store()), await newUser(store())]
    await store().setMember({ organisation: org.name, user: user.name, role: 'member' }, CAUSE)
    const reach = async (account?: number) => {
      const { subject, owned } = await store().readReach({ now, ...(account && { account }) })
      return { id: subject?.id, owned }
    }
    expect(await reach(user.id)).toEqual({ id: user.id, owned: [user.name] })
    expect(await reach(stranger.id)).toEqual({ id: stranger.id, owned: [stranger.name] })
    expect(await reach()).toEqual({ id: undefined, owned: [] })
    expect(await reach(org.owner.id)).toMatchObject({ owned: [org.name, org.owner.name].sort() })
  })
}
