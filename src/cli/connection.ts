import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type ApiClient, ApiError, apiClient } from '../api/client.ts'
import { type Config, hostOf, originOf, readConfig } from '../config.ts'
import { operatorFile } from '../operator-file.ts'
import { REFRESH_TOKEN_USER, readLogin } from './docker-config.ts'
import { fetchFrom, wantsTls } from './fetch-from.ts'
import { findServer } from './server-address.ts'
import { UsageError } from './usage-error.ts'
import { VERSION } from './version.ts'

/** How a command was told which registry is meant. */
export interface ConnectOptions {
  readonly server?: string
  readonly insecure?: boolean
  readonly data?: string
  readonly databaseUrl?: string
  readonly config?: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** A registry that commands can be given to. */
export interface Connection extends AsyncDisposable {
  readonly api: ApiClient
  /** Where it is, for a sentence. */
  readonly where: string
  /** The name and password or token that docker keeps for it, where that is what was shown. */
  readonly login?: { readonly host: string; readonly name: string; readonly secret: string }
  /** What links and key files begin with, where nobody said the public address and no server was asked. */
  readonly guess?: string
}

/** What this program says it is. */
export const AGENT = `berth/${VERSION}`
/** A command that has the data directory has it for a moment only. */
const TRIES = 3

/**
 * Reaches the registry: a server by its address, with a token or what docker logs in with; or the one of a data directory – through the
 * server that runs on it, or else in this process. Rejects with a sentence that says what to do.
 */
export async function connect(options: ConnectOptions, env: Environment): Promise<Connection> {
  const { server, insecure = false, config, ...flags } = options
  const directory = flags.data !== undefined || flags.databaseUrl !== undefined || config !== undefined
  if (server !== undefined && directory) {
    throw new UsageError(
      '--server names a registry by its address, --data, --database-url and --config one on this machine; say one of them',
    )
  }
  const named = server ?? (directory ? undefined : env.BERTH_SERVER || undefined)
  if (named !== undefined) return byAddress(named, insecure, env)
  if (env.BERTH_TOKEN && !directory) {
    throw new UsageError(
      'BERTH_TOKEN is set, but no server it is for; add --server https://HOST or set BERTH_SERVER – or unset it and name a data directory with --data',
    )
  }
  return byData(readConfig(withoutOvertaken(env, flags), flags, config ?? (env.BERTH_CONFIG || undefined)))
}

/** A directory that a flag names is not the one whose database a variable names: a flag goes before a variable. */
function withoutOvertaken(env: Environment, { data, databaseUrl }: ConnectOptions): Environment {
  if (data === undefined || databaseUrl !== undefined) return env
  const { BERTH_DATABASE_URL: _, ...rest } = env
  return rest
}

async function byAddress(text: string, insecure: boolean, env: Environment): Promise<Connection> {
  const { base, host } = await findServer(text, { insecure })
  const { authorization, login } = await credentialsFor(host, env)
  const api = apiClient({
    base,
    headers: { 'User-Agent': AGENT, ...(authorization && { Authorization: authorization }) },
    fetch: (request) => fetchFrom(base, request),
  })
  return {
    api: explaining(
      api,
      base,
      authorization === undefined
        ? `you are not logged in to ${host}: run docker login ${host}, or set BERTH_TOKEN`
        : `${host} did not take ${env.BERTH_TOKEN ? 'the token in BERTH_TOKEN' : 'what docker logs in with'}`,
    ),
    where: base,
    ...(login !== undefined && { login }),
    [Symbol.asyncDispose]: async () => {},
  }
}

interface Credentials {
  readonly authorization?: string
  readonly login?: Connection['login']
}

async function credentialsFor(host: string, env: Environment): Promise<Credentials> {
  const token = env.BERTH_TOKEN?.trim()
  if (token) {
    if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError('BERTH_TOKEN holds something that is no token')
    return { authorization: `Bearer ${token}` }
  }
  const login = await readLogin(host, env)
  if (login === undefined) return {}
  const { username, secret } = login
  if (username === REFRESH_TOKEN_USER) {
    throw new Error(
      `docker keeps a refresh token for ${host}, which commands cannot use; set BERTH_TOKEN to a personal access token`,
    )
  }
  if (username === 'oauth2accesstoken') return { authorization: `Bearer ${secret}` }
  const authorization = `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`
  return { authorization, login: { host, name: username, secret } }
}

/** Says what to do where the server only knows that nobody signed in, or has no such interface. */
function explaining(api: ApiClient, base: string, unauthorized: string): ApiClient {
  return {
    async call(endpoint, ...args) {
      try {
        return await api.call(endpoint, ...args)
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        if (error.status === 401) throw new ApiError(401, `${unauthorized} (${error.message})`, error.problem)
        const tls = error.problem === undefined ? wantsTls(base, error.status) : undefined
        if (tls !== undefined) throw new ApiError(400, tls)
        if (error.status === 404 && error.problem === undefined) {
          throw new ApiError(
            404,
            'there is no management API; the server runs without accounts (--auth none), or is no Berth',
          )
        }
        throw error
      }
    },
  }
}

async function byData(config: Config): Promise<Connection> {
  const directory = resolve(config.data)
  // A database server is shared: who has its address needs nobody's leave.
  const own = config.databaseUrl === undefined
  for (let at = 1; own && at <= TRIES; at++) {
    const running = await throughServer(directory)
    if (running !== undefined) return running
    if (!isThere(directory, 'berth.db')) throw nothingAt(directory, config)
    const opened = await inProcess(config)
    if (opened !== undefined) return opened
  }
  const opened = own ? undefined : await inProcess(config)
  if (opened !== undefined) return opened
  const open = operatorFile(directory).readNoAccounts()
  if (open !== undefined) {
    throw new Error(
      `the server on ${directory} (at ${open}) runs without accounts (--auth none), so everyone may do everything and there is nothing to manage; start it with --auth accounts, or stop it first to prepare them`,
    )
  }
  throw new Error(
    `${directory} is in use by another berth that takes no commands from here: it starts or stops, or is another user’s; try again, or say --server with its address`,
  )
}

/** Whether a data directory holds something. Throws with a sentence where this user may not look. */
function isThere(directory: string, name: string): boolean {
  try {
    return statSync(join(directory, name), { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== 'EACCES' && code !== 'EPERM') return false
    throw new Error(
      `${directory} is closed to this user: give commands as the user that the server runs as, or say --server with its address`,
      { cause: error },
    )
  }
}

function nothingAt(directory: string, { said }: Config): Error {
  if (isThere(directory, 'blobs')) {
    return new Error(
      `${directory} holds blobs but no database, so that is PostgreSQL's and its server does not run: say --database-url or BERTH_DATABASE_URL as the server does, or start the server`,
    )
  }
  const where = said.has('data') ? '' : ' (the default, below where you are)'
  return new Error(
    `there is no registry to talk to: nothing lies in ${directory}${where}. On the server's own machine name its directory with --data DIR or BERTH_DATA; from elsewhere say --server https://HOST or BERTH_SERVER, with BERTH_TOKEN or after docker login; a new registry begins with berth serve`,
  )
}

/** The server that runs on a data directory, by the file it left there; undefined where none answers to it. */
async function throughServer(directory: string): Promise<Connection | undefined> {
  const entry = operatorFile(directory).read()
  if (entry === undefined) return undefined
  const { address, token } = entry
  const base = `http://${reachable(address)}`
  const api = apiClient({
    base,
    headers: {
      'User-Agent': AGENT,
      Authorization: `Bearer ${token}`,
      // Links that are handed on begin with it, where the server has not been told its public address.
      Host: hostOf({ publicUrl: undefined, listen: address }, address),
    },
    fetch: (request) => fetchFrom(base, request),
  })
  try {
    const { kind } = await api.call('GET /session')
    if (kind !== 'operator') return undefined
  } catch {
    // A server that crashed leaves its file, and another one may have its port by now.
    return undefined
  }
  return { api, where: `the server on ${directory}`, [Symbol.asyncDispose]: async () => {} }
}

/** An address to listen on as one to connect to. */
function reachable(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')
}

/** The registry's own code in this process; undefined while another process has the directory. */
async function inProcess(config: Config): Promise<Connection | undefined> {
  const { openOperatorApi } = await import('../operator-api.ts')
  // Links that are handed on begin with it.
  const origin = originOf(config, config.listen)
  const opened = await openOperatorApi(config, { agent: AGENT, origin })
  if (opened === undefined) return undefined
  return {
    api: apiClient({ base: origin, fetch: opened.fetch }),
    where: config.databaseUrl === undefined ? resolve(config.data) : 'the database',
    ...(config.publicUrl === undefined && { guess: origin }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}
