/**
 * A process that appends to a file store as it is told on the command line, for tests that trace it or make its disk fail:
 * `blob-child.ts ROOT STEPS`. Every step's outcome is one JSON line on standard output, written before the next step begins.
 */
import { writeSync } from 'node:fs'
import { RegistryError } from '../../src/core/errors.ts'
import type { ObjectKey } from '../../src/core/names.ts'
import { fileBlobStore } from '../../src/store/blob-fs.ts'
import { pieces } from '../suite/bytes.ts'

/** An append of `size` bytes, each the number of its step. */
export interface ChildStep {
  /** The object; a new one without. */
  readonly key?: string
  readonly offset: number
  readonly size: number
  readonly chunk: number
}

export interface ChildOutcome {
  readonly key: string
  readonly length?: number
  /** A refusal's kind or a system error's code. */
  readonly failed?: string
  /** Lengths told to be durable on the way. */
  readonly durable: readonly number[]
  /** What stands in storage afterwards. */
  readonly stored?: number
  /** Whether the body was ended, rather than left hanging. */
  readonly bodyEnded: boolean
}

const [root = '', steps = '[]'] = process.argv.slice(2)
const store = await fileBlobStore(root, { reserveBytes: 0, reserveRatio: 0 })

for (const [at, step] of (JSON.parse(steps) as ChildStep[]).entries()) {
  const key = (step.key ?? store.begin()) as ObjectKey
  const durable: number[] = []
  let bodyEnded = false
  const body = async function* () {
    try {
      yield* pieces(Buffer.alloc(step.size, at), step.chunk)
    } finally {
      bodyEnded = true
    }
  }
  const onDurable = async (length: number) => {
    durable.push(length)
  }
  const result = await store.append(key, step.offset, body(), { onDurable, size: step.size }).then(
    (length) => ({ length }),
    (error) => ({ failed: error instanceof RegistryError ? error.kind : String(error.code ?? error) }),
  )
  const stored = await store.stat(key)
  const outcome: ChildOutcome = {
    key,
    ...result,
    durable,
    bodyEnded,
    ...(stored !== undefined && { stored }),
  }
  writeSync(1, `${JSON.stringify(outcome)}\n`)
}
