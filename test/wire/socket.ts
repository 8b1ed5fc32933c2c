import { Agent, type IncomingMessage, request as send } from 'node:http'
import type { WireHandler, WireReply, WireRequest } from '../../src/oci/message.ts'

/** What the tables know by name; the edge may write others as it likes. */
const NAMES = new Map(
  [
    ...['Accept-Ranges', 'Allow', 'Cache-Control', 'Content-Disposition', 'Content-Length', 'Content-Range'],
    ...[
      'Content-Security-Policy',
      'Content-Type',
      'Docker-Content-Digest',
      'Docker-Distribution-API-Version',
    ],
    ...[
      'Docker-Upload-UUID',
      'ETag',
      'Link',
      'Location',
      'OCI-Filters-Applied',
      'OCI-Subject',
      'OCI-Tag',
      'Range',
    ],
    ...['WWW-Authenticate', 'Retry-After', 'X-Content-Type-Options', 'X-Docker-Registry-Standalone'],
  ].map((name) => [name.toLowerCase(), name]),
)
const SENT = ['content-type', 'accept', 'range', 'content-range', 'if-match', 'if-none-match', 'if-range']

/** A server on the other side of a socket as a handler, so that the tables can be played against it. */
export function socketHandler(base: string): { readonly handler: WireHandler; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const { hostname, port } = new URL(base)

  const handler: WireHandler = async (request) => {
    const response = await exchange(request)
    const chunks: Uint8Array[] = []
    for await (const chunk of response) chunks.push(chunk)
    return replyOf(request, response, Buffer.concat(chunks))
  }

  function exchange(request: WireRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const path = request.query === '' ? request.path : `${request.path}?${request.query}`
      const outgoing = send({
        agent,
        hostname,
        port,
        method: request.method,
        path,
        headers: headersOf(request),
      })
      outgoing.on('response', resolve)
      // An answer before the end of the body ends the sending; it was resolved by then.
      outgoing.on('error', reject)
      writeAll(request, outgoing).catch(reject)
    })
  }

  return { handler, close: () => agent.destroy() }
}

function headersOf(request: WireRequest): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of SENT) {
    const value = request.header(name)
    if (value !== null) headers[name] = value
  }
  if (request.hasBody && request.body.length === undefined) headers['transfer-encoding'] = 'chunked'
  else if (!['GET', 'HEAD', 'DELETE'].includes(request.method))
    headers['content-length'] = String(request.body.length ?? 0)
  return headers
}

async function writeAll(request: WireRequest, outgoing: ReturnType<typeof send>): Promise<void> {
  if (request.hasBody) for await (const chunk of request.body) if (outgoing.writable) outgoing.write(chunk)
  outgoing.end()
}

/** Undefined for what the server does not tell as the protocol's. */
function replyOf(request: WireRequest, response: IncomingMessage, body: Buffer): WireReply | undefined {
  const status = response.statusCode as number
  const headers: Record<string, string> = {}
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    const name = NAMES.get((response.rawHeaders[i] as string).toLowerCase())
    if (name !== undefined) headers[name] = response.rawHeaders[i + 1] as string
  }
  const ours = headers['Docker-Distribution-API-Version'] !== undefined
  if (status === 404 && !ours) return undefined
  const bodiless = request.method === 'HEAD' || status === 204 || status === 304
  const close = response.headers.connection === 'close'
  return { status, headers, body: bodiless ? null : body, route: 'unknown', close }
}
