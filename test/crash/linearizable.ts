/** What one object does when operations come one after the other. */
export interface Model<State, Op> {
  /** The state after `op`, or undefined where the operation cannot have had its outcome in this state. */
  step(state: State, op: Op): State | undefined
}

/** An operation on one object: it happened at one moment between its call and its end, if it happened. */
export interface Interval<Op> {
  readonly op: Op
  readonly call: number
  readonly end: number
  /** Nobody was told of its outcome, so that it may not have happened at all. */
  readonly optional?: true
}

export type Linearization<Op> =
  | { readonly ok: true }
  /** No order explains all of it: the one that explains the most, and what could have come next but has another outcome. */
  | { readonly ok: false; readonly longest: readonly Interval<Op>[]; readonly stuck: readonly Interval<Op>[] }

/**
 * Whether there is an order of the operations that respects real time and the model: the search of Wing and Gong with Lowe's
 * memory of visited configurations, as in Porcupine. States are primitive values, since they are remembered by value.
 */
export function linearize<State extends string | boolean | null, Op>(
  model: Model<State, Op>,
  initial: State,
  history: readonly Interval<Op>[],
): Linearization<Op> {
  const ops = [...history].sort((a, b) => a.call - b.call)
  const done = new Uint8Array(ops.length)
  const visited = new Set<string>()
  const order: number[] = []
  let longest: number[] = []
  let stuck: number[] = []

  const firstOpen = () => {
    const at = done.indexOf(0)
    return at < 0 ? ops.length : at
  }

  /** Which operations are done, told shortly: all before the first open one, and of those behind it some. */
  function configurationOf(state: State): string {
    const first = firstOpen()
    return `${state} ${first} ${done.subarray(first, done.lastIndexOf(1) + 1).join('')}`
  }

  /** What may come next: was called before anything still to come has ended, and has not ended before something done was called. */
  function candidates(latestCall: number): number[] {
    let deadline = Number.POSITIVE_INFINITY
    const found: number[] = []
    for (let at = firstOpen(); at < ops.length; at++) {
      const { call, end, optional } = ops[at] as Interval<Op>
      if (call > deadline) break
      if (done[at] === 1) continue
      if (optional !== true) deadline = Math.min(deadline, end)
      if (end >= latestCall) found.push(at)
    }
    return found.filter((at) => (ops[at] as Interval<Op>).call <= deadline)
  }

  function search(state: State, latestCall: number, mandatory: number): boolean {
    if (mandatory === 0) return true
    const configuration = configurationOf(state)
    if (visited.has(configuration)) return false
    visited.add(configuration)
    const next = candidates(latestCall)
    if (visited.size === 1 || order.length > longest.length) {
      longest = [...order]
      stuck = next
    }
    for (const at of next) {
      const { op, call, optional } = ops[at] as Interval<Op>
      const after = model.step(state, op)
      if (after === undefined) continue
      done[at] = 1
      order.push(at)
      if (search(after, Math.max(latestCall, call), mandatory - (optional === true ? 0 : 1))) return true
      order.pop()
      done[at] = 0
    }
    return false
  }

  const mandatory = ops.filter((op) => op.optional !== true).length
  if (search(initial, Number.NEGATIVE_INFINITY, mandatory)) return { ok: true }
  const named = (indices: readonly number[]) => indices.map((at) => ops[at] as Interval<Op>)
  return { ok: false, longest: named(longest), stuck: named(stuck) }
}
