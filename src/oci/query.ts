import { refuse } from '../core/errors.ts'

const AMPERSAND = '&'
const SHOWN = 80

/**
 * The first value of a query parameter, form-decoded (`+` is a blank), or undefined where it is absent.
 * Unknown parameters are nobody's business (`ns`, PROTOCOL 8). Refuses `query-invalid` for broken percent-encoding.
 */
export function parameter(query: string, name: string): string | undefined {
  for (let at = 0; at < query.length; ) {
    const end = endOf(query, at)
    const value = valueAt(query, at, end, name)
    if (value !== undefined) return value
    at = end + 1
  }
  return undefined
}

/** Every value of a query parameter, in their order. Refuses `query-invalid`. */
export function parameters(query: string, name: string): string[] {
  const values: string[] = []
  for (let at = 0; at < query.length; ) {
    const end = endOf(query, at)
    const value = valueAt(query, at, end, name)
    if (value !== undefined) values.push(value)
    at = end + 1
  }
  return values
}

/** Builds a query from its parameters, leaving out the undefined ones; a list repeats its name. */
export function formatQuery(
  values: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue
    for (const each of typeof value === 'object' ? value : [value])
      parts.push(`${name}=${encodeURIComponent(each)}`)
  }
  return parts.join(AMPERSAND)
}

function endOf(query: string, at: number): number {
  const end = query.indexOf(AMPERSAND, at)
  return end < 0 ? query.length : end
}

function valueAt(query: string, at: number, end: number, name: string): string | undefined {
  const equals = query.indexOf('=', at)
  const keyEnd = equals < 0 || equals > end ? end : equals
  const key = query.slice(at, keyEnd)
  if (key !== name && (!key.includes('%') || decode(key) !== name)) return undefined
  return keyEnd === end ? '' : decode(query.slice(keyEnd + 1, end))
}

function decode(text: string): string {
  const blanked = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!blanked.includes('%')) return blanked
  try {
    return decodeURIComponent(blanked)
  } catch {
    throw refuse(
      'query-invalid',
      `the query holds ${JSON.stringify(text.slice(0, SHOWN))}, which is not percent-encoded UTF-8; encode it anew`,
    )
  }
}
