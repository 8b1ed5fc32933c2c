import type { MaybePromise } from '../core/access.ts'
import type { Actor } from '../core/context.ts'

/** What a token of ours says, its signature, times, issuer and audience checked. Whether its credential still lives is asked elsewhere. */
export interface VerifiedToken {
  readonly actor: Actor
  /** `registry`: for the registry, with what it was issued for. `login`: stands for its credential, for an hour or so. */
  readonly use: 'registry' | 'login'
}

/** Reads the tokens that this server signs. */
export interface TokenVerifier {
  /** undefined for everything that is not a good token of ours. At once, not later, for a token that was verified before. */
  verify(token: string, now: number): MaybePromise<VerifiedToken | undefined>
}
