import { syncDirectory } from './file.ts'

interface Running {
  readonly current: Promise<void>
  next: Promise<void> | undefined
}

/**
 * Syncs directories for many writers at once: those who ask while a sync of the same directory is running share the one after
 * it. A sync that began before a file was made may miss its name, so nobody ever joins a running one.
 */
export class DirectorySync {
  readonly #running = new Map<string, Running>()
  readonly #sync: (path: string) => Promise<void>

  constructor(sync: (path: string) => Promise<void> = syncDirectory) {
    this.#sync = sync
  }

  /** Resolves when every name that stood in the directory at the time of the call is durable. */
  request(path: string): Promise<void> {
    const running = this.#running.get(path)
    if (running === undefined) return this.#start(path)
    running.next ??= running.current.then(
      () => this.#start(path),
      () => this.#start(path),
    )
    return running.next
  }

  #start(path: string): Promise<void> {
    const entry: Running = { current: this.#sync(path), next: undefined }
    this.#running.set(path, entry)
    const settled = () => {
      if (entry.next === undefined) this.#running.delete(path)
    }
    entry.current.then(settled, settled)
    return entry.current
  }
}
