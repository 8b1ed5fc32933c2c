import { randomBytes } from 'node:crypto'
import { parseRepoName, type RepoName } from '../../../src/core/names.ts'
import { type Verb, verbSet } from '../../../src/core/verbs.ts'
import type { AuditRow, Cause, Grant, Namespace } from '../../../src/store/meta/access-store.ts'
import type { Store } from '../../../src/store/meta/store.ts'
import { NOW } from '../metadata/fixture.ts'

/** A database and a look into it. */
export interface DatabaseUnderTest {
  readonly store: Store
  sql(text: string): Promise<unknown[]>
  dispose(): Promise<void>
}

export const repoName = (text: string): RepoName => parseRepoName(text)

/** A name that no other test uses. */
export const freshName = (prefix: string) => `${prefix}${randomBytes(5).toString('hex')}`

export const CAUSE: Cause = {
  now: NOW,
  actor: 'operator',
  address: '192.0.2.1',
  agent: 'tests',
  requestId: 'r-1',
}

/** A user of a new name. */
export async function newUser(
  store: Store,
  options: { administrator?: boolean } = {},
): Promise<{ readonly id: number; readonly name: string }> {
  const create = { name: freshName('u'), administrator: options.administrator ?? false, password: undefined }
  const made = await store.createUser(create, CAUSE)
  if (made.outcome !== 'created') throw new Error(`no user: ${made.outcome}`)
  return made.account
}

/** An organisation of a new name, with an owner. */
export async function newOrganisation(store: Store): Promise<{
  readonly id: number
  readonly name: string
  readonly owner: { readonly id: number; readonly name: string }
}> {
  const owner = await newUser(store)
  const made = await store.createOrganisation({ name: freshName('o'), owner: owner.name }, CAUSE)
  if (made.outcome !== 'created') throw new Error(`no organisation: ${made.outcome}`)
  return { ...made.account, owner }
}

/** A team of an organisation with one member. */
export async function newTeam(store: Store, organisation: string, member: string): Promise<string> {
  const name = freshName('t')
  await store.createTeam({ organisation, name }, CAUSE)
  await store.setMember({ organisation, user: member, role: 'member' }, CAUSE)
  const added = await store.addTeamMember({ organisation, team: name, user: member }, CAUSE)
  if (added !== 'created') throw new Error(`not a member: ${added}`)
  return name
}

/** A robot with a secret. */
export async function newRobot(
  store: Store,
  owner: string,
): Promise<{ readonly id: number; readonly name: string }> {
  const secret = { kind: 'secret' as const, name: 'first', lookup: new Uint8Array(randomBytes(32)) }
  const made = await store.createRobot({ owner, name: 'ci', secret }, CAUSE)
  if (made.outcome !== 'created') throw new Error(`no robot: ${made.outcome}`)
  return made.account
}

/** A grant that must be given. */
export async function given(
  store: Store,
  subject: string,
  pattern: string,
  verbs: readonly Verb[] = ['pull'],
): Promise<Grant> {
  const namespace = pattern.slice(0, pattern.indexOf('/'))
  const set = await store.setGrant({ namespace, subject, pattern, verbs: verbSet(verbs) }, CAUSE)
  if (!('grant' in set)) throw new Error(`not given: ${set.outcome}`)
  return set.grant
}

/** The rows of a namespace's audit, newest first, with their details parsed. */
export async function auditOf(store: Store, namespace: string) {
  const { items } = await store.listAudit({ namespace }, { limit: 100 })
  return items.map(({ action, target, detail }: AuditRow) => ({
    action,
    target,
    detail: detail && JSON.parse(detail),
  }))
}

export async function namespaceOf(store: Store, name: string): Promise<Namespace> {
  const found = await store.findNamespace(name)
  if (found === undefined) throw new Error(`there is no namespace ${name}`)
  return found
}
