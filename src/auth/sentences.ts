import type { Actor } from '../core/context.ts'
import type { RepoName } from '../core/names.ts'
import { LIBRARY } from '../core/names.ts'
import { allows, NO_VERBS, type Verb, type VerbSet, verbsIn } from '../core/verbs.ts'
import type { CredentialBounds } from '../store/meta/access-store.ts'

/*
 * What is told to those who may not. Who may pull from a repository knows that it is there and is told what is missing; who may not gets a
 * sentence made of nothing but what the request and the credential say, so that it is the same whether the repository exists or not (SE-2).
 */

const PHRASES: Readonly<Record<Verb, string>> = {
  pull: 'pull from',
  push: 'push to',
  'create-tag': 'push to',
  delete: 'delete from',
  admin: 'administer',
}

/** How many of a credential's scopes a sentence names. */
const SHOWN_SCOPES = 3

/** `push to acme/web`. */
export function deed(verb: Verb, repo: RepoName): string {
  return `${PHRASES[verb]} ${repo}`
}

/** `pull from, push to`: all that a set holds. */
function deeds(verbs: VerbSet): string {
  const told = verbsIn(verbs).filter((verb) => verb !== 'create-tag' || !allows(verbs, 'push'))
  return told.map((verb) => (verb === 'create-tag' ? 'push new tags to' : PHRASES[verb])).join(', ')
}

/** Whom to ask for rights on a repository. */
export function whoGives(repo: RepoName): string {
  return repo.startsWith(LIBRARY)
    ? 'an administrator of this site'
    : `an administrator of ${namespaceOf(repo)}`
}

/** Told whether the namespace is there or not: nobody may be there to be asked. */
function orMakeIt(verb: Verb, repo: RepoName): string {
  if (!pushes(verb) || repo.startsWith(LIBRARY)) return ''
  const namespace = namespaceOf(repo)
  return ` – or, if nobody has ${namespace} yet, make it: berth org add ${namespace}`
}

/** Whether a verb is for what may make a repository. */
function pushes(verb: Verb): boolean {
  return verb === 'push' || verb === 'create-tag'
}

function namespaceOf(repo: RepoName): string {
  return repo.slice(0, repo.indexOf('/'))
}

/**
 * To whom may push anywhere, and pushes to a namespace that is not there: it would be made by a slip, and be nobody's. undefined where
 * nothing is to be said; `library` is there from the beginning.
 */
export function lacksNamespace(verb: Verb, repo: RepoName, there: boolean): string | undefined {
  if (there || !pushes(verb) || repo.startsWith(LIBRARY)) return undefined
  const namespace = namespaceOf(repo)
  return `there is no namespace ${namespace}, so nothing can be pushed to ${repo}; check the name, or make the namespace: berth org add ${namespace}`
}

/** To whom nobody knows, or knows only as the bearer of a token of nobody. */
export function loginNeeded(actor: Actor, verb: Verb, repo: RepoName): string {
  return actor.kind === 'anonymous' && actor.access === undefined
    ? `a login is needed to ${deed(verb, repo)}; run docker login and try again`
    : `this token does not let its bearer ${deed(verb, repo)}; log in, or ask for a token with that scope`
}

/** To an account that has the right, with a registry token that was issued for something else. */
export function tokenTooNarrow(verb: Verb, repo: RepoName): string {
  return `this token was not issued to ${deed(verb, repo)}; ask for one with that scope`
}

/** To an account without the right. `own`: what its account may do; `within`: what the credential it came with leaves of that. */
export function missingRight(denied: {
  readonly name: string
  readonly verb: Verb
  readonly repo: RepoName
  readonly own: VerbSet
  readonly within: VerbSet
  readonly credential: CredentialBounds | undefined
}): string {
  const { name, verb, repo, own, within } = denied
  const limits = limitedTo(denied.credential)
  if (!allows(within, 'pull')) {
    const sentence = `there is no repository ${repo} that ${name} may ${PHRASES[verb]}; check the name, or ask ${whoGives(repo)} for access${orMakeIt(verb, repo)}`
    return limits === undefined ? sentence : `${sentence} – the token that came is limited to ${limits}`
  }
  if (allows(own, verb) && limits !== undefined)
    return `${name} may ${deed(verb, repo)}, but not with this token, which is limited to ${limits}; use one with more scopes`
  return `${name} may ${deeds(within)} ${repo}, but not ${PHRASES[verb]} it; ask ${whoGives(repo)}`
}

/** The scopes of a credential, the first few of them; undefined where it has none. */
function limitedTo(credential: CredentialBounds | undefined): string | undefined {
  const scopes = credential?.scopes
  if (scopes === undefined) return undefined
  if (scopes.length === 0) return 'nothing'
  const shown = scopes.slice(0, SHOWN_SCOPES).map(({ pattern, verbs }) => {
    return `${pattern} (${verbs === NO_VERBS ? 'nothing' : verbsIn(verbs).join(', ')})`
  })
  if (scopes.length > SHOWN_SCOPES) shown.push(`${scopes.length - SHOWN_SCOPES} more`)
  return shown.join(', ')
}

/** To whom brought a credential or token that is not good, whatever is wrong with it. */
export const BAD_CREDENTIAL =
  'the token or login is not good: it is wrong, expired, revoked, or not for where it comes from; log in again'

/** To who wants a list of the registry without a token for it. */
export function listToken(list: 'catalog' | 'search'): string {
  return `a token for the ${list === 'catalog' ? 'catalogue' : 'search'} of this registry is needed; ask for one, with or without a login`
}
