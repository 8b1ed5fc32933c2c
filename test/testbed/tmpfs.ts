import { mkdir, open, statfs, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandError, run } from './run.ts'
import { tempFolder } from './temp.ts'

/** A small file system of a test's own. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string
  /** Bytes that can still be written. */
  free(): Promise<number>
  /** Grows or shrinks a file of ballast until exactly so many bytes (of whole pages) are free. */
  leave(bytes: number): Promise<void>
  /** Changes its mount options. */
  remount(options: string): Promise<void>
}

/** Mounts a tmpfs with these options (`size=64m`). */
export async function smallDisk(options: string): Promise<SmallDisk> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const path = join(folder.path, 'disk')
  await mkdir(path)
  await run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', path])
  const owned = stack.move()
  const free = async () => {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  }
  const ballast = join(path, 'ballast')
  return {
    path,
    free,
    async leave(bytes) {
      await using file = await open(ballast, 'a')
      const size = (await file.stat()).size
      const excess = (await free()) - bytes
      if (excess > 0) await file.appendFile(Buffer.alloc(excess))
      else await truncate(ballast, size + excess)
      const left = await free()
      if (left !== bytes) throw new Error(`wanted ${bytes} bytes free, got ${left}`)
    },
    async remount(changed) {
      await run(['mount', '-o', `remount,${changed}`, path])
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Why no small disk can be had here, or undefined when one can. */
export async function smallDiskRefused(): Promise<string | undefined> {
  try {
    await using _ = await smallDisk('size=1m')
    return undefined
  } catch (error) {
    return error instanceof CommandError ? error.result.stderr.trim() : String(error)
  }
}
