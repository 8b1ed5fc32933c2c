import type { Call } from '../core/context.ts'
import type { TrustedProxies } from './client-address.ts'
import { isHost } from './host.ts'

/** As much of the runtime's server as a call asks. */
export interface PeerSource {
  requestIP(request: Request): { readonly address: string } | null
}

/** What is the same for every call of a server. */
export interface Edge {
  readonly proxies: TrustedProxies
  /** The address clients use, where it was configured; without a slash at its end. */
  readonly origin: string | undefined
  /** Told of a peer that says how it was asked, as a proxy does, and is none that is trusted. */
  readonly distrusted?: (peer: string) => void
}

/** A request's origin, worked out when somebody asks: most requests never do. */
export class EdgeCall implements Call {
  readonly requestId: string
  readonly #request: Request
  readonly #server: PeerSource
  readonly #edge: Edge
  #peer: string | undefined
  #address: string | undefined

  constructor(request: Request, requestId: string, server: PeerSource, edge: Edge) {
    this.requestId = requestId
    this.#request = request
    this.#server = server
    this.#edge = edge
  }

  /** Who is at the other end of the connection. A client that leaves takes its address with it: `''`, unless it was asked for before. */
  get peer(): string {
    this.#peer ??= this.#server.requestIP(this.#request)?.address ?? ''
    return this.#peer
  }

  get address(): string {
    if (this.#address === undefined) {
      const { proxies } = this.#edge
      const forwarded = proxies.none ? null : this.#header('x-forwarded-for')
      this.#address = proxies.clientOf(this.peer, forwarded)
    }
    return this.#address
  }

  get agent(): string {
    return this.#header('user-agent') ?? ''
  }

  get signal(): AbortSignal {
    return this.#request.signal
  }

  /** As configured; else as a trusted proxy says; else plain HTTP to the host that was asked. */
  get origin(): string {
    const { origin, proxies, distrusted } = this.#edge
    if (origin !== undefined) return origin
    const host = this.#header('host') ?? ''
    const scheme = first(this.#header('x-forwarded-proto'))?.toLowerCase()
    if (!proxies.trusts(this.peer)) {
      if (scheme === 'https') distrusted?.(this.peer)
      return `http://${host}`
    }
    const forwarded = first(this.#header('x-forwarded-host'))
    return `${scheme === 'https' ? 'https' : 'http'}://${isHost(forwarded) ? forwarded : host}`
  }

  #header(name: string): string | null {
    return this.#request.headers.get(name)
  }
}

/** What the outermost of several proxies said. */
function first(header: string | null): string | null {
  return header === null ? null : (header.split(',', 1)[0] as string).trim()
}
