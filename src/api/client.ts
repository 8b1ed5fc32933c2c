import type { BodyOf, Endpoint, PathOf, Problem, QueryOf, ResultOf } from './contract/contract.ts'

/** Below which the management API lives. */
export const API_PATH = '/api/v1'

/** A refusal of the management API. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly problem: Problem | undefined

  constructor(status: number, message: string, problem?: Problem) {
    super(message)
    this.status = status
    this.problem = problem
  }
}

/** What a call needs beside the endpoint; parts that the endpoint does not have may be left out. */
export type CallOptions<E extends Endpoint> = ([keyof PathOf<E>] extends [never]
  ? { readonly path?: undefined }
  : { readonly path: PathOf<E> }) &
  (undefined extends BodyOf<E> ? { readonly body?: BodyOf<E> } : { readonly body: BodyOf<E> }) &
  (undefined extends QueryOf<E>
    ? { readonly query?: QueryOf<E> }
    : { readonly query?: Partial<QueryOf<E>> }) & {
    /** The change is refused (412) when the thing is no longer at this version. */
    readonly version?: number
    /** Told the status of a success: 200 instead of 201 says that the thing was there already. */
    readonly onStatus?: (status: number) => void
    readonly signal?: AbortSignal
  }

type Arguments<E extends Endpoint> =
  Record<never, never> extends CallOptions<E> ? [options?: CallOptions<E>] : [options: CallOptions<E>]

/** Calls the management API. */
export interface ApiClient {
  /** Resolves with the result of an endpoint such as `GET /users/{user}`. Rejects with ApiError for a refusal. */
  call<E extends Endpoint>(endpoint: E, ...args: Arguments<E>): Promise<ResultOf<E>>
}

export interface ClientOptions {
  /** Of the server, without the path of the API: `https://registry.example.com`. */
  readonly base: string
  /** Headers of every call, such as Authorization. */
  readonly headers?: Readonly<Record<string, string>>
  readonly fetch?: (request: Request) => Promise<Response>
}

/** A client that knows every endpoint's types and nothing of their schemas, so that a browser need not load them. */
export function apiClient({ base, headers, fetch = globalThis.fetch }: ClientOptions): ApiClient {
  return {
    async call<E extends Endpoint>(endpoint: E, ...[options]: Arguments<E>) {
      const [method = '', template = ''] = endpoint.split(' ')
      const { path, query, body, version, onStatus, signal } = (options ?? {}) as {
        path?: Record<string, string>
        query?: Record<string, unknown>
        body?: unknown
        version?: number
        onStatus?: (status: number) => void
        signal?: AbortSignal
      }
      const response = await fetch(
        new Request(`${base}${API_PATH}${fill(template, path ?? {})}${search(query ?? {})}`, {
          method,
          headers: {
            ...headers,
            Accept: 'application/json',
            ...(body !== undefined && { 'Content-Type': 'application/json' }),
            ...(version !== undefined && { 'If-Match': `"${version}"` }),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          ...(signal !== undefined && { signal }),
        }),
      )
      if (!response.ok) throw await refusal(response)
      onStatus?.(response.status)
      return (response.status === 204 ? undefined : await response.json()) as ResultOf<E>
    },
  }
}

/** Fills a path in. A repository keeps its slashes. */
function fill(template: string, path: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = path[name] ?? ''
    return name === 'repository'
      ? value.split('/').map(encodeURIComponent).join('/')
      : encodeURIComponent(value)
  })
}

function search(query: Readonly<Record<string, unknown>>): string {
  const said = Object.entries(query).filter(([, value]) => value !== undefined)
  if (said.length === 0) return ''
  return `?${new URLSearchParams(said.map(([name, value]): [string, string] => [name, String(value)]))}`
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text()
  try {
    const problem = JSON.parse(text) as Problem
    if (typeof problem.detail === 'string') return new ApiError(response.status, problem.detail, problem)
  } catch {
    // No answer of ours: a proxy's, most likely.
  }
  // Pages are for browsers; a sentence may help.
  const told = /^\s*</.test(text) || text === '' ? '' : `: ${text.slice(0, 200)}`
  return new ApiError(response.status, `the server answered ${response.status}${told}`)
}
