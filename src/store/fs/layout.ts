import { randomUUID } from 'node:crypto'
import { mkdir, opendir, readFile, rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { ObjectKey } from '../../core/names.ts'
import { makePrivateDirectory } from '../private-files.ts'
import { errorCode, syncDirectory, writeDurably } from './file.ts'

/*
 * The folder of a file store:
 *
 *   <root>/
 *   ├── format                                      "berth blobs 1 IDENTITY", written last: whatever lacks it is not set up yet
 *   ├── probe                                       there for the moment of a readiness check
 *   ├── 00/
 *   ├── 0a/
 *   │   ├── 0a3f5c1e-77a2-4c1b-9a55-0d6f3b8f2c11    one object: the bytes, nothing else
 *   │   └── 0ad41b7c-…
 *   ⋮
 *   └── ff/
 *
 * An object stands in the directory named by the first two digits of its key, a random UUID, so the 256 of them fill evenly. All
 * are made at first start, with their names durable, so that no upload ever makes a directory. Files are never renamed.
 */

const FORMAT = 1
const MARKER = /^berth blobs (\d+)(?: (\S+))?\n?$/
const KEY = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const DIRECTORIES = Array.from({ length: 256 }, (_, at) => at.toString(16).padStart(2, '0'))

/** Where the objects of one file store stand. */
export class Layout {
  readonly root: string
  /** Made with the folder; known once it is prepared. */
  identity = ''

  constructor(root: string) {
    this.root = resolve(root)
  }

  /** The file of an object. Throws for anything but a UUID, so that no other text ever reaches a path (SE-10). */
  path(key: ObjectKey): string {
    if (!KEY.test(key)) throw new TypeError(`${JSON.stringify(key)} is not an object key`)
    return `${this.root}/${key.slice(0, 2)}/${key}`
  }

  /** The directory of an object. */
  directory(key: ObjectKey): string {
    return dirname(this.path(key))
  }

  get probe(): string {
    return join(this.root, 'probe')
  }

  /** Every object, in no order. */
  async *list(): AsyncGenerator<ObjectKey> {
    for (const name of DIRECTORIES) {
      for await (const entry of await opendir(join(this.root, name))) {
        if (entry.isFile() && entry.name.startsWith(name) && KEY.test(entry.name))
          yield entry.name as ObjectKey
      }
    }
  }

  /** Opens the folder, setting it up when it is new. Throws when it holds something else or a newer format. */
  async prepare(): Promise<void> {
    const marker = join(this.root, 'format')
    const text = await readFile(marker, 'utf8').catch((error) => {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) return this.#create(marker)
    const [, version, identity] = MARKER.exec(text) ?? []
    const format = Number(version)
    if (Number.isNaN(format) || (format === FORMAT && identity === undefined)) {
      throw new Error(
        `${marker} does not say that this is a Berth blob folder; choose another data directory, or restore that file from a backup`,
      )
    }
    if (format > FORMAT) {
      throw new Error(
        `${this.root} was written by a newer Berth (blob format ${format}; this one knows ${FORMAT}); run that version or a later one`,
      )
    }
    this.identity = identity ?? ''
  }

  async #create(marker: string): Promise<void> {
    const made = makePrivateDirectory(this.root)
    await this.#refuseForeign()
    for (const name of DIRECTORIES) {
      await mkdir(join(this.root, name)).catch((error) => {
        if (errorCode(error) !== 'EEXIST') throw error
      })
    }
    await syncDirectory(this.root)
    this.identity = randomUUID()
    await writeDurably(`${marker}.new`, `berth blobs ${FORMAT} ${this.identity}\n`)
    await rename(`${marker}.new`, marker)
    await syncDirectory(this.root)
    // The names of the folders made on the way down to the root.
    if (made !== undefined) {
      for (let at = this.root; at.length >= made.length; at = dirname(at)) await syncDirectory(dirname(at))
    }
  }

  /** A first start cut short leaves only our own names, and a fresh disk only lost+found; anything else is somebody's. */
  async #refuseForeign(): Promise<void> {
    for await (const { name } of await opendir(this.root)) {
      if (DIRECTORIES.includes(name) || name === 'format.new' || name === 'lost+found') continue
      throw new Error(
        `${this.root} holds ${JSON.stringify(name)} but no Berth blobs; choose an empty folder for the data`,
      )
    }
  }
}
