import { BlockList, isIP } from 'node:net'

/** Networks whose forwarded headers count. */
export class TrustedProxies {
  readonly #list = new BlockList()
  readonly #empty: boolean

  /** `networks`: addresses or CIDR. Throws with a sentence for one that is neither. */
  constructor(networks: readonly string[]) {
    this.#empty = networks.length === 0
    for (const network of networks) {
      const [, address = '', prefix] = /^([^/]*)(?:\/(\d+))?$/.exec(network) ?? []
      const version = isIP(address)
      const longest = version === 6 ? 128 : 32
      const bits = prefix === undefined ? longest : Number(prefix)
      if (version === 0 || bits > longest) {
        throw new Error(
          `trusted proxies: ${JSON.stringify(network)} is no address and no network such as 10.0.0.0/8`,
        )
      }
      this.#list.addSubnet(address, bits, version === 6 ? 'ipv6' : 'ipv4')
    }
  }

  trusts(address: string): boolean {
    if (this.#empty) return false
    const plain = unmapped(address)
    const version = isIP(plain)
    return version !== 0 && this.#list.check(plain, version === 6 ? 'ipv6' : 'ipv4')
  }

  /**
   * Who really asks: the peer, or where the peer is a trusted proxy the last address in X-Forwarded-For that no trusted
   * proxy added.
   */
  clientOf(peer: string, forwardedFor: string | null): string {
    if (forwardedFor === null || !this.trusts(peer)) return unmapped(peer)
    const hops = forwardedFor.split(',')
    for (let i = hops.length - 1; i >= 0; i--) {
      const hop = (hops[i] as string).trim()
      if (isIP(hop) === 0) break
      if (!this.trusts(hop)) return unmapped(hop)
    }
    return unmapped(peer)
  }

  get none(): boolean {
    return this.#empty
  }
}

/** `::ffff:10.0.0.1` is 10.0.0.1. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
