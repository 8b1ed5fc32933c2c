import { isAccountName, splitRobotName } from './core/account-names.ts'
import { flag, number, oneOf, type Reader, text, texts, textsThat, url, whole } from './setting-readers.ts'

/** One option: where it can be said, what it means, what it is unless said. */
export interface Setting<T> {
  readonly env: string
  readonly doc: string
  readonly read: Reader<T>
  readonly fallback: T
  /** Shown as a mask by `berth config print`. */
  readonly secret?: true
}

const setting = <T>(env: string, fallback: T, read: Reader<T>, doc: string, secret?: true): Setting<T> => ({
  env,
  doc,
  read,
  fallback,
  ...(secret && { secret }),
})

const count = whole(1)
const bytes = whole(0)
/** The runtime's timers end there, and fire at once beyond. */
const LONGEST_TIMER = 2_147_483
const seconds = number(0, LONGEST_TIMER)
const interval = number(0.05, LONGEST_TIMER)
/** Seconds that are added to clocks, not given to timers: thirty years and more. */
const span = number(0, 1_000_000_000)

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
  jobs: setting(
    'BERTH_JOBS',
    'inline' as const,
    oneOf('inline', 'only', 'none'),
    'what this process does of collection and clean-up; inline: both that and serving, only: no serving but probes, none: serving alone',
  ),
  auth: setting(
    'BERTH_AUTH',
    'accounts' as const,
    oneOf('accounts', 'none'),
    'who may do what; accounts: people, robots and tokens with rights; none: everyone may do everything',
  ),
  signUp: setting(
    'BERTH_SIGN_UP',
    'invite' as const,
    oneOf('open', 'invite', 'closed'),
    'who may make an account: anyone, who has an invitation, or administrators for others',
  ),
  adminPassword: setting(
    'BERTH_ADMIN_PASSWORD',
    undefined,
    text as Reader<string | undefined>,
    'makes the administrator "admin" with this password, if there is no administrator yet',
    true,
  ),
  tokenSeconds: setting(
    'BERTH_TOKEN_SECONDS',
    300,
    whole(1, DAY),
    'life of a registry token; clients take anything below 60 for 60',
  ),
  loginTokenSeconds: setting(
    'BERTH_LOGIN_TOKEN_SECONDS',
    3600,
    whole(60, 30 * DAY),
    'life of a token that stands for a login (berth login --key, docker login -u oauth2accesstoken)',
  ),
  refreshTokens: setting(
    'BERTH_REFRESH_TOKENS',
    false,
    flag,
    'give refresh tokens to clients that ask; docker then stores one in place of the password',
  ),
  refreshTokenSeconds: setting('BERTH_REFRESH_TOKEN_SECONDS', 90 * DAY, span, 'life of a refresh token'),
  signingKeySeconds: setting(
    'BERTH_SIGNING_KEY_SECONDS',
    30 * DAY,
    span,
    'how long a key signs tokens before another takes its place',
  ),
  sessionSeconds: setting('BERTH_SESSION_SECONDS', 14 * DAY, span, 'life of a browser session'),
  loginAliases: setting(
    'BERTH_LOGIN_ALIASES',
    [] as string[],
    // Whoever has such a name must be the one who signs in with it.
    textsThat(
      (name) => !isAccountName(name) && splitRobotName(name) === undefined,
      'names that no account can have, such as gitlab-ci-token',
    ),
    'further names that docker login takes with a token as the password: gitlab-ci-token',
  ),
  passwordMinLength: setting(
    'BERTH_PASSWORD_MIN_LENGTH',
    10,
    whole(1, 128),
    'characters of a password at least',
  ),
  passwordConcurrency: setting(
    'BERTH_PASSWORD_CONCURRENCY',
    2,
    whole(1, 64),
    'passwords checked at once; each takes 19 MiB and some 40 ms of a core',
  ),
  passwordMaxWaiting: setting(
    'BERTH_PASSWORD_MAX_WAITING',
    200,
    count,
    'passwords that may wait to be checked, then 429',
  ),
  loginFailures: setting(
    'BERTH_LOGIN_FAILURES',
    10,
    count,
    'wrong passwords of one account from one address within the window before further ones are delayed',
  ),
  addressFailures: setting(
    'BERTH_ADDRESS_FAILURES',
    100,
    count,
    'failed logins from one address within the window before further ones are delayed',
  ),
  loginWindowSeconds: setting('BERTH_LOGIN_WINDOW_SECONDS', 300, span, 'how long a failed login is counted'),
  lastUsedSeconds: setting(
    'BERTH_LAST_USED_SECONDS',
    30,
    interval,
    'how often it is written down when and from where credentials were used; a crash forgets that much',
  ),
  usesSeconds: setting(
    'BERTH_USES_SECONDS',
    10,
    interval,
    'how often it is written down what was pulled; a crash forgets that much',
  ),
  maxNotedUses: setting(
    'BERTH_MAX_NOTED_USES',
    10_000,
    whole(2),
    'tags and digests whose use is kept in memory until it is written down; of more, uses are not counted',
  ),
  uncountedAgents: setting(
    'BERTH_UNCOUNTED_AGENTS',
    [
      // Scanners.
      'trivy',
      'clair',
      'harbor-scanner',
      'grype',
      'syft',
      'anchore',
      'snyk',
      'docker-scout',
      'neuvector',
      // What looks for newer versions.
      'renovate',
      'dependabot',
      'watchtower',
      'diun',
      'keel',
      'argocd-image-updater',
    ] as string[],
    texts,
    'programs, by words of their User-Agent, whose pulls are looks and do not keep a tag in use',
  ),
  maxApiBody: setting('BERTH_MAX_API_BODY', MiB, bytes, 'size of a request of the management API'),
  maxStrangerBody: setting(
    'BERTH_MAX_STRANGER_BODY',
    64 * KiB,
    bytes,
    'the same of who shows nothing to sign in with: for signing in and up',
  ),
  maxTokenBody: setting('BERTH_MAX_TOKEN_BODY', 64 * KiB, bytes, 'size of a request for a token'),
  publicUrl: setting(
    'BERTH_PUBLIC_URL',
    undefined,
    url('https://registry.example.com', 'http:', 'https:'),
    'address that clients use, when a proxy stands in front',
  ),
  trustedProxies: setting(
    'BERTH_TRUSTED_PROXIES',
    [] as string[],
    texts,
    'addresses or networks (CIDR) whose forwarded headers count',
  ),
  databaseUrl: setting(
    'BERTH_DATABASE_URL',
    undefined,
    url('postgres://user@host/database', 'postgres:', 'postgresql:'),
    'postgres://… for metadata in PostgreSQL instead of the data directory',
    true,
  ),
  readOnly: setting('BERTH_READ_ONLY', false, flag, 'refuse every write'),
  sparse: setting(
    'BERTH_SPARSE',
    'index' as const,
    oneOf('none', 'index', 'all'),
    'manifests that may list what is not here: none, index (children of an index), all',
  ),
  logLevel: setting(
    'BERTH_LOG_LEVEL',
    'info' as const,
    oneOf('error', 'warn', 'info', 'debug'),
    'least level that is logged',
  ),
  logFormat: setting(
    'BERTH_LOG_FORMAT',
    'auto' as const,
    oneOf('auto', 'json', 'text'),
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
    number(0, 1),
    'the same as a share of the disk; the larger of both counts',
  ),
  maxManifestBytes: setting('BERTH_MAX_MANIFEST_BYTES', 4 * MiB, whole(0, 32 * MiB), 'largest manifest'),
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
    bytes as Reader<number | undefined>,
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
    'unfinished uploads of one account; without accounts everyone is one',
  ),
  uploadTtlSeconds: setting(
    'BERTH_UPLOAD_TTL_SECONDS',
    DAY,
    span,
    'life of an unfinished upload after its last byte',
  ),
  leaseSeconds: setting(
    'BERTH_LEASE_SECONDS',
    DAY,
    span,
    'how long content that nothing references is kept after it was pushed, mounted or looked at',
  ),
  undoSeconds: setting(
    'BERTH_UNDO_SECONDS',
    14 * DAY,
    span,
    'how long deleted repositories, and what tags pointed to, can be restored; a namespace may say otherwise',
  ),
  formerNamesSeconds: setting(
    'BERTH_FORMER_NAMES_SECONDS',
    10,
    span,
    'how late clients are warned that a repository was renamed',
  ),
  tombstoneSeconds: setting(
    'BERTH_TOMBSTONE_SECONDS',
    600,
    span,
    'how long after its removal the bytes of an object stay for downloads under way',
  ),
  sweepSeconds: setting(
    'BERTH_SWEEP_SECONDS',
    30,
    interval,
    'how often expired uploads and removed objects are cleaned up',
  ),
  gcSeconds: setting(
    'BERTH_GC_SECONDS',
    30,
    interval,
    'how often it is looked whether content is to be collected that nothing keeps',
  ),
  gcBatch: setting('BERTH_GC_BATCH', 200, whole(1, 10_000), 'rows that one step of collection looks at'),
  gcRate: setting(
    'BERTH_GC_RATE',
    2000,
    count,
    'rows a second that collection looks at, at most; between its steps it rests in any case',
  ),
  bodyIdleSeconds: setting(
    'BERTH_BODY_IDLE_SECONDS',
    60,
    interval,
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
    interval,
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
} as const

/** The name of an option in the configuration file. */
export type SettingName = keyof typeof SETTINGS
