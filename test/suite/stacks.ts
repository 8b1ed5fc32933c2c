import { join } from 'node:path'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import type { Registry } from '../../src/core/registry.ts'
import { clientRegistry } from '../../src/registry/client.ts'
import type { LocalLimits, LocalOptions } from '../../src/registry/local/options.ts'
import { localRegistry } from '../../src/registry/local.ts'
import type { BlobStore } from '../../src/store/blob.ts'
import { fileBlobStore } from '../../src/store/blob-fs.ts'
import { memoryBlobStore } from '../../src/store/blob-memory.ts'
import { memoryMetadata } from '../../src/store/meta/memory.ts'
import { openPostgres } from '../../src/store/meta/postgres.ts'
import { openSqlite } from '../../src/store/meta/sqlite.ts'
import type { MetadataStore } from '../../src/store/meta/store.ts'
import { type BerthOptions, startBerth } from '../testbed/berth.ts'
import { type Postgres, startPostgres } from '../testbed/postgres.ts'
import { tempFolder } from '../testbed/temp.ts'

/** A registry and the stores under it. */
export interface Stack {
  readonly registry: Registry
  readonly blobs: BlobStore
  readonly meta: MetadataStore
  dispose(): Promise<void>
}

export const TEST_LIMITS: LocalLimits = {
  maxDepth: 32,
  maxTokens: 100_000,
  maxDescriptors: 10_000,
  maxIndexDepth: 8,
  maxBlobBytes: Number.POSITIVE_INFINITY,
  maxUploadsPerRepo: 1000,
  maxUploadsPerOwner: 5000,
  uploadTtl: 86_400_000,
  lease: 86_400_000,
  tombstoneDelay: 600_000,
}

export interface StackOptions {
  readonly clock?: Clock
  readonly limits?: Partial<LocalLimits>
  readonly onLost?: LocalOptions['onLost']
  readonly shortcut?: LocalOptions['shortcut']
}

function assemble(
  blobs: BlobStore,
  meta: MetadataStore,
  owned: AsyncDisposableStack,
  options: StackOptions,
): Stack {
  owned.defer(() => blobs.close())
  owned.defer(() => meta.close())
  const registry = localRegistry({
    blobs,
    meta,
    clock: options.clock ?? systemClock,
    limits: { ...TEST_LIMITS, ...options.limits },
    sparse: 'index',
    renewLeases: true,
    audit: false,
    shortcut: options.shortcut ?? 'anywhere',
    ...(options.onLost && { onLost: options.onLost }),
  })
  return { registry, blobs, meta, dispose: () => owned.disposeAsync() }
}

/** Everything in memory. */
export async function memoryStack(options: StackOptions = {}): Promise<Stack> {
  return assemble(memoryBlobStore(), memoryMetadata(), new AsyncDisposableStack(), options)
}

/** Files and SQLite in a folder of the test's own. */
export async function sqliteStack(options: StackOptions = {}): Promise<Stack> {
  const owned = new AsyncDisposableStack()
  const folder = owned.use(await tempFolder())
  const blobs = await fileBlobStore(join(folder.path, 'blobs'), { reserveBytes: 0, reserveRatio: 0 })
  return assemble(blobs, await openSqlite(join(folder.path, 'berth.db')), owned, options)
}

/** Files and a PostgreSQL cluster of the test's own. */
export async function postgresStack(options: StackOptions = {}): Promise<Stack> {
  const owned = new AsyncDisposableStack()
  const folder = owned.use(await tempFolder())
  const cluster = owned.use(await startPostgres())
  const blobs = await fileBlobStore(join(folder.path, 'blobs'), { reserveBytes: 0, reserveRatio: 0 })
  return assemble(blobs, await openPostgres(cluster.url), owned, options)
}

/** The whole server in its own process, seen through the client. */
export async function serverStack(database: 'sqlite' | 'postgres', options: BerthOptions = {}) {
  const owned = new AsyncDisposableStack()
  let cluster: Postgres | undefined
  if (database === 'postgres') cluster = owned.use(await startPostgres())
  const server = owned.use(
    await startBerth({
      ...options,
      env: { ...options.env, ...(cluster && { BERTH_DATABASE_URL: cluster.url }) },
    }),
  )
  return { registry: clientRegistry({ base: server.url }), server, dispose: () => owned.disposeAsync() }
}
