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

/** What a runtime says of a certificate that is not good: whoever answers with one speaks TLS. */
const CERTIFICATE = /CERT|ISSUER|SIGNED|SIGNATURE|CRL|ALTNAME|UNABLE_TO/

/**
 * Reads a server's name, and finds out where that alone does not say: with `insecure` another machine is spoken to in plain HTTP where it
 * speaks no TLS. One that speaks it with a certificate that is not good is not.
 */
export async function findServer(text: string, { insecure = false } = {}): Promise<ServerAddress> {
  const server = parseServer(text, { insecure })
  if (!insecure || /^https?:/i.test(text) || server.base.startsWith('http:')) return server
  try {
    await fetch(`${server.base}/v2/`, { method: 'HEAD', redirect: 'manual' })
    return server
  } catch (error) {
    const { code = '' } = error as { code?: string }
    return CERTIFICATE.test(code) ? server : { ...server, base: `http://${server.host}` }
  }
}

function wrong(text: string): UsageError {
  // Not told back: a password may stand in it.
  const shown = text.includes('@') ? 'the server' : JSON.stringify(text.slice(0, 200))
  return new UsageError(`${shown} is no server; say HOST, HOST:PORT or https://HOST`)
}
