import { fitsGlob } from '../core/glob.ts'
import type { RepoName } from '../core/names.ts'
import { allows, closed, type Verb, verbsIn } from '../core/verbs.ts'
import type { AccessFacts, AccessStore, GrantFact } from '../store/meta/access-store.ts'
import type { AccountStore } from '../store/meta/account-store.ts'
import { answerOf } from './answer.ts'
import { presentName, type Reason, reasonFor, verbsWithin } from './decide.ts'
import { deed, whoGives } from './sentences.ts'

/** The name under which one asks what nobody in particular may do. */
export const NOBODY = 'anonymous'
/** Near misses that are told. */
const MAX_MISSES = 20
/** Grants of others that are looked at for them. */
const MAX_LOOKED_AT = 1_000

export interface Question {
  /** `alice`, `acme+ci`, `anonymous`; also as grants name them: `user:alice`, `robot:acme+ci`, `anyone`. */
  readonly subject: string
  readonly verb: Verb
  readonly repo: RepoName
  /** A credential of the subject, whose own scopes narrow what it may. */
  readonly credential?: number
  /** Whether the asker administers the repository: then grants that others have are told, too. */
  readonly administers: boolean
  /** ms since the epoch. */
  readonly now: number
}

/** A grant, as it is told. */
export interface ToldGrant {
  readonly id: number
  readonly subject: string
  readonly pattern: string
  readonly verbs: readonly Verb[]
}

/** A grant that would have given the verb, but for one thing: its verbs, its pattern, or that the subject is not in that team. */
export interface NearMiss extends ToldGrant {
  readonly lacks: 'verb' | 'pattern' | 'membership'
}

/** What decides, for programs. */
export type Because =
  | { readonly kind: 'administrator' | 'own-namespace' | 'organisation-owner' | 'public' }
  | { readonly kind: 'grant'; readonly grant: ToldGrant }
  /** The account has the verb by the reason; its credential's scopes leave it out. */
  | { readonly kind: 'token-scopes'; readonly scopes: readonly string[]; readonly otherwise: Because }
  | { readonly kind: 'no-account' | 'organisation' | 'disabled' | 'credential-gone' }
  | { readonly kind: 'no-right'; readonly teams: readonly string[]; readonly nearMisses: readonly NearMiss[] }

export interface Explanation {
  readonly allowed: boolean
  readonly subject: string
  readonly verb: Verb
  readonly repository: RepoName
  /** A sentence. */
  readonly reason: string
  readonly because: Because
}

/**
 * Which right decides whether a subject may do something in a repository, or why none does. Ask it only for the subject itself and for who
 * administers the repository: it tells whether there is such an account. Of the repository it tells nothing but whether anyone may pull it.
 */
export async function explain(
  store: Pick<AccountStore, 'findAccount'> & Pick<AccessStore, 'readAccess' | 'listGrants'>,
  question: Question,
): Promise<Explanation> {
  const { verb, repo, now } = question
  const subject = question.subject.replace(/^(?:user|robot):/, '')
  const told = (allowed: boolean, because: Because, why: string): Explanation => {
    const reason = `${subject} may ${allowed ? '' : 'not '}${deedOf(verb, repo)}: ${why}`
    return { allowed, subject, verb, repository: repo, reason, because }
  }
  const nobody = subject === NOBODY || subject === 'anyone'
  const account = nobody ? undefined : await answerOf(store.findAccount(subject))
  if (account === undefined && !nobody) return told(false, { kind: 'no-account' }, 'there is no such account')
  if (account?.kind === 'organisation') {
    const sentence = 'it is an organisation, and rights are its members’; ask about one of them'
    return told(false, { kind: 'organisation' }, sentence)
  }

  const { credential } = question
  const facts = await answerOf(
    store.readAccess({
      repo,
      now,
      ...(account !== undefined && { account: account.id }),
      ...(credential !== undefined && { credential }),
    }),
  )
  if (account !== undefined && facts.subject === undefined)
    return told(false, { kind: 'no-account' }, 'there is no such account')
  if (facts.subject?.disabled)
    return told(false, { kind: 'disabled' }, 'the account, or the one that owns it, is disabled')
  if (credential !== undefined && facts.credential === undefined)
    return told(false, { kind: 'credential-gone' }, 'the token is revoked or expired')

  const reason = reasonFor(facts, repo, verb)
  if (reason === undefined) {
    const others = question.administers
      ? (await answerOf(store.listGrants(namespaceOf(repo), { limit: MAX_LOOKED_AT }, { repository: repo })))
          .items
      : []
    const because = noRight(facts, others, repo, verb)
    return told(false, because, missing(because, verb, repo))
  }
  const because = becauseOf(reason)
  const scopes = facts.credential?.scopes
  if (!allows(verbsWithin(scopes, presentName(facts, repo)), verb)) {
    const patterns = (scopes ?? []).map(({ pattern, verbs }) => `${pattern}: ${verbsIn(verbs).join(', ')}`)
    const sentence = `its account may, since ${sentenceOf(reason)}, but this token is limited to ${patterns.join('; ') || 'nothing'}`
    return told(false, { kind: 'token-scopes', scopes: patterns, otherwise: because }, sentence)
  }
  return told(true, because, sentenceOf(reason))
}

