import {
  chmodSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/*
 * Where docker keeps what it logs in with: its configuration file, or a program that the file names. podman, skopeo and most other tools
 * read the same.
 */

/** What one logs in with. */
export interface Login {
  readonly username: string
  readonly secret: string
}

/** The user name by which docker says that the secret is a refresh token. */
export const REFRESH_TOKEN_USER = '<token>'

interface Entry {
  readonly auth?: string
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
}

interface Content {
  auths?: Record<string, Entry>
  credsStore?: string
  credHelpers?: Record<string, string>
}

type Environment = Readonly<Record<string, string | undefined>>

/** Docker's configuration file, as DOCKER_CONFIG says. */
export function dockerConfigPath(env: Environment): string {
  return join(env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker'), 'config.json')
}

/** What is kept for a host (`registry.example.com`, `localhost:5000`), if anything. Rejects where a helper fails. */
export async function readLogin(host: string, env: Environment): Promise<Login | undefined> {
  const { content } = read(dockerConfigPath(env))
  const helper = helperFor(host, content)
  if (helper !== undefined) return askHelper(helper, host, env)
  const key = keyOf(host, content)
  const entry = key === undefined ? undefined : content.auths?.[key]
  if (entry === undefined) return undefined
  if (entry.identitytoken) return { username: REFRESH_TOKEN_USER, secret: entry.identitytoken }
  const plain = entry.auth ? Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '') : ''
  const colon = plain.indexOf(':')
  const username = colon > 0 ? plain.slice(0, colon) : entry.username
  const secret = colon > 0 ? plain.slice(colon + 1) : entry.password
  return username && secret ? { username, secret } : undefined
}

/** Keeps a login for a host as `docker login` does. Resolves with where it is kept now. */
export async function storeLogin(host: string, login: Login, env: Environment): Promise<string> {
  const path = dockerConfigPath(env)
  const { content } = read(path)
  const helper = helperFor(host, content)
  // Docker lists the host in the file even where a helper has its secret.
  let entry: Entry = {}
  if (helper !== undefined) {
    const asked = JSON.stringify({ ServerURL: host, Username: login.username, Secret: login.secret })
    const { code, answer } = await runHelper(helper, 'store', asked, env)
    if (code !== 0) throw new Error(`docker-credential-${helper} did not store the login: ${answer}`)
  } else {
    entry = { auth: Buffer.from(`${login.username}:${login.secret}`).toString('base64') }
  }
  const old = keyOf(host, content)
  if (old !== undefined && old !== host) delete content.auths?.[old]
  content.auths = { ...content.auths, [host]: entry }
  write(path, content)
  return helper === undefined ? path : `docker-credential-${helper}`
}

/** Forgets the login for a host; false where there was none. */
export async function eraseLogin(host: string, env: Environment): Promise<boolean> {
  const path = dockerConfigPath(env)
  const { content } = read(path)
  const helper = helperFor(host, content)
  let had = false
  if (helper !== undefined && (await askHelper(helper, host, env)) !== undefined) {
    const { code, answer } = await runHelper(helper, 'erase', host, env)
    if (code !== 0) throw new Error(`docker-credential-${helper} did not erase the login: ${answer}`)
    had = true
  }
  for (let key = keyOf(host, content); key !== undefined; key = keyOf(host, content)) {
    delete content.auths?.[key]
    had = true
    write(path, content)
  }
  return had
}

function helperFor(host: string, { credHelpers, credsStore }: Content): string | undefined {
  const helper = credHelpers?.[host] ?? credsStore
  if (!helper) return undefined
  if (!/^[\w.-]+$/.test(helper))
    throw new Error(`docker's configuration names a credential helper that can be none: ${helper}`)
  return helper
}

/** The key of a host, which older files write as a URL. */
function keyOf(host: string, { auths = {} }: Content): string | undefined {
  if (Object.hasOwn(auths, host)) return host
  return Object.keys(auths).find((key) => key.replace(/^https?:\/\//, '').split('/', 1)[0] === host)
}

async function askHelper(helper: string, host: string, env: Environment): Promise<Login | undefined> {
  const { code, answer } = await runHelper(helper, 'get', host, env)
  if (code !== 0) {
    if (/not found/i.test(answer)) return undefined
    throw new Error(`docker-credential-${helper} did not say the login for ${host}: ${answer}`)
  }
  try {
    const { Username, Secret } = JSON.parse(answer) as { Username?: string; Secret?: string }
    return Username && Secret ? { username: Username, secret: Secret } : undefined
  } catch {
    // What it said may hold the secret.
    throw new Error(`docker-credential-${helper} answered something that is no login`)
  }
}

async function runHelper(
  helper: string,
  verb: 'get' | 'store' | 'erase',
  input: string,
  env: Environment,
): Promise<{ readonly code: number; readonly answer: string }> {
  const program = `docker-credential-${helper}`
  const path = Bun.which(program, { PATH: env.PATH ?? '' })
  if (path === null) {
    throw new Error(
      `docker's configuration keeps logins with ${program}, which is not on the PATH; install it, or take it out of ${dockerConfigPath(env)}`,
    )
  }
  const child = Bun.spawn([path, verb], {
    env,
    stdin: new Blob([input]),
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const [answer, code] = await Promise.all([child.stdout.text(), child.exited])
  return { code, answer: answer.trim() }
}

function read(path: string): { readonly content: Content } {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return { content: {} }
    throw new Error(`cannot read docker's configuration ${path}: ${(error as Error).message}`)
  }
  if (text.trim() === '') return { content: {} }
  try {
    const content = JSON.parse(text)
    if (typeof content === 'object' && content !== null && !Array.isArray(content)) return { content }
  } catch {
    // Told below, without what stands there: it holds secrets.
  }
  throw new Error(`docker's configuration ${path} is no JSON object; mend it first`)
}

/** All or nothing, with the mode the file had: readers see the old file or the new one. */
function write(path: string, content: Content): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let target = path
  let mode = 0o600
  try {
    // A link stays one.
    target = realpathSync(path)
    mode = statSync(target).mode & 0o777
  } catch {
    // There is none yet.
  }
  const temporary = `${target}.${process.pid}.${crypto.randomUUID().slice(0, 8)}`
  try {
    writeFileSync(temporary, JSON.stringify(content, null, '\t'), { mode: 0o600, flag: 'wx', flush: true })
    chmodSync(temporary, mode)
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
