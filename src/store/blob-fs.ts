import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { open as openFile, unlink } from 'node:fs/promises'
import { type Clock, systemClock } from '../core/clock.ts'
import type { ObjectKey } from '../core/names.ts'
import type { BlobStore } from './blob.ts'
import { storageError, tooShort, uploadLost } from './blob-errors.ts'
import { append } from './fs/append.ts'
import type { AppendContext } from './fs/append-writer.ts'
import { BufferPool } from './fs/buffers.ts'
import { DirectorySync } from './fs/directory-sync.ts'
import { errorCode } from './fs/file.ts'
import { Layout } from './fs/layout.ts'
import { Space } from './fs/space.ts'

const READ_SIZE = 1024 * 1024
const GIB = 1024 ** 3
/** New pages of the page cache cost more than the disk does: a megabyte past it takes half the time, and is read once when first pulled. */
const CACHED_BYTES = 256 * 1024

export interface FileBlobStoreOptions {
  /** Bytes that uploads leave free on the disk; 1 GiB unless told. */
  readonly reserveBytes?: number
  /** The part of the disk that uploads leave free; 0.05 unless told. The larger of the two counts. */
  readonly reserveRatio?: number
  /** Leaves out every sync: a crash of the machine may lose what was acknowledged. For benchmarks and tests (CO-3). */
  readonly unsafeNoFsync?: boolean
  /** Objects up to this size are left in the page cache when written, larger ones are not; 256 KiB unless told. */
  readonly cachedBytes?: number
  readonly clock?: Clock
}

/**
 * Blobs as files of a local folder (its layout is drawn in `fs/layout.ts`). Opening an existing store reads one small file,
 * whatever the store holds. Rejects when the folder is not a blob folder or is from a newer version.
 */
export async function fileBlobStore(root: string, options: FileBlobStoreOptions = {}): Promise<BlobStore> {
  const layout = new Layout(root)
  await layout.prepare()
  const space = new Space(layout.root, layout.probe, {
    clock: options.clock ?? systemClock,
    reserveBytes: options.reserveBytes ?? GIB,
    reserveRatio: options.reserveRatio ?? 0.05,
  })
  const context: AppendContext = {
    layout,
    buffers: new BufferPool(),
    directories: new DirectorySync(),
    cachedBytes: options.cachedBytes ?? CACHED_BYTES,
    sync: options.unsafeNoFsync !== true,
  }

  // A stat of a local file takes a microsecond, a trip to the thread pool ten.
  const stat = (key: ObjectKey) => statSync(layout.path(key), { throwIfNoEntry: false })?.size

  return {
    identity: layout.identity,

    begin: () => randomUUID() as string as ObjectKey,

    append: (key, offset, body, appendOptions) => append(context, key, offset, body, appendOptions),

    async seal(key, size) {
      const length = stat(key)
      if (length === undefined || length < size) throw tooShort(key, size, length)
      // Every append that resolved was durable, name and all; only a torn tail is left to cut.
      if (length > size) await cut(layout.path(key), size, context.sync)
    },

    stat,

    open: (key, size, span) =>
      stat(key) === size ? { kind: 'file', path: layout.path(key), span } : undefined,

    read: (key, length) => read(layout.path(key), length),

    async delete(key) {
      await unlink(layout.path(key)).catch((error) => {
        if (errorCode(error) !== 'ENOENT') throw error
      })
    },

    list: () => layout.list(),
    reserve: () => space.reserve(),
    check: () => space.check(),
    close: async () => {},
  }
}

async function cut(path: string, size: number, sync: boolean): Promise<void> {
  try {
    await using file = await openFile(path, 'r+')
    await file.truncate(size)
    if (sync) await file.datasync()
  } catch (error) {
    throw storageError(error)
  }
}

async function* read(path: string, length: number): AsyncGenerator<Uint8Array> {
  if (length === 0) return
  const file = await openFile(path, 'r').catch((error) => {
    throw errorCode(error) === 'ENOENT' ? uploadLost(length, 0) : error
  })
  await using _ = file
  for (let at = 0; at < length; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, length - at))
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at)
    if (bytesRead === 0) throw uploadLost(length, at)
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}
