import fs from 'node:fs'
import { open as openHandle } from 'node:fs/promises'

/**
 * One open file, written at positions. A raw descriptor with just the calls an append needs: each is one trip to the thread
 * pool, save `close`, which has nothing left to do for a synced file.
 */
export class BlobFile {
  readonly #fd: number
  readonly #sync: boolean

  private constructor(fd: number, sync: boolean) {
    this.#fd = fd
    this.#sync = sync
  }

  /** Opens for writing. `sync: false` turns `datasync` into nothing (unsafe, for benchmarks). */
  static async open(path: string, flags: number, sync: boolean): Promise<BlobFile> {
    return new BlobFile(await call<number>((done) => fs.open(path, flags, FILE_MODE, done)), sync)
  }

  /** Writes all the bytes at a position; the kernel may take them in several parts. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    let at = 0
    while (at < bytes.byteLength) {
      const rest = bytes.byteLength - at
      at += await call<number>((done) => fs.write(this.#fd, bytes, at, rest, position + at, done))
    }
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
    fs.closeSync(this.#fd)
  }
}

const FILE_MODE = 0o640

/** Writes a small file whole and makes its bytes durable; its name needs `syncDirectory`. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await using file = await openHandle(path, 'w', FILE_MODE)
  await file.writeFile(text)
  await file.sync()
}

/** Makes the names in a directory durable (CO-3). */
export async function syncDirectory(path: string): Promise<void> {
  // Opening a directory changes nothing on disk, so it needs no trip to the thread pool.
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
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
