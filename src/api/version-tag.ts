import { Refusal } from './problem.ts'

const TAG = /^"([^"]*)"$/

/** The tag of a version (RFC 9110, ETag). */
export function versionTag(version: number): string {
  return `"${version}"`
}

/**
 * The version that If-Match names; undefined where it names none or any (`*`). Refuses `precondition-failed` for a tag that no version has,
 * `request-invalid` for what is no tag.
 */
export function versionFrom(header: string | null): number | undefined {
  const text = header?.trim()
  if (text === undefined || text === '*') return undefined
  // A weak tag never matches (RFC 9110, 13.1.1).
  const [, tag] = TAG.exec(text.replace(/^W\//, '')) ?? []
  if (tag === undefined) {
    throw new Refusal(
      'request-invalid',
      `If-Match: ${text.slice(0, 64)} is not one version; write it as the answer's ETag did, such as "3"`,
    )
  }
  if (text.startsWith('W/') || !/^\d{1,15}$/.test(tag)) throw stale()
  return Number(tag)
}

/** The thing has changed since the version that If-Match names. */
export function stale(): Refusal {
  return new Refusal(
    'precondition-failed',
    'it has changed since the version that If-Match names; read it again and repeat the change on what is there now',
  )
}
