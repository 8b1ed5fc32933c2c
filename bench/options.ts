import { parseArgs } from 'node:util'

export interface Options {
  /** Ids of rows; all of them when empty. */
  readonly only: readonly string[]
  readonly rounds: number
  /** Seconds of one measurement. */
  readonly seconds: number
  /** A look, not a result: fewer rounds, shorter ones, and nothing unpinned. */
  readonly quick: boolean
  /** Where every sample goes. */
  readonly json: string | undefined
  /** Whether docs/benchmarks.md is rewritten. */
  readonly write: boolean
}

const ROUNDS = { full: 5, quick: 2 }
const SECONDS = { full: 1.5, quick: 0.7 }

export const USAGE = `npm run bench -- [options]

  --only ID…     these rows only (an id, or the start of several)
  --rounds N     measurements of each server, one after the other (${ROUNDS.full}; quick: ${ROUNDS.quick})
  --quick        shorter measurements, fewer rounds, pinned only
  --json FILE    write every sample
  --write        rewrite the tables of docs/benchmarks.md
`

/** Reads the command line. Throws a TypeError that says what is wrong with it. */
export function parseOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  })
  if (positionals.length > 0 && values.only.length === 0)
    throw new TypeError(`${positionals[0]} is not an option`)
  const rounds = Number(values.rounds ?? (values.quick ? ROUNDS.quick : ROUNDS.full))
  if (!Number.isInteger(rounds) || rounds < 1) throw new TypeError(`--rounds ${values.rounds}: not a count`)
  return {
    only: [...values.only, ...positionals].flatMap((ids) => ids.split(',')),
    rounds,
    seconds: values.quick ? SECONDS.quick : SECONDS.full,
    quick: values.quick,
    json: values.json,
    write: values.write,
  }
}
