import { Database } from 'bun:sqlite'
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** A process that was killed gives its lock back when the kernel has buried it, which may take a moment. */
const WAIT = 1000

/** Another process has the directory. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse'
}

/**
 * Takes a directory for this process alone: two servers on one directory would each think that it alone writes to an upload. The
 * lock is SQLite's on an empty file, so it is gone with the process, however that ends. Throws DirectoryInUse when another process
 * has it.
 */
export function lockDirectory(directory: string): Disposable {
  let database: Database | undefined
  try {
    const made = mkdirSync(directory, { recursive: true })
    if (made !== undefined) syncNames(resolve(directory), made)
    database = new Database(join(directory, 'lock'), { create: true })
    database.run(`PRAGMA busy_timeout = ${WAIT}`)
    database.run('BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    if ((error as { code?: unknown }).code === 'SQLITE_BUSY') {
      throw new DirectoryInUse(
        `${directory} is in use by another berth; stop that one first, or name another directory with --data`,
      )
    }
    throw new Error(`cannot use the data directory ${directory}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  const held = database
  return { [Symbol.dispose]: () => held.close() }
}

/** Makes the names of the directories from `made` down to `directory` outlive a power failure: each stands in the one above. */
function syncNames(directory: string, made: string): void {
  for (let at = directory; at.length >= resolve(made).length; at = dirname(at)) {
    const parent = openSync(dirname(at), 'r')
    try {
      fsyncSync(parent)
    } finally {
      closeSync(parent)
    }
  }
}
