import type { Visible } from '../../../src/core/access.ts'
import type { AuditFilter } from '../../../src/store/meta/access-store.ts'
import type { Store } from '../../../src/store/meta/store.ts'
import { image, NOW, pushBlob, pushed } from '../metadata/fixture.ts'
import { CAUSE, freshName, given, newOrganisation, newRobot, newTeam, newUser, repoName } from './fixture.ts'

/** Runs every statement about access and repositories at least once. */
export async function visitAccess(store: Store): Promise<void> {
  const org = await newOrganisation(store)
  const user = await newUser(store)
  const robot = await newRobot(store, org.name)
  const team = await newTeam(store, org.name, user.name)
  const namespace = org.name
  const repo = repoName(`${namespace}/web`)

  await store.updateNamespace({ name: namespace, defaultVisibility: 'public' }, CAUSE)
  await store.findNamespace(namespace)
  for (const pattern of [`${namespace}/*`, repo])
    for (const subject of [`user:${user.name}`, `robot:${robot.name}`, `team:${namespace}/${team}`, 'anyone'])
      await given(store, subject, pattern)
  const { id } = await given(store, `user:${user.name}`, repo, ['push'])
  await store.listGrants(namespace, { limit: 5 })
  await store.listGrants(namespace, { limit: 5 }, { repository: repo })
  await store.findGrant({ namespace, id })
  await store.removeGrant({ namespace, id }, CAUSE)
  await store.setDefaultGrants({ namespace, grants: [{ subject: 'everyone', verbs: 1 }] }, CAUSE)
  await store.listDefaultGrants(namespace)

  await store.createRepository({ name: repo }, CAUSE)
  await store.createRepository({ name: repoName(freshName('hello')) }, CAUSE)
  for (const change of [{ description: 'x' }, { visibility: 'private' }, { readme: 'x' }] as const)
    await store.updateRepository({ name: repo, ...change }, CAUSE)
  await store.updateRepository({ name: repo, description: 'y', visibility: 'public' }, CAUSE)
  await store.findRepository(repo)
  const blob = await pushBlob(store, repo)
  await pushed(store, repoName(`${namespace}/made`), image(), { cause: CAUSE })
  await pushed(store, repo, image([blob]), { tags: ['v1'], moveTags: false })
  await pushed(store, repo, image([blob]), { tags: ['v2'], moveTags: false })
  for (const filter of ['', 'v']) await store.describeTags(repo, { limit: 5, filter })
  await store.describeManifests(repo, { limit: 5 })

  await store.readAccess({ account: user.id, credential: 1, repo, now: NOW })
  await store.readReach({ account: user.id, credential: 1, now: NOW })
  const names = [`${namespace}/none`, `${namespace}/other`]
  const patterns: Visible[] = [
    { granted: [`${namespace}/*`] },
    { granted: names },
    { granted: [], within: names },
    { granted: [], grantee: { account: user.id } },
    { granted: [], grantee: { account: undefined } },
    { granted: [`${namespace}/w*`], within: [`${namespace}/a*`, `${namespace}/we*`] },
  ]
  for (const visible of ['everything', ...patterns] as const) {
    await store.listRepositories({ limit: 5 }, visible)
    await store.describeRepositories({ namespace, visible }, { limit: 5 })
    await store.search({ query: 'web', limit: 5, offset: 0 }, visible)
    await store.findHolder(blob.digest, visible)
  }

  await store.writeAudit({ action: 'login', target: user.name, result: 'refused' }, CAUSE)
  const [actor, action] = ['operator', 'grant.set']
  const filters: AuditFilter[] = [{}, { namespace }, { actor }, { action }, { namespace, actor, action }]
  for (const filter of filters) {
    await store.listAudit(filter, { limit: 5 })
    await store.listAudit({ ...filter, since: 1, until: NOW }, { limit: 5 })
  }
  const key = { kid: freshName('k'), privateKey: '{}', publicKey: '{}', createdAt: 1 }
  await store.rotateSigningKey({ key, newest: undefined, forgetBefore: 0 })
  await store.listSigningKeys()
}
