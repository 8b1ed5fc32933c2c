import { expect, test } from 'bun:test'
import { AccessGuard } from '../../src/auth/guard.ts'
import { localAuthenticator } from '../../src/auth/local.ts'
import { SigningKeys } from '../../src/auth/signing-keys.ts'
import { LocalTokenService } from '../../src/auth/token-service.ts'
import { RegistryTokens } from '../../src/auth/tokens.ts'
import type { AccountActor, Actor } from '../../src/core/context.ts'
import { CAUSE, newUser, repoName } from '../suite/access/fixture.ts'
import { rejection } from '../suite/metadata/fixture.ts'
import { CountingHasher } from './counting-hasher.ts'
import { onDatabases, signedIn } from './databases.ts'
import { contextOf, nobody, TestClock } from './rights.ts'

onDatabases('tokens through the doors', (replicas) => {
  const setUp = async () => {
    const store = replicas().here
    const clock = new TestClock()
    const keys = new SigningKeys({ store, clock, signs: 86_400_000, lasts: 3_660_000 })
    const tokens = new RegistryTokens({ keys, issuer: 'i', service: 's' })
    const service = new LocalTokenService({
      guard: new AccessGuard(store, clock),
      keys,
      tokens,
      store,
      clock,
      tokenSeconds: 300,
      loginTokenSeconds: 400,
      refreshTokenSeconds: 86_400,
    })
    const authenticator = localAuthenticator({
      store,
      tokens,
      hasher: new CountingHasher(),
      settings: {
        loginAliases: [],
        loginFailures: 10,
        addressFailures: 100,
        loginWindowSeconds: 300,
        lastUsedSeconds: 3600,
      },
      service: 's',
      clock,
      onError: (error) => {
        throw error
      },
    })
    const user = await newUser(store)
    const actor = await signedIn(store, user)
    const bearer = (token: string) => authenticator.authenticate(contextOf(nobody()), `Bearer ${token}`)
    const basic = (name: string, token: string) => authenticator.password(contextOf(nobody()), name, token)
    return { store, clock, service, user, actor, bearer, basic, authenticator }
  }

  test('a login token lets in, and nothing made from it lives longer', async () => {
    const { clock, service, actor, bearer, basic, authenticator } = await setUp()
    const { token } = await service.login(contextOf(actor))
    const until = clock.time + 400_000
    for (const entered of [await bearer(token), await basic('oauth2accesstoken', token)]) {
      expect(entered).toEqual({ ...actor, until })
    }
    clock.time += 350_000
    const late = (await basic('oauth2accesstoken', token)) as Actor
    const issued = await service.issue(contextOf(late), [], { offline: true })
    expect([issued.expiresIn, issued.refreshToken]).toEqual([50, undefined])
    expect((await service.login(contextOf(late))).expiresIn).toBe(50)
    await authenticator.close()
  })

  test('a registry token is a bearer’s, and nobody’s password', async () => {
    const { service, user, actor, bearer, basic, authenticator } = await setUp()
    const repo = repoName(`${user.name}/web`)
    const scopes = [{ type: 'repository', name: repo, actions: ['pull'] }]
    const { token } = await service.issue(contextOf(actor), scopes)
    expect(await bearer(token)).toMatchObject({
      account: user.id,
      access: [{ name: repo, actions: ['pull'] }],
    })
    expect((await rejection(basic('oauth2accesstoken', token))).kind).toBe('unauthorized')
    expect((await rejection(basic(user.name, token))).kind).toBe('unauthorized')
    await authenticator.close()
  })

  test('a refresh token has the bounds of what it came from, and ends with it', async () => {
    const { store, service, user, authenticator } = await setUp()
    const repo = repoName(`${user.name}/web`)
    const scopes = [{ type: 'repository', name: repo, actions: ['pull', 'push'] }]
    const narrow = await signedIn(store, user, { scopes: [{ pattern: repo, verbs: 1 }] })
    const { refreshToken = '' } = await service.issue(contextOf(narrow), [], {
      offline: true,
      client: 'docker',
    })
    const again = (await authenticator.refreshToken(contextOf(nobody()), refreshToken)) as AccountActor
    expect(again.credential).not.toBe(narrow.credential)
    expect((await service.issue(contextOf(again), scopes)).scope).toBe(`repository:${repo}:pull`)
    expect((await service.issue(contextOf(again), [], { offline: true })).refreshToken).toBeUndefined()
    await store.deleteCredential({ account: user.name, kinds: ['token'], id: narrow.credential }, CAUSE)
    expect((await rejection(service.issue(contextOf(again), scopes))).kind).toBe('unauthorized')
    const refused = await rejection(authenticator.refreshToken(contextOf(nobody()), refreshToken))
    expect(refused.kind).toBe('unauthorized')
    await authenticator.close()
  })
})
