import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** One option: where it can be said, what it means, what it is unless said. */
interface Setting<T> {
  readonly env: string
  readonly doc: string
  readonly schema: z.ZodType<T>
  readonly fallback: T
  /** Shown as a mask by `berth config print`. */
  readonly secret?: true
}

const setting = <T>(
  env: string,
  fallback: T,
  schema: z.ZodType<T>,
  doc: string,
  secret?: true,
): Setting<T> => ({
  env,
  doc,
  schema,
  fallback,
  ...(secret && { secret }),
})

const text = z.string()
const flag = z
  .stringbool({ truthy: ['true', '1', 'yes', 'on'], falsy: ['false', '0', 'no', 'off'] })
  .or(z.boolean())
const count = z.coerce.number().int().min(1)
const bytes = z.coerce.number().int().min(0)
const seconds = z.coerce.number().min(0)
const list = z.union([
  z.array(z.string()),
  z.string().transform((value) =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  ),
])
const optional = z.string().min(1).optional()

const MASK = '***'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const DAY = 86_400

/** Every option of `berth serve`, by its name in the configuration file. */
export const SETTINGS = {
  listen: setting(
    'BERTH_LISTEN',
    '127.0.0.1:5000',
    text,
    'address to serve on, HOST:PORT (port 0: any free one)',
  ),
  data: setting('BERTH_DATA', './data', text, 'directory of blobs and of the embedded database'),
  auth: setting(
    'BERTH_AUTH',
    'none' as const,
    z.enum(['none']),
    'who may do what; none: everyone may do everything',
  ),
  publicUrl: setting(
    'BERTH_PUBLIC_URL',
    undefined,
    optional,
    'address that clients use, when a proxy stands in front',
  ),
  trustedProxies: setting(
    'BERTH_TRUSTED_PROXIES',
    [] as string[],
    list,
    'addresses or networks (CIDR) whose forwarded headers count',
  ),
  databaseUrl: setting(
    'BERTH_DATABASE_URL',
    undefined,
    optional,
    'postgres://… for metadata in PostgreSQL instead of the data directory',
    true,
  ),
  readOnly: setting('BERTH_READ_ONLY', false, flag, 'refuse every write'),
  sparse: setting(
    'BERTH_SPARSE',
    'index' as const,
    z.enum(['none', 'index', 'all']),
    'manifests that may list what is not here: none, index (children of an index), all',
  ),
  logLevel: setting(
    'BERTH_LOG_LEVEL',
    'info' as const,
    z.enum(['error', 'warn', 'info', 'debug']),
    'least level that is logged',
  ),
  logFormat: setting(
    'BERTH_LOG_FORMAT',
    'auto' as const,
    z.enum(['auto', 'json', 'text']),
    'log lines: json, text, auto (text on a terminal)',
  ),
  accessLog: setting('BERTH_ACCESS_LOG', true, flag, 'one log line for every request'),
  unsafeNoFsync: setting(
    'BERTH_UNSAFE_NO_FSYNC',
    false,
    flag,
    'do not wait for the disk: what was acknowledged may be lost',
  ),
  diskReserveBytes: setting(
    'BERTH_DISK_RESERVE_BYTES',
    GiB,
    bytes,
    'new uploads are refused (507) when less is free',
  ),
  diskReserveRatio: setting(
    'BERTH_DISK_RESERVE_RATIO',
    0.05,
    z.coerce.number().min(0).max(1),
    'the same as a share of the disk; the larger of both counts',
  ),
  maxManifestBytes: setting('BERTH_MAX_MANIFEST_BYTES', 4 * MiB, bytes.max(32 * MiB), 'largest manifest'),
  maxManifestDepth: setting('BERTH_MAX_MANIFEST_DEPTH', 32, count, 'deepest nesting of a manifest’s JSON'),
  maxManifestTokens: setting('BERTH_MAX_MANIFEST_TOKENS', 100_000, count, 'JSON tokens of a manifest'),
  maxManifestDescriptors: setting(
    'BERTH_MAX_MANIFEST_DESCRIPTORS',
    10_000,
    count,
    'layers of an image, children of an index',
  ),
  maxIndexDepth: setting('BERTH_MAX_INDEX_DEPTH', 8, count, 'indexes nested in indexes'),
  maxBlobBytes: setting(
    'BERTH_MAX_BLOB_BYTES',
    undefined,
    bytes.optional(),
    'largest blob; unlimited unless said',
  ),
  maxTagParameters: setting('BERTH_MAX_TAG_PARAMETERS', 50, count, 'tag= parameters of one manifest push'),
  maxPage: setting('BERTH_MAX_PAGE', 1000, count, 'entries of one page, when pages are asked for'),
  maxRanges: setting('BERTH_MAX_RANGES', 1024, count, 'byte ranges of one request'),
  maxUrlBytes: setting('BERTH_MAX_URL_BYTES', 16 * KiB, count, 'length of a request’s path and query'),
  maxRangeFactor: setting(
    'BERTH_MAX_RANGE_FACTOR',
    2,
    count,
    'how many times a blob’s size the ranges of one request may ask for',
  ),
  catalogPage: setting(
    'BERTH_CATALOG_PAGE',
    100,
    count,
    'entries of the catalogue when no number is asked for',
  ),
  streamPage: setting(
    'BERTH_STREAM_PAGE',
    10_000,
    count,
    'tags read at once for a list without a number; longer lists are streamed',
  ),
  referrersPageBytes: setting(
    'BERTH_REFERRERS_PAGE_BYTES',
    3.5 * MiB,
    count,
    'size of one page of referrers; clients stop at 4 MiB',
  ),
  searchPage: setting('BERTH_SEARCH_PAGE', 25, count, 'hits of a search when no number is asked for'),
  maxSearchPage: setting('BERTH_MAX_SEARCH_PAGE', 100, count, 'hits of a search at most'),
  maxSearchTerm: setting('BERTH_MAX_SEARCH_TERM', 256, count, 'characters of a search term'),
  maxUnreadBody: setting(
    'BERTH_MAX_UNREAD_BODY',
    64 * KiB,
    bytes,
    'an announced body that may be left unread without closing the connection',
  ),
  maxUploadsPerRepo: setting(
    'BERTH_MAX_UPLOADS_PER_REPO',
    1000,
    count,
    'unfinished uploads of one repository',
  ),
  maxUploadsPerOwner: setting(
    'BERTH_MAX_UPLOADS_PER_OWNER',
    5000,
    count,
    'unfinished uploads of one account',
  ),
  uploadTtlSeconds: setting(
    'BERTH_UPLOAD_TTL_SECONDS',
    DAY,
    seconds,
    'life of an unfinished upload after its last byte',
  ),
  leaseSeconds: setting(
    'BERTH_LEASE_SECONDS',
    DAY,
    seconds,
    'how long content that nothing references is kept after it was pushed, mounted or looked at',
  ),
  tombstoneSeconds: setting(
    'BERTH_TOMBSTONE_SECONDS',
    600,
    seconds,
    'how long after its removal the bytes of an object stay for downloads under way',
  ),
  sweepSeconds: setting(
    'BERTH_SWEEP_SECONDS',
    30,
    seconds.min(0.05),
    'how often expired uploads and removed objects are cleaned up',
  ),
  bodyIdleSeconds: setting(
    'BERTH_BODY_IDLE_SECONDS',
    60,
    seconds.min(0.05),
    'a request body that pauses longer is cut (408)',
  ),
  bodyMinRate: setting(
    'BERTH_BODY_MIN_RATE',
    KiB,
    bytes,
    'bytes a second that a request body must keep after the grace, else it is cut (408)',
  ),
  bodyGraceSeconds: setting(
    'BERTH_BODY_GRACE_SECONDS',
    60,
    seconds.min(0.05),
    'how long a request body may be slower than that',
  ),
  drainSeconds: setting(
    'BERTH_DRAIN_SECONDS',
    30,
    seconds,
    'how long a stopping server waits for requests under way',
  ),
  databaseMaxWaiting: setting(
    'BERTH_DATABASE_MAX_WAITING',
    1000,
    count,
    'requests that may wait for a PostgreSQL connection, then 503',
  ),
  databasePool: setting('BERTH_DATABASE_POOL', 16, count, 'PostgreSQL connections'),
  readCacheBytes: setting(
    'BERTH_READ_CACHE_BYTES',
    16 * MiB,
    bytes,
    'memory for look-ups of the embedded database, kept while it stands still',
  ),
  smallBlobCacheBytes: setting(
    'BERTH_SMALL_BLOB_CACHE_BYTES',
    16 * MiB,
    bytes,
    'memory for the bytes of small blobs, which are asked for most',
  ),
} as const satisfies Record<string, Setting<never> | Setting<unknown>>

