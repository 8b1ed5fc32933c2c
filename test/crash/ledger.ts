import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'

export type Deletion =
  | { readonly op: 'delete-blob' | 'delete-manifest'; readonly repo: string; readonly digest: string }
  | { readonly op: 'delete-tag'; readonly repo: string; readonly tag: string }

export interface ManifestPush {
  readonly op: 'push-manifest'
  readonly repo: string
  readonly digest: string
  readonly tags: readonly string[]
  /** What it lists. */
  readonly blobs: readonly string[]
  readonly children: readonly string[]
  readonly subject?: string
}

/** What a worker is about to do. `digest` addresses a blob or a manifest, `tag` a tag. */
export type Intent =
  | Deletion
  | ManifestPush
  | {
      readonly op:
        | 'push-blob'
        | 'cancel-upload'
        | 'head-blob'
        | 'pull-blob'
        | 'pull-manifest'
        | 'list-referrers'
      readonly repo: string
      readonly digest: string
    }
  | { readonly op: 'mount-blob'; readonly repo: string; readonly digest: string; readonly from: string }
  | { readonly op: 'pull-tag'; readonly repo: string; readonly tag: string }
  | { readonly op: 'list-tags'; readonly repo: string }

/** What came of it. An operation that has none was cut, and may have happened or not. */
export type Outcome =
  /** Done, or found; a read tells what it saw. */
  | { readonly is: 'ok'; readonly digest?: string; readonly names?: readonly string[] }
  /** 404 of the thing itself. */
  | { readonly is: 'absent' }
  /** Refused because a manifest lists it: so it is there (D3, D4). */
  | { readonly is: 'referenced' }
  /** Refused, nothing stored, since these are not there (M5). */
  | { readonly is: 'missing'; readonly digests: readonly string[] }
  /** Nothing was done and nothing learnt: a mount that became an upload and was cancelled, a cancelled upload. */
  | { readonly is: 'nothing' }

/** One line. `n` counts lines: it is the clock of the histories, as one process writes them all. */
export type Line =
  | { readonly n: number; readonly worker: number; readonly call: Intent }
  | { readonly n: number; readonly of: number; readonly outcome: Outcome }
  /** The server was killed, and serves again: what was not answered before can no longer happen. */
  | { readonly n: number; readonly restarted: true }

/** An append-only file of what was asked of the server, written before it is asked, and what was answered. */
export class Ledger implements Disposable {
  readonly path: string
  readonly #file: number
  #next = 0

  constructor(path: string) {
    this.path = path
    this.#file = openSync(path, 'ax')
  }

  /** To be called before the request is sent. Returns the number to settle it by. */
  called(worker: number, call: Intent): number {
    return this.#write((n) => ({ n, worker, call }))
  }

  /** To be called when the answer is there. */
  settled(of: number, outcome: Outcome): void {
    this.#write((n) => ({ n, of, outcome }))
  }

  restarted(): number {
    return this.#write((n) => ({ n, restarted: true }))
  }

  /** Only the server is killed, never this process: so one sync now and then is as good as one a line. */
  sync(): void {
    fdatasyncSync(this.#file)
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }

  #write(line: (n: number) => Line): number {
    const n = this.#next++
    writeSync(this.#file, `${JSON.stringify(line(n))}\n`)
    return n
  }
}

/** The lines of a ledger from the `from`th on. */
export function readLedger(path: string, from = 0): Line[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.slice(from, -1).map((line) => JSON.parse(line) as Line)
}
