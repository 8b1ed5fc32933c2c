import type { Actor, Call, Context } from './context.ts'
import type { Digest } from './digest.ts'
import type { RepoName } from './names.ts'
import type { Verb, VerbSet } from './verbs.ts'

export type MaybePromise<T> = T | Promise<T>

/**
 * What of a list its reader may see. `everything`, or: public repositories, those that fit one of `granted`, and those that grants let
 * `grantee` pull – and, where `within` is there, of all these only what fits one of it, too.
 */
export type Visible =
  | 'everything'
  | {
      readonly granted: readonly string[]
      /** Looked up where the list is made, since grants may be many: the grants of an account, its teams and everyone; of anyone in any case. */
      readonly grantee?: { readonly account: number | undefined }
      readonly within?: readonly string[]
    }

/** Decides what an actor may do. Every error inside is a refusal: nothing opens because something broke (SE-17). */
export interface Guard {
  /**
   * The verbs the actor has on a repository, which include `verb`; names the repository as `verb` needs it. Refuses `unauthorized`
   * with a challenge where another token or a login could help, `denied` where not – in the same words for a repository that is absent
   * and for one that may not be seen. A name that a repository had before stands for that repository, unless `former` is `false`: then
   * the verbs are those on the name, as for who makes something of it.
   */
  require(
    ctx: Context,
    repo: RepoName,
    verb: Verb,
    options?: { readonly former?: false },
  ): MaybePromise<VerbSet>
  /** As `require`, asking: the verbs there are, perhaps none; refuses only bad credentials. */
  verbs(ctx: Context, repo: RepoName): MaybePromise<VerbSet>
  /** What the actor may see of lists. `catalog` or `search` is the action of the registry that a token must be for. */
  visible(ctx: Context, list: 'catalog' | 'search'): MaybePromise<Visible>
  /** A repository that holds the blob and that the actor may pull from (B16, SE-2). */
  readableHolder(ctx: Context, digest: Digest): Promise<RepoName | undefined>
}

/** A token that was made, to be shown once. */
export interface IssuedToken {
  readonly token: string
  /** Seconds. */
  readonly expiresIn: number
  readonly issuedAt: Date
  /** What was granted, in the grammar of scopes, separated by blanks. */
  readonly scope: string
  readonly refreshToken?: string
}

/** A scope as asked for: `repository:acme/web:pull,push`. */
export interface AskedScope {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

/** Makes actors out of credentials. Every way refuses `unauthorized` – with one text for whatever is wrong – and `too-many-attempts`. */
export interface Authenticator {
  /** From an Authorization header: Basic or Bearer. An empty Basic one is nobody's. */
  authenticate(call: Call, authorization: string): MaybePromise<Actor>
  /** From a name and what goes with it: a password, a token, a robot's secret, a key file, under any of the names of docs/guide/login.md. */
  password(call: Call, name: string, secret: string): Promise<Actor>
  /** From a refresh token. */
  refreshToken(call: Call, token: string): Promise<Actor>
  /** From an assertion signed by a key of an account (RFC 7523). */
  assertion(call: Call, assertion: string): Promise<Actor>
  /** From the cookie of a browser's session. */
  session(call: Call, cookie: string): Promise<Actor>
  /**
   * Writes down that someone signed in by asking for a token without a scope, as `docker login` does. Refused logins and assertions are
   * written by the ways above, a session with its credential.
   */
  signedIn(ctx: Context, door: 'token'): Promise<void>
  /**
   * Writes down that what one logs in with came along with a request (`request`), or for a token with a scope (`token`): clients do that all
   * the time, so one row an hour for a credential and an address; not waited for. Nothing for who came with a token of ours.
   */
  used(ctx: Context, door: 'request' | 'token'): void
}

/** Makes registry tokens (PROTOCOL 10.2). */
export interface TokenService {
  /** A token for what of the scopes the actor may do, perhaps nothing. `offline`: with a refresh token, where these are switched on. */
  issue(
    ctx: Context,
    scopes: readonly AskedScope[],
    options?: { readonly offline?: boolean; readonly client?: string },
  ): Promise<IssuedToken>
  /** A token that stands for its actor's credential for an hour or so: a password for `oauth2accesstoken`. */
  login(ctx: Context): Promise<IssuedToken>
  /** The public keys (RFC 7517). */
  jwks(): Promise<{ readonly keys: readonly object[] }>
}
