import { refuse } from './errors.ts'

/** Bounds on a JSON text, checked before anything is built from it (RS-3). */
export interface JsonLimits {
  readonly maxDepth: number
  readonly maxTokens: number
}

/** Which keys of which objects are told apart strictly; undefined leaves an object's keys alone. */
export type KnownFields = ReadonlyMap<string, string>

/** The parts of a manifest in which two JSON readers must never differ. */
interface StrictShape {
  readonly root: KnownFields
  readonly descriptor: KnownFields
  /** Root fields that hold one descriptor. */
  readonly single: ReadonlySet<string>
  /** Root fields that hold a list of descriptors. */
  readonly list: ReadonlySet<string>
  /** Known fields that hold whole numbers. */
  readonly whole: ReadonlySet<string>
}

const QUOTE = 34
const BACKSLASH = 92
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93
const COLON = 58
const COMMA = 44

interface Frame {
  readonly isObject: boolean
  /** Set for objects whose keys are checked. */
  readonly fields: KnownFields | undefined
  readonly seen: Set<string> | undefined
  /** Set for arrays whose objects are descriptors. */
  readonly ofDescriptors: boolean
  key: string
  expectKey: boolean
}

/**
 * Walks a JSON text once, linear and without building it. Refuses `manifest-invalid` when it is too deep or has too many
 * tokens, and when a key of a strict object stands twice or differs from a known field only by case: Go's reader folds case
 * and lets the last one win, others do not, and content must not mean two things (M12, SE-9). It is no validator: JSON.parse
 * still has to accept the text.
 */
export function scanJson(text: string, limits: JsonLimits, shape: StrictShape): void {
  const stack: Frame[] = []
  let top: Frame | undefined
  let tokens = 0
  let at = 0
  const length = text.length
  while (at < length) {
    const code = text.charCodeAt(at)
    if (code <= 32 || code === COMMA || code === COLON) {
      if (code === COMMA && top?.isObject) top.expectKey = true
      at++
      continue
    }
    if (++tokens > limits.maxTokens) {
      throw refuse(
        'manifest-invalid',
        `the manifest has more than ${limits.maxTokens} JSON tokens, the limit of this registry`,
      )
    }
    if (code === QUOTE) {
      const end = endOfString(text, at)
      if (top?.isObject && top.expectKey) {
        top.expectKey = false
        top.key = checkKey(top, text.slice(at, end))
      }
      at = end
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (stack.length >= limits.maxDepth) {
        throw refuse(
          'manifest-invalid',
          `the manifest is nested deeper than ${limits.maxDepth} levels, the limit of this registry`,
        )
      }
      top = code === OPEN_OBJECT ? objectFrame(stack, top, shape) : arrayFrame(stack, top, shape)
      stack.push(top)
      at++
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      stack.pop()
      top = stack[stack.length - 1]
      at++
    } else {
      const end = endOfLiteral(text, at + 1)
      if (top?.fields !== undefined && shape.whole.has(top.key) && isKnown(top.fields, top.key)) {
        checkWhole(top.key, text.slice(at, end))
      }
      at = end
    }
  }
}

function objectFrame(stack: readonly Frame[], parent: Frame | undefined, shape: StrictShape): Frame {
  let fields: KnownFields | undefined
  if (parent === undefined) fields = shape.root
  else if (parent.ofDescriptors || (stack.length === 1 && parent.isObject && shape.single.has(parent.key))) {
    fields = shape.descriptor
  }
  const seen = fields === undefined ? undefined : new Set<string>()
  return { isObject: true, fields, seen, ofDescriptors: false, key: '', expectKey: true }
}

function arrayFrame(stack: readonly Frame[], parent: Frame | undefined, shape: StrictShape): Frame {
  const ofDescriptors = stack.length === 1 && parent !== undefined && shape.list.has(parent.key)
  return { isObject: false, fields: undefined, seen: undefined, ofDescriptors, key: '', expectKey: false }
}

function checkKey(frame: Frame, raw: string): string {
  if (frame.fields === undefined || frame.seen === undefined) return ''
  const key = unquote(raw)
  // Go folds K (Kelvin) and ſ (long s) too; upper then lower case folds all of them.
  const known = frame.fields.get(key.toUpperCase().toLowerCase())
  if (known !== undefined && known !== key) {
    throw refuse(
      'manifest-invalid',
      `the manifest has the field ${JSON.stringify(key.slice(0, 80))}, which some readers take for ${JSON.stringify(known)}; spell it ${JSON.stringify(known)} or remove it`,
    )
  }
  if (frame.seen.has(key)) {
    throw refuse(
      'manifest-invalid',
      `the manifest has the field ${JSON.stringify(key.slice(0, 80))} twice in one object; keep one`,
    )
  }
  frame.seen.add(key)
  return key
}

function isKnown(fields: KnownFields, key: string): boolean {
  return fields.get(key.toLowerCase()) === key
}

/** `1e3` and `2.0` are whole numbers to some readers and errors to others, Go's among them. */
function checkWhole(key: string, raw: string): void {
  if (!/^-?[0-9]/.test(raw) || /^-?[0-9]+$/.test(raw)) return
  throw refuse(
    'manifest-invalid',
    `the manifest has the ${key} ${raw.slice(0, 40)}, which some readers take for no whole number; write its digits only`,
  )
}

function unquote(raw: string): string {
  if (!raw.includes('\\')) return raw.slice(1, -1)
  try {
    return JSON.parse(raw) as string
  } catch {
    return raw
  }
}

/** The index behind the closing quote of the string that opens at `start`; the text's end when it never closes. */
function endOfString(text: string, start: number): number {
  let at = start
  for (;;) {
    at = text.indexOf('"', at + 1)
    if (at < 0) return text.length
    let slashes = at - 1
    while (slashes > start && text.charCodeAt(slashes) === BACKSLASH) slashes--
    if ((at - slashes) % 2 === 1) return at + 1
  }
}

function endOfLiteral(text: string, start: number): number {
  let at = start
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code <= 32 || code === COMMA || code === COLON || code === QUOTE) break
    if (code === OPEN_OBJECT || code === CLOSE_OBJECT || code === OPEN_ARRAY || code === CLOSE_ARRAY) break
    at++
  }
  return at
}

/** A table from the folded spelling to the right one. */
export function knownFields(...names: string[]): KnownFields {
  return new Map(names.map((name) => [name.toUpperCase().toLowerCase(), name]))
}
