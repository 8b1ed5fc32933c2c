import {
  ALL_VERBS,
  allows,
  BUNDLES,
  closed,
  NO_VERBS,
  VERBS,
  type Verb,
  type VerbSet,
} from '../../src/core/verbs.ts'

/* What the rules of access say, written a second time and without the program's own: the matrix is judged by this. */

/** Everyone who might ask. */
export const ACTORS = [
  'anonymous',
  'other user',
  'reader',
  'writer',
  'admin',
  'team member',
  'robot',
  'scoped token',
  'organisation owner',
  'site administrator',
] as const
export type ActorName = (typeof ACTORS)[number]

/** What is asked for: repositories of the organisation, and one of nobody. */
export const TARGETS = ['public', 'private', 'absent', 'nowhere'] as const
export type TargetName = (typeof TARGETS)[number]

/** Granted on everything of the organisation. */
const GRANTED: Readonly<Record<ActorName, VerbSet>> = {
  anonymous: NO_VERBS,
  'other user': NO_VERBS,
  reader: BUNDLES.read,
  writer: BUNDLES.write,
  admin: ALL_VERBS,
  'team member': closed(VERBS['create-tag']),
  robot: BUNDLES.write,
  // The admin's, narrowed to pulling.
  'scoped token': BUNDLES.read,
  'organisation owner': ALL_VERBS,
  'site administrator': ALL_VERBS,
}

/** Whether whoever may do it finds no place for it: not even a site administrator makes a namespace by a push. */
export function lacksNamespace(verb: Verb, target: TargetName): boolean {
  return target === 'nowhere' && (verb === 'push' || verb === 'create-tag')
}

/** Whether the actor has the verb on the target. */
export function may(actor: ActorName, verb: Verb, target: TargetName): boolean {
  if (target === 'nowhere') return actor === 'site administrator'
  const everyones = target === 'public' ? BUNDLES.read : NO_VERBS
  return allows(GRANTED[actor] | everyones, verb)
}

/** Of the organisation `acme`; `adam` is the admin of repositories, which is another thing. */
const OWNERS: readonly ActorName[] = ['organisation owner', 'site administrator']
const MEMBERS: readonly ActorName[] = [...OWNERS, 'team member']
const USERS: readonly ActorName[] = [
  'other user',
  'reader',
  'writer',
  'admin',
  'team member',
  'organisation owner',
  'site administrator',
]
/** Who passes a rule of the management API that is not about a repository; the paths name `adam` and `acme`. */
export const PASSES: Readonly<
  Record<
    'anyone' | 'signed-in' | 'user' | 'self' | 'administrator' | 'owner' | 'member',
    readonly ActorName[]
  >
> = {
  anyone: ACTORS,
  'signed-in': ACTORS.filter((actor) => actor !== 'anonymous'),
  user: USERS,
  self: ['admin', 'site administrator'],
  administrator: ['site administrator'],
  owner: OWNERS,
  member: MEMBERS,
}
