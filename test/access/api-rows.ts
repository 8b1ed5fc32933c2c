import type { Endpoint } from '../../src/api/contract/contract.ts'
import { emptyIndex, INDEX_HEADERS, MANIFEST, sha256 } from './content.ts'
import type { ActorName } from './model.ts'
import type { World } from './world.ts'

/** How an endpoint is called in the matrix. */
export interface ApiRow {
  /** What stands for the parts of its path, the repository excepted; `adam` and `acme` unless told. */
  readonly path?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: (unique: string) => unknown
  /** Brings there what the call takes away or needs. */
  readonly before?: (world: World, unique: string, repo: string) => Promise<unknown>
  /** Status of a call that is allowed and finds what it names. */
  readonly done: number
  /** Passes the rule and is refused for another reason: who, and with what. */
  readonly but?: Readonly<Partial<Record<ActorName, number>>>
}

/** A number that no token, grant or link has. */
const NONE = '999999999'
const gone: ApiRow = { path: { id: NONE }, done: 404 }
const found: ApiRow = { done: 200 }
const ACME = { path: { organisation: 'acme' } } as const
const ROBOT = { path: { namespace: 'acme' } } as const
const PASSWORD = 'correct horse battery staple'
const robot = (row: Partial<ApiRow> & { done: number }): ApiRow => ({
  ...row,
  path: { robot: 'ci', ...row.path },
})
/** Stars are given by people, by what is not narrowed. */
const NO_STARS = { anonymous: 401, robot: 403, 'scoped token': 403 } as const
const SCOPES = [{ pattern: 'acme/*', verbs: ['read'] }]

