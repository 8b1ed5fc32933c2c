/** What an Authorization header holds, by its scheme; undefined for one that is malformed or of another scheme. */
export type Authorization =
  | { readonly scheme: 'basic'; readonly name: string; readonly secret: string }
  | { readonly scheme: 'bearer'; readonly token: string }

/** `{"` in base64. */
const JWT = 'Bearer eyJ'
const HEADER = /^(basic|bearer) +([!-~]+) *$/i
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Takes an Authorization header apart (RFC 7617, RFC 6750). Texts are UTF-8. */
export function readAuthorization(header: string): Authorization | undefined {
  // As every client writes a token; what is no token is found out where it is verified.
  if (header.startsWith(JWT)) return { scheme: 'bearer', token: header.slice('Bearer '.length) }
  const [, scheme, value = ''] = HEADER.exec(header) ?? []
  if (scheme === undefined) return undefined
  if (scheme.toLowerCase() === 'bearer') return { scheme: 'bearer', token: value }
  if (!BASE64.test(value)) return undefined
  let text: string
  try {
    text = utf8.decode(Buffer.from(value, 'base64'))
  } catch {
    return undefined
  }
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { scheme: 'basic', name: text.slice(0, colon), secret: text.slice(colon + 1) }
}
