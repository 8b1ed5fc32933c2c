import type { Digest } from '../core/digest.ts'
import { refuse } from '../core/errors.ts'
import type { Reference, UploadId } from '../core/names.ts'
import type { Route } from './message.ts'

/** Where a path leads, its parts decoded but not yet judged. */
export interface Place {
  readonly route: Exclude<Route, 'token' | 'jwks'>
  /** The repository as written; `''` where the route has none. */
  readonly name: string
  /** The last part: a reference, digest or upload id; `''` where the route has none. */
  readonly rest: string
}

const UNDERSCORE = 95
const NAME_START = '/v2/'.length

const place = (route: Place['route']): Place => ({ route, name: '', rest: '' })
const BASE = place('base')
const CATALOG = place('catalog')
const DISCOVER = place('discover')
const V1_PING = place('v1-ping')
const SEARCH = place('search')
const UNKNOWN = place('unknown')

/**
 * Finds the place of a percent-encoded path, or undefined where it is not under `/v2` nor one of the two of `/v1`. Read from the
 * right, because a repository may be named after every word of the protocol: `a/blobs/manifests` is one (G5).
 * Refuses `name-invalid` for an encoded slash and `request-invalid` for broken encoding.
 */
export function locate(encoded: string): Place | undefined {
  if (!encoded.startsWith('/v2/')) {
    if (encoded === '/v2') return BASE
    if (encoded === '/v1/search') return SEARCH
    return encoded === '/v1/_ping' ? V1_PING : undefined
  }
  const path = encoded.includes('%') ? decodePath(encoded) : encoded
  if (path.length === NAME_START) return BASE
  // No repository begins with an underscore (G13).
  if (path.charCodeAt(NAME_START) === UNDERSCORE) {
    if (path === '/v2/_catalog') return CATALOG
    return path === '/v2/_oci/ext/discover' ? DISCOVER : UNKNOWN
  }
  const end = path.lastIndexOf('/')
  const before = path.lastIndexOf('/', end - 1)
  const rest = path.slice(end + 1)
  switch (path.slice(before + 1, end)) {
    case 'manifests':
      return { route: 'manifest', name: path.slice(NAME_START, before), rest }
    case 'blobs':
      // A digest has a colon, so that this can only be the start of an upload without its last slash.
      return { route: rest === 'uploads' ? 'uploads' : 'blob', name: path.slice(NAME_START, before), rest }
    case 'uploads': {
      if (!path.endsWith('/blobs', before)) return UNKNOWN
      const name = path.slice(NAME_START, before - '/blobs'.length)
      return { route: rest === '' ? 'uploads' : 'upload', name, rest }
    }
    case 'referrers':
      return { route: 'referrers', name: path.slice(NAME_START, before), rest }
    case 'tags':
      return rest === 'list' ? { route: 'tags', name: path.slice(NAME_START, before), rest } : UNKNOWN
    default:
      return UNKNOWN
  }
}

/** Decoded once, here and nowhere else: what still holds a `%` afterwards fits no grammar. */
function decodePath(path: string): string {
  if (/%2f/i.test(path)) {
    throw refuse(
      'name-invalid',
      'the path holds an encoded slash (%2F); write the slashes of a name as they are',
    )
  }
  try {
    return decodeURIComponent(path)
  } catch {
    throw refuse('request-invalid', 'the path is not percent-encoded UTF-8; encode it anew')
  }
}

/** A reference as it stands in a path. */
export function referenceText(reference: Reference): string {
  return 'digest' in reference ? reference.digest : reference.tag
}

/** Where a blob is pulled from; path-absolute, because scheme and host seen behind a proxy are guesses (B1, B2). */
export function blobPath(spelling: string, digest: Digest): string {
  return `/v2/${spelling}/blobs/${digest}`
}

export function manifestPath(spelling: string, reference: Reference): string {
  return `/v2/${spelling}/manifests/${referenceText(reference)}`
}

export function uploadsPath(spelling: string): string {
  return `/v2/${spelling}/blobs/uploads/`
}

/** The whole state of a session is in the path, because some clients drop a query (B1). */
export function uploadPath(spelling: string, id: UploadId): string {
  return `/v2/${spelling}/blobs/uploads/${id}`
}

export function tagsPath(spelling: string): string {
  return `/v2/${spelling}/tags/list`
}

export function referrersPath(spelling: string, subject: Digest): string {
  return `/v2/${spelling}/referrers/${subject}`
}

export const CATALOG_PATH = '/v2/_catalog'
