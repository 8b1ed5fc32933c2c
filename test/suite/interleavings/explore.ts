import { COMMANDS, type RunCommand } from '../../../src/store/meta/commands.ts'
import type { Dialect, Tx } from '../../../src/store/meta/driver.ts'
import { metadataStore } from '../../../src/store/meta/facade.ts'
import type { Store } from '../../../src/store/meta/store.ts'

/*
 * Every order in which some processes can take their steps, by a search in depth over the real commands: each step is taken behind a
 * savepoint, and taken back. States that were met before are not gone into again.
 */

/** What a step works on. Steps change the database by commands and `stored` in place. */
export interface Stage {
  readonly store: Pick<Store, Exclude<keyof Store, 'check' | 'close'>>
  /** Where in storage there is an object. */
  readonly stored: Set<string>
}

/** A process: where it is, and what it can do next. Immutable, and told apart by its JSON. */
export interface Process<P extends object> {
  readonly state: object
  /** Steps that it can take now; several where it has a choice, none where it is done. Each gives its next state. */
  readonly steps: (state: P) => readonly ((stage: Stage) => Promise<object>)[]
}

/** A database on one connection, in a transaction that is never committed. */
export interface Bench {
  readonly tx: Tx
  readonly dialect: Dialect
  execute(sql: string): Promise<unknown> | unknown
}

export interface Explored {
  readonly states: number
  /** Orders from the first step to the last. */
  readonly interleavings: number
  /** What was wrong in the first state that breaks the rule, and the steps that led there. */
  readonly broken?: string
}

class Broken extends Error {}

/**
 * Goes through every order. `check` is asked of each state and says what is wrong with it; `atEnd` of those in which no process can go on,
 * and may change what it likes. Ends at the first state that is wrong.
 */
export async function explore(
  bench: Bench,
  processes: readonly Process<never>[],
  check: (facts: readonly string[], stored: ReadonlySet<string>) => string | undefined,
  atEnd: (stage: Stage, facts: () => Promise<string[]>) => Promise<string | undefined>,
): Promise<Explored> {
  const { tx, dialect } = bench
  const run = ((name, args) => COMMANDS[name](tx, dialect, args as never)) as RunCommand
  const store = metadataStore(tx, dialect, run)
  const facts = async () => (await tx.all<{ fact: string }>(FACTS, [])).map(({ fact }) => fact).sort()
  /** Orders from each state to the end. */
  const met = new Map<string, number>()
  const path: string[] = []

  async function visit(states: readonly object[], stored: ReadonlySet<string>): Promise<number> {
    const now = await facts()
    const key = JSON.stringify([states, [...stored].sort(), now])
    const known = met.get(key)
    if (known !== undefined) return known
    const wrong = check(now, stored)
    if (wrong !== undefined) throw new Broken(`${wrong}\nafter ${path.join(', ')}\nwith ${now.join('; ')}`)
    // A step that changes nothing leads here again.
    met.set(key, 0)
    let orders = 0
    let isEnd = true
    for (const [at, process] of processes.entries()) {
      for (const step of process.steps(states[at] as never)) {
        isEnd = false
        orders += await within(async () => {
          const stage = { store, stored: new Set(stored) }
          const next = await step(stage)
          path.push(`${at}:${JSON.stringify(states[at])}`)
          const count = await visit(states.with(at, next), stage.stored)
          path.pop()
          return count
        })
      }
    }
    if (isEnd) {
      orders = 1
      const left = await within(() => atEnd({ store, stored: new Set(stored) }, facts))
      if (left !== undefined) throw new Broken(`${left}\nafter ${path.join(', ')}`)
    }
    met.set(key, orders)
    return orders
  }

  let depth = 0
  async function within<T>(work: () => Promise<T>): Promise<T> {
    const name = `s${++depth}`
    await bench.execute(`SAVEPOINT ${name}`)
    try {
      return await work()
    } finally {
      await bench.execute(`ROLLBACK TO SAVEPOINT ${name}`)
      await bench.execute(`RELEASE SAVEPOINT ${name}`)
      depth--
    }
  }

  await bench.execute('BEGIN')
  try {
    const interleavings = await visit(
      processes.map(({ state }) => state as object),
      new Set(),
    )
    return { states: met.size, interleavings }
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    return { states: met.size, interleavings: 0, broken: error.message }
  } finally {
    await bench.execute('ROLLBACK')
  }
}

/** The database as lines that do not depend on the order in which rows were numbered. Manifests are told apart by their size. */
const FACTS = [
  "SELECT 'blob ' || CAST(obj AS text) AS fact FROM blob",
  `SELECT 'link ' || r.name || ' ' || CAST(b.obj AS text) || ' ' || CASE WHEN l.lease_until IS NULL THEN 'used' ELSE 'leased' END
     FROM repo_blob l JOIN repo r ON r.id = l.repo_id JOIN blob b ON b.id = l.blob_id`,
  "SELECT 'manifest ' || CAST(size AS text) FROM manifest",
  `SELECT 'lists ' || CAST(m.size AS text) || ' ' || CAST(b.obj AS text)
     FROM manifest_blob l JOIN manifest m ON m.id = l.manifest_id JOIN blob b ON b.id = l.blob_id`,
  `SELECT 'look at manifest ' || coalesce(CAST(m.size AS text), 'gone')
     FROM gc_manifest g LEFT JOIN manifest m ON m.id = g.manifest_id`,
  `SELECT 'look at link ' || r.name || ' ' || coalesce(CAST(b.obj AS text), 'gone')
     FROM gc_link g JOIN repo r ON r.id = g.repo_id LEFT JOIN blob b ON b.id = g.blob_id`,
  "SELECT 'look at blob ' || coalesce(CAST(b.obj AS text), 'gone') FROM gc_blob g LEFT JOIN blob b ON b.id = g.blob_id",
  "SELECT 'tombstone ' || CAST(obj AS text) FROM tombstone",
  "SELECT 'upload ' || CAST(id AS text) || ' ' || CAST(state AS text) FROM upload",
  "SELECT 'repo ' || name FROM repo",
].join(' UNION ALL ')
