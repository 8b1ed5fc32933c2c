import { describe, expect, test } from 'bun:test'
import { AccessGuard } from '../../src/auth/guard.ts'
import { SigningKeys } from '../../src/auth/signing-keys.ts'
import { LocalTokenService } from '../../src/auth/token-service.ts'
import { RegistryTokens } from '../../src/auth/tokens.ts'
import type { AccountActor, Actor } from '../../src/core/context.ts'
import { isRefusal } from '../../src/core/errors.ts'
import type { RepoName } from '../../src/core/names.ts'
import { type Verb, verbSet } from '../../src/core/verbs.ts'
import type { Store } from '../../src/store/meta/store.ts'
import {
  CAUSE,
  freshName,
  given,
  newOrganisation,
  newRobot,
  newTeam,
  newUser,
  repoName,
} from '../suite/access/fixture.ts'
import { image, NOW, pushed } from '../suite/metadata/fixture.ts'
import { onDatabases, signedIn } from './databases.ts'
import { contextOf, TestClock } from './rights.ts'

/** Someone who may, and how that is taken away. */
interface Case {
  readonly actor: AccountActor
  readonly verb: Verb
  readonly repo: RepoName
  readonly revoke: (store: Store, clock: TestClock) => Promise<unknown>
}

/** Every way a right can end. */
const WAYS: Readonly<Record<string, (store: Store) => Promise<Case>>> = {
  'a grant is taken back': async (store) => {
    const { user, namespace, repo } = await granted(store, ['push'])
    const [grant] = (await store.listGrants(namespace, { limit: 1 })).items
    return {
      actor: await signedIn(store, user),
      verb: 'push',
      repo,
      revoke: (by) => by.removeGrant({ namespace, id: grant?.id ?? 0 }, CAUSE),
    }
  },
  'a grant is narrowed': async (store) => {
    const { user, namespace, repo } = await granted(store, ['push'])
    const pattern = `${namespace}/*`
    const less = { namespace, subject: `user:${user.name}`, pattern, verbs: verbSet(['create-tag']) }
    return {
      actor: await signedIn(store, user),
      verb: 'push',
      repo,
      revoke: (by) => by.setGrant(less, CAUSE),
    }
  },
  'one leaves a team': async (store) => {
    const { organisation, user, team, repo } = await inTeam(store)
    return {
      actor: await signedIn(store, user),
      verb: 'delete',
      repo,
      revoke: (by) => by.removeTeamMember({ organisation, team, user: user.name }, CAUSE),
    }
  },
  'a team is deleted': async (store) => {
    const { organisation, user, team, repo } = await inTeam(store)
    const actor = await signedIn(store, user)
    return { actor, verb: 'delete', repo, revoke: (by) => by.deleteTeam({ organisation, team }, CAUSE) }
  },
  'one leaves the organisation': async (store) => {
    const { organisation, user, repo } = await inTeam(store)
    return {
      actor: await signedIn(store, user),
      verb: 'delete',
      repo,
      revoke: (by) => by.removeMember({ organisation, user: user.name }, CAUSE),
    }
  },
  'an owner becomes a member': async (store) => {
    const { name, owner } = await newOrganisation(store)
    const other = await newUser(store)
    await store.setMember({ organisation: name, user: other.name, role: 'owner' }, CAUSE)
    return {
      actor: await signedIn(store, owner),
      verb: 'admin',
      repo: repoName(`${name}/web`),
      revoke: (by) => by.setMember({ organisation: name, user: owner.name, role: 'member' }, CAUSE),
    }
  },
  'an administrator is one no more': async (store) => {
    await newUser(store, { administrator: true })
    const user = await newUser(store, { administrator: true })
    const actor = await signedIn(store, user)
    // Another left who could sign in.
    const revoke = async (by: Store) => {
      const other = await newUser(store, { administrator: true })
      await store.setPassword({ user: other.name, verifier: 'x' }, CAUSE)
      return by.updateAccount({ name: user.name, administrator: false }, CAUSE)
    }
    return { actor, verb: 'admin', repo: repoName(`${freshName('n')}/web`), revoke }
  },
  'an account is disabled': async (store) => {
    const user = await newUser(store)
    const actor = await signedIn(store, user)
    const repo = repoName(`${user.name}/web`)
    return {
      actor,
      verb: 'push',
      repo,
      revoke: (by) => by.updateAccount({ name: user.name, disabled: true }, CAUSE),
    }
  },
  'an account is deleted': async (store) => {
    const user = await newUser(store)
    const actor = await signedIn(store, user)
    return {
      actor,
      verb: 'push',
      repo: repoName(`${user.name}/web`),
      revoke: (by) => by.deleteAccount({ name: user.name }, CAUSE),
    }
  },
  'the owner of a robot is disabled': async (store) => {
    const user = await newUser(store)
    const robot = await newRobot(store, user.name)
    await given(store, `robot:${robot.name}`, `${user.name}/*`, ['push'])
    return {
      actor: await signedIn(store, robot, { kind: 'secret' }),
      verb: 'push',
      repo: repoName(`${user.name}/web`),
      revoke: (by) => by.updateAccount({ name: user.name, disabled: true }, CAUSE),
    }
  },
  'a credential is revoked': async (store) => {
    const user = await newUser(store)
    const actor = await signedIn(store, user)
    return {
      actor,
      verb: 'push',
      repo: repoName(`${user.name}/web`),
      revoke: (by) =>
        by.deleteCredential({ account: user.name, kinds: ['token'], id: actor.credential }, CAUSE),
    }
  },
  'a credential ends': async (store) => {
    const user = await newUser(store)
    const actor = await signedIn(store, user, { expiresAt: NOW + 1000 })
    return {
      actor,
      verb: 'push',
      repo: repoName(`${user.name}/web`),
      revoke: async (_by, clock) => {
        clock.time = NOW + 1000
      },
    }
  },
  'what a refresh token came from is revoked': async (store) => {
    const user = await newUser(store)
    const parent = await signedIn(store, user)
    const actor = await signedIn(store, user, { kind: 'refresh', parent: parent.credential })
    return {
      actor,
      verb: 'push',
      repo: repoName(`${user.name}/web`),
      revoke: (by) =>
        by.deleteCredential({ account: user.name, kinds: ['token'], id: parent.credential }, CAUSE),
    }
  },
  'a repository becomes private': async (store) => {
    const owner = await newUser(store)
    const repo = repoName(`${owner.name}/web`)
    await store.createRepository({ name: repo, visibility: 'public' }, CAUSE)
    return {
      actor: await signedIn(store, await newUser(store)),
      verb: 'pull',
      repo,
      revoke: (by) => by.updateRepository({ name: repo, visibility: 'private' }, CAUSE),
    }
  },
}

