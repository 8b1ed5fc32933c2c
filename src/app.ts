import { join } from 'node:path'
import type { Accounts, AccountsOptions } from './accounts.ts'
import { collectOptions, measureCollection } from './collection.ts'
import { type Config, originOf, parseListen } from './config.ts'
import type { Guard } from './core/access.ts'
import { systemClock } from './core/clock.ts'
import type { Registry } from './core/registry.ts'
import { TrustedProxies } from './http/client-address.ts'
import { startServer } from './http/server.ts'
import { startCleanup } from './jobs/cleanup.ts'
import { type Collector, startCollector } from './jobs/collect.ts'
import { startWritingUses } from './jobs/write-uses.ts'
import { wireHandler } from './oci/handler.ts'
import type { WireLimits } from './oci/limits.ts'
import { operatorFile } from './operator-file.ts'
import { pairStores } from './pairing.ts'
import { uncountedAgents } from './registry/agents.ts'
import { authorize } from './registry/authorize.ts'
import { FormerNames } from './registry/former-names.ts'
import { localRegistry } from './registry/local.ts'
import { observe } from './registry/observe.ts'
import { readOnly } from './registry/read-only.ts'
import { UseLedger } from './registry/use-ledger.ts'
import type { BlobStore } from './store/blob.ts'
import { fileBlobStore } from './store/blob-fs.ts'
import { openSqlite } from './store/meta/sqlite.ts'
import { lockDirectory } from './store/meta/sqlite-lock.ts'
import type { MetadataStore, Store } from './store/meta/store.ts'
import { withSmallBlobs } from './store/small-blobs.ts'
import { failureLog } from './telemetry/failures.ts'
import type { Logger } from './telemetry/log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import { timed } from './telemetry/timed.ts'

export interface App {
  /** `HOST:PORT` it serves on. */
  readonly address: string
  /** Whoever opens this link becomes the first administrator; undefined where there is one, or no accounts. */
  readonly administratorLink: string | undefined
  /** Drains and stops; a second call stops at once. Resolves when everything is closed. */
  stop(): Promise<void>
}

/** The composition root: the only place that knows everything. Configuration → stores → registry → handler → server and jobs. */
export async function startApp(config: Config, log: Logger): Promise<App> {
  await using undo = new AsyncDisposableStack()
  const metrics = createMetrics()
  undo.defer(() => metrics.close())
  undo.use(lockDirectory(config.data, (sentence) => log.warn(sentence)))
  const blobs = timed('store', await openBlobs(config), metrics, failureLog('blob store', log))
  undo.defer(() => blobs.close())
  const meta = timed('database', await openMetadata(config), metrics, failureLog('database', log))
  undo.defer(() => meta.close())
  await pairStores(meta, blobs, join(config.data, 'blobs'))
  metrics.gauge('berth_uploads_open', 'Upload sessions that are open', () => meta.countUploads())

  let collector: Collector | undefined
  const collect = async () => (await collector?.run()) ?? 'elsewhere'
  measureCollection(metrics, meta, () => collector)
  const serves = config.jobs !== 'only'

  const accounts = config.auth === 'accounts' ? await loadAccounts(config, meta, log, collect) : undefined
  if (accounts !== undefined) undo.use(accounts)
  // Before it serves: whoever meets it ready can log in.
  const firstLink = serves ? await accounts?.begin() : undefined
  const pass = serves && accounts ? undo.use(operatorFile(config.data).issue()) : undefined
  const registry = registryStack(config, blobs, meta, log, accounts?.auth.guard)
  const uses = config.readOnly || !serves ? undefined : noteUses(config, metrics)
  const formerNames = new FormerNames(meta, systemClock, config.formerNamesSeconds * 1000)
  if (serves) await formerNames.read()
  const server = startServer({
    ...parseListen(config.listen),
    // What the API and its pages read by themselves is nobody's pull: the wire alone is observed.
    handler: serves
      ? wireHandler(uses?.over(registry) ?? registry, {
          limits: wireLimits(config),
          formerNames,
          ...(accounts && { auth: accounts.auth }),
        })
      : async () => undefined,
    web: pass && accounts?.web(registry, pass),
    log,
    accessLog: config.accessLog,
    metrics,
    checks: {
      database: () => meta.check(),
      storage: () => (config.readOnly ? Promise.resolve() : blobs.check()),
    },
    proxies: new TrustedProxies(config.trustedProxies),
    publicUrl: config.publicUrl,
    pace: {
      idle: config.bodyIdleSeconds * 1000,
      minRate: config.bodyMinRate,
      grace: config.bodyGraceSeconds * 1000,
    },
  })
  // Only where something of what follows fails.
  undo.defer(() => server.stop(0))
  if (!serves) log.info('does jobs alone: there is no registry at this address (--jobs only)')
  else if (pass === undefined) undo.use(operatorFile(config.data).tellNoAccounts(server.address))
  else pass.publish(server.address)
  const administratorLink = firstLink && `${originOf(config, server.address)}${firstLink}`
  if (!config.readOnly && config.jobs !== 'none') {
    accounts?.startJobs()
    const options = collectOptions(config, meta, log)
    const collecting = startCollector({ ...options, every: config.gcSeconds * 1000 })
    collector = collecting
    undo.defer(() => collecting.stop())
    const cleanup = startCleanup({
      meta,
      blobs,
      clock: systemClock,
      log,
      every: config.sweepSeconds * 1000,
      tombstoneDelay: config.tombstoneSeconds * 1000,
    })
    undo.defer(() => cleanup.stop())
  }
  if (uses !== undefined) {
    const { ledger } = uses
    undo.use(startWritingUses({ ledger, store: meta, log, every: config.usesSeconds * 1000 }))
  }
  const resources = undo.move()
  let closing: Promise<void> | undefined
  return {
    address: server.address,
    administratorLink,
    async stop() {
      if (closing !== undefined) {
        await server.stop(0)
        return closing
      }
      closing = server.stop(config.drainSeconds * 1000).then(() => resources.disposeAsync())
      return closing
    },
  }
}

