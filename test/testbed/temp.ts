import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of the test's own. */
export interface TempFolder extends AsyncDisposable {
  readonly path: string
}

/** What is mounted below a folder, innermost first. */
async function mountsBelow(path: string): Promise<string[]> {
  const table = await readFile('/proc/self/mounts', 'utf8').catch(() => '')
  return table
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
    .filter((point) => point.startsWith(`${path}/`))
    .sort((a, b) => b.length - a.length)
}

/**
 * Makes a temporary folder, with a short path since sockets live in it. Disposing of it unmounts what an
 * ended engine left mounted below, and removes it.
 */
export async function tempFolder(): Promise<TempFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'b')))
  return {
    path,
    async [Symbol.asyncDispose]() {
      for (const point of await mountsBelow(path)) {
        await Bun.spawn(['umount', '-l', point], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
          .exited
      }
      await rm(path, { recursive: true, force: true })
    },
  }
}
