import type { MaybePromise, Visible } from '../../core/access.ts'
import type { AuditAction } from '../../core/audit-actions.ts'
import type { Digest } from '../../core/digest.ts'
import type { RepoName } from '../../core/names.ts'
import type { Page, PageRequest } from '../../core/registry.ts'
import type { VerbSet } from '../../core/verbs.ts'

/* Who may do what. Commands as in store.ts; each writes its audit row in its own transaction. Times are ms since the epoch. */

/** Why a command is run: the part of its audit row that the caller knows. */
export interface Cause {
  readonly now: number
  /** `alice`, `acme+ci`, `operator`, `anonymous`. */
  readonly actor: string
  /** The actor's account, where it has one. */
  readonly account?: number
  readonly credential?: number
  readonly address: string
  readonly agent: string
  readonly requestId: string
}

export interface AuditRow {
  readonly id: number
  readonly at: number
  readonly actor: string
  readonly credential: number | undefined
  /** `noun.verb`: `grant.set`, `token.create`, `login`. */
  readonly action: string
  /** What it was done to: `acme/web`, `alice`, `team:acme/devs`. */
  readonly target: string
  /** The namespace it belongs to; absent for what belongs to the site. */
  readonly namespace: string | undefined
  readonly result: 'done' | 'refused'
  readonly address: string
  readonly agent: string
  readonly requestId: string
  /** What changed, as a JSON object; never a secret. */
  readonly detail: string | undefined
}

export interface AuditFilter {
  readonly namespace?: string
  readonly actor?: string
  readonly action?: string
  readonly since?: number
  readonly until?: number
}

/** Whom a grant is for. */
export type SubjectKind = 'account' | 'team' | 'everyone' | 'anyone'

/** A subject as the outside writes it: `user:alice`, `robot:acme+ci`, `team:acme/devs`, `everyone` (signed in), `anyone`. */
export type SubjectName = string

export interface GrantFact {
  readonly id: number
  readonly subject: SubjectName
  readonly pattern: string
  readonly verbs: VerbSet
}

export interface Grant extends GrantFact {
  readonly createdAt: number
}

/** A credential's own bounds. */
export interface CredentialBounds {
  /** Patterns × verbs; undefined: all that its account may. */
  readonly scopes?: readonly { readonly pattern: string; readonly verbs: VerbSet }[]
  /** Addresses or CIDR networks it may be used from; undefined: any. */
  readonly networks?: readonly string[]
}

/** What a decision about a subject rests on. */
export interface SubjectFacts {
  readonly id: number
  readonly name: string
  readonly kind: 'user' | 'robot'
  /** Robots never are. */
  readonly administrator: boolean
  /** Also a robot whose owner is disabled. */
  readonly disabled: boolean
}

/** Everything that decides what a subject may do in a repository, read at one moment. */
export interface AccessFacts {
  /** undefined: nobody signed in, or the account is gone. */
  readonly subject: SubjectFacts | undefined
  /** undefined: none was asked for, or it is gone or expired. */
  readonly credential: CredentialBounds | undefined
  /** undefined: there is none of that name. `account`: whose it is; undefined: the site administrators'. */
  readonly namespace: { readonly id: number; readonly account: number | undefined } | undefined
  /**
   * undefined: no such repository, or deleted. `name` is what it is called now: by that name rights are decided, whatever it was asked for by.
   * `identity` is never given to another repository.
   */
  readonly repository:
    | { readonly id: number; readonly name: RepoName; readonly identity: string; readonly public: boolean }
    | undefined
  /** The subject's, in the organisation whose namespace it is. */
  readonly role: 'owner' | 'member' | undefined
  /** Of the namespace, and for the subject: its own, its teams', everyone's if it is signed in, anyone's. Patterns not looked at. */
  readonly grants: readonly GrantFact[]
}

/** What a subject may do beside what grants give it. */
export interface Reach {
  readonly subject: SubjectFacts | undefined
  readonly credential: CredentialBounds | undefined
  /** Its own namespaces, and those of organisations it is an owner of. */
  readonly owned: readonly string[]
}

export interface AccessQuery {
  readonly account?: number
  readonly credential?: number
  readonly now: number
}

export interface Namespace {
  readonly name: string
  readonly createdAt: number
  /** Whose it is; undefined: the site administrators'. */
  readonly owner: { readonly kind: 'user' | 'organisation'; readonly name: string } | undefined
  /** What a push creates. */
  readonly defaultVisibility: 'public' | 'private'
  /** How long changes can be undone; undefined: as the site has it. */
  readonly undoSeconds: number | undefined
  readonly version: number
}

/** A change that names the version it was made from; without it, whatever stands. */
export interface Versioned {
  readonly version?: number
}

/** A page of what is listed by number, behind the number `last`. */
export interface PageById {
  readonly limit: number
  readonly last?: number
}

export type Changed = 'done' | 'absent' | 'stale'

export interface SigningKey {
  readonly kid: string
  /** JSON Web Keys, as JSON. */
  readonly privateKey: string
  readonly publicKey: string
  readonly createdAt: number
}

