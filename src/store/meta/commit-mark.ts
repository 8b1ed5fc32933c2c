/**
 * A number shared by the thread that commits and the thread that reads: odd while a commit is under way, another even one behind each.
 * Reading it costs nothing, unlike asking the database, which takes and frees a lock on a file.
 *
 * It says all there is to say because one process alone owns the database (`sqlite-lock.ts`).
 */
export class CommitMark {
  readonly #cell: Int32Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.#cell = new Int32Array(buffer)
  }

  /** To hand to the other thread. */
  get buffer(): SharedArrayBuffer {
    return this.#cell.buffer as SharedArrayBuffer
  }

  /** From here on readers may see what was there before or what comes. */
  begin(): void {
    Atomics.add(this.#cell, 0, 1)
  }

  /** From here on readers see what was committed, or that nothing was. */
  end(): void {
    Atomics.add(this.#cell, 0, 1)
  }

  /** The present number; undefined while a commit is under way. */
  get(): number | undefined {
    const now = Atomics.load(this.#cell, 0)
    return now % 2 === 0 ? now : undefined
  }
}
