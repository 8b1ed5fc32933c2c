import { BlockList, isIP } from 'node:net'

const KEPT_LISTS = 1000
const lists = new Map<string, BlockList>()

/** Whether the text is an address or a network (CIDR), as the bounds of credentials name them. */
export function isNetwork(text: string): boolean {
  return splitNetwork(text) !== undefined
}

/**
 * Whether a credential with these bounds may be used from an address. Without bounds: from anywhere, and from an address that nobody knows;
 * with them: from nowhere else, and an unreadable network lets nobody in (SE-17).
 */
export function inNetworks(address: string, networks: readonly string[] | undefined): boolean {
  if (networks === undefined) return true
  const plain = unmapped(address)
  const version = isIP(plain)
  return version !== 0 && listOf(networks).check(plain, version === 6 ? 'ipv6' : 'ipv4')
}

/** Whom an address counts as: of IPv6 its /64, which one customer has all of. */
export function addressGroup(address: string): string {
  const plain = unmapped(address)
  if (isIP(plain) !== 6) return plain
  const [head = '', tail] = (plain.split('%')[0] as string).split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  // An IPv4 tail is two groups, and lies beyond the first four but where it was written short.
  const written = before.length + after.length + (plain.includes('.') ? 1 : 0)
  const zeros = tail === undefined ? [] : new Array<string>(8 - written).fill('0')
  const groups = [...before, ...zeros, ...after].slice(0, 4)
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

function listOf(networks: readonly string[]): BlockList {
  const key = networks.join(',')
  const known = lists.get(key)
  if (known !== undefined) return known
  const list = new BlockList()
  for (const network of networks) {
    const parts = splitNetwork(network)
    if (parts !== undefined) list.addSubnet(parts.address, parts.bits, parts.family)
  }
  if (lists.size >= KEPT_LISTS) lists.clear()
  lists.set(key, list)
  return list
}

function splitNetwork(text: string) {
  const [, address = '', prefix] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  const longest = version === 6 ? 128 : 32
  const bits = prefix === undefined ? longest : Number(prefix)
  if (version === 0 || bits > longest) return undefined
  return { address, bits, family: version === 6 ? ('ipv6' as const) : ('ipv4' as const) }
}

/** `::ffff:10.0.0.1` is 10.0.0.1. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
