import type { Verb } from '../../src/core/verbs.ts'
import type { METHODS } from '../../src/oci/methods.ts'
import { emptyIndex, INDEX_HEADERS, LAYER, MANIFEST, sha256 } from './content.ts'

type RouteName = keyof typeof METHODS
type MethodOf<R extends RouteName> =
  (typeof METHODS)[R] extends ReadonlySet<infer M extends string> ? M : never
/** `GET blob`: each method of each route. */
export type WireOperation = { [R in RouteName]: `${MethodOf<R>} ${R}` }[RouteName]

export interface WireRow {
  /** What the caller must be allowed; `/v2/` and the lists have rules of their own. */
  readonly verb: Verb | 'token' | 'nothing'
  readonly path: (repo: string, unique: string) => string
  /** Asked of the token besides the repository. */
  readonly scope?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: (unique: string) => Uint8Array
  /** Status where it is allowed and the repository holds the image. */
  readonly there: number
  /** Status where it is allowed and there is no such repository. */
  readonly absent: number
}

const NO_UPLOAD = '00000000-0000-4000-8000-000000000000'
const upload = (repo: string) => `/v2/${repo}/blobs/uploads/${NO_UPLOAD}`
const blob = (repo: string) => `/v2/${repo}/blobs/${sha256(LAYER)}`
const manifest = (repo: string) => `/v2/${repo}/manifests/${sha256(MANIFEST)}`
const reading = (path: WireRow['path'], absent = 404): WireRow => ({ verb: 'pull', path, there: 200, absent })

/** Every request that the protocol knows. Deletions name what is not there: what they find does not matter, whether they may look does. */
export const WIRE_ROWS = {
  'GET base': { verb: 'token', path: () => '/v2/', there: 200, absent: 200 },
  'HEAD base': { verb: 'token', path: () => '/v2/', there: 200, absent: 200 },
  'GET discover': { verb: 'token', path: () => '/v2/_oci/ext/discover', there: 200, absent: 200 },
  'HEAD discover': { verb: 'token', path: () => '/v2/_oci/ext/discover', there: 200, absent: 200 },
  'GET catalog': {
    verb: 'token',
    path: () => '/v2/_catalog',
    scope: 'registry:catalog:*',
    there: 200,
    absent: 200,
  },
  'HEAD catalog': {
    verb: 'token',
    path: () => '/v2/_catalog',
    scope: 'registry:catalog:*',
    there: 200,
    absent: 200,
  },
  'GET v1-ping': { verb: 'nothing', path: () => '/v1/_ping', there: 200, absent: 200 },
  'HEAD v1-ping': { verb: 'nothing', path: () => '/v1/_ping', there: 200, absent: 200 },
  'GET search': {
    verb: 'nothing',
    path: () => '/v1/search?q=acme',
    scope: 'registry:catalog:search',
    there: 200,
    absent: 200,
  },
  'HEAD search': {
    verb: 'nothing',
    path: () => '/v1/search?q=acme',
    scope: 'registry:catalog:search',
    there: 200,
    absent: 200,
  },
  'GET tags': reading((repo) => `/v2/${repo}/tags/list`),
  'HEAD tags': reading((repo) => `/v2/${repo}/tags/list`),
  'GET referrers': reading((repo) => `/v2/${repo}/referrers/${sha256(MANIFEST)}`, 200),
  'HEAD referrers': reading((repo) => `/v2/${repo}/referrers/${sha256(MANIFEST)}`, 200),
  'GET blob': reading(blob),
  'HEAD blob': reading(blob),
  'DELETE blob': {
    verb: 'delete',
    path: (repo, unique) => `/v2/${repo}/blobs/${sha256(Buffer.from(unique))}`,
    there: 404,
    absent: 404,
  },
  'GET manifest': reading(manifest),
  'HEAD manifest': reading((repo) => `/v2/${repo}/manifests/latest`),
  'DELETE manifest': {
    verb: 'delete',
    path: (repo, unique) => `/v2/${repo}/manifests/${unique}`,
    there: 404,
    absent: 404,
  },
  'PUT manifest': {
    verb: 'create-tag',
    path: (repo, unique) => `/v2/${repo}/manifests/${unique}`,
    headers: INDEX_HEADERS,
    body: emptyIndex,
    there: 201,
    absent: 201,
  },
  'POST uploads': {
    verb: 'create-tag',
    path: (repo) => `/v2/${repo}/blobs/uploads/`,
    there: 202,
    absent: 202,
  },
  'GET upload': { verb: 'create-tag', path: upload, there: 404, absent: 404 },
  'HEAD upload': { verb: 'create-tag', path: upload, there: 404, absent: 404 },
  'PATCH upload': { verb: 'create-tag', path: upload, body: () => LAYER, there: 404, absent: 404 },
  'PUT upload': {
    verb: 'create-tag',
    path: (repo) => `${upload(repo)}?digest=${sha256(LAYER)}`,
    there: 404,
    absent: 404,
  },
  'DELETE upload': { verb: 'create-tag', path: upload, there: 404, absent: 404 },
} as const satisfies Record<WireOperation, WireRow>
