import type { CredentialKind } from '../../../src/store/meta/account-store.ts'
import type { Store } from '../../../src/store/meta/store.ts'
import { NOW, openUpload } from '../metadata/fixture.ts'
import {
  CAUSE,
  credential,
  freshName,
  give,
  newLookup,
  newOrganisation,
  newUser,
  OPERATOR,
  repoIn,
  VERIFIER,
} from './fixture.ts'

/** Runs every statement that accounts have. */
export async function visitAccounts(store: Store): Promise<void> {
  const [first, user] = [
    await newUser(store, { administrator: true, password: VERIFIER }),
    await newUser(store, { administrator: true, password: VERIFIER }),
  ]
  const { name: organisation } = await newOrganisation(store, first.name)
  await store.findAccount(user.name)
  await store.countAdministrators()
  for (const filter of ['', 'u']) await store.listAccounts('user', { limit: 2, filter })
  await store.updateAccount({ name: user.name, disabled: true }, CAUSE)
  await store.updateAccount({ name: user.name, disabled: false }, CAUSE)

  await store.setMember({ organisation, user: user.name, role: 'owner' }, CAUSE)
  await store.setMember({ organisation, user: user.name, role: 'member' }, CAUSE)
  await store.listMembers(organisation, { limit: 2 })
  await store.listOrganisationsOf(user.name)
  for (const name of ['a', 'b']) await store.createTeam({ organisation, name }, CAUSE)
  await store.updateTeam({ organisation, team: 'a', description: 'x' }, CAUSE)
  await store.findTeam(organisation, 'a')
  await store.listTeams(organisation)
  for (const team of ['a', 'b']) await store.addTeamMember({ organisation, team, user: user.name }, CAUSE)
  await store.listTeamMembers(organisation, 'a')
  await store.removeTeamMember({ organisation, team: 'b', user: user.name }, CAUSE)
  await store.deleteTeam({ organisation, team: 'b' }, CAUSE)

  const secret = credential('secret')
  await store.createRobot({ owner: user.name, name: 'ci', secret }, CAUSE)
  await store.listRobots(user.name)
  const id = await give(store, user.name, credential('token'))
  for (let at = 0; at < 4; at++)
    await give(store, user.name, credential('session', { parent: id, expiresAt: NOW }))
  await give(store, `${user.name}+ci`, credential('secret'), 1)
  await store.findCredential(secret.lookup, NOW)
  await store.readCredential(id, NOW)
  await store.findPassword(user.name)
  const kinds: CredentialKind[] = ['token', 'key', 'secret', 'session']
  for (const some of [kinds, ['token' as const]]) await store.listCredentials(user.name, some)
  const use = { credential: id, at: NOW, address: '', agent: '' }
  await store.touchCredentials([use])
  await store.touchCredentials([use, { ...use, credential: id + 1 }])
  await store.setPassword({ user: user.name, verifier: VERIFIER, keep: id }, CAUSE)
  await store.deleteCredential({ account: user.name, kinds, id }, CAUSE)
  await give(store, user.name, credential('session', { expiresAt: NOW }))

  const link = newLookup()
  const invitation = { kind: 'invitation' as const, organisation }
  await store.createLink({ lookup: link, purpose: invitation, expiresAt: NOW + 1 }, OPERATOR)
  for (const purpose of [
    { kind: 'administrator' as const },
    { kind: 'password-reset' as const, user: user.name },
  ])
    await store.createLink({ lookup: newLookup(), purpose, expiresAt: NOW }, OPERATOR)
  await store.findLink(link, NOW)
  for (const of of [organisation, undefined]) await store.listLinks(of, NOW)
  const name = freshName()
  await store.createUser({ name, administrator: false, password: undefined, link }, CAUSE)
  const made = await store.createLink(
    { lookup: newLookup(), purpose: invitation, expiresAt: NOW + 1 },
    OPERATOR,
  )
  if (made.outcome === 'created') await store.deleteLink({ id: made.id, organisation }, CAUSE)
  await store.useAssertion({ id: newLookup(), expiresAt: NOW })
  await store.sweepCredentials({ now: NOW, limit: 10 })

  const upload = await openUpload(store, repoIn(user.name))
  const grant = { namespace: organisation, subject: `user:${user.name}`, verbs: 1 }
  await store.setGrant({ ...grant, pattern: `${organisation}/**` }, CAUSE)
  await store.setDefaultGrants({ namespace: organisation, grants: [grant] }, CAUSE)
  await store.deleteAccount({ name: user.name }, CAUSE)
  await store.abortUpload({ id: upload.id, now: NOW, deleteAfter: NOW })
  await store.deleteAccount({ name: user.name }, CAUSE)
  await store.removeMember({ organisation, user: name, grants: 'remove' }, CAUSE)
  await store.deleteAccount({ name: organisation }, CAUSE)
}