export interface AccessStore {
  /**
   * The facts about a subject and the repository that a name leads to. One look at the database. `former: false`: of the name itself, which
   * another repository may have had.
   */
  readAccess(
    query: AccessQuery & { readonly repo: RepoName; readonly former?: false },
  ): MaybePromise<AccessFacts>
  readReach(query: AccessQuery): Promise<Reach>
  /** Some repository that holds a blob and is visible. */
  findHolder(digest: Digest, visible: Visible): Promise<RepoName | undefined>

  findNamespace(name: string): Promise<Namespace | undefined>
  updateNamespace(
    change: Versioned & {
      name: string
      defaultVisibility?: 'public' | 'private'
      /** null: as the site has it. */
      undoSeconds?: number | null
    },
    cause: Cause,
  ): Promise<Changed>

  /** By number; `last` is that of the last grant seen. `repository`: only those that give something on this one. */
  listGrants(
    namespace: string,
    page: PageById,
    filter?: { readonly repository?: RepoName },
  ): Promise<Page<Grant>>
  findGrant(find: { namespace: string; id: number }): Promise<Grant | undefined>
  /**
   * Gives exactly these verbs to a subject on a pattern, which lies in the namespace; the same again changes nothing.
   * `no-subject`: there is nobody of that name who may be given anything here (a team or a robot of another owner, an organisation).
   */
  setGrant(
    grant: { namespace: string; subject: SubjectName; pattern: string; verbs: VerbSet },
    cause: Cause,
  ): Promise<
    | { readonly outcome: 'created' | 'changed' | 'unchanged'; readonly grant: Grant }
    | { readonly outcome: 'absent' | 'no-subject' | 'too-many' }
  >
  removeGrant(remove: { namespace: string; id: number }, cause: Cause): Promise<'done' | 'absent'>
  /** What every new repository of the namespace begins with: a grant of its own for each of these. */
  listDefaultGrants(namespace: string): Promise<{ readonly subject: SubjectName; readonly verbs: VerbSet }[]>
  /** `version`: of the namespace, which a change raises. */
  setDefaultGrants(
    change: Versioned & { namespace: string; grants: readonly { subject: SubjectName; verbs: VerbSet }[] },
    cause: Cause,
  ): Promise<Changed | 'no-subject'>

  /** A row for what changes nothing else: a login, an attempt that was refused. */
  writeAudit(
    entry: {
      action: AuditAction
      target: string
      namespace?: string
      result: 'done' | 'refused'
      detail?: object
    },
    cause: Cause,
  ): Promise<void>
  /** Newest first; `last` is the id of the last row seen. */
  listAudit(filter: AuditFilter, page: PageById): Promise<Page<AuditRow>>

  /** Keys that sign registry tokens, newest first. */
  listSigningKeys(): Promise<SigningKey[]>
  /** Adds a key unless one was added since `newest` (its kid); forgets those created before `forgetBefore`. Returns all, newest first. */
  rotateSigningKey(rotate: {
    key: SigningKey
    newest: string | undefined
    forgetBefore: number
  }): Promise<SigningKey[]>
}

/** A repository as its page and the API tell it. */
export interface RepositoryRow {
  readonly name: RepoName
  readonly description: string
  readonly visibility: 'public' | 'private'
  readonly official: boolean
  readonly stars: number
  /** Since it was made. */
  readonly pulls: number
  readonly createdAt: number
  readonly updatedAt: number
  /** Whether it ever had a manifest: until then clients do not see it in lists. */
  readonly published: boolean
  readonly version: number
}

export interface TagRow {
  readonly name: string
  readonly digest: Digest
  readonly mediaType: string
  /** Bytes of the manifest. */
  readonly size: number
  readonly updatedAt: number
  /** When it was pulled last; undefined: never since it was set. */
  readonly pulledAt: number | undefined
}

export interface ManifestRow {
  readonly digest: Digest
  readonly mediaType: string
  readonly artifactType: string | undefined
  /** Bytes of the manifest, and of the blobs it lists. */
  readonly size: number
  readonly blobBytes: number
  readonly createdAt: number
  /** When it was pulled last; undefined: never. */
  readonly pulledAt: number | undefined
}

/** Repositories beside the protocol: settings and lists with more in them. */
export interface RepositoryStore {
  findRepository(name: RepoName): Promise<(RepositoryRow & { readonly readme: string }) | undefined>
  /** Of one namespace or of all, by name; what nothing was pushed to only for who owns it or may push to it. */
  describeRepositories(
    filter: { readonly namespace?: string; readonly visible: Visible },
    page: PageRequest,
  ): Promise<Page<RepositoryRow>>
  /** `exists`: it stands already, and nothing changed. `no-namespace`: nobody has that namespace. */
  createRepository(
    create: { name: RepoName; visibility?: 'public' | 'private'; description?: string },
    cause: Cause,
  ): Promise<'created' | 'exists' | 'no-namespace'>
  updateRepository(
    change: Versioned & {
      name: RepoName
      visibility?: 'public' | 'private'
      description?: string
      readme?: string
    },
    cause: Cause,
  ): Promise<Changed>
  /** By name; undefined for a repository that does not exist. `filter`: only names that contain it. */
  describeTags(
    repo: RepoName,
    page: PageRequest & { readonly filter?: string },
  ): Promise<Page<TagRow> | undefined>
  /** By digest. */
  describeManifests(repo: RepoName, page: PageRequest): Promise<Page<ManifestRow> | undefined>
}
