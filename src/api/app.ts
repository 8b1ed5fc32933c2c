import { Hono } from 'hono'
import { causeOf } from '../core/cause.ts'
import { type Actor, type Call, contextOf } from '../core/context.ts'
import { refuse } from '../core/errors.ts'
import { parseRepoName } from '../core/names.ts'
import { callerOf } from './caller.ts'
import { checkAccess, type PathNames } from './check-access.ts'
import { CONTRACT, type Endpoint } from './contract/contract.ts'
import type { Route } from './contract/route.ts'
import { DOORS } from './doors.ts'
import { Answer, type ApiCall, type ApiParts } from './handler.ts'
import { HANDLERS } from './handlers.ts'
import { identify, type Sender } from './identify.ts'
import { logFailure } from './log-failure.ts'
import { isApiPath, routedPath, routePattern } from './paths.ts'
import { absent, failureResponse, isTold, Refusal, refusalResponse } from './problem.ts'
import { checkType, findNul, readBody, readQuery } from './read-input.ts'
import { changes, refuseChange } from './refuse-changes.ts'
import { refuseForeign } from './same-origin.ts'
import { versionFrom, versionTag } from './version-tag.ts'

/** The management API and the pages and foreign paths beside it. */
export interface Api {
  /**
   * Answers a request; undefined for a path that is not the API's. `actor`: who calls, where that is known without a credential, as of the
   * command line. Never rejects.
   */
  fetch(request: Request, call: Call, actor?: Actor): Promise<Response | undefined>
  /** Whether a path is the API's, be there something at it or not. */
  handles(path: string): boolean
}

/** A handler when its endpoint is known only as one of all. */
type AnyHandler = (call: ApiCall<Endpoint>, parts: ApiParts) => Promise<unknown>

interface Target {
  readonly route: Route
  readonly handle: AnyHandler
  /** Whether it changes anything. */
  readonly changes: boolean
}

type Environment = { Bindings: { readonly call: Call; readonly actor: Actor | undefined } }

/** Answers are for who asked, as they are now, and run nothing in a browser. */
const HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
}

/** Serves the contract below `/api/v1`, and the doors. */
export function createApi(parts: ApiParts): Api {
  const app = routes(parts)
  const doorOf = (path: string) => DOORS.find((door) => door.handles(path))

  async function answer(request: Request, call: Call, actor: Actor | undefined, path: string) {
    if (isApiPath(path)) return app.fetch(request, { call, actor })
    return doorOf(path)?.answer(request, call, parts, actor)
  }

  return {
    handles: (path) => isApiPath(path) || doorOf(path) !== undefined,
    async fetch(request, call, actor) {
      const path = new URL(request.url).pathname
      const isHead = request.method === 'HEAD'
      let response: Response | undefined
      try {
        response = await answer(isHead ? new Request(request, { method: 'GET' }) : request, call, actor, path)
      } catch (error) {
        response = errorResponse(error, request, call, parts)
      }
      if (response === undefined) return undefined
      for (const [name, value] of Object.entries(HEADERS))
        if (!response.headers.has(name)) response.headers.set(name, value)
      return isHead ? withoutBody(response) : response
    },
  }
}

/** The router: every path of the contract, with what each of its methods does. */
function routes(parts: ApiParts): Hono<Environment> {
  const app = new Hono<Environment>({ getPath: (request) => routedPath(new URL(request.url).pathname) })
  const paths = new Map<string, Map<string, Target>>()
  for (const [endpoint, route] of Object.entries(CONTRACT) as [Endpoint, Route][]) {
    const [method = '', template = ''] = endpoint.split(' ')
    const methods = paths.get(template) ?? new Map<string, Target>()
    const target = { route, handle: HANDLERS[endpoint] as AnyHandler, changes: changes(endpoint) }
    paths.set(template, methods.set(method, target))
  }
  for (const [template, methods] of paths) {
    app.all(routePattern(template), async (c) => {
      const request = c.req.raw
      const target = methods.get(request.method)
      if (target === undefined) throw notAllowed(request.method, template, methods)
      return perform(target, request, c.req.param(), parts, c.env)
    })
  }
  app.notFound((c) => {
    throw refuse(
      'route-unknown',
      `there is nothing at ${c.req.path.slice(0, 255)}; /api/v1 lists what there is`,
    )
  })
  app.onError((error, c) => errorResponse(error, c.req.raw, c.env.call, parts))
  return app
}

