import type { Guard, MaybePromise, Visible } from '../core/access.ts'
import type { Clock } from '../core/clock.ts'
import type { Context, TokenAccess } from '../core/context.ts'
import type { Digest } from '../core/digest.ts'
import { refuse } from '../core/errors.ts'
import { EVERYTHING, fitsGlob } from '../core/glob.ts'
import type { RepoName } from '../core/names.ts'
import { ALL_VERBS, allows, closed, type Verb, type VerbSet } from '../core/verbs.ts'
import type { AccessFacts, AccessQuery, AccessStore, Reach } from '../store/meta/access-store.ts'
import { answerOf, askedOf } from './answer.ts'
import { presentName, verbsOf, verbsWithin } from './decide.ts'
import { inNetworks } from './networks.ts'
import {
  BAD_CREDENTIAL,
  lacksNamespace,
  listToken,
  loginNeeded,
  missingRight,
  tokenTooNarrow,
} from './sentences.ts'
import { listScope, scopeFor, verbsOfAccess } from './token-access.ts'

/** What an actor may do in a repository, as it stands at one moment. */
export interface Rights {
  /** What it may do now: its account's rights, narrowed by its credential, narrowed by the registry token it came with. */
  readonly verbs: VerbSet
  /** Without the registry token's bound. */
  readonly within: VerbSet
  readonly facts: AccessFacts
}

/**
 * Decides from the database, at each request anew, so that a right that was taken away is gone at once; with one look, whatever the answer,
 * so that how long it takes tells nothing (SE-2). The wire's decision table is in docs/adr/0012-accounts-and-access.md.
 */
export class AccessGuard implements Guard {
  readonly #store: Pick<AccessStore, 'readAccess' | 'readReach' | 'findHolder'>
  readonly #clock: Clock

