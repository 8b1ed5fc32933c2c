/** A generator that gives the same numbers for the same seed (mulberry32), so that a failed run can be told by its seed. */
export interface Random {
  /** An integer from 0 up to, without, `bound`. */
  below(bound: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  bytes(size: number): Uint8Array
  /** A generator of its own, for a worker that must not disturb the others. */
  fork(): Random
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (bound: number) => Math.floor((next() / 2 ** 32) * bound)
  return {
    below,
    chance: (probability) => next() / 2 ** 32 < probability,
    pick: (items) => {
      const item = items[below(items.length)]
      if (item === undefined) throw new Error('there is nothing to pick from')
      return item
    },
    bytes(size) {
      const words = Uint32Array.from({ length: Math.ceil(size / 4) }, next)
      return new Uint8Array(words.buffer, 0, size)
    },
    fork: () => seededRandom(next()),
  }
}
