import { expect, test } from 'bun:test'
import { type Explanation, explain, type Question } from '../../src/auth/explain.ts'
import { AccessGuard } from '../../src/auth/guard.ts'
import { allows, VERBS, type Verb, verbSet } from '../../src/core/verbs.ts'
import {
  CAUSE,
  given,
  newOrganisation,
  newRobot,
  newTeam,
  newUser,
  repoName,
} from '../suite/access/fixture.ts'
import { NOW } from '../suite/metadata/fixture.ts'
import { onDatabases, signedIn } from './databases.ts'
import { contextOf, nobody, TestClock } from './rights.ts'

onDatabases('an explanation', (replicas) => {
  const store = () => replicas().here
  const asked = (question: Partial<Question> & Pick<Question, 'subject' | 'repo'>): Promise<Explanation> =>
    explain(store(), { verb: 'push', administers: true, now: NOW, ...question })

  test('names the grant that decides', async () => {
    const { name } = await newOrganisation(store())
    const user = await newUser(store())
    const team = await newTeam(store(), name, user.name)
    const grant = await given(store(), `team:${name}/${team}`, `${name}/*`, ['push'])
    const repo = repoName(`${name}/web`)
    const told = {
      id: grant.id,
      subject: `team:${name}/${team}`,
      pattern: `${name}/*`,
      verbs: ['pull', 'push', 'create-tag'],
    }
    expect(await asked({ subject: user.name, repo })).toEqual({
      allowed: true,
      subject: user.name,
      verb: 'push',
      repository: repo,
      reason: `${user.name} may push to ${repo}: grant ${grant.id} (team:${name}/${team}: pull, push, create-tag on ${name}/*) decides`,
      because: { kind: 'grant', grant: told as never },
    })
  })

  test('tells a new tag from a push', async () => {
    const { name } = await newOrganisation(store())
    const user = await newUser(store())
    const repo = repoName(`${name}/web`)
    await given(store(), `user:${user.name}`, repo, ['create-tag'])
    const of = async (verb: Verb) => (await asked({ subject: user.name, repo, verb })).reason
    expect(await of('create-tag')).toStartWith(`${user.name} may push new tags to ${repo}: `)
    expect(await of('push')).toStartWith(`${user.name} may not push to ${repo}: `)
  })

  test('names everything else that decides', async () => {
    const { name, owner } = await newOrganisation(store())
    const admin = await newUser(store(), { administrator: true })
    const repo = repoName(`${name}/web`)
    await store().createRepository({ name: repo, visibility: 'public' }, CAUSE)
    const kind = async (subject: string, of = repo, verb: Verb = 'push') => {
      const { allowed, because } = await asked({ subject, repo: of, verb })
      return [allowed, because.kind]
    }
    expect(await kind(admin.name)).toEqual([true, 'administrator'])
    expect(await kind(`user:${owner.name}`)).toEqual([true, 'organisation-owner'])
    expect(await kind(owner.name, repoName(`${owner.name}/own`))).toEqual([true, 'own-namespace'])
    expect(await kind('anonymous', repo, 'pull')).toEqual([true, 'public'])
    expect(await kind('anyone', repo)).toEqual([false, 'no-right'])
    expect(await kind(name)).toEqual([false, 'organisation'])
    expect(await kind('nobody-of-that-name')).toEqual([false, 'no-account'])
  })

  test('names what came near', async () => {
    const { name } = await newOrganisation(store())
    const user = await newUser(store())
    const member = await newUser(store())
    const team = await newTeam(store(), name, user.name)
    const others = await newTeam(store(), name, member.name)
    const read = await given(store(), `team:${name}/${team}`, `${name}/*`, ['pull'])
    const elsewhere = await given(store(), `user:${user.name}`, `${name}/x/*`, ['push'])
    const theirs = await given(store(), `team:${name}/${others}`, `${name}/**`, ['admin'])
    const repo = repoName(`${name}/web`)
    const { allowed, because, reason } = await asked({ subject: user.name, repo })
    expect(allowed).toBe(false)
    if (because.kind !== 'no-right') throw new Error(because.kind)
    expect(because.teams).toEqual([`team:${name}/${team}`])
    expect(new Map(because.nearMisses.map(({ id, lacks }) => [id, lacks]))).toEqual(
      new Map([
        [read.id, 'verb'],
        [elsewhere.id, 'pattern'],
        [theirs.id, 'membership'],
      ]),
    )
    expect(reason).toContain(`grant ${read.id} (team:${name}/${team}: pull on ${name}/*) does not give push`)
    // What others have is not for everyone's ears.
    const own = await asked({ subject: user.name, repo, administers: false })
    expect(JSON.stringify(own)).not.toContain(others)
  })

  test('tells who asks about itself the same of what is hidden and what is absent', async () => {
    const { name } = await newOrganisation(store())
    const user = await newUser(store())
    const hidden = repoName(`${name}/hidden`)
    const absent = repoName(`${name}/absent`)
    await store().createRepository({ name: hidden }, CAUSE)
    const told = async (repo: typeof hidden) =>
      JSON.stringify(await asked({ subject: user.name, repo, verb: 'pull', administers: false })).replaceAll(
        repo,
        'R',
      )
    expect(await told(hidden)).toBe(await told(absent))
  })

  test('knows of accounts that are disabled, and tokens that are limited or gone', async () => {
    const user = await newUser(store())
    const robot = await newRobot(store(), user.name)
    const repo = repoName(`${user.name}/web`)
    await given(store(), `robot:${robot.name}`, `${user.name}/*`, ['push'])
    expect((await asked({ subject: `robot:${robot.name}`, repo })).because.kind).toBe('grant')
    const scopes = [{ pattern: `${user.name}/*`, verbs: verbSet(['pull']) }]
    const { credential } = await signedIn(store(), user, { scopes })
    const limited = await asked({ subject: user.name, repo, credential })
    expect(limited.because).toEqual({
      kind: 'token-scopes',
      scopes: [`${user.name}/*: pull`],
      otherwise: { kind: 'own-namespace' },
    })
    expect(limited.reason).toEndWith(`but this token is limited to ${user.name}/*: pull`)
    expect((await asked({ subject: user.name, repo, credential, verb: 'pull' })).allowed).toBe(true)
    await store().deleteCredential({ account: user.name, kinds: ['token'], id: credential }, CAUSE)
    expect((await asked({ subject: user.name, repo, credential })).because.kind).toBe('credential-gone')
    await store().updateAccount({ name: user.name, disabled: true }, CAUSE)
    expect((await asked({ subject: user.name, repo })).because.kind).toBe('disabled')
    expect((await asked({ subject: robot.name, repo })).because.kind).toBe('disabled')
  })

  test('agrees with the guard', async () => {
    const { name, owner } = await newOrganisation(store())
    const user = await newUser(store())
    const team = await newTeam(store(), name, user.name)
    await given(store(), `team:${name}/${team}`, `${name}/a*`, ['create-tag'])
    await given(store(), 'anyone', `${name}/c`, ['pull'])
    const guard = new AccessGuard(store(), new TestClock())
    const actors = [nobody(), await signedIn(store(), user), await signedIn(store(), owner)]
    for (const repo of ['a', 'b', 'c'].map((part) => repoName(`${name}/${part}`))) {
      for (const actor of actors) {
        const verbs = await guard.verbs(contextOf(actor), repo)
        for (const verb of Object.keys(VERBS) as Verb[]) {
          const subject = actor.kind === 'account' ? actor.name : 'anonymous'
          expect((await asked({ subject, repo, verb })).allowed).toBe(allows(verbs, verb))
        }
      }
    }
  })
})
