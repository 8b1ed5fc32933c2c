import fs from 'node:fs'
import { open as openHandle } from 'node:fs/promises'

const { O_DIRECT, O_DIRECTORY, O_RDONLY, O_WRONLY } = fs.constants
const FILE_MODE = 0o640

/** What direct writes want their positions and lengths to be multiples of, and their memory aligned to. */
export const PAGE = 4096

/**
 * One open file, written at positions. Raw descriptors with just the calls an append needs: each is one trip to the thread pool,
 * save `close`, which has nothing left to do for a synced file.
 */
export class BlobFile {
  readonly #path: string
  readonly #fd: number
  readonly #sync: boolean
  /** The same file past the page cache, opened when first wanted; false where the file system has no such thing. */
  #direct: number | false | undefined

  private constructor(path: string, fd: number, sync: boolean) {
    this.#path = path
    this.#fd = fd
    this.#sync = sync
  }

  /** Opens for writing, with more flags where given. `sync: false` turns `datasync` into nothing (unsafe). */
  static async open(path: string, flags: number, sync: boolean): Promise<BlobFile> {
    const fd = await call<number>((done) => fs.open(path, O_WRONLY | flags, FILE_MODE, done))
    return new BlobFile(path, fd, sync)
  }

  /** Writes all the bytes at a position; the kernel may take them in several parts. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    let at = 0
    while (at < bytes.byteLength) at += await writeSome(this.#fd, bytes, at, position)
  }

  /** Writes past the page cache as far as alignment and file system allow, the rest as `write` does. */
  async writeDirect(bytes: Uint8Array, position: number): Promise<void> {
    let at = 0
    if (position % PAGE === 0 && bytes.byteLength % PAGE === 0) {
      this.#direct ??= openDirect(this.#path)
      // A short write leaves the position askew, which says EINVAL: the other way then finds the reason.
      while (this.#direct !== false && at < bytes.byteLength) {
        const written = await writeSome(this.#direct, bytes, at, position).catch(unlessUnsupported)
        if (written === false) break
        at += written
      }
    }
    if (at < bytes.byteLength) await this.write(bytes.subarray(at), position + at)
  }

  async size(): Promise<number> {
    return (await call<fs.Stats>((done) => fs.fstat(this.#fd, done))).size
  }

  async truncate(length: number): Promise<void> {
    await call<void>((done) => fs.ftruncate(this.#fd, length, done))
  }

  async datasync(): Promise<void> {
    if (this.#sync) await call<void>((done) => fs.fdatasync(this.#fd, done))
  }

  close(): void {
    try {
      if (typeof this.#direct === 'number') fs.closeSync(this.#direct)
    } finally {
      fs.closeSync(this.#fd)
    }
  }
}

/** Opening a file that is there already changes nothing on disk, so it needs no trip to the thread pool. */
function openDirect(path: string): number | false {
  try {
    return fs.openSync(path, O_WRONLY | O_DIRECT)
  } catch (error) {
    return unlessUnsupported(error)
  }
}

function writeSome(fd: number, bytes: Uint8Array, at: number, position: number): Promise<number> {
  return call((done) => fs.write(fd, bytes, at, bytes.byteLength - at, position + at, done))
}

/** Direct writes are a matter of speed: a file system without them (EINVAL) gets ordinary ones. */
function unlessUnsupported(error: unknown): false {
  if (errorCode(error) !== 'EINVAL') throw error
  return false
}

/** Writes a small file whole and makes its bytes durable; its name needs `syncDirectory`. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await using file = await openHandle(path, 'w', FILE_MODE)
  await file.writeFile(text)
  await file.sync()
}

/** Makes the names in a directory durable (CO-3). */
export async function syncDirectory(path: string): Promise<void> {
  // Opening a directory changes nothing on disk, so it needs no trip to the thread pool.
  const fd = fs.openSync(path, O_RDONLY | O_DIRECTORY)
  try {
    await call<void>((done) => fs.fsync(fd, done))
  } finally {
    fs.closeSync(fd)
  }
}

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void

function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null || error === undefined ? resolve(value as T) : reject(error)))
  })
}

/** The error code of a failed system call, where it is one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
