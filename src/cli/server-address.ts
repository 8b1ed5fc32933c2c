import { isLoopback } from '../config.ts'
import { UsageError } from './usage-error.ts'

/** A server as a person named it. */
export interface ServerAddress {
  /** `https://registry.example.com`, without a slash at the end. */
  readonly base: string
  /** `registry.example.com`, `localhost:5000`: as image names and docker's configuration have it. */
  readonly host: string
}

/**
 * Reads `registry.example.com`, `localhost:5000` or a URL. HTTPS unless the machine itself is meant; plain HTTP to another machine would
 * show the credential to everyone on the way, and wants `--insecure`.
 */
export function parseServer(text: string, { insecure = false } = {}): ServerAddress {
  const named = /^https?:\/\//i.test(text)
  let url: URL
  try {
    url = new URL(named ? text : `https://${text}`)
  } catch {
    throw wrong(text)
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '' || url.password)
    throw wrong(text)
  const local = isLoopback(url.hostname.replace(/^\[|\]$/g, ''))
  if (!named && local) url = new URL(`http://${text}`)
  if (url.protocol === 'http:' && !local && !insecure) {
    throw new UsageError(
      `${url.origin} would get the credential over plain HTTP, where everyone on the way can read it; use https://${url.host}, or add --insecure if that is meant`,
    )
  }
  return { base: url.origin, host: url.host }
}

function wrong(text: string): UsageError {
  // Not told back: a password may stand in it.
  const shown = text.includes('@') ? 'the server' : JSON.stringify(text.slice(0, 200))
  return new UsageError(`${shown} is no server; say HOST, HOST:PORT or https://HOST`)
}