/** One call: who, whether, with what, then what its endpoint does. */
async function perform(
  { route, handle, changes }: Target,
  request: Request,
  params: Readonly<Record<string, string>>,
  parts: ApiParts,
  { call, actor }: Environment['Bindings'],
): Promise<Response> {
  if (changes) refuseChange(parts)
  if (findNul(params) !== undefined) throw absent('there is nothing with the character NUL in its name')
  const sender: Sender =
    actor === undefined ? await identify(request, call, parts) : { actor, proof: 'bearer' }
  refuseForeign(request, call, sender.proof)
  checkType(request)
  const path = namesIn(params)
  const ctx = contextOf(call, sender.actor)
  const caller = await callerOf(ctx, parts)
  await checkAccess(route, path, caller, ctx, parts)
  const result = await handle(
    {
      ctx,
      caller,
      path,
      query: readQuery(new URL(request.url).searchParams, route),
      body: await readBody(request, route, parts.settings.maxBody),
      version: versionOf(request, route),
      cause: causeOf(ctx, parts.clock.now()),
    } as unknown as ApiCall<Endpoint>,
    parts,
  )
  return result instanceof Response ? result : respond(result, route)
}

/** The names in a path; a repository's as a whole. Refuses `name-invalid`. */
function namesIn(params: Readonly<Record<string, string>>): PathNames {
  const { repository, ...names } = params
  return repository === undefined ? names : { ...names, repository: parseRepoName(repository) }
}

/** From If-Match, which a change that cannot look at it does not take: it would be done without the condition. */
function versionOf(request: Request, route: Route): number | undefined {
  if (request.method === 'GET') return undefined
  const header = request.headers.get('If-Match')
  if (route.versioned || header === null) return versionFrom(header)
  throw new Refusal('request-invalid', 'this takes no If-Match; leave it out')
}

function respond(given: unknown, route: Route): Response {
  const { result, status, headers } =
    given instanceof Answer ? given : { result: given, status: undefined, headers: {} }
  if (route.result === undefined) return new Response(null, { status: status ?? 204, headers })
  const version = (result as { version?: unknown } | null | undefined)?.version
  return new Response(JSON.stringify(result), {
    status: status ?? route.status ?? 200,
    headers: {
      'Content-Type': 'application/json',
      ...(typeof version === 'number' && { ETag: versionTag(version) }),
      ...headers,
    },
  })
}

function notAllowed(method: string, template: string, methods: ReadonlyMap<string, Target>) {
  const allow = [...methods.keys()].flatMap((each) => (each === 'GET' ? ['GET', 'HEAD'] : [each])).join(', ')
  return refuse('method-not-allowed', `${method} is not done at ${template}; there is ${allow}`, { allow })
}

/** The answer to HEAD: what GET is answered, without the body (RFC 9110, 9.3.2). */
async function withoutBody(response: Response): Promise<Response> {
  const { status, headers } = response
  const { byteLength } = await response.arrayBuffer()
  headers.set('Content-Length', String(byteLength))
  return new Response(null, { status, headers })
}

/** The answer to what was thrown; what is no refusal is told to the operator alone. */
function errorResponse(error: unknown, request: Request, call: Call, { log }: ApiParts): Response {
  logFailure(error, request, call, log)
  return isTold(error) ? refusalResponse(error, call.requestId) : failureResponse(call.requestId)
}
