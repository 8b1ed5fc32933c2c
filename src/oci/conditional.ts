import { type Digest, tryParseDigest } from '../core/digest.ts'
import { refuse } from '../core/errors.ts'
import type { Expectation } from '../core/registry.ts'
import type { WireRequest } from './message.ts'

/** The entity tag of content: its digest, quoted (P8). */
export function etagOf(digest: Digest): string {
  return `"${digest}"`
}

/**
 * Whether the client already has what it reads: `If-None-Match` names it, so that 304 is the answer (RFC 9110 13.1.2).
 * Refuses `precondition-failed` when `If-Match` names other content.
 */
export function isFresh(request: WireRequest, digest: Digest): boolean {
  const match = request.header('if-match')
  if (match !== null && !names(match, digest, false)) {
    throw refuse('precondition-failed', `the content here is ${digest}, which If-Match does not name`)
  }
  const noneMatch = request.header('if-none-match')
  return noneMatch !== null && names(noneMatch, digest, true)
}

/**
 * What a conditional push expects of its reference (M11), undefined for a plain one. Refuses `request-invalid` for an
 * `If-None-Match` that names content: nothing could be gained by it, and ignoring it would overwrite.
 */
export function expectationOf(request: WireRequest): Expectation | undefined {
  const match = request.header('if-match')
  const noneMatch = request.header('if-none-match')
  if (noneMatch !== null) {
    if (noneMatch.trim() === '*' && match === null) return { absent: true }
    throw refuse(
      'request-invalid',
      'a push can expect If-None-Match: * or If-Match, one of them; leave out the other',
    )
  }
  if (match === null) return undefined
  if (match.trim() === '*') return { present: true }
  const digests: Digest[] = []
  for (const tag of match.split(',')) {
    // A weak tag never matches here (RFC 9110 13.1.1), nor does one that no registry gave.
    const digest = tryParseDigest(unquoted(tag.trim()) ?? '')
    if (digest !== undefined) digests.push(digest)
  }
  return { digests }
}

/** Refuses `request-invalid` for a conditional delete: it could not be atomic, and ignoring the condition would destroy. */
export function refuseConditions(request: WireRequest): void {
  if (request.header('if-match') === null && request.header('if-none-match') === null) return
  throw refuse('request-invalid', 'deletes cannot be conditional; leave out If-Match and If-None-Match')
}

function names(header: string, digest: Digest, weak: boolean): boolean {
  for (const part of header.split(',')) {
    const tag = part.trim()
    if (tag === '*') return true
    if (unquoted(weak && tag.startsWith('W/') ? tag.slice(2) : tag) === digest) return true
  }
  return false
}

function unquoted(tag: string): string | undefined {
  return tag.length >= 2 && tag.startsWith('"') && tag.endsWith('"') ? tag.slice(1, -1) : undefined
}
