import { mkdir, statfs, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../testbed/run.ts'
import { tempFolder } from '../testbed/temp.ts'
import type { OwnedSite } from './sites.ts'

/** A small disk of a site's own, whose free space is what a test says. */
export interface SmallDisk extends AsyncDisposable {
  readonly site: OwnedSite
  /** Bytes that are free. */
  free(): Promise<number>
  /** Makes the ballast larger or smaller until just so many bytes are free, in blocks. */
  leave(bytes: number): Promise<void>
  /** Changes how many files there may be. */
  allowFiles(count: number): Promise<void>
}

/** Moves a site onto a file system in memory. Needs root. */
export async function smallDisk(
  site: OwnedSite,
  options: { mebibytes: number; files?: number },
): Promise<SmallDisk> {
  await using stack = new AsyncDisposableStack()
  stack.use(site)
  const folder = stack.use(await tempFolder())
  const disk = join(folder.path, 'disk')
  await mkdir(disk)
  const files = options.files === undefined ? '' : `,nr_inodes=${options.files}`
  await run(['mount', '-t', 'tmpfs', '-o', `size=${options.mebibytes}m${files}`, 'tmpfs', disk])
  const ballast = join(disk, 'ballast')
  let held = 0
  const free = async () => {
    const { bavail, bsize } = await statfs(disk)
    return bavail * bsize
  }
  const owned = stack.move()
  return {
    site: { ...site, data: join(disk, 'data') },
    free,
    async leave(bytes) {
      const surplus = (await free()) - bytes
      if (surplus > 0) await run(['fallocate', '-o', String(held), '-l', String(surplus), ballast])
      else if (surplus < 0) await truncate(ballast, Math.max(0, held + surplus))
      held = Math.max(0, held + surplus)
    },
    async allowFiles(count) {
      await run(['mount', '-o', `remount,nr_inodes=${count}`, disk])
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
