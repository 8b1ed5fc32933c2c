/**
 * The name that a session's cookie has. Over TLS one that browsers let only this host set, for itself alone: no other site of the domain,
 * and nobody on plain HTTP, can put one there (RFC 6265bis, 4.1.3). On plain HTTP there is no such name.
 */
export const SESSION_COOKIE = { https: '__Host-berth_session', http: 'berth_session' } as const

/** Whether a Cookie header may hold a session, good or not: for what must be decided before anyone looks. */
export function hasSession(header: string | null): boolean {
  return header?.includes(`${SESSION_COOKIE.http}=`) ?? false
}
