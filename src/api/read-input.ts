import type { z } from 'zod'
import type { Problem } from './contract/contract.ts'
import type { Route } from './contract/route.ts'
import { Refusal } from './problem.ts'
import { wording } from './wording.ts'

type Errors = NonNullable<Problem['errors']>

/** What is told of wrong input at most: the first of these helps, the hundredth does not. */
const MAX_ERRORS = 20
const JSON_TYPE = /^application\/json\s*(?:;|$)/i

/** Refuses `media-type-unsupported` for a body that is not said to be JSON: forms are what foreign pages can send. */
export function checkType(request: Request): void {
  const type = request.headers.get('Content-Type')
  if (type === null ? !announcesBody(request) : JSON_TYPE.test(type)) return
  throw new Refusal(
    'media-type-unsupported',
    `the body is ${type === null ? 'of no media type' : JSON.stringify(type.slice(0, 100))}; send application/json`,
  )
}

function announcesBody({ headers }: Request): boolean {
  return headers.has('Transfer-Encoding') || Number(headers.get('Content-Length') ?? 0) > 0
}

/** Reads the query by the route's schema. Refuses `query-invalid`; a parameter twice, too. */
export function readQuery(params: URLSearchParams, route: Route): unknown {
  const said: Record<string, string> = Object.create(null)
  const errors: Errors = []
  for (const [name, value] of params) {
    if (name in said) errors.push({ at: name.slice(0, 64), message: 'stands there twice' })
    else if (route.query === undefined) errors.push({ at: name.slice(0, 64), message: 'is not known here' })
    said[name] = value
  }
  if (errors.length > 0) throw invalid('query-invalid', 'query', errors)
  if (route.query === undefined) return undefined
  return parsed(route.query, { ...said }, 'query-invalid', 'query')
}

/** Reads the body by the route's schema. Refuses `body-too-large` beyond so many bytes, `request-invalid`. */
export async function readBody(request: Request, route: Route, maxBytes: number): Promise<unknown> {
  if (route.body === undefined) return undefined
  const text = await readText(request, maxBytes)
  let value: unknown
  if (text !== '') {
    try {
      value = JSON.parse(text)
    } catch {
      throw new Refusal('request-invalid', 'the body is not JSON; check its quotes and commas')
    }
    if (!JSON_TYPE.test(request.headers.get('Content-Type') ?? ''))
      throw new Refusal('media-type-unsupported', 'the body is of no media type; send application/json')
  }
  return parsed(route.body, value, 'request-invalid', 'body')
}

/** The body's text. Refuses `body-too-large`. */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = []
  let size = Number(request.headers.get('Content-Length') ?? 0)
  if (size <= maxBytes) {
    size = 0
    // Read part by part: what is announced need not be what comes.
    for await (const part of request.body ?? []) {
      size += part.byteLength
      if (size > maxBytes) break
      parts.push(part)
    }
  }
  if (size > maxBytes) throw new Refusal('body-too-large', `the body has more than ${maxBytes} bytes`)
  return Buffer.concat(parts).toString('utf8')
}

/** The value as the schema makes it. */
function parsed(schema: z.ZodType, value: unknown, kind: 'query-invalid' | 'request-invalid', what: string) {
  const result = schema.safeParse(value, { error: wording })
  if (!result.success) throw invalid(kind, what, result.error.issues.flatMap(errorsOf))
  const nul = findNul(result.data)
  // PostgreSQL has no text with it, and no name of ours either.
  if (nul !== undefined) throw invalid(kind, what, [{ at: nul, message: 'holds the character NUL' }])
  return result.data
}

function errorsOf(issue: z.core.$ZodIssue): Errors {
  const at = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      at: [...issue.path.map(String), key].join('.').slice(0, 200),
      message: 'is not known here',
    }))
  return [{ at: at.slice(0, 200), message: issue.message }]
}

function invalid(kind: 'query-invalid' | 'request-invalid', what: string, errors: Errors): Refusal {
  const told = errors.slice(0, MAX_ERRORS)
  const sentence = told.map(({ at, message }) => (at === '' ? message : `${at}: ${message}`)).join('; ')
  return new Refusal(kind, `the ${what} of the request is wrong: ${sentence}`, told)
}

/** Where a text with the character NUL is. */
export function findNul(value: unknown, at = ''): string | undefined {
  if (typeof value === 'string') return value.includes('\0') ? at : undefined
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, part] of Object.entries(value)) {
    const found = findNul(part, at === '' ? key : `${at}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}
