import type { z } from 'zod'
import type { Verb } from '../../core/verbs.ts'

/**
 * Who may call a route. Decided before the handler runs, from the path alone: whoever lacks the right is told so in the same words whether
 * the thing exists or not – 401 where nobody signed in, 403 otherwise.
 */
export type Access =
  /** Everyone, signed in or not. */
  | { readonly kind: 'anyone' }
  /** Any account. */
  | { readonly kind: 'signed-in' }
  /** Any user, by a credential that is not narrowed: no robot, no token of limited scope. */
  | { readonly kind: 'user' }
  /** The user named by `{user}`, by a credential that is not narrowed; site administrators. */
  | { readonly kind: 'self' }
  /** Site administrators, by a credential that is not narrowed. */
  | { readonly kind: 'administrator' }
  /** Who owns the namespace `{namespace}` (or `{organisation}`), by a credential that is not narrowed; site administrators. */
  | { readonly kind: 'owner' }
  /** As `owner`, and every member of the organisation. */
  | { readonly kind: 'member' }
  /** Who has the verb on `{repository}`. */
  | { readonly kind: 'repository'; readonly verb: Verb }

/** One thing the management API can do. */
export interface Route {
  /** One line for the reference page. */
  readonly summary: string
  readonly access: Access
  readonly query?: z.ZodObject
  readonly body?: z.ZodType
  /** Of a success; without it the answer is 204. */
  readonly result?: z.ZodType
  /** Of a success; 200 unless told. A repeated creation that changes nothing answers 200. */
  readonly status?: 200 | 201
  /** The update takes If-Match and refuses 412 when the thing has changed since. */
  readonly versioned?: true
  /** Makes something to sign in with: not for who came with what ends or is good from some addresses alone, since that would be neither. */
  readonly lasting?: true
  /** The answer is no JSON object: its media type. */
  readonly produces?: string
}

/** Declares a route; exists so that its schemas keep their own types. */
export function route<const R extends Route>(declared: R): R {
  return declared
}

export const ANYONE = { kind: 'anyone' } as const satisfies Access
export const SIGNED_IN = { kind: 'signed-in' } as const satisfies Access
export const USER = { kind: 'user' } as const satisfies Access
export const SELF = { kind: 'self' } as const satisfies Access
export const ADMINISTRATOR = { kind: 'administrator' } as const satisfies Access
export const OWNER = { kind: 'owner' } as const satisfies Access
export const MEMBER = { kind: 'member' } as const satisfies Access
export const onRepository = <const V extends Verb>(verb: V) => ({ kind: 'repository', verb }) as const