async function granted(store: Store, verbs: readonly Verb[]) {
  const [owner, user] = [await newUser(store), await newUser(store)]
  await given(store, `user:${user.name}`, `${owner.name}/*`, verbs)
  return { user, namespace: owner.name, repo: repoName(`${owner.name}/web`) }
}

async function inTeam(store: Store) {
  const { name: organisation } = await newOrganisation(store)
  const user = await newUser(store)
  const team = await newTeam(store, organisation, user.name)
  await given(store, `team:${organisation}/${team}`, `${organisation}/**`, ['delete'])
  return { organisation, user, team, repo: repoName(`${organisation}/deep/web`) }
}

function server(store: Store, clock: TestClock) {
  const keys = new SigningKeys({ store, clock, signs: 86_400_000, lasts: 3_660_000 })
  const tokens = new RegistryTokens({ keys, issuer: 'i', service: 's' })
  const guard = new AccessGuard(store, clock)
  const service = new LocalTokenService({
    guard,
    keys,
    tokens,
    store,
    clock,
    tokenSeconds: 300,
    loginTokenSeconds: 3600,
    refreshTokenSeconds: undefined,
  })
  /** Whether a request with this token, or by this actor, is let through. */
  const lets = async (who: string | Actor, repo: RepoName, verb: Verb): Promise<boolean> => {
    const actor = typeof who === 'string' ? (await tokens.verify(who, clock.now()))?.actor : who
    if (actor === undefined) throw new Error('the token is not good')
    try {
      await guard.require(contextOf(actor), repo, verb)
      return true
    } catch (error) {
      if (isRefusal(error, 'denied') || isRefusal(error, 'unauthorized')) return false
      throw error
    }
  }
  return { keys, tokens, service, lets }
}

