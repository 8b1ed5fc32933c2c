import type { Call } from '../core/context.ts'
import { SESSION_COOKIE } from '../core/session-cookie.ts'

function nameFor(call: Pick<Call, 'origin'>): string {
  return SESSION_COOKIE[isSecure(call) ? 'https' : 'http']
}

function isSecure({ origin }: Pick<Call, 'origin'>): boolean {
  return origin.startsWith('https:')
}

/**
 * The session's secret from a Cookie header. undefined where there is none, or several that differ: another site of the domain may have
 * set one of them to make the browser someone else.
 */
export function sessionFrom(header: string | null, call: Pick<Call, 'origin'>): string | undefined {
  const name = nameFor(call)
  const found = new Set<string>()
  for (const part of header?.split(';') ?? []) {
    const at = part.indexOf('=')
    if (at >= 0 && part.slice(0, at).trim() === name) found.add(part.slice(at + 1).trim())
  }
  const [only, another] = found
  return another === undefined && only !== '' ? only : undefined
}

/** Set-Cookie of a session that was begun. No script reads it, and no other site's request for a change carries it. */
export function sessionCookie(secret: string, call: Call, seconds: number): string {
  return `${nameFor(call)}=${secret}; Max-Age=${Math.floor(seconds)}; ${attributes(call)}`
}

/** Set-Cookie of a session that has ended. */
export function endedCookie(call: Call): string {
  return `${nameFor(call)}=; Max-Age=0; ${attributes(call)}`
}

function attributes(call: Call): string {
  return `Path=/; HttpOnly; SameSite=Lax${isSecure(call) ? '; Secure' : ''}`
}
