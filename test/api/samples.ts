import { z } from 'zod'
import { CONTRACT, type Endpoint } from '../../src/api/contract/contract.ts'
import type { Route } from '../../src/api/contract/route.ts'
import type { Proof, TestApi } from './fixture.ts'

/* Requests made from the contract. */

type Names = Readonly<Record<string, string>>

export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json }

interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly enum?: readonly Json[]
  readonly anyOf?: readonly Schema[]
  readonly format?: string
  readonly minimum?: number
}

/** Every endpoint, with its route. */
export const ENDPOINTS = Object.entries(CONTRACT) as [Endpoint, Route][]
/** Those that take a body. */
export const WITH_BODY = ENDPOINTS.filter(([, route]) => route.body !== undefined)

/** A body that the endpoint takes, with every member it knows. */
export function sampleBody({ body }: Route): { [member: string]: Json } {
  return sample(z.toJSONSchema(body as z.ZodType, { io: 'input' }) as Schema) as { [member: string]: Json }
}

function sample(schema: Schema): Json {
  if (schema.anyOf !== undefined) return sample(schema.anyOf[0] as Schema)
  if (schema.enum !== undefined) return schema.enum[0] as Json
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, of]) => [name, sample(of)]),
      )
    case 'array':
      return schema.items === undefined ? [] : [sample(schema.items)]
    case 'string':
      return schema.format === 'date-time' ? '2030-01-01T00:00:00Z' : 'sample'
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 1, 1)
    case 'boolean':
      return false
    default:
      return null
  }
}

/** Every object within a value, and where it is. */
export function objectsIn(
  value: Json,
  at: readonly (string | number)[] = [],
): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return []
  const inside = Array.isArray(value)
    ? value.flatMap((item, index) => objectsIn(item, [...at, index]))
    : Object.entries(value).flatMap(([name, part]) => objectsIn(part as Json, [...at, name]))
  return Array.isArray(value) ? inside : [at, ...inside]
}

/** The value as JSON text, with one more member in the object at a place. Text, so that `__proto__` is a member as any other. */
export function withMember(value: Json, at: readonly (string | number)[], member: string, of: Json): string {
  const [step, ...rest] = at
  if (step === undefined) {
    const text = JSON.stringify(value)
    return `${text.slice(0, -1)}${text === '{}' ? '' : ','}${JSON.stringify(member)}:${JSON.stringify(of)}}`
  }
  const marked = structuredClone(value) as Record<string | number, Json>
  const inner = withMember(marked[step] as Json, rest, member, of)
  marked[step] = '\u0001here\u0001'
  return JSON.stringify(marked).replace(JSON.stringify('\u0001here\u0001'), () => inner)
}

/** What stands in a path for its parts, unless told. */
export const NAMES: Names = {
  user: 'alice',
  organisation: 'acme',
  namespace: 'acme',
  repository: 'acme/web',
  id: '1',
  team: 'devs',
  robot: 'ci',
  tag: 'latest',
  job: 'collection',
  digest: `sha256:${'0'.repeat(64)}`,
}

/** Where an endpoint is. */
export function urlOf(endpoint: Endpoint, names: Names = NAMES): string {
  const template = endpoint.slice(endpoint.indexOf(' ') + 1)
  return `/api/v1${template.replace(/\{(\w+)\}/g, (_, part: string) => names[part] ?? '')}`
}

/** Its method. */
export const methodOf = (endpoint: Endpoint): string => endpoint.slice(0, endpoint.indexOf(' '))

/** Calls an endpoint with any text as its body, be it JSON or not. */
export function sendAny(
  api: Pick<TestApi, 'send'>,
  endpoint: Endpoint,
  text: string | undefined,
  as: Proof,
  names: Names = NAMES,
  query = '',
): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' }
  const init = { method: methodOf(endpoint), headers, ...(text !== undefined && { body: text }) }
  return api.send(urlOf(endpoint, names) + query, init, { as })
}
