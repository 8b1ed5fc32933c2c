import { Database } from 'bun:sqlite'
import { closeSync, fsyncSync, openSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { closeToOthers, makePrivateDirectory, makePrivateFile } from '../private-files.ts'

/** A process that was killed gives its lock back when the kernel has buried it, which may take a moment. */
const WAIT = 1000

/** Another process has the directory. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse'
}

/**
 * Takes a directory for this process alone: two servers on one directory would each think that it alone writes to an upload. The
 * lock is SQLite's on an empty file, so it is gone with the process, however that ends. What other users may do in the directory is taken
 * from them; `warn` is told of what they could. Throws DirectoryInUse when another process has it.
 */
export function lockDirectory(directory: string, warn: (sentence: string) => void = () => {}): Disposable {
  let database: Database | undefined
  try {
    const made = makePrivateDirectory(directory)
    if (made !== undefined) syncNames(resolve(directory), made)
    const path = join(directory, 'lock')
    makePrivateFile(path)
    database = new Database(path, { create: true })
    database.run(`PRAGMA busy_timeout = ${WAIT}`)
    database.run('BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    if ((error as { code?: unknown }).code === 'SQLITE_BUSY') {
      throw new DirectoryInUse(
        `${directory} is in use by another berth; stop that one first, or name another directory with --data`,
      )
    }
    throw new Error(`cannot use the data directory ${directory}: ${whyNot(error)}`, { cause: error })
  }
  const held = database
  closeToOthers(directory, warn)
  return { [Symbol.dispose]: () => held.close() }
}

const FORBIDDEN = /^(?:EACCES|EPERM|SQLITE_(?:CANTOPEN|READONLY|PERM|AUTH).*)$/

function whyNot(error: unknown): string {
  const { code, message } = error as Error & { code?: unknown }
  if (typeof code !== 'string' || !FORBIDDEN.test(code)) return message
  return `this user may not write there (${message}); use it as the user that the server runs as, or give it to this one with chown`
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