const everything = (repo: RepoName) => [{ type: 'repository', name: repo, actions: ['*'] }]

onDatabases('a right that is taken away', (replicas) => {
  describe('is gone with the next request, on every server, whatever token was issued', () => {
    test.each(Object.entries(WAYS))('%s', async (_way, make) => {
      const { here, there } = replicas()
      const clock = new TestClock()
      const { actor, verb, repo, revoke } = await make(here)
      const one = server(here, clock)
      const { token } = await one.service.issue(contextOf(actor), everything(repo))
      // Both know the token by now.
      for (const by of [one, server(there, clock)]) {
        for (const who of [token, actor]) {
          expect(await by.lets(who, repo, verb)).toBe(true)
        }
      }
      await revoke(there, clock)
      for (const by of [one, server(there, clock)]) {
        for (const who of [token, actor]) expect(await by.lets(who, repo, verb)).toBe(false)
      }
    })
  })

  test('while requests run: none that begins afterwards is let through', async () => {
    const { here, there } = replicas()
    const clock = new TestClock()
    const { user, namespace, repo } = await granted(here, ['push'])
    const one = server(here, clock)
    const { token } = await one.service.issue(contextOf(await signedIn(here, user)), everything(repo))
    const [grant] = (await here.listGrants(namespace, { limit: 1 })).items
    let revoked = false
    let before = 0
    const late: boolean[] = []
    const client = async () => {
      while (late.length < 200) {
        const begunAfter = revoked
        const through = await one.lets(token, repo, 'push')
        if (begunAfter) late.push(through)
        else if (through) before++
        // SQLite's writer answers through the event loop, which requests that never wait would starve.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const clients = Promise.all(Array.from({ length: 8 }, client))
    while (before < 8) await new Promise((resolve) => setImmediate(resolve))
    await there.removeGrant({ namespace, id: grant?.id ?? 0 }, CAUSE)
    revoked = true
    await clients
    expect(late).not.toContain(true)
  })

  test('a token is for the repository it was issued for, not for the next of its name', async () => {
    const { here } = replicas()
    const clock = new TestClock()
    const owner = await newUser(here)
    const repo = repoName(`${owner.name}/web`)
    await pushed(here, repo, image())
    const one = server(here, clock)
    const actor = await signedIn(here, owner)
    const { token } = await one.service.issue(contextOf(actor), everything(repo))
    const verified = await one.tokens.verify(token, clock.now())
    const bearer = verified?.actor as AccountActor
    const [entry] = bearer.access ?? []
    const facts = await here.readAccess({ repo, now: NOW })
    expect(entry?.identity).toBe(facts.repository?.identity as string)
    expect(await one.lets(token, repo, 'pull')).toBe(true)
    const other = { ...bearer, access: [{ ...entry, identity: '0.0' }] } as AccountActor
    expect(await one.lets(other, repo, 'pull')).toBe(false)
  })

  test('servers that start at once agree on one key', async () => {
    const { here, there } = replicas()
    const clock = new TestClock()
    const servers = [here, there, here, there].map((store) => server(store, clock))
    const iat = Math.floor(clock.time / 1000)
    const claims = { sub: '', iat, nbf: iat, exp: iat + 300, jti: 'j', access: [] }
    const signed = await Promise.all(servers.map(({ tokens }) => tokens.sign(claims)))
    expect(await here.listSigningKeys()).toHaveLength(1)
    for (const { tokens } of servers) {
      for (const token of signed) expect(await tokens.verify(token, clock.now())).toBeDefined()
    }
  })
})
