import type { Failpoint } from '../../src/core/failpoint.ts'
import type { Site } from './server.ts'
import type { Wire } from './wire.ts'

/** An operation of a client that the server may die in. */
export interface Operation {
  readonly name: string
  /** Every failpoint on its way, in order. The last transaction is the one that decides. */
  readonly path: readonly Failpoint[]
  /** Makes what it needs, in a repository of its own. */
  prepare(wire: Wire, repo: string, site: Site): Promise<Attempt>
}

/** One operation that is ready to run. */
export interface Attempt {
  readonly repo: string
  /** Does it, once. */
  run(wire: Wire): Promise<void>
  /** Whether it has wholly happened; not at all otherwise. Anything between the two is a violation (C2, C3). */
  happened(wire: Wire): Promise<boolean>
  /** Goes on after a crash the way a good client does; it must have happened then. Doing it again unless told. */
  finish?(wire: Wire): Promise<void>
}

/** What is known after a strike at one point of the path: what was committed is there, what was not is not. */
export function committedAt(operation: Operation, index: number): boolean {
  return index >= operation.path.lastIndexOf('tx.after-commit')
}
