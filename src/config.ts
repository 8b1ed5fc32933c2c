import { readFileSync } from 'node:fs'
import { hostname as systemName } from 'node:os'
import type { Reader } from './setting-readers.ts'
import { SETTINGS, type Setting, type SettingName } from './settings.ts'

const MASK = '***'

type ValueOf<S> = S extends { read: Reader<infer T> } ? T : never

/** One typed configuration. */
export type Config = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> } & {
  /** Options that were said by someone, rather than left at their default. */
  readonly said: ReadonlySet<SettingName>
}

/** What is wrong with a configuration, in sentences for the person who wrote it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * The configuration from, in rising precedence: defaults, file, environment, flags. Throws ConfigError naming every option that
 * does not fit and where it was said.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Partial<Record<SettingName, unknown>>> = {},
  file?: string,
): Config {
  const fromFile = file === undefined ? {} : readConfigFile(file)
  const said = new Set<SettingName>()
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const { env: variable, read, fallback, secret } = SETTINGS[name] as Setting<unknown>
    const [value, where] =
      flags[name] !== undefined
        ? [flags[name], `--${kebab(name)}`]
        : env[variable] !== undefined && env[variable] !== ''
          ? [env[variable], variable]
          : [fromFile[name], `${name} in ${file}`]
    if (value === undefined) {
      values[name] = fallback
      continue
    }
    said.add(name)
    if (secret && value === MASK) {
      problems.push(`${where}: this is the mask of "berth config print"; write the secret itself`)
      continue
    }
    try {
      values[name] = read(value)
    } catch (error) {
      problems.push(`${where} ${(error as Error).message}`)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'))
  return { ...values, said } as unknown as Config
}

function readConfigFile(file: string): Record<string, unknown> {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ConfigError(`cannot read the configuration file ${file}: ${(error as Error).message}`)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigError(
      `the configuration file ${file} must hold one JSON object, like the one that "berth config print" shows`,
    )
  }
  const unknown = Object.keys(content).filter((key) => !Object.hasOwn(SETTINGS, key))
  if (unknown.length > 0)
    throw new ConfigError(`the configuration file ${file} has unknown options: ${unknown.join(', ')}`)
  return content as Record<string, unknown>
}

/** The configuration as a file would hold it, secrets masked. */
export function printConfig(config: Config): string {
  const shown: Record<string, unknown> = {}
  for (const [name, { secret }] of Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]) {
    const value = config[name]
    if (value !== undefined) shown[name] = secret ? MASK : value
  }
  return JSON.stringify(shown, null, 2)
}

/** Variables that look like ours and are none: misspelt, most likely. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set<string>([
    'BERTH_CONFIG',
    'BERTH_FAILPOINTS',
    // Of commands: where the registry is, and what to sign in to it with.
    'BERTH_SERVER',
    'BERTH_TOKEN',
    ...Object.values(SETTINGS).map(({ env }) => env),
  ])
  return Object.keys(env).filter((name) => name.startsWith('BERTH_') && !known.has(name))
}

/** `HOST:PORT` or `[V6]:PORT` taken apart. Throws ConfigError. */
export function parseListen(listen: string): { hostname: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(listen)
  const port = Number(match?.[3])
  if (!match || port > 65_535)
    throw new ConfigError(`cannot listen on ${JSON.stringify(listen)}; say HOST:PORT, such as 127.0.0.1:5000`)
  return { hostname: match[1] ?? (match[2] || '0.0.0.0'), port }
}

/** Whether only this machine can reach an address. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

/** How clients name a registry that serves on `address` (`HOST:PORT`): the host of images' names. */
export function hostOf({ publicUrl, listen }: Pick<Config, 'publicUrl' | 'listen'>, address: string): string {
  if (publicUrl !== undefined) return new URL(publicUrl).host
  const { hostname } = parseListen(listen)
  const port = address.slice(address.lastIndexOf(':') + 1)
  if (isLoopback(hostname)) return `localhost:${port}`
  return hostname === '0.0.0.0' || hostname === '::' ? `${systemName()}:${port}` : address
}

/** Where browsers reach a registry that serves on `address`, without a slash at the end. */
export function originOf(config: Pick<Config, 'publicUrl' | 'listen'>, address: string): string {
  return config.publicUrl === undefined
    ? `http://${hostOf(config, address)}`
    : new URL(config.publicUrl).origin
}

/** What of the configuration its author may not have meant, as sentences to log as warnings. */
export function reviewConfig(config: Config): string[] {
  const warnings: string[] = []
  const { hostname } = parseListen(config.listen)
  if (config.auth === 'none' && !isLoopback(hostname)) {
    warnings.push(
      `everyone who reaches ${config.listen} may pull, push and delete: accounts are off (--auth none)`,
    )
  }
  if (config.auth === 'accounts' && !isLoopback(hostname) && !config.publicUrl?.startsWith('https:')) {
    warnings.push(
      `passwords and tokens travel to ${config.listen} in the clear: put a proxy with TLS before it and say --public-url https://HOST`,
    )
  }
  if (config.jobs !== 'inline' && config.databaseUrl === undefined) {
    warnings.push(
      config.jobs === 'none'
        ? 'nothing is collected or cleaned up, and storage only grows: no other process can do it with the embedded database (--jobs none)'
        : 'nothing is served, and no other process can serve with the embedded database (--jobs only)',
    )
  }
  if (config.unsafeNoFsync)
    warnings.push('--unsafe-no-fsync: a crash of this machine may lose what was acknowledged')
  return warnings
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
