import type { AskedScope } from '../core/access.ts'
import type { Context, TokenAccess } from '../core/context.ts'
import { isRefusal } from '../core/errors.ts'
import { parseRepoName, type RepoName } from '../core/names.ts'
import type { AccessGuard } from './guard.ts'
import { grantedActions } from './token-access.ts'
import { claimedAccess } from './token-claims.ts'

/** How many scopes of one request are looked at: each is a question to the database. */
export const MAX_SCOPES = 100
/**
 * Bytes that the list of what a token is for may take, so that the token stays within what clients and proxies take in a header: with
 * everything else it says, base64 and its signature it is below 8 KiB.
 */
export const MAX_ACCESS_BYTES = 5 * 1024

/**
 * What of the scopes a token may be for (PROTOCOL 10.2): of each repository what was asked for and the actor has, the lists of the registry
 * for whoever asks – they are filtered. Anything else is left out, without a word. In the order asked, as much as fits.
 */
export async function narrowScopes(
  guard: AccessGuard,
  ctx: Context,
  asked: readonly AskedScope[],
): Promise<TokenAccess[]> {
  const granted: TokenAccess[] = []
  let bytes = 0
  for (const [at, scope] of asked.slice(0, MAX_SCOPES).entries()) {
    // Each may go through all the patterns that a namespace and a credential have: others get their turn between.
    if (at > 0) await new Promise((resolve) => setImmediate(resolve))
    const entry = await narrowScope(guard, ctx, scope)
    if (entry === undefined) continue
    bytes += Buffer.byteLength(JSON.stringify(claimedAccess(entry))) + 1
    if (bytes > MAX_ACCESS_BYTES) break
    granted.push(entry)
  }
  return granted
}

async function narrowScope(
  guard: AccessGuard,
  ctx: Context,
  { type, name, actions }: AskedScope,
): Promise<TokenAccess | undefined> {
  if (type === 'registry' && name === 'catalog') {
    const lists = ['*', 'search'].filter((action) => actions.includes(action))
    return lists.length === 0 ? undefined : { type, name, actions: lists }
  }
  const repo = type === 'repository' ? tryParseRepoName(name) : undefined
  if (repo === undefined) return undefined
  const { verbs, facts } = await guard.rights(ctx, repo)
  const granted = grantedActions(actions, verbs)
  if (granted.length === 0) return undefined
  const identity = facts.repository?.identity
  return { type: 'repository', name: repo, actions: granted, ...(identity !== undefined && { identity }) }
}

/** What was granted, in the grammar of scopes. */
export function scopeText(access: readonly TokenAccess[]): string {
  return access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ')
}

function tryParseRepoName(text: string): RepoName | undefined {
  try {
    return parseRepoName(text)
  } catch (error) {
    if (isRefusal(error, 'name-invalid')) return undefined
    throw error
  }
}
