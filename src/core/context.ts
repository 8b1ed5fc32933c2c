/** Who asks. Accounts will add kinds; without them everyone is anonymous and may do everything. */
export interface Actor {
  /** A stable name for ownership (upload sessions are bound to it, SE-1). */
  readonly id: string
}

export const ANONYMOUS: Actor = { id: 'anonymous' }

/** What accompanies every call. */
export interface Context {
  readonly actor: Actor
  /** Aborted when the client is gone or the server must stop. */
  readonly signal: AbortSignal
  /** In every log line and answer. */
  readonly requestId: string
}
