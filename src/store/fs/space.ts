import { open, statfs, unlink } from 'node:fs/promises'
import type { Clock } from '../../core/clock.ts'
import { refuse } from '../../core/errors.ts'
import { storageError } from '../blob-errors.ts'

/** ms an answer of the file system about its free space holds. */
const SPACE_HOLDS = 1000
/** ms a successful probe holds. */
const PROBE_HOLDS = 5000

export interface SpaceOptions {
  readonly clock: Clock
  /** Bytes that uploads leave free. */
  readonly reserveBytes: number
  /** The part of the whole disk that uploads leave free, 0 to 1; the larger of the two counts. */
  readonly reserveRatio: number
}

/** Watches the room on the disk of one folder. */
export class Space {
  readonly #root: string
  readonly #probePath: string
  readonly #options: SpaceOptions
  #known: { readonly until: number; readonly space: Promise<Room> } | undefined
  #probed: { readonly until: number; readonly done: Promise<void> } | undefined

  constructor(root: string, probePath: string, options: SpaceOptions) {
    this.#root = root
    this.#probePath = probePath
    this.#options = options
  }

  /** Refuses `storage-full` when the reserve is all that is left, of bytes or of file entries. */
  async reserve(): Promise<void> {
    const now = this.#options.clock.now()
    if (this.#known === undefined || now >= this.#known.until) {
      const space = room(this.#root)
      this.#known = { until: now + SPACE_HOLDS, space }
      // An error is not kept.
      space.catch(() => (this.#known = undefined))
    }
    const { free, total, entries } = await this.#known.space
    const reserve = Math.max(this.#options.reserveBytes, this.#options.reserveRatio * total)
    if (free < reserve) {
      throw refuse(
        'storage-full',
        `the storage of this registry has ${amount(free)} free and keeps ${amount(reserve)} in reserve; free some space there or give it more, then push again`,
      )
    }
    if (entries === 0) {
      throw refuse(
        'storage-full',
        'the storage of this registry has no file entries (inodes) left; delete content or give it more, then push again',
      )
    }
  }

  /** Writes, syncs and removes a small file; rejects with the reason when that fails. */
  check(): Promise<void> {
    const now = this.#options.clock.now()
    if (this.#probed === undefined || now >= this.#probed.until) {
      const done = probe(this.#probePath)
      this.#probed = { until: now + PROBE_HOLDS, done }
      done.catch(() => (this.#probed = undefined))
    }
    return this.#probed.done
  }
}

interface Room {
  readonly free: number
  readonly total: number
  /** Files that can still be made; undefined where the file system has no fixed number. */
  readonly entries: number | undefined
}

async function room(root: string): Promise<Room> {
  const { bavail, blocks, bsize, files, ffree } = await statfs(root)
  return { free: bavail * bsize, total: blocks * bsize, entries: files === 0 ? undefined : ffree }
}

async function probe(path: string): Promise<void> {
  try {
    await using file = await open(path, 'w', 0o640)
    await file.writeFile('ready?\n')
    await file.sync()
  } catch (error) {
    throw storageError(error)
  } finally {
    await unlink(path).catch(() => {})
  }
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** A number of bytes for people, rounded down: `1.5 GiB`. */
function amount(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${Math.floor(value * 10) / 10} ${UNITS[unit]}`
}
