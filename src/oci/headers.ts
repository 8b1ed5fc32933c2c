/** On every answer under `/v2/` (PROTOCOL 10.1). */
export const API_VERSION = 'registry/2.0'

/** Content under an address that names its digest never changes (P8). */
export const IMMUTABLE = 'max-age=31536000, immutable'
/** Content under a tag: to be asked for again each time, which an ETag makes cheap. */
export const REVALIDATE = 'no-cache'

/** Served content must never run as a page of the registry's own origin (P10). */
export const SANDBOX = "default-src 'none'; sandbox"

export const OCTETS = 'application/octet-stream'
export const JSON_TYPE = 'application/json'

/** Where a session stands: the last byte held, and `0-0` for none, because dockerd parses nothing else (B7). */
export function heldRange(offset: number): string {
  return `0-${offset === 0 ? 0 : offset - 1}`
}
