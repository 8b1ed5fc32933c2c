import { IMMUTABLE, REVALIDATE } from './headers.ts'

/** What each caching becomes where answers depend on who asks. */
const PRIVATE: Readonly<Record<string, string>> = {
  [IMMUTABLE]: `private, ${IMMUTABLE}`,
  [REVALIDATE]: `private, ${REVALIDATE}`,
}
const FRESH = `private, ${REVALIDATE}`

/**
 * Keeps an answer that depends on who asks from shared caches (P8). Said of every answer, of public repositories as well: which they are
 * may change, and a proxy that caches whatever came with an Authorization header would go on serving them. An answer that says already
 * who may keep it stays as it is.
 */
export function keepPrivate(headers: Record<string, string>): void {
  const said = headers['Cache-Control']
  if (said === undefined) headers['Cache-Control'] = FRESH
  else if (PRIVATE[said] !== undefined) headers['Cache-Control'] = PRIVATE[said]
}