  constructor(store: Pick<AccessStore, 'readAccess' | 'readReach' | 'findHolder'>, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  require(
    ctx: Context,
    repo: RepoName,
    verb: Verb,
    options?: { readonly former?: false },
  ): MaybePromise<VerbSet> {
    return ctx.actor.kind === 'operator' ? ALL_VERBS : this.#require(ctx, repo, verb, options)
  }

  verbs(ctx: Context, repo: RepoName): MaybePromise<VerbSet> {
    if (ctx.actor.kind === 'operator') return ALL_VERBS
    const rights = this.rights(ctx, repo)
    return rights instanceof Promise ? rights.then(({ verbs }) => verbs) : rights.verbs
  }

  visible(ctx: Context, list: 'catalog' | 'search'): MaybePromise<Visible> {
    const { actor } = ctx
    if (actor.kind === 'operator') return 'everything'
    // Whoever searches without a token sees what is public; the catalogue's clients come back with one when they are asked to (10.4).
    const open = list === 'search' && actor.kind === 'anonymous'
    const lacks =
      actor.access === undefined ? actor.kind === 'anonymous' && !open : !listed(actor.access, list)
    if (lacks) {
      const error = actor.access !== undefined && { error: 'insufficient_scope' as const }
      throw refuse('unauthorized', listToken(list), { challenge: { scopes: [listScope(list)], ...error } })
    }
    return this.#visible(ctx)
  }

  async readableHolder(ctx: Context, digest: Digest): Promise<RepoName | undefined> {
    const { actor } = ctx
    if (actor.kind === 'operator') return answerOf(this.#store.findHolder(digest, 'everything'))
    const visible = narrowed(await this.#visible(ctx), actor.access)
    if (visible === undefined) return undefined
    const holder = await answerOf(this.#store.findHolder(digest, visible))
    // One place decides: what the list's SQL let through is asked here again.
    if (holder === undefined || !allows(await this.verbs(ctx, holder), 'pull')) return undefined
    return holder
  }

  /** Everything that decides about the actor and the repository. Refuses bad credentials. */
  rights(ctx: Context, repo: RepoName, options?: { readonly former?: false }): MaybePromise<Rights> {
    const facts = askedOf(() => this.#store.readAccess({ ...this.#subject(ctx), repo, ...options }))
    return facts instanceof Promise
      ? facts.then((read) => this.#rights(ctx, repo, read))
      : this.#rights(ctx, repo, facts)
  }

  #rights(ctx: Context, repo: RepoName, facts: AccessFacts): Rights {
    this.#refuseUnlessLive(ctx, facts)
    const { actor } = ctx
    const within =
      actor.kind === 'operator'
        ? ALL_VERBS
        : verbsOf(facts, repo) & verbsWithin(facts.credential?.scopes, presentName(facts, repo))
    const access = actor.kind === 'operator' ? undefined : actor.access
    const verbs =
      access === undefined ? within : within & verbsOfAccess(access, repo, facts.repository?.identity)
    return { verbs, within, facts }
  }

  #require(
    ctx: Context,
    repo: RepoName,
    verb: Verb,
    options?: { readonly former?: false },
  ): MaybePromise<VerbSet> {
    const rights = this.rights(ctx, repo, options)
    return rights instanceof Promise
      ? rights.then((read) => this.#allowed(ctx, repo, verb, read))
      : this.#allowed(ctx, repo, verb, rights)
  }

  #allowed(ctx: Context, repo: RepoName, verb: Verb, { verbs, within, facts }: Rights): VerbSet {
    if (allows(verbs, verb)) {
      const lacks = lacksNamespace(verb, repo, facts.namespace !== undefined)
      if (lacks !== undefined) throw refuse('name-unknown', lacks)
      return verbs
    }
    const { actor } = ctx
    const scopes = [scopeFor(repo, verb)]
    if (actor.kind !== 'account') {
      const came = actor.kind === 'anonymous' && actor.access !== undefined
      throw refuse('unauthorized', loginNeeded(actor, verb, repo), {
        challenge: { scopes, ...(came && { error: 'insufficient_scope' as const }) },
      })
    }
    if (allows(within, verb)) {
      throw refuse('unauthorized', tokenTooNarrow(verb, repo), {
        challenge: { scopes, error: 'insufficient_scope' },
      })
    }
    const { name } = actor
    const own = verbsOf(facts, repo)
    throw refuse('denied', missingRight({ name, verb, repo, own, within, credential: facts.credential }))
  }

  async #visible(ctx: Context): Promise<Visible> {
    const reach = await answerOf(this.#store.readReach(this.#subject(ctx)))
    this.#refuseUnlessLive(ctx, reach)
    return visibleOf(reach)
  }

  #subject({ actor }: Context): AccessQuery {
    const now = this.#clock.now()
    return actor.kind === 'account' ? { account: actor.account, credential: actor.credential, now } : { now }
  }

  /** An account that is gone or disabled, a credential that is gone, expired or used from elsewhere: no rights, public ones included. */
  #refuseUnlessLive(ctx: Context, { subject, credential }: Pick<Reach, 'subject' | 'credential'>): void {
    if (ctx.actor.kind !== 'account') return
    if (
      subject === undefined ||
      subject.id !== ctx.actor.account ||
      subject.disabled ||
      credential === undefined ||
      !inNetworks(ctx.address, credential.networks)
    ) {
      throw refuse('unauthorized', BAD_CREDENTIAL, { challenge: { error: 'invalid_token' } })
    }
  }
}

/** Whether a registry token is for a list. */
function listed(access: readonly TokenAccess[], list: 'catalog' | 'search'): boolean {
  return access.some(
    ({ type, name, actions }) =>
      type === 'registry' &&
      name === 'catalog' &&
      (actions.includes('*') || (list === 'search' && actions.includes('search'))),
  )
}

/** What of lists somebody may see. */
export function visibleOf({ subject, credential, owned }: Reach): Visible {
  const scopes = credential?.scopes
  const within = scopes?.filter(({ verbs }) => allows(closed(verbs), 'pull')).map(({ pattern }) => pattern)
  if (subject?.administrator) return within === undefined ? 'everything' : { granted: [EVERYTHING], within }
  const granted = owned.map((namespace) => `${namespace}/**`)
  return { granted, grantee: { account: subject?.id }, ...(within !== undefined && { within }) }
}

/** What is left of it for the bearer of a registry token, which is for some repositories only; undefined: nothing. */
function narrowed(visible: Visible, access: readonly TokenAccess[] | undefined): Visible | undefined {
  if (access === undefined) return visible
  const within = access
    .filter(
      ({ type, actions }) => type === 'repository' && (actions.includes('pull') || actions.includes('*')),
    )
    .map(({ name }) => name)
    .filter(
      (name) => visible === 'everything' || (visible.within?.some((glob) => fitsGlob(name, glob)) ?? true),
    )
  if (within.length === 0) return undefined
  return visible === 'everything' ? { granted: [EVERYTHING], within } : { ...visible, within }
}
