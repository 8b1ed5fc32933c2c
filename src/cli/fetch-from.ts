/** Sends a request; tells in a sentence when nobody is there, or someone who sends elsewhere. */
export async function fetchFrom(base: string, request: Request): Promise<Response> {
  let response: Response
  try {
    response = await fetch(request, { redirect: 'manual' })
  } catch (error) {
    throw new Error(`cannot reach ${base}: ${whyNot(base, error as Error & { code?: string })}`, {
      cause: error,
    })
  }
  const location = response.headers.get('location')
  if (response.status >= 300 && response.status < 400 && location !== null) {
    // A credential goes where it was meant to go, not where someone sends it.
    throw new Error(`${base} sends on to ${new URL(location, base).origin}; name that one if it is right`)
  }
  return response
}

function whyNot(base: string, { code, message }: Error & { code?: string }): string {
  if (code === 'ECONNREFUSED' || code === 'ConnectionRefused') return 'nobody listens there'
  // What it advises is for who writes programs.
  const said = message.replace(/\s*(?:For more information|To learn more), pass .*$/s, '').replace(/\.$/, '')
  return base.startsWith('http:') ? `${said}; if it wants TLS, try ${encrypted(base)}` : said
}

/** The same server over TLS. */
function encrypted(base: string): string {
  return base.replace(/^http:/, 'https:')
}

/** Whether a server that speaks TLS answered to plain HTTP: with 400 and a page of its own, as proxies and most libraries do. */
export function wantsTls(base: string, status: number): string | undefined {
  if (status !== 400 || !base.startsWith('http:')) return undefined
  return `${base} answers as one that wants TLS; try ${encrypted(base)}`
}
