import { ALGORITHMS, type Algorithm, type Digest, isAlgorithm, parseDigest } from '../core/digest.ts'
import { isRefusal, refuse } from '../core/errors.ts'
import {
  parseReference,
  parseRepoName,
  parseTag,
  type Reference,
  type RepoName,
  type Tag,
  tryParseUploadId,
  type UploadId,
} from '../core/names.ts'
import { METHODS } from './methods.ts'
import { type ListPage, parseListPage, parseSearch, type SearchQuery } from './page.ts'
import { type Place, referenceText } from './path.ts'
import { parameter, parameters } from './query.ts'

/** A repository as a request names it: `spelling` is echoed in answers, so `hello` stays `hello` (G5). */
export interface InRepo {
  readonly repo: RepoName
  readonly spelling: string
}

type Read = 'GET' | 'HEAD'

/** Everything a client can ask of the protocol, one member per shape of request (PROTOCOL §2). */
export type Operation =
  | { readonly route: 'base' | 'discover' | 'v1-ping'; readonly method: Read }
  | { readonly route: 'catalog'; readonly method: Read; readonly page: ListPage }
  | { readonly route: 'search'; readonly method: Read; readonly search: SearchQuery }
  | BlobOperation
  | ManifestOperation
  | UploadsOperation
  | UploadOperation
  | TagsOperation
  | ReferrersOperation

/** end-2, end-10 */
export type BlobOperation = InRepo & {
  readonly route: 'blob'
  readonly method: Read | 'DELETE'
  readonly digest: Digest
}

/** end-3, end-7, end-9; `tags` are the `tag=` parameters, each once (end-7b, M9). */
export type ManifestOperation = InRepo & { readonly route: 'manifest'; readonly reference: Reference } & (
    | { readonly method: Read | 'DELETE' }
    | { readonly method: 'PUT'; readonly tags: readonly Tag[] }
  )

/** end-4, end-11. A `from` that cannot be a repository leaves no mount: there is nothing to mount out of (B15). */
export type UploadsOperation = InRepo & {
  readonly route: 'uploads'
  readonly method: 'POST'
  readonly digest?: Digest
  readonly algorithm?: Algorithm
  readonly mount?: { readonly digest: Digest; readonly from?: RepoName }
}

/** end-5, end-6, end-13, end-14 */
export type UploadOperation = InRepo & { readonly route: 'upload'; readonly id: UploadId } & (
    | { readonly method: Read | 'PATCH' | 'DELETE' }
    | { readonly method: 'PUT'; readonly digest: Digest }
  )

/** end-8 */
export type TagsOperation = InRepo & {
  readonly route: 'tags'
  readonly method: Read
  readonly page: ListPage
}

/** end-12 */
export type ReferrersOperation = InRepo & {
  readonly route: 'referrers'
  readonly method: Read
  readonly subject: Digest
  readonly artifactTypes?: readonly string[]
  readonly page: ListPage
}

/**
 * Reads what is asked at a place. Pure: `urlOf` builds the same request back. Refuses `route-unknown`, `method-not-allowed`
 * (with the methods that are), `name-invalid`, `tag-invalid`, `digest-invalid`, `upload-unknown`, `page-invalid`, `query-invalid`.
 */
export function parseOperation(place: Place, method: string, query: string): Operation {
  const { route } = place
  if (route === 'unknown')
    throw refuse('route-unknown', 'there is nothing at this path; see the OCI Distribution Specification')
  if (!METHODS[route].has(method)) {
    const allow = [...METHODS[route]].join(', ')
    throw refuse('method-not-allowed', `${shown(method)} is not possible here; use one of ${allow}`, {
      allow,
    })
  }
  // The table above has proven the method; each case narrows to the methods of its own row.
  switch (route) {
    case 'base':
    case 'discover':
    case 'v1-ping':
      return { route, method: method as Read }
    case 'catalog':
      return { route, method: method as Read, page: parseListPage(query) }
    case 'search':
      return { route, method: method as Read, search: parseSearch(query) }
    case 'blob': {
      const repo = parseRepoName(place.name)
      return {
        route,
        method: method as BlobOperation['method'],
        repo,
        spelling: place.name,
        digest: parseDigest(place.rest),
      }
    }
    case 'manifest': {
      const repo = parseRepoName(place.name)
      const reference = parseReference(place.rest)
      if (method === 'PUT')
        return { route, method, repo, spelling: place.name, reference, tags: tagsOf(query, reference) }
      return { route, method: method as Read | 'DELETE', repo, spelling: place.name, reference }
    }
    case 'uploads':
      return { route, method: 'POST', ...inRepo(place), ...newUploadOf(query) }
    case 'upload': {
      const repo = inRepo(place)
      const id = uploadIdOf(place.rest)
      if (method === 'PUT') return { route, method, ...repo, id, digest: closingDigestOf(query) }
      return { route, method: method as Read | 'PATCH' | 'DELETE', ...repo, id }
    }
    case 'tags':
      return { route, method: method as Read, ...inRepo(place), page: parseListPage(query) }
    case 'referrers': {
      const repo = inRepo(place)
      const types = parameters(query, 'artifactType')
      return {
        route,
        method: method as Read,
        ...repo,
        subject: parseDigest(place.rest),
        // A media type has no blanks; one stems from a `+` that was not encoded (R5).
        ...(types.length > 0 && { artifactTypes: types.map((type) => type.replaceAll(' ', '+')) }),
        page: parseListPage(query),
      }
    }
  }
}

function inRepo(place: Place): InRepo {
  return { repo: parseRepoName(place.name), spelling: place.name }
}

function tagsOf(query: string, reference: Reference): readonly Tag[] {
  if (query === '') return []
  const values = parameters(query, 'tag')
  if (values.length > 0 && !('digest' in reference)) {
    throw refuse(
      'query-invalid',
      `tag parameters go with a push by digest; this one is by the tag ${shown(referenceText(reference))}`,
    )
  }
  return [...new Set(values)].map(parseTag)
}

function newUploadOf(query: string): Pick<UploadsOperation, 'digest' | 'algorithm' | 'mount'> {
  if (query === '') return {}
  const digest = parameter(query, 'digest')
  const algorithm = parameter(query, 'digest-algorithm')
  const mount = parameter(query, 'mount')
  if (algorithm && !isAlgorithm(algorithm)) {
    throw refuse(
      'digest-invalid',
      `digest-algorithm ${shown(algorithm)} is not supported; use ${Object.keys(ALGORITHMS).join(' or ')}`,
    )
  }
  return {
    ...(digest && { digest: parseDigest(digest) }),
    ...(algorithm && { algorithm: algorithm as Algorithm }),
    ...(mount && mountOf(parseDigest(mount), parameter(query, 'from'))),
  }
}

function mountOf(digest: Digest, from: string | undefined): Pick<UploadsOperation, 'mount'> {
  if (!from) return { mount: { digest } }
  try {
    return { mount: { digest, from: parseRepoName(from) } }
  } catch (error) {
    if (isRefusal(error, 'name-invalid')) return {}
    throw error
  }
}

function uploadIdOf(text: string): UploadId {
  const id = tryParseUploadId(text)
  if (id !== undefined) return id
  throw refuse('upload-unknown', `there is no upload ${shown(text)}; start a new one`)
}

function closingDigestOf(query: string): Digest {
  const digest = parameter(query, 'digest')
  if (digest) return parseDigest(digest)
  throw refuse('digest-invalid', 'the upload cannot be closed without ?digest=<algorithm>:<hex>; add it')
}

function shown(text: string): string {
  return JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text)
}
