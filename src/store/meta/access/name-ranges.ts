import { fitsGlob, literalPrefix } from '../../../core/glob.ts'

/** Names from `from` (with it) to `to` (without it), in byte order. */
export interface NameRange {
  readonly from: string
  readonly to: string
}

/** Stands before every character of a name, so that nothing lies between a name and the name with this. */
const BEFORE = '!'
/** Stands behind every character of a name. */
const BEHIND = '{'

/** Every name. */
export const ALL_NAMES: NameRange = { from: '', to: BEHIND }

/** The names that begin with a text. */
export function startingWith(prefix: string): NameRange {
  return { from: prefix, to: prefix + BEHIND }
}

/** Where names that fit a pattern stand: what does not lie here does not fit. */
export function rangeOf(pattern: string): NameRange {
  const prefix = literalPrefix(pattern)
  return prefix === pattern ? { from: pattern, to: pattern + BEFORE } : startingWith(prefix)
}

/** Whether a range holds one name only. */
export function isOneName(range: NameRange): boolean {
  return range.to === range.from + BEFORE
}

/** The first text behind another one that a name could be. */
export function behind(last: string): string {
  return `${last}\u0001`
}

/** In order, without overlaps. */
export function unionOf(ranges: readonly NameRange[]): NameRange[] {
  const sorted = [...ranges].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
  const union: { from: string; to: string }[] = []
  for (const { from, to } of sorted) {
    const last = union.at(-1)
    if (last === undefined || from > last.to) union.push({ from, to })
    else if (to > last.to) last.to = to
  }
  return union
}

/** What lies in one of `a` and in one of `b`, both in order and without overlaps. */
export function intersectionOf(a: readonly NameRange[], b: readonly NameRange[]): NameRange[] {
  const both: NameRange[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [left, right] = [a[i] as NameRange, b[j] as NameRange]
    const from = left.from > right.from ? left.from : right.from
    const to = left.to < right.to ? left.to : right.to
    if (from < to) both.push({ from, to })
    if (left.to < right.to) i++
    else j++
  }
  return both
}

/** Whether names fit one of many patterns; plain names among these cost one look. */
export class Patterns {
  readonly #names = new Set<string>()
  readonly #globs: { readonly glob: string; readonly prefix: string }[] = []
  readonly ranges: readonly NameRange[]

  constructor(patterns: readonly string[]) {
    for (const glob of patterns) {
      const prefix = literalPrefix(glob)
      if (prefix === glob) this.#names.add(glob)
      else this.#globs.push({ glob, prefix })
    }
    this.ranges = unionOf(patterns.map(rangeOf))
  }

  fits(name: string): boolean {
    return (
      this.#names.has(name) ||
      this.#globs.some(({ glob, prefix }) => name.startsWith(prefix) && fitsGlob(name, glob))
    )
  }
}