async function openBlobs(config: Config): Promise<BlobStore> {
  const files = await fileBlobStore(join(config.data, 'blobs'), {
    reserveBytes: config.diskReserveBytes,
    reserveRatio: config.diskReserveRatio,
    unsafeNoFsync: config.unsafeNoFsync,
  })
  return withSmallBlobs(files, config.smallBlobCacheBytes)
}

/** Notes what is used in a registry, and tells the operator how much. */
function noteUses(config: Config, metrics: Metrics) {
  const ledger = new UseLedger({ clock: systemClock, maxEntries: config.maxNotedUses })
  const isUncounted = uncountedAgents(config.uncountedAgents)
  const { counted } = ledger
  metrics.counter('berth_pulls_total', 'Manifests got by clients that count', () => counted.pull)
  metrics.counter('berth_looks_total', 'Manifests looked at, or got by others', () => counted.look)
  metrics.counter('berth_uses_dropped_total', 'Uses that are in no statistics', () => ledger.dropped)
  return { ledger, over: (registry: Registry) => observe(registry, { ledger, isUncounted }) }
}

/** Not loaded where nobody asked for it. */
async function loadAccounts(
  config: Config,
  store: Store,
  log: Logger,
  collect: AccountsOptions['collect'],
): Promise<Accounts> {
  const { composeAccounts } = await import('./accounts.ts')
  return composeAccounts({ config, store, clock: systemClock, log, collect })
}

/** The database that the configuration names. `existing`: throws for one of PostgreSQL's that holds no registry, rather than begin one. */
export async function openMetadata(config: Config, { existing = false } = {}): Promise<Store> {
  if (config.databaseUrl === undefined) {
    return openSqlite(join(config.data, 'berth.db'), {
      unsafeNoFsync: config.unsafeNoFsync,
      readCacheBytes: config.readCacheBytes,
    })
  }
  // Not loaded where nobody asked for it: the driver costs memory and start-up time.
  const { openPostgres } = await import('./store/meta/postgres.ts')
  return openPostgres(config.databaseUrl, {
    pool: config.databasePool,
    maxWaiting: config.databaseMaxWaiting,
    existing,
  })
}

/** Outside in: who may, policy, then the local registry. */
export function registryStack(
  config: Config,
  blobs: BlobStore,
  meta: MetadataStore,
  log: Logger,
  guard: Guard | undefined,
): Registry {
  const local = localRegistry({
    blobs,
    meta,
    clock: systemClock,
    sparse: config.sparse,
    renewLeases: !config.readOnly,
    audit: config.auth === 'accounts',
    shortcut: config.auth === 'accounts' ? 'in-repository' : 'anywhere',
    onLost: (lost) => log.error('a blob is lost or short in storage; pushing it again heals it', lost),
    limits: {
      maxDepth: config.maxManifestDepth,
      maxTokens: config.maxManifestTokens,
      maxDescriptors: config.maxManifestDescriptors,
      maxIndexDepth: config.maxIndexDepth,
      maxBlobBytes: config.maxBlobBytes ?? Number.POSITIVE_INFINITY,
      maxUploadsPerRepo: config.maxUploadsPerRepo,
      maxUploadsPerOwner: config.maxUploadsPerOwner,
      uploadTtl: config.uploadTtlSeconds * 1000,
      lease: config.leaseSeconds * 1000,
      tombstoneDelay: config.tombstoneSeconds * 1000,
    },
  })
  const served = config.readOnly ? readOnly(local) : local
  return guard === undefined ? served : authorize(served, guard)
}

function wireLimits(config: Config): WireLimits {
  return {
    maxManifestBytes: config.maxManifestBytes,
    maxTagParameters: config.maxTagParameters,
    maxRanges: config.maxRanges,
    maxRangeFactor: config.maxRangeFactor,
    maxPage: config.maxPage,
    catalogPage: config.catalogPage,
    streamPage: config.streamPage,
    referrersPageBytes: config.referrersPageBytes,
    searchPage: config.searchPage,
    maxSearchPage: config.maxSearchPage,
    maxSearchTerm: config.maxSearchTerm,
    maxUrlLength: config.maxUrlBytes,
    maxTokenBody: config.maxTokenBody,
    maxUnreadBody: config.maxUnreadBody,
  }
}
