const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/

/** The last one that is a URL's: what comes is mostly the same, and parsing takes longer than everything else here. */
let known: string | undefined

/**
 * Whether a Host header names one host, as URLs have them: two Hosts arrive joined by a comma (SE-19), an HTTP/1.0 request may have none;
 * `1.2.3.256` and a port of 65536 have the form, and no URL can be made of them.
 */
export function isHost(value: string | null): boolean {
  if (value === null || value.length > 255) return false
  if (value === known) return true
  if (!HOST.test(value) || !URL.canParse(`http://${value}`)) return false
  known = value
  return true
}