/** One row for each endpoint: a new one without a row does not compile. `UNIQUE` in a path is a name never used before. */
export const API_ROWS: Readonly<Record<Endpoint, ApiRow>> = {
  'GET /session': found,
  'POST /session': { body: () => ({ username: 'adam', password: PASSWORD }), done: 200 },
  'DELETE /session': { done: 204 },
  'POST /signup': { body: (unique) => ({ username: unique, password: PASSWORD }), done: 403 },
  'POST /links/inspect': { body: () => ({ link: 'none' }), done: 404 },
  'POST /password-resets': { body: () => ({ link: 'none', password: PASSWORD }), done: 404 },

  'GET /users': found,
  'POST /users': { body: (unique) => ({ name: unique, password: PASSWORD }), done: 201 },
  'GET /users/{user}': found,
  'PATCH /users/{user}': { body: (unique) => ({ displayName: unique }), done: 200 },
  // It is a member of nothing and its namespace is empty; but the whole matrix needs it.
  'DELETE /users/{user}': { path: { user: 'UNIQUE' }, done: 404, but: { admin: 403 } },
  'PUT /users/{user}/password': { body: () => ({ password: PASSWORD, current: PASSWORD }), done: 204 },
  'POST /users/{user}/password-reset': { done: 201 },
  'GET /users/{user}/tokens': found,
  'POST /users/{user}/tokens': { body: (unique) => ({ name: unique, scopes: SCOPES }), done: 201 },
  'DELETE /users/{user}/tokens/{id}': gone,
  'GET /users/{user}/sessions': found,
  'DELETE /users/{user}/sessions/{id}': gone,
  'GET /users/{user}/keys': found,
  'POST /users/{user}/keys': { body: (unique) => ({ name: unique }), done: 201 },
  'DELETE /users/{user}/keys/{id}': gone,
  'GET /invitations': found,
  'POST /invitations': { body: () => ({}), done: 201 },
  'DELETE /invitations/{id}': gone,

  'GET /organisations': found,
  'POST /organisations': { body: (unique) => ({ name: unique }), done: 201 },
  'GET /organisations/{organisation}': found,
  'PATCH /organisations/{organisation}': { body: (unique) => ({ description: unique }), done: 200 },
  'DELETE /organisations/{organisation}': { done: 409 },
  'GET /organisations/{organisation}/members': found,
  'PUT /organisations/{organisation}/members/{user}': {
    path: { user: 'tina' },
    body: () => ({ role: 'member' }),
    done: 200,
  },
  'DELETE /organisations/{organisation}/members/{user}': { path: { user: 'otto' }, done: 404 },
  'GET /organisations/{organisation}/invitations': found,
  'POST /organisations/{organisation}/invitations': { body: () => ({}), done: 201 },
  'DELETE /organisations/{organisation}/invitations/{id}': gone,
  'GET /organisations/{organisation}/teams': found,
  'POST /organisations/{organisation}/teams': { body: (unique) => ({ name: unique }), done: 201 },
  'GET /organisations/{organisation}/teams/{team}': { path: { team: 'devs' }, done: 200 },
  'PATCH /organisations/{organisation}/teams/{team}': {
    path: { team: 'devs' },
    body: (unique) => ({ description: unique }),
    done: 200,
  },
  'DELETE /organisations/{organisation}/teams/{team}': {
    path: { team: 'UNIQUE' },
    before: ({ api }, name) =>
      api.call('POST /organisations/{organisation}/teams', { ...ACME, body: { name } }),
    done: 204,
  },
  'PUT /organisations/{organisation}/teams/{team}/members/{user}': {
    path: { team: 'devs', user: 'tina' },
    done: 204,
  },
  'DELETE /organisations/{organisation}/teams/{team}/members/{user}': {
    path: { team: 'devs', user: 'otto' },
    done: 404,
  },

  'GET /namespaces/{namespace}': found,
  'PATCH /namespaces/{namespace}': { body: () => ({ defaultVisibility: 'private' }), done: 200 },
  'GET /namespaces/{namespace}/grants': found,
  'POST /namespaces/{namespace}/grants': {
    body: (unique) => ({ subject: 'user:rita', pattern: `acme/${unique}`, verbs: ['read'] }),
    done: 201,
  },
  'DELETE /namespaces/{namespace}/grants/{id}': gone,
  'GET /namespaces/{namespace}/default-grants': found,
  'PUT /namespaces/{namespace}/default-grants': { body: () => ({ grants: [] }), done: 200 },
  'GET /namespaces/{namespace}/robots': found,
  'POST /namespaces/{namespace}/robots': { body: (unique) => ({ name: unique }), done: 201 },
  'GET /namespaces/{namespace}/robots/{robot}': robot(found),
  'PATCH /namespaces/{namespace}/robots/{robot}': robot({
    body: (unique) => ({ description: unique }),
    done: 200,
  }),
  'DELETE /namespaces/{namespace}/robots/{robot}': {
    path: { robot: 'UNIQUE' },
    before: ({ api }, name) => api.call('POST /namespaces/{namespace}/robots', { ...ROBOT, body: { name } }),
    done: 204,
  },
  'GET /namespaces/{namespace}/robots/{robot}/secrets': robot(found),
  // Of a robot of its own: two secrets are valid at a time, and the matrix needs the first of `ci`.
  'POST /namespaces/{namespace}/robots/{robot}/secrets': {
    path: { robot: 'UNIQUE' },
    body: () => ({}),
    before: ({ api }, name) => api.call('POST /namespaces/{namespace}/robots', { ...ROBOT, body: { name } }),
    done: 201,
  },
  'DELETE /namespaces/{namespace}/robots/{robot}/secrets/{id}': robot(gone),
  'GET /namespaces/{namespace}/robots/{robot}/keys': robot(found),
  'POST /namespaces/{namespace}/robots/{robot}/keys': robot({
    body: (unique) => ({ name: unique }),
    done: 201,
  }),
  'DELETE /namespaces/{namespace}/robots/{robot}/keys/{id}': robot(gone),
  'GET /namespaces/{namespace}/audit': found,

  'GET /repositories/{repository}/-/grants': found,
  'POST /repositories/{repository}/-/grants': {
    body: () => ({ subject: 'user:otto', verbs: ['read'] }),
    // Whoever may ask gives `otto` a right: taken back at once, or `otto` is no stranger any more.
    done: 201,
  },
  'DELETE /repositories/{repository}/-/grants/{id}': gone,

  'GET /repositories': found,
  'POST /repositories': {
    body: (unique) => ({ name: `acme/${unique}` }),
    done: 201,
    // Needs push on the name.
    but: { 'other user': 403, reader: 403, 'team member': 403, 'scoped token': 403 },
  },
  'GET /repositories/{repository}': found,
  'PATCH /repositories/{repository}': { body: (unique) => ({ description: unique }), done: 200 },
  'GET /repositories/{repository}/-/tags': found,
  'GET /repositories/{repository}/-/tags/{tag}': { path: { tag: 'latest' }, done: 200 },
  'DELETE /repositories/{repository}/-/tags/{tag}': {
    path: { tag: 'UNIQUE' },
    before: (world, tag, repo) => pushTag(world, repo, tag),
    done: 204,
  },
  'GET /repositories/{repository}/-/manifests': found,
  'GET /repositories/{repository}/-/manifests/{digest}': { path: { digest: sha256(MANIFEST) }, done: 200 },
  'DELETE /repositories/{repository}/-/manifests/{digest}': {
    path: { digest: sha256(Buffer.from('nothing')) },
    done: 404,
  },
  'GET /repositories/{repository}/-/pulls': found,
  'PUT /repositories/{repository}/-/star': { done: 204, but: NO_STARS },
  'DELETE /repositories/{repository}/-/star': { done: 204, but: NO_STARS },
  'GET /users/{user}/stars': found,

  'GET /repositories/{repository}/-/history': found,
  'GET /repositories/{repository}/-/tags/{tag}/history': { path: { tag: 'latest' }, done: 200 },
  'POST /repositories/{repository}/-/tags/{tag}/restore': {
    path: { tag: 'latest' },
    body: () => ({ event: Number(NONE) }),
    done: 404,
  },
  'GET /repositories/{repository}/-/deleted-tags': found,
  // The matrix needs what would be deleted or renamed: it is protected, and its new name taken.
  'DELETE /repositories/{repository}': { before: (world, _, repo) => protect(world, repo), done: 409 },
  'POST /repositories/{repository}/-/rename': { body: () => ({ to: 'acme/private' }), done: 409 },
  'GET /namespaces/{namespace}/deleted-repositories': found,
  'POST /namespaces/{namespace}/deleted-repositories/{id}/restore': { ...gone, body: () => ({}) },
  'GET /repositories/{repository}/-/immutable-tags': found,
  'PUT /repositories/{repository}/-/immutable-tags': { body: () => ({ patterns: null }), done: 200 },
  'GET /namespaces/{namespace}/immutable-tags': found,
  'PUT /namespaces/{namespace}/immutable-tags': { body: () => ({ patterns: [] }), done: 200 },
  'GET /repositories/{repository}/-/protected-manifests': found,
  'PUT /repositories/{repository}/-/protected-manifests/{digest}': {
    path: { digest: sha256(MANIFEST) },
    body: () => ({ reason: 'the matrix needs it' }),
    done: 204,
  },
  'DELETE /repositories/{repository}/-/protected-manifests/{digest}': {
    path: { digest: sha256(MANIFEST) },
    before: (world, _, repo) => protect(world, repo),
    done: 204,
  },
  'GET /search': { query: { q: 'acme' }, done: 200 },
  'GET /access': { query: { verb: 'pull', repository: 'acme/private' }, done: 200 },

  'GET /collection': found,
  'POST /collection/preview': { body: () => ({}), done: 200 },
  'POST /collection/run': { done: 200 },
  'PUT /jobs/{job}': { path: { job: 'collection' }, body: () => ({ paused: false }), done: 204 },

  'GET /audit': found,
  'GET /openapi.json': found,
  'GET /': found,
}

/** Protects what the public and the private repository hold. */
export async function protect(world: World, repository: string): Promise<void> {
  await world.api.call('PUT /repositories/{repository}/-/protected-manifests/{digest}', {
    path: { repository, digest: sha256(MANIFEST) },
    body: {},
  })
}

async function pushTag(world: World, repo: string, tag: string): Promise<void> {
  const response = await fetch(`${world.server.url}/v2/${repo}/manifests/${tag}`, {
    method: 'PUT',
    headers: { ...(await world.token('site administrator', repo)), ...INDEX_HEADERS },
    body: emptyIndex(tag),
  })
  if (response.status !== 201) throw new Error(`tag: ${response.status} ${await response.text()}`)
}
