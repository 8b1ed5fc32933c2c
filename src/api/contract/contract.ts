import type { z } from 'zod'
import { COLLECTION } from './collection.ts'
import { LIFECYCLE } from './lifecycle.ts'
import { NAMESPACES } from './namespaces.ts'
import { ORGANISATIONS } from './organisations.ts'
import { PEOPLE } from './people.ts'
import { REPOSITORIES } from './repositories.ts'
import type { Route } from './route.ts'
import { SITE } from './site.ts'
import { STATISTICS } from './statistics.ts'

/**
 * Everything the management API can do, by method and path below `/api/v1`. Server, client, OpenAPI document and reference page all come
 * from this one table. `{repository}` stands for a whole name with its slashes; what follows it comes behind `/-/`, since no part of a
 * name is a lone dash.
 */
export const CONTRACT = {
  ...PEOPLE,
  ...ORGANISATIONS,
  ...NAMESPACES,
  ...REPOSITORIES,
  ...STATISTICS,
  ...LIFECYCLE,
  ...COLLECTION,
  ...SITE,
} as const satisfies Record<`${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /${string}`, Route>

export type { Problem } from './common.ts'

export type Contract = typeof CONTRACT
export type Endpoint = keyof Contract

type Names<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Names<Rest>
  : never

/** The parts of a path that are filled in: `{ organisation: string; user: string }`. */
export type PathOf<E extends Endpoint> = { readonly [Name in Names<E>]: string }
export type BodyOf<E extends Endpoint> = Contract[E] extends { body: infer B extends z.ZodType }
  ? z.input<B>
  : undefined
export type QueryOf<E extends Endpoint> = Contract[E] extends { query: infer Q extends z.ZodType }
  ? z.input<Q>
  : undefined
export type ResultOf<E extends Endpoint> = Contract[E] extends { result: infer R extends z.ZodType }
  ? z.output<R>
  : undefined
/** What a handler is given: checked, defaults filled in. */
export type CheckedBodyOf<E extends Endpoint> = Contract[E] extends { body: infer B extends z.ZodType }
  ? z.output<B>
  : undefined
export type CheckedQueryOf<E extends Endpoint> = Contract[E] extends { query: infer Q extends z.ZodType }
  ? z.output<Q>
  : undefined
