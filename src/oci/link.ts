/** A `Link` header to the next page (RFC 8288); path-absolute, because some clients insist on the same scheme and host (T4). */
export function linkNext(target: string): { readonly Link: string } {
  return { Link: `<${target}>; rel="next"` }
}
