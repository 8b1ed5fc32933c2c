import { type Actor, type Call, type Context, contextOf } from '../../core/context.ts'
import { refuse } from '../../core/errors.ts'
import type { Door } from '../doors.ts'
import type { ApiParts } from '../handler.ts'
import { identify } from '../identify.ts'
import { logFailure } from '../log-failure.ts'
import { absent, isTold } from '../problem.ts'
import { refuseChange } from '../refuse-changes.ts'
import { refuseForeign } from '../same-origin.ts'
import { postLogin, postToken } from './login.ts'
import { type HubPlace, hubPlaceOf } from './paths.ts'
import { hubRefusal } from './replies.ts'
import {
  getRepository,
  listRepositories,
  patchRepository,
  postRepository,
  removeRepository,
} from './repositories.ts'
import { deleteTag, getTag, listTags } from './tags.ts'

/** Paths of Docker Hub that tools call, for what this server has (docs/adr/0015-docker-hub-paths.md). */
export const HUB_DOOR: Door = {
  handles: (path) => hubPlaceOf(path) !== undefined,
  async answer(request, call, parts, actor) {
    try {
      return await perform(request, call, parts, actor)
    } catch (error) {
      if (!isTold(error)) throw error
      logFailure(error, request, call, parts.log)
      return hubRefusal(error, call.requestId)
    }
  },
}

/** Which methods each place knows; HEAD goes with GET. */
export const HUB_METHODS = {
  login: ['POST'],
  token: ['POST'],
  repositories: ['POST'],
  namespace: ['GET'],
  repository: ['GET', 'PATCH', 'DELETE'],
  tags: ['GET'],
  tag: ['GET', 'DELETE'],
} as const satisfies Record<HubPlace['kind'], readonly string[]>

async function perform(
  request: Request,
  call: Call,
  parts: ApiParts,
  actor: Actor | undefined,
): Promise<Response> {
  const url = new URL(request.url)
  const place = hubPlaceOf(url.pathname)
  if (place === undefined) throw absent(`there is nothing at ${url.pathname.slice(0, 255)}`)
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const methods: readonly string[] = HUB_METHODS[place.kind]
  if (!methods.includes(method)) {
    const allow = methods.join(', ')
    throw refuse('method-not-allowed', `${method.slice(0, 32)} is not done here; there is ${allow}`, {
      allow,
    })
  }
  if (place.kind === 'login' || place.kind === 'token') {
    refuseForeign(request, call, 'none')
    return place.kind === 'login' ? postLogin(request, call, parts) : postToken(request, call, parts)
  }
  if (method !== 'GET') refuseChange(parts)
  const ctx = await contextFor(request, call, parts, actor)
  switch (place.kind) {
    case 'repositories':
      return postRepository(request, ctx, parts)
    case 'namespace':
      return listRepositories(url, ctx, place.namespace, parts)
    case 'repository':
      if (method === 'DELETE') return removeRepository(ctx, place.repo, parts)
      return method === 'PATCH'
        ? patchRepository(request, ctx, place.repo, parts)
        : getRepository(ctx, place.repo, parts)
    case 'tags':
      return listTags(url, ctx, place.repo, parts)
    case 'tag':
      return method === 'DELETE'
        ? deleteTag(ctx, place.repo, place.tag, parts)
        : getTag(ctx, place.repo, place.tag, parts)
  }
}

/** Who asks: `Authorization: JWT` is what Docker Hub called Bearer. */
async function contextFor(
  request: Request,
  call: Call,
  parts: ApiParts,
  actor: Actor | undefined,
): Promise<Context> {
  if (actor !== undefined) return contextOf(call, actor)
  const headers = new Headers(request.headers)
  const authorization = headers.get('Authorization')
  if (authorization !== null) headers.set('Authorization', authorization.replace(/^jwt /i, 'Bearer '))
  const sender = await identify(new Request(request.url, { headers }), call, parts)
  refuseForeign(request, call, sender.proof)
  return contextOf(call, sender.actor)
}
