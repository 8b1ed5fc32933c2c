import { refuse } from './errors.ts'
import { MAX_NAME_LENGTH } from './names.ts'

/*
 * Patterns of repository names: `*` stands for anything within one part, `**` for anything, `?` for one character of a part. `acme/*` is
 * every repository directly in acme, `acme/**` every one below it.
 */

const GLOB = /^[a-z0-9._\-*?]+(?:\/[a-z0-9._\-*?]+)*$/
const WILDCARD = /\*+|\?/g

/** The pattern that every repository fits. */
export const EVERYTHING = '**'

/** Wildcards of one pattern at most: what a look at a pattern costs grows with them, and every request looks at many. */
export const MAX_WILDCARDS = 4

/** Parses a pattern of repository names. Refuses `pattern-invalid`. */
export function parseGlob(text: string): string {
  if (text.length > MAX_NAME_LENGTH || !GLOB.test(text)) {
    throw refuse(
      'pattern-invalid',
      `${JSON.stringify(text.slice(0, MAX_NAME_LENGTH + 1))} is not a pattern of repositories; write a name in which * stands for part of a component and ** for any number of them, such as acme/* or acme/**`,
    )
  }
  const wildcards = text.match(WILDCARD)?.length ?? 0
  if (wildcards > MAX_WILDCARDS) {
    throw refuse(
      'pattern-invalid',
      `${JSON.stringify(text)} has ${wildcards} wildcards, and a pattern may have ${MAX_WILDCARDS}; write ** for several in a row`,
    )
  }
  return text
}

/** What stands between two literal pieces: one character of a part, any of them, anything. */
type Gap = 'one' | 'part' | 'deep'

/** A pattern ready to be asked about names. */
export class Glob {
  /** What every name that fits begins with. */
  readonly prefix: string
  /** The texts around the wildcards, one more than `#gaps`. */
  readonly #pieces: readonly string[]
  readonly #gaps: readonly Gap[]
  readonly #last: string
  /** Characters of all pieces. */
  readonly #length: number

  constructor(glob: string) {
    this.#pieces = glob.split(WILDCARD)
    this.#gaps = (glob.match(WILDCARD) ?? []).map((gap) =>
      gap === '?' ? 'one' : gap === '*' ? 'part' : 'deep',
    )
    this.prefix = this.#pieces[0] as string
    this.#last = this.#pieces.at(-1) as string
    this.#length = this.#pieces.reduce((sum, piece) => sum + piece.length, 0)
  }

  /**
   * Whether a name fits. `steps` counts how often a piece was looked for.
   *
   * Every piece stands as far left as it can: its place only ever moves right, when the piece before it has moved, or when the one behind it
   * cannot be reached from where it ends. So there are no more steps than characters × wildcards, and mostly as many as pieces.
   */
  fits(name: string, steps?: { count: number }): boolean {
    const pieces = this.#pieces
    const end = pieces.length - 1
    if (end === 0) return name === this.prefix
    if (name.length < this.#length || !name.startsWith(this.prefix) || !name.endsWith(this.#last))
      return false
    const places: number[] = [0]
    for (let at = 1; at <= end; ) {
      if (steps !== undefined) steps.count++
      const before = at - 1
      const from = (places[before] as number) + (pieces[before] as string).length
      const gap = this.#gaps[before] as Gap
      const place = this.#find(at, name, Math.max(places[at] ?? 0, gap === 'one' ? from + 1 : from))
      if (place < 0) return false
      places[at] = place
      const least = leastEnd(gap, name, from, place)
      if (least === from) {
        at++
        continue
      }
      // The first piece stands where it stands.
      if (before === 0) return false
      places[before] = least - (pieces[before] as string).length
      at = before
    }
    return true
  }

  /** Where a piece stands next; the last one stands at the end only. */
  #find(at: number, name: string, from: number): number {
    const piece = this.#pieces[at] as string
    const last = name.length - piece.length
    if (from > last) return -1
    return at === this.#pieces.length - 1 ? last : name.indexOf(piece, from)
  }
}

/** Where the piece before must end at least, so that a gap reaches from there to `place`: `from`, where it ends, if it does. */
function leastEnd(gap: Gap, name: string, from: number, place: number): number {
  if (gap === 'deep') return from
  if (gap === 'part') {
    const slash = place === 0 ? -1 : name.lastIndexOf('/', place - 1)
    return slash >= from ? slash + 1 : from
  }
  if (place > from + 1) return place - 1
  return name[from] === '/' ? from + 1 : from
}

/** Patterns that were asked about lately: a decision asks about the same again and again. */
const MAX_KNOWN = 4_096
const known = new Map<string, Glob>()

/** A pattern ready to be asked about names, made once. */
export function compiledGlob(glob: string): Glob {
  let compiled = known.get(glob)
  if (compiled === undefined) {
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(glob, (compiled = new Glob(glob)))
  }
  return compiled
}

/** Whether a name fits a pattern. */
export function fitsGlob(name: string, glob: string): boolean {
  return compiledGlob(glob).fits(name)
}

/** What every name that fits begins with. */
export function literalPrefix(glob: string): string {
  const wild = glob.search(/[*?]/)
  return wild < 0 ? glob : glob.slice(0, wild)
}
