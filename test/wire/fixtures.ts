import { type Algorithm, type Digest, digestOf } from '../../src/core/digest.ts'
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../src/core/media-types.ts'
import type { Asked } from './exchange.ts'

/** Content with the address it has. */
export interface Content {
  readonly bytes: Uint8Array
  readonly digest: Digest
}

export interface ManifestContent extends Content {
  readonly type: string
}

export function content(bytes: Uint8Array | string, algorithm: Algorithm = 'sha256'): Content {
  return { bytes: Buffer.from(bytes as string), digest: digestOf(bytes, algorithm) }
}

function pattern(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = seed
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = state >>> 16
  }
  return bytes
}

/** The blob of the conformance suite's range tests: 2,048 bytes. */
export const BLOB = content(pattern(2048, 1))
export const BLOB512 = content(BLOB.bytes, 'sha512')
export const EMPTY = content('')
export const CONFIG = content('{}')
/** Never pushed by any row. */
export const ABSENT = content('nobody ever pushes this')
export const OTHER_ABSENT = content('nor this')

export const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json'
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar'

export function descriptor(of: Content, mediaType: string): Record<string, unknown> {
  return { mediaType, digest: of.digest, size: of.bytes.byteLength }
}

export function manifest(type: string, fields: object, algorithm?: Algorithm): ManifestContent {
  return { ...content(JSON.stringify({ schemaVersion: 2, mediaType: type, ...fields }), algorithm), type }
}

export function image(fields: object = {}, algorithm?: Algorithm, type = OCI_MANIFEST): ManifestContent {
  return manifest(
    type,
    {
      config: descriptor(CONFIG, 'application/vnd.oci.image.config.v1+json'),
      layers: [descriptor(BLOB, LAYER_TYPE)],
      ...fields,
    },
    algorithm,
  )
}

export const IMAGE = image()
export const IMAGE_B = image({ annotations: { which: 'the second' } })
export const IMAGE512 = image({}, 'sha512')
export const DOCKER_IMAGE = image({}, 'sha256', DOCKER_MANIFEST)
export const INDEX = manifest(OCI_INDEX, { manifests: [descriptor(IMAGE, OCI_MANIFEST)] })
export const NESTED = manifest(OCI_INDEX, { manifests: [descriptor(INDEX, OCI_INDEX)] })
export const DOCKER_INDEX = manifest(DOCKER_LIST, { manifests: [descriptor(DOCKER_IMAGE, DOCKER_MANIFEST)] })

/** An artifact about a subject, with a type of its own where one is given. */
export function artifact(subject: ManifestContent, fields: object = {}): ManifestContent {
  return manifest(OCI_MANIFEST, {
    config: descriptor(CONFIG, EMPTY_TYPE),
    layers: [],
    subject: descriptor(subject, subject.type),
    ...fields,
  })
}

/** How a referrers list shows a manifest. */
export function referrer(of: ManifestContent, more: object = {}): object {
  return { mediaType: of.type, digest: of.digest, size: of.bytes.byteLength, ...more }
}

export function get(path: string, headers: Record<string, string> = {}): Asked {
  return { method: 'GET', path, headers }
}

export function head(path: string, headers: Record<string, string> = {}): Asked {
  return { method: 'HEAD', path, headers }
}

export function del(path: string, headers: Record<string, string> = {}): Asked {
  return { method: 'DELETE', path, headers }
}

export function post(path: string, body?: Uint8Array, headers: Record<string, string> = {}): Asked {
  return { method: 'POST', path, headers, ...(body && { body }) }
}

export function patch(path: string, body: Uint8Array, headers: Record<string, string> = {}): Asked {
  return { method: 'PATCH', path, headers, body }
}

export function put(path: string, body?: Uint8Array, headers: Record<string, string> = {}): Asked {
  return { method: 'PUT', path, headers, ...(body && { body }) }
}

/** The start of an upload; the rows after it find it at `{upload}`. */
export const START = post('/v2/{repo}/blobs/uploads/')

export function pushBlob(blob: Content, repo = '{repo}'): Asked {
  return post(`/v2/${repo}/blobs/uploads/?digest=${blob.digest}`, blob.bytes)
}

export function pushManifest(of: ManifestContent, reference: string = of.digest, repo = '{repo}'): Asked {
  return put(`/v2/${repo}/manifests/${reference}`, of.bytes, { 'Content-Type': of.type })
}

/** The blobs that IMAGE needs. */
export const LAYERS = [pushBlob(BLOB), pushBlob(CONFIG)] as const
/** A pushed image: `latest` and its digest. */
export const PUSHED = [...LAYERS, pushManifest(IMAGE, 'latest')] as const
