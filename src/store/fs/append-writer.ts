import fs from 'node:fs'
import { truncate, unlink } from 'node:fs/promises'
import { failpoint } from '../../core/failpoint.ts'
import type { ObjectKey } from '../../core/names.ts'
import type { AppendOptions } from '../blob.ts'
import { storageError, uploadLost } from '../blob-errors.ts'
import { type BufferPool, LARGE_BUFFER } from './buffers.ts'
import type { DirectorySync } from './directory-sync.ts'
import { BlobFile, PAGE } from './file.ts'
import type { Layout } from './layout.ts'

/** A long append makes what it has durable every so many bytes, so that the last sync is short and a resume loses little. */
export const SYNC_EVERY = 64 * 1024 * 1024

/** Buffers being written while the next one fills. Cached writes of one file wait for each other in the kernel anyway. */
const CACHED_WINDOW = 1
const DIRECT_WINDOW = 2

const { O_CREAT, O_TRUNC } = fs.constants

/** What appends of one store share. */
export interface AppendContext {
  readonly layout: Layout
  readonly buffers: BufferPool
  readonly directories: DirectorySync
  /**
   * Bytes of an object that go through the page cache; what comes behind, or the whole of a body announced as longer, is written
   * directly. Small layers are pulled soon and should be found in memory, while a large one would push everything else out, and
   * filling new page cache costs several times what the disk needs for the same bytes.
   */
  readonly cachedBytes: number
  /** False leaves out every sync (unsafe). */
  readonly sync: boolean
}

/**
 * Gathers chunks into buffers and writes each while the next one fills, so that receiving and hashing go on meanwhile. The file
 * is opened at the first full buffer or at the end: a body that fits into one buffer costs three trips to the thread pool.
 */
export class AppendWriter {
  readonly #context: AppendContext
  readonly #key: ObjectKey
  readonly #offset: number
  readonly #onDurable: AppendOptions['onDurable']
  #file: BlobFile | undefined
  /** Where direct writing begins. */
  readonly #directFrom: number
  #buffer: Uint8Array
  /** Bytes the buffer takes before it is written: short of its length where that brings the position to a page's start. */
  #limit: number
  #filled = 0
  /** Where the buffer's first byte belongs. */
  #position: number
  #durable: number
  #syncAt: number
  #writes = 0
  /** Oldest first. None of these promises ever rejects: the first error is kept in #failure. */
  readonly #inFlight: Promise<void>[] = []
  #checkpoint: Promise<void> | undefined
  #named: boolean
  #failure: { readonly error: unknown } | undefined

  constructor(context: AppendContext, key: ObjectKey, offset: number, options: AppendOptions) {
    this.#context = context
    this.#key = key
    this.#offset = offset
    this.#onDurable = options.onDurable
    const { cachedBytes } = context
    this.#directFrom = offset + (options.size ?? 0) > cachedBytes ? 0 : cachedBytes
    this.#buffer = context.buffers.take()
    this.#limit = this.#buffer.byteLength - (offset % PAGE)
    this.#position = offset
    this.#durable = offset
    this.#syncAt = offset + SYNC_EVERY
    this.#named = offset > 0
  }