/** What is asked, to the letter: a push to a new tag is told as a push to whoever makes one. */
function deedOf(verb: Verb, repo: RepoName): string {
  return verb === 'create-tag' ? `push new tags to ${repo}` : deed(verb, repo)
}

function noRight(facts: AccessFacts, others: readonly GrantFact[], repo: RepoName, verb: Verb) {
  const own = new Set(facts.grants.map(({ id }) => id))
  const teams = [...new Set(facts.grants.map(({ subject }) => subject))]
    .filter((subject) => subject.startsWith('team:'))
    .sort()
  const misses: NearMiss[] = []
  for (const grant of facts.grants) {
    // One with both would have decided.
    if (fitsGlob(presentName(facts, repo), grant.pattern)) misses.push({ ...tellGrant(grant), lacks: 'verb' })
    else if (allows(closed(grant.verbs), verb)) misses.push({ ...tellGrant(grant), lacks: 'pattern' })
  }
  for (const grant of others) {
    if (own.has(grant.id) || !grant.subject.startsWith('team:')) continue
    if (allows(closed(grant.verbs), verb)) misses.push({ ...tellGrant(grant), lacks: 'membership' })
  }
  return { kind: 'no-right', teams, nearMisses: misses.slice(0, MAX_MISSES) } as const satisfies Because
}

function becauseOf(reason: Reason): Because {
  return reason.kind === 'grant' ? { kind: 'grant', grant: tellGrant(reason.grant) } : reason
}

function sentenceOf(reason: Reason): string {
  switch (reason.kind) {
    case 'administrator':
      return 'it is an administrator of this site'
    case 'own-namespace':
      return 'the namespace is its own'
    case 'organisation-owner':
      return 'it is an owner of the organisation'
    case 'public':
      return 'the repository is public'
    case 'grant':
      return `${nameGrant(tellGrant(reason.grant))} decides`
  }
}

function missing(
  { teams, nearMisses }: { readonly teams: readonly string[]; readonly nearMisses: readonly NearMiss[] },
  verb: Verb,
  repo: RepoName,
): string {
  const parts = nearMisses.map((miss) => {
    if (miss.lacks === 'verb') return `${nameGrant(miss)} does not give ${verb}`
    if (miss.lacks === 'pattern') return `${nameGrant(miss)} is not for this repository`
    return `${nameGrant(miss)} would, but it is not in that team`
  })
  const member = teams.length === 0 ? [] : [`looked at as a member of ${teams.join(', ')}`]
  return ['nothing gives it', ...parts, ...member, `${whoGives(repo)} can grant it`].join('; ')
}

function tellGrant({ id, subject, pattern, verbs }: GrantFact): ToldGrant {
  return { id, subject, pattern, verbs: verbsIn(closed(verbs)) }
}

function nameGrant({ id, subject, pattern, verbs }: ToldGrant): string {
  return `grant ${id} (${subject}: ${verbs.join(', ')} on ${pattern})`
}

function namespaceOf(repo: RepoName): string {
  return repo.slice(0, repo.indexOf('/'))
}
