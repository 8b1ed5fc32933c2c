import type { Call } from '../core/context.ts'
import type { Sender } from './identify.ts'
import { Refusal } from './problem.ts'

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** What browsers say of requests that a page of ours, or the person at the browser, made. */
const OWN: ReadonlySet<string> = new Set(['same-origin', 'none'])

/**
 * Refuses `foreign-origin` for a change that a page of another site makes a browser ask for, with what the browser sends by itself: a
 * cookie, a remembered Basic login, or nothing (which would sign it in as somebody else). A cookie alone is not enough: the browser must
 * say where the request comes from. A Bearer token is added by programs alone.
 */
export function refuseForeign(request: Request, call: Call, proof: Sender['proof']): void {
  if (SAFE.has(request.method) || proof === 'bearer') return
  const origin = request.headers.get('Origin')
  const site = request.headers.get('Sec-Fetch-Site')
  if (origin !== null) {
    if (origin === originOf(call)) return
    throw new Refusal(
      'foreign-origin',
      `the request comes from a page of ${JSON.stringify(origin.slice(0, 255))}, and this server is ${call.origin}; if that is its address, too, set its public URL`,
    )
  }
  if (site !== null ? OWN.has(site) : proof !== 'cookie') return
  throw new Refusal(
    'foreign-origin',
    'the request carries a session cookie, and nothing says that it comes from a page of this server; send Origin, or a token in Authorization in place of the cookie',
  )
}

function originOf(call: Call): string {
  try {
    return new URL(call.origin).origin
  } catch {
    return call.origin
  }
}