export type SettingName = keyof typeof SETTINGS
type ValueOf<S> = S extends Setting<infer T> ? T : never

/** One typed configuration. */
export type Config = { readonly [Name in SettingName]: ValueOf<Widen<(typeof SETTINGS)[Name]>> } & {
  /** Options that were said by someone, rather than left at their default. */
  readonly said: ReadonlySet<SettingName>
}
type Widen<S> = S extends { schema: z.ZodType<infer T> } ? Setting<T> : never

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
    const { env: variable, schema, fallback, secret } = SETTINGS[name] as Setting<unknown>
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
    const parsed = schema.safeParse(value)
    if (parsed.success) values[name] = parsed.data
    else problems.push(`${where}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`)
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

/** Refuses, or warns of, what would serve the world without being told to. Returns sentences to log as warnings. */
export function reviewConfig(config: Config): string[] {
  const warnings: string[] = []
  const { hostname } = parseListen(config.listen)
  if (config.auth === 'none' && !isLoopback(hostname)) {
    if (!config.said.has('auth')) {
      throw new ConfigError(
        `${config.listen} can be reached from other machines, and without accounts everyone there may push and delete. If that is meant, add --auth none; else listen on 127.0.0.1`,
      )
    }
    warnings.push(
      `everyone who reaches ${config.listen} may pull, push and delete: accounts are off (--auth none)`,
    )
  }
  if (config.unsafeNoFsync)
    warnings.push('--unsafe-no-fsync: a crash of this machine may lose what was acknowledged')
  return warnings
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
