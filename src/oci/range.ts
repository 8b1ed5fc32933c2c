import { refuse } from '../core/errors.ts'
import type { Span } from '../core/registry.ts'
import type { WireLimits } from './limits.ts'

/** What a Range header asks of an object: `several` when it named more than one, even if only one of them can be had. */
export interface RangesAsked {
  readonly spans: readonly Span[]
  readonly several: boolean
}

const UNIT = 'bytes='
/** Blanks are let through, as the runtime does where it ranges a file by itself: both must agree. */
const SPEC = /^([0-9]*)[ \t]*-[ \t]*([0-9]*)$/

/**
 * Reads a Range header for an object of `size` bytes; undefined means to ignore it, as RFC 9110 14.2 asks for other units and
 * broken syntax. Refuses `range-unsatisfiable` when no range can be had – also `500-0`, which the conformance suite wants so (P6) –
 * and `range-refused` for too many of them (P7).
 */
export function parseRange(
  header: string,
  size: number,
  limits: Pick<WireLimits, 'maxRanges' | 'maxRangeFactor'>,
): RangesAsked | undefined {
  if (header.slice(0, UNIT.length).toLowerCase() !== UNIT) return undefined
  const spans: Span[] = []
  let asked = 0
  let total = 0
  for (const part of header.slice(UNIT.length).split(',')) {
    const spec = part.trim()
    if (spec === '') continue
    if (++asked > limits.maxRanges) {
      throw refuse(
        'range-refused',
        `more than ${limits.maxRanges} ranges are asked for, the limit of this registry; ask in several requests`,
      )
    }
    const match = SPEC.exec(spec)
    if (match === null || spec === '-') return undefined
    const span = spanOf(match[1] ?? '', match[2] ?? '', size)
    if (span === undefined) continue
    spans.push(span)
    total += span.end - span.start
  }
  if (asked === 0) return undefined
  if (spans.length === 0) {
    const shown = header.length > 80 ? `${header.slice(0, 80)}…` : header
    throw refuse('range-unsatisfiable', `Range ${shown} lies outside of the ${size} bytes there are`, {
      size,
    })
  }
  if (total > limits.maxRangeFactor * size) {
    throw refuse(
      'range-refused',
      `the ranges ask for ${total} bytes of an object of ${size}, over ${limits.maxRangeFactor} times its size; ask for less overlap`,
    )
  }
  return { spans, several: asked > 1 }
}

/** One range clipped to the object, or undefined where nothing of it is there. Numbers beyond 2^53 only have to stay large. */
function spanOf(first: string, last: string, size: number): Span | undefined {
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length > 0 ? { start: size - length, end: size } : undefined
  }
  const start = Number(first)
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  return start < end ? { start, end } : undefined
}
