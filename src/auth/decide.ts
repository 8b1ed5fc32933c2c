import { fitsGlob } from '../core/glob.ts'
import type { RepoName } from '../core/names.ts'
import { ALL_VERBS, allows, BUNDLES, closed, NO_VERBS, type Verb, type VerbSet } from '../core/verbs.ts'
import type { AccessFacts, GrantFact } from '../store/meta/access-store.ts'

/** What gives verbs on a repository. */
export type Reason =
  /** A site administrator. */
  | { readonly kind: 'administrator' }
  /** The namespace is the user's own. */
  | { readonly kind: 'own-namespace' }
  /** An owner of the organisation whose namespace it is. */
  | { readonly kind: 'organisation-owner' }
  | { readonly kind: 'grant'; readonly grant: GrantFact }
  /** Anyone may pull. */
  | { readonly kind: 'public' }

export interface Source {
  readonly verbs: VerbSet
  readonly reason: Reason
}

/** What the repository is called now, which may be asked for by a name that it had before. */
export function presentName({ repository }: Pick<AccessFacts, 'repository'>, asked: RepoName): RepoName {
  return repository?.name ?? asked
}

/** Everything that gives the subject verbs on the repository, strongest first; empty for a disabled subject. Nothing else gives any. */
export function sourcesOf(facts: AccessFacts, repo: RepoName): Source[] {
  const { subject, namespace, repository } = facts
  if (subject?.disabled) return []
  const name = presentName(facts, repo)
  const sources: Source[] = []
  if (subject?.administrator) sources.push({ verbs: ALL_VERBS, reason: { kind: 'administrator' } })
  if (subject?.kind === 'user' && namespace?.account === subject.id)
    sources.push({ verbs: ALL_VERBS, reason: { kind: 'own-namespace' } })
  if (facts.role === 'owner') sources.push({ verbs: ALL_VERBS, reason: { kind: 'organisation-owner' } })
  for (const grant of facts.grants) {
    if (fitsGlob(name, grant.pattern))
      sources.push({ verbs: closed(grant.verbs), reason: { kind: 'grant', grant } })
  }
  if (repository?.public) sources.push({ verbs: BUNDLES.read, reason: { kind: 'public' } })
  return sources
}

/** What was decided from facts, or from scopes, which are read for one repository and asked about as long as they are remembered. */
type Decided = WeakMap<object, { readonly repo: RepoName; readonly verbs: VerbSet }>
const decided: Decided = new WeakMap()

function once(from: object, repo: RepoName, decide: () => VerbSet): VerbSet {
  const before = decided.get(from)
  if (before?.repo === repo) return before.verbs
  const verbs = decide()
  decided.set(from, { repo, verbs })
  return verbs
}

/** The verbs the subject has, before its credential narrows them. Facts, which nobody changes, are gone through once. */
export function verbsOf(facts: AccessFacts, repo: RepoName): VerbSet {
  return once(facts, repo, () =>
    sourcesOf(facts, repo).reduce((verbs, source) => verbs | source.verbs, NO_VERBS),
  )
}

/** What a credential's own scopes leave of any verbs on the repository: all where it has none. */
export function verbsWithin(
  scopes: readonly { readonly pattern: string; readonly verbs: VerbSet }[] | undefined,
  repo: RepoName,
): VerbSet {
  if (scopes === undefined) return ALL_VERBS
  return once(scopes, repo, () => {
    let verbs = NO_VERBS
    for (const scope of scopes) if (fitsGlob(repo, scope.pattern)) verbs |= closed(scope.verbs)
    return verbs
  })
}

/** The strongest source of a verb, if any. */
export function reasonFor(facts: AccessFacts, repo: RepoName, verb: Verb): Reason | undefined {
  return sourcesOf(facts, repo).find((source) => allows(source.verbs, verb))?.reason
}
