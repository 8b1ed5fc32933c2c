import type { TokenAccess } from '../core/context.ts'
import type { RepoName } from '../core/names.ts'
import { ALL_VERBS, allows, NO_VERBS, VERBS, type Verb, type VerbSet } from '../core/verbs.ts'

/*
 * Between the verbs of rights and the actions of registry tokens (PROTOCOL 10.2). Of pushes the protocol knows only one kind: that a token
 * is for `push` says nothing of whether tags may be moved, which is decided from the database.
 */

/** What each action lets through. */
const ACTIONS: ReadonlyMap<string, VerbSet> = new Map([
  ['pull', VERBS.pull],
  ['push', VERBS.push | VERBS['create-tag']],
  ['delete', VERBS.delete],
  ['*', ALL_VERBS],
])

/** The scope that a challenge names for a verb. */
const SCOPES: Readonly<Record<Verb, string>> = {
  pull: 'pull',
  push: 'pull,push',
  'create-tag': 'pull,push',
  delete: 'delete',
  admin: '*',
}

/** `repository:acme/web:pull,push`. */
export function scopeFor(repo: RepoName, verb: Verb): string {
  return `repository:${repo}:${SCOPES[verb]}`
}

/** `registry:catalog:*`. */
export function listScope(list: 'catalog' | 'search'): string {
  return `registry:catalog:${list === 'catalog' ? '*' : 'search'}`
}

/**
 * What a registry token lets through in the repository of that name. An entry that says which repository it was issued for is for no other
 * of that name: after a deletion the next one may be somebody else's. `identity`: of the repository that stands there; undefined there is none.
 */
export function verbsOfAccess(
  access: readonly TokenAccess[],
  name: RepoName,
  identity: string | undefined,
): VerbSet {
  let verbs = NO_VERBS
  for (const entry of access) {
    if (entry.type !== 'repository' || entry.name !== name) continue
    if (entry.identity !== undefined && entry.identity !== identity) continue
    for (const action of entry.actions) verbs |= ACTIONS.get(action) ?? NO_VERBS
  }
  return verbs
}

/** The actions of a set of verbs: those asked for, `*` meaning all there are. In the protocol's order. */
export function grantedActions(asked: readonly string[], verbs: VerbSet): string[] {
  const all = asked.includes('*')
  const granted: string[] = []
  if (allows(verbs, 'pull') && (all || asked.includes('pull'))) granted.push('pull')
  if ((allows(verbs, 'push') || allows(verbs, 'create-tag')) && (all || asked.includes('push')))
    granted.push('push')
  if (allows(verbs, 'delete') && (all || asked.includes('delete'))) granted.push('delete')
  if (all && verbs === ALL_VERBS) granted.push('*')
  return granted
}
