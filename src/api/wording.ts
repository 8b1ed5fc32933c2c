import type { z } from 'zod'

/** What the kinds of values are called. */
const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
}

/** What is wrong with one value, as the end of a sentence that began with its place. What the value is, it does not tell. */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`
    case 'too_big':
      return bound(issue.origin, 'at most', issue.maximum)
    case 'too_small':
      return issue.minimum === 1 && issue.origin !== 'number' && issue.origin !== 'int'
        ? 'must not be empty'
        : bound(issue.origin, 'at least', issue.minimum)
    case 'invalid_format':
      return issue.format === 'datetime'
        ? 'must be a time in UTC, such as 2027-01-31T12:00:00Z'
        : 'is not written as it should be'
    default:
      return undefined
  }
}

function bound(origin: string, most: string, count: number | bigint): string {
  if (origin === 'string') return `must have ${most} ${count} characters`
  if (origin === 'array') return `must have ${most} ${count} items`
  return `must be ${most} ${count}`
}
