import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/*
 * The keys that tokens are signed with stand in the database: whoever reads its file, or a copy of it, can make itself administrator. So
 * what lies in a data directory is for the one user alone that runs the server (SE-14).
 */

const OTHERS = 0o077
/** Of /tmp and the like, which is nobody's own. */
const STICKY = 0o1000
const PRIVATE_DIRECTORY = 0o700
const PRIVATE_FILE = 0o600

/** What a data directory may hold beside blobs; SQLite gives what it puts beside a database the mode of that. */
const FILES = [
  'berth.db',
  'berth.db-wal',
  'berth.db-shm',
  'berth.db-journal',
  'lock',
  'lock-journal',
  'operator.json',
]

/** Makes a directory that only its owner can look into; those above it as the system makes them. Gives the first one made, if any. */
export function makePrivateDirectory(directory: string): string | undefined {
  const above = mkdirSync(dirname(directory), { recursive: true })
  const made = mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY })
  return above ?? made
}

/** Makes an empty file that only its owner can read, where there is none; what is wrong otherwise is told by whoever opens it. */
export function makePrivateFile(path: string): void {
  try {
    // Never one that is there: closing it would give away the locks that this process has on it.
    closeSync(openSync(path, 'wx', PRIVATE_FILE))
  } catch {}
}

/**
 * Takes what other users may do in a data directory that is there already, and with its files. Never fails; `warn` is told, in a sentence
 * for the operator, what was or still is open to others.
 */
export function closeToOthers(directory: string, warn: (sentence: string) => void): void {
  const { open, foreign, sticky } = look(directory)
  if (open && !sticky && !foreign) set(directory, PRIVATE_DIRECTORY)
  const after = look(directory)
  if (after.open) {
    const whose = foreign ? 'belongs to another user and' : 'cannot be closed to other users and'
    warn(
      `the data directory ${directory} ${whose} can be entered by others: give it to the user that runs berth alone (chown, chmod 700)`,
    )
  }
  const blobs = join(directory, 'blobs')
  if (look(blobs).open) set(blobs, PRIVATE_DIRECTORY)
  for (const name of FILES) {
    const path = join(directory, name)
    if (!look(path).open) continue
    set(path, PRIVATE_FILE)
    const closed = !look(path).open
    if (name !== 'berth.db' && closed) continue
    warn(
      closed
        ? `${path} holds the keys that tokens are signed with, and other users of this machine could read it; it is closed to them now`
        : `${path} can be read by other users of this machine, and cannot be closed to them: it is not this user’s; chown it to the user that runs berth`,
    )
  }
}

interface Look {
  /** To anyone but its owner. */
  readonly open: boolean
  /** Another user's than this process's. */
  readonly foreign: boolean
  readonly sticky: boolean
}

function look(path: string): Look {
  try {
    const { mode, uid } = statSync(path)
    return {
      open: (mode & OTHERS) !== 0,
      foreign: uid !== process.getuid?.(),
      sticky: (mode & STICKY) !== 0,
    }
  } catch {
    return { open: false, foreign: false, sticky: false }
  }
}

function set(path: string, mode: number): void {
  try {
    chmodSync(path, mode)
  } catch {}
}
