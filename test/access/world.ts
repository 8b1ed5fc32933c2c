import { type ApiClient, apiClient } from '../../src/api/client.ts'
import { type BerthOptions, type BerthServer, startBerth } from '../testbed/berth.ts'
import type { ActorName, TargetName } from './model.ts'

const PASSWORD = 'correct horse battery staple'
export const ADMIN_PASSWORD = 'the administrator of the tests'

/** A server with an organisation, `acme`, and everyone of the model. */
export interface World extends AsyncDisposable {
  readonly server: BerthServer
  /** As the site administrator. */
  readonly api: ApiClient
  /** The name and secret that each logs in with; nobody's is undefined. */
  readonly logins: Readonly<Record<ActorName, readonly [name: string, secret: string] | undefined>>
  /** Basic, for the management API. */
  basic(actor: ActorName): Record<string, string>
  /** A registry token for everything the actor may do on a repository, and for another scope; nobody has none. */
  token(actor: ActorName, repo: string, more?: string): Promise<Record<string, string>>
}

export function basic([name, secret]: readonly [string, string]): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}` }
}

/** A client that signs in at every call. */
export function apiAs(url: string, login: readonly [string, string]): ApiClient {
  return apiClient({ base: url, headers: basic(login) })
}

const SCOPES = (repo: string) => `repository:${repo}:pull,push,delete`

/** Asks for a registry token, as clients do. */
export async function registryToken(
  url: string,
  login: readonly [string, string] | undefined,
  scope: string | undefined,
): Promise<string> {
  const response = await fetch(`${url}/token?${new URLSearchParams(scope === undefined ? {} : { scope })}`, {
    headers: login === undefined ? {} : basic(login),
  })
  if (!response.ok) throw new Error(`no token: ${response.status} ${await response.text()}`)
  return ((await response.json()) as { token: string }).token
}

/** Starts a server and puts everyone in their places. */
export async function startWorld(options: BerthOptions = {}): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(
    await startBerth({
      ...options,
      env: { ...options.env, BERTH_AUTH: 'accounts', BERTH_ADMIN_PASSWORD: ADMIN_PASSWORD },
    }),
  )
  const admin = ['admin', ADMIN_PASSWORD] as const
  const api = apiAs(server.url, admin)
  for (const name of ['otto', 'rita', 'will', 'adam', 'tina', 'olga'])
    await api.call('POST /users', { body: { name, password: PASSWORD } })
  await api.call('POST /organisations', { body: { name: 'acme', owner: 'olga' } })
  await api.call('PUT /organisations/{organisation}/members/{user}', {
    path: { organisation: 'acme', user: 'tina' },
    body: { role: 'member' },
  })
  const acme = { path: { organisation: 'acme' } } as const
  await api.call('POST /organisations/{organisation}/teams', { ...acme, body: { name: 'devs' } })
  await api.call('PUT /organisations/{organisation}/teams/{team}/members/{user}', {
    path: { organisation: 'acme', team: 'devs', user: 'tina' },
  })
  const namespace = { path: { namespace: 'acme' } } as const
  const robot = await api.call('POST /namespaces/{namespace}/robots', { ...namespace, body: { name: 'ci' } })
  const grants = [
    ['user:rita', 'read'],
    ['user:will', 'write'],
    ['user:adam', 'admin'],
    ['team:acme/devs', 'create-tag'],
    ['robot:acme+ci', 'write'],
  ] as const
  for (const [subject, verb] of grants) {
    await api.call('POST /namespaces/{namespace}/grants', {
      ...namespace,
      body: { subject, pattern: 'acme/**', verbs: [verb] },
    })
  }
  const adam = ['adam', PASSWORD] as const
  const token = await apiAs(server.url, adam).call('POST /users/{user}/tokens', {
    path: { user: 'adam' },
    body: { name: 'look', scopes: [{ pattern: 'acme/**', verbs: ['read'] }] },
  })
  const logins: World['logins'] = {
    anonymous: undefined,
    'other user': ['otto', PASSWORD],
    reader: ['rita', PASSWORD],
    writer: ['will', PASSWORD],
    admin: adam,
    'team member': ['tina', PASSWORD],
    robot: ['acme+ci', robot.secret],
    'scoped token': ['adam', token.secret],
    'organisation owner': ['olga', PASSWORD],
    'site administrator': admin,
  }
  const owned = stack.move()
  return {
    server,
    api,
    logins,
    basic: (actor) => {
      const login = logins[actor]
      return login === undefined ? {} : basic(login)
    },
    async token(actor, repo, more) {
      const login = logins[actor]
      if (login === undefined) return {}
      return {
        Authorization: `Bearer ${await registryToken(server.url, login, more ? `${SCOPES(repo)} ${more}` : SCOPES(repo))}`,
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

let last = 0

/** The repository that a target stands for; those that must not exist are never the same twice. */
export function nameOf(target: TargetName): string {
  if (target === 'public' || target === 'private') return `acme/${target}`
  last++
  return target === 'absent' ? `acme/absent-${last}` : `elsewhere/absent-${last}`
}
