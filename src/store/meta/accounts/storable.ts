import { refuse } from '../../../core/errors.ts'

/**
 * Gives the arguments of a call back if both databases can take them. Refuses `request-invalid`: PostgreSQL has no text with the
 * character NUL, and no integer beyond 64 bits; SQLite would take both for something.
 */
export function storable<T>(value: T): T {
  check(value)
  return value
}

function check(value: unknown): void {
  if (typeof value === 'string') {
    if (value.includes('\0')) {
      throw refuse('request-invalid', 'a text holds the character NUL, which cannot be stored; leave it out')
    }
  } else if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) {
      throw refuse('request-invalid', `${value} is not a whole number that can be stored; use a smaller one`)
    }
  } else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    for (const part of Object.values(value)) check(part)
  }
}
