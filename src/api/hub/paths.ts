import { isTag, parseRepoName, type RepoName, type Tag } from '../../core/names.ts'

/** What a path of Docker Hub is about. */
export type HubPlace =
  | { readonly kind: 'login' | 'token' | 'repositories' }
  | { readonly kind: 'namespace'; readonly namespace: string }
  | { readonly kind: 'repository' | 'tags'; readonly repo: RepoName }
  | { readonly kind: 'tag'; readonly repo: RepoName; readonly tag: Tag }

const HUB = '/v2/'

/**
 * Finds the place of one of Docker Hub's paths, percent-encoded; undefined for what is none that this server knows. A slash at the end means
 * nothing. Read from the right, as the registry's own paths are: names may have more parts here than there. Asked only for what the
 * registry's grammar knows nothing of (docs/adr/0015-docker-hub-paths.md).
 */
export function hubPlaceOf(encoded: string): HubPlace | undefined {
  if (!encoded.startsWith(HUB)) return undefined
  const parts = decoded(encoded.slice(HUB.length).replace(/\/$/, ''))
  if (parts === undefined) return undefined
  const [first, ...rest] = parts
  const path = rest.join('/')
  if (first === 'users' && path === 'login') return { kind: 'login' }
  if (first === 'auth' && path === 'token') return { kind: 'token' }
  if (first !== 'repositories') return undefined
  if (rest.length === 0) return { kind: 'repositories' }
  if (rest.length === 1) return named(`${path}/x`) && { kind: 'namespace', namespace: path }
  if (rest.length > 2 && rest.at(-1) === 'tags') return inRepo('tags', rest.slice(0, -1))
  if (rest.length > 3 && rest.at(-2) === 'tags') {
    const repo = named(rest.slice(0, -2).join('/'))
    const tag = rest.at(-1) ?? ''
    return repo === undefined || !isTag(tag) ? undefined : { kind: 'tag', repo, tag }
  }
  return inRepo('repository', rest)
}

/** Decoded once, part by part: an encoded slash makes no two parts of one. */
function decoded(path: string): string[] | undefined {
  try {
    const parts = path.split('/').map(decodeURIComponent)
    return parts.some((part) => part.includes('/')) ? undefined : parts
  } catch {
    return undefined
  }
}

function inRepo(kind: 'repository' | 'tags', parts: readonly string[]): HubPlace | undefined {
  const repo = named(parts.join('/'))
  return repo && { kind, repo }
}

function named(text: string): RepoName | undefined {
  try {
    return parseRepoName(text)
  } catch {
    return undefined
  }
}
