/** What a registry token was issued for: never more than this, whatever its bearer may do (PROTOCOL 10.2). */
export interface TokenAccess {
  readonly type: 'repository' | 'registry'
  /** A repository's full name, or `catalog`. */
  readonly name: string
  /** `pull`, `push`, `delete`, `*`; of the catalogue `*` or `search`. */
  readonly actions: readonly string[]
  /** Which repository of that name it was; absent where there was none yet. */
  readonly identity?: string
}

/** Nobody has signed in. With `access` it came with a token that says so, and so has seen the challenge. */
export interface Anonymous {
  readonly kind: 'anonymous'
  readonly id: 'anonymous'
  readonly access?: readonly TokenAccess[]
}

/** A user or a robot, as one credential proved it. What it may do is read from the database at each request. */
export interface AccountActor {
  readonly kind: 'account'
  /** A stable name for ownership (upload sessions are bound to it, SE-1): `account:<number>`. */
  readonly id: string
  readonly account: number
  readonly name: string
  /** The rights end when this credential does. */
  readonly credential: number
  /** Present where a registry token came: an upper bound. */
  readonly access?: readonly TokenAccess[]
  /** Present where a token came that ends then, in ms since the epoch: no token that is made for this actor lives longer. */
  readonly until?: number
}

/** Who runs the server: the command line on its data directory, and the server's own jobs. May do everything. */
export interface Operator {
  readonly kind: 'operator'
  readonly id: 'operator'
}

/** Who asks. Without accounts everyone is anonymous and nothing guards. */
export type Actor = Anonymous | AccountActor | Operator

export const ANONYMOUS: Anonymous = { kind: 'anonymous', id: 'anonymous' }
export const OPERATOR: Operator = { kind: 'operator', id: 'operator' }

/** Where a request comes from, before anyone knows whose it is. */
export interface Call {
  /** Aborted when the client is gone or the server must stop. */
  readonly signal: AbortSignal
  /** In every log line and answer. */
  readonly requestId: string
  /** The client's address, seen through trusted proxies; `''` where there is none. */
  readonly address: string
  /** The User-Agent. */
  readonly agent: string
  /** The address clients reach this server at, without a slash at its end: `https://registry.example.com`. */
  readonly origin: string
}

/** What accompanies every call of a registry. */
export interface Context extends Call {
  readonly actor: Actor
}

/** The same call, known to be somebody's. Reads the call late: some of what it tells costs something. */
export function contextOf(call: Call, actor: Actor): Context {
  return new ActorContext(call, actor)
}

class ActorContext implements Context {
  readonly actor: Actor
  readonly #call: Call

  constructor(call: Call, actor: Actor) {
    this.#call = call
    this.actor = actor
  }

  get signal(): AbortSignal {
    return this.#call.signal
  }
  get requestId(): string {
    return this.#call.requestId
  }
  get address(): string {
    return this.#call.address
  }
  get agent(): string {
    return this.#call.agent
  }
  get origin(): string {
    return this.#call.origin
  }
}