  /** Whether writing failed, rather than the body. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** Takes a chunk, which is the caller's again afterwards; a promise asks to wait before the next one. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (chunk.byteLength > this.#limit - this.#filled) return this.#spill(chunk)
    this.#buffer.set(chunk, this.#filled)
    this.#filled += chunk.byteLength
    return undefined
  }

  async #spill(chunk: Uint8Array): Promise<void> {
    let at = 0
    while (at < chunk.byteLength) {
      if (this.#filled === this.#limit) await this.#turn()
      const take = Math.min(this.#limit - this.#filled, chunk.byteLength - at)
      this.#buffer.set(chunk.subarray(at, at + take), this.#filled)
      this.#filled += take
      at += take
    }
  }

  /** Sends the full buffer on its way and goes on with another. */
  async #turn(): Promise<void> {
    await this.#flush()
    this.#buffer = this.#context.buffers.take()
    this.#limit = this.#buffer.byteLength
    if (this.#position >= this.#syncAt) {
      await this.#checkpoint
      this.#checkpoint = this.#guard(this.#makeDurable(this.#position, [...this.#inFlight]))
      this.#syncAt = this.#position + SYNC_EVERY
    }
    this.#check()
  }

  /** Starts writing the buffer, waiting for the window's oldest write first. */
  async #flush(): Promise<void> {
    const file = await this.#open()
    // Small buffers belong to slow uploads: the page cache gathers them better than the disk.
    const direct = this.#position >= this.#directFrom && this.#buffer.byteLength === LARGE_BUFFER
    while (this.#inFlight.length >= (direct ? DIRECT_WINDOW : CACHED_WINDOW)) await this.#inFlight.shift()
    this.#check()
    const buffer = this.#buffer
    const bytes = buffer.subarray(0, this.#filled)
    this.#buffer = EMPTY
    this.#inFlight.push(this.#guard(this.#writeOut(file, buffer, bytes, this.#position, direct)))
    this.#position += this.#filled
    this.#filled = 0
  }

  async #writeOut(
    file: BlobFile,
    buffer: Uint8Array,
    bytes: Uint8Array,
    position: number,
    direct: boolean,
  ): Promise<void> {
    const first = this.#writes++ === 0
    try {
      if (direct) await file.writeDirect(bytes, position)
      else await file.write(bytes, position)
    } finally {
      this.#context.buffers.give(buffer)
    }
    await failpoint(first ? 'blob.first-write' : 'blob.mid-write')
  }

  async #open(): Promise<BlobFile> {
    if (this.#file !== undefined) return this.#file
    try {
      return (this.#file = await this.#openAt(this.#context.layout.path(this.#key)))
    } catch (error) {
      this.#failure ??= { error }
      throw error
    }
  }

  async #openAt(path: string): Promise<BlobFile> {
    const { sync } = this.#context
    if (this.#offset === 0) {
      const file = await BlobFile.open(path, O_CREAT | O_TRUNC, sync)
      this.#file = file
      await failpoint('blob.created')
      return file
    }
    const file = await BlobFile.open(path, 0, sync).catch((error) => {
      throw error.code === 'ENOENT' ? uploadLost(this.#offset, 0) : error
    })
    this.#file = file
    const size = await file.size()
    if (size < this.#offset) throw uploadLost(this.#offset, size)
    if (size > this.#offset) await file.truncate(this.#offset)
    return file
  }

  /** Makes `length` bytes durable once `writes` are done, and the file's name with them. */
  async #makeDurable(length: number, writes: readonly Promise<void>[]): Promise<void> {
    await Promise.all(writes)
    this.#check()
    await this.#sync()
    this.#durable = length
    await this.#onDurable?.(length)
  }

  /** Syncs bytes and name side by side: the file system then needs one journal commit for both (CO-1, CO-3). */
  async #sync(): Promise<void> {
    const { sync, directories, layout } = this.#context
    const bytes = this.#file?.datasync().then(() => failpoint('blob.after-datasync'))
    if (this.#named || !sync) return bytes
    const name = directories.request(layout.directory(this.#key)).then(() => failpoint('blob.after-dirsync'))
    const [first, second] = await Promise.allSettled([bytes, name])
    if (first.status === 'rejected') throw first.reason
    if (second.status === 'rejected') throw second.reason
    this.#named = true
  }

  /** Writes the rest, makes all of it durable and closes; the length of the object. */
  async finish(): Promise<number> {
    if (this.#filled > 0) await this.#flush()
    else await this.#open()
    await Promise.all(this.#inFlight)
    await this.#checkpoint
    this.#check()
    await this.#sync()
    this.#release()
    const file = this.#file
    this.#file = undefined
    file?.close()
    return this.#position
  }

  /** Gives up after a failure: nothing is retried (CO-11), what is not durable goes. Rejects with the reason. */
  async abandon(error: unknown): Promise<never> {
    await Promise.all(this.#inFlight)
    await this.#checkpoint
    this.#release()
    try {
      this.#file?.close()
    } catch {
      // The first error is the one to tell.
    }
    const cause = this.#failure?.error ?? error
    // Where even that fails, the next append cuts the tail, and the sweep of expired uploads removes the file.
    await this.#takeBack().catch(() => {})
    throw storageError(cause)
  }

  async #takeBack(): Promise<void> {
    const path = this.#context.layout.path(this.#key)
    if (this.#durable === 0) await unlink(path)
    else if (this.#writes > 0) await truncate(path, this.#durable)
  }

  #release(): void {
    if (this.#buffer !== EMPTY) this.#context.buffers.give(this.#buffer)
    this.#buffer = EMPTY
  }

  #guard(work: Promise<void>): Promise<void> {
    return work.catch((error) => {
      this.#failure ??= { error }
    })
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

const EMPTY = new Uint8Array(0)
