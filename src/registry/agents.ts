/** User-Agents of which it is remembered whether they count; a docker tells its version and its kernel's, so there are some. */
const REMEMBERED = 1_000
/** Characters of a User-Agent that are looked at. */
const MAX_AGENT = 512

/**
 * Tells by their User-Agent which clients do not count. A word fits where it stands at the beginning of a word, in letters of either case, and
 * no letter follows: `clair` fits `Clair/4.7` and `quay-clair (linux)`, and not `clairvoyant/1`.
 */
export function uncountedAgents(words: readonly string[]): (agent: string) => boolean {
  if (words.length === 0) return () => false
  const anyOf = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|')
  const fits = new RegExp(`(?<![a-z])(?:${anyOf})(?![a-z])`, 'i')
  const known = new Map<string, boolean>()
  return (agent) => {
    const seen = known.get(agent)
    if (seen !== undefined) return seen
    const isUncounted = fits.test(agent.slice(0, MAX_AGENT))
    if (known.size >= REMEMBERED) known.clear()
    if (agent.length <= MAX_AGENT) known.set(agent, isUncounted)
    return isUncounted
  }
}
