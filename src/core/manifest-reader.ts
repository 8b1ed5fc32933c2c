import { algorithmOf, type Digest, digestOf, parseDigest } from './digest.ts'
import { isRefusal, refuse } from './errors.ts'
import { type JsonLimits, knownFields, scanJson } from './json-scan.ts'
import type { ManifestFacts, ManifestReference } from './manifest.ts'
import { isForeignLayer, MANIFEST_TYPES, OCI_INDEX, OCI_MANIFEST, SCHEMA1_TYPES } from './media-types.ts'

export interface ManifestLimits extends JsonLimits {
  readonly maxDescriptors: number
}

const SHAPE = {
  root: knownFields(
    'schemaVersion',
    'mediaType',
    'artifactType',
    'config',
    'layers',
    'manifests',
    'blobs',
    'subject',
    'annotations',
  ),
  descriptor: knownFields(
    'mediaType',
    'digest',
    'size',
    'urls',
    'annotations',
    'data',
    'artifactType',
    'platform',
  ),
  single: new Set(['config', 'subject']),
  list: new Set(['layers', 'manifests', 'blobs']),
  whole: new Set(['schemaVersion', 'size']),
}

type Json = Record<string, unknown>

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads what the registry must know from a manifest's raw bytes; strict about what two readers could take differently, tolerant
 * of unknown fields (M3, M6, M12–M15). `contentType` is the pushed Content-Type without parameters.
 * Refuses `manifest-invalid` and `size-invalid`.
 */
export function readManifest(
  bytes: Uint8Array,
  contentType: string | undefined,
  limits: ManifestLimits,
): ManifestFacts {
  const root = parse(bytes, limits)
  const mediaType = mediaTypeOf(root, contentType)
  const shape = MANIFEST_TYPES[mediaType]
  if (shape === undefined) throw unknownType(mediaType)
  if (root.schemaVersion !== 2) {
    throw invalid(
      `schemaVersion is ${shown(root.schemaVersion)}; it must be 2 – push the image with a current client`,
    )
  }
  if (root.layers !== undefined && root.manifests !== undefined) {
    throw invalid(
      'it has both layers and manifests, so that readers could take it for an image or an index; keep one',
    )
  }
  const references = new Map<Digest, ManifestReference>()
  let configType: string | undefined
  if (shape === 'image') {
    if (root.manifests !== undefined)
      throw invalid(`it has manifests, but its type is ${mediaType}; push an index as ${OCI_INDEX}`)
    const config = descriptor(root.config, 'config')
    configType = config.mediaType
    add(references, config, 'blob')
    for (const [i, layer] of list(root.layers, 'layers', limits).entries())
      add(references, descriptor(layer, `layers[${i}]`), 'blob')
  } else {
    if (root.layers !== undefined)
      throw invalid(`it has layers, but its type is ${mediaType}; push an image as ${OCI_MANIFEST}`)
    if (root.manifests === undefined)
      throw invalid('it has no manifests; an index needs them, if only an empty list')
    for (const [i, child] of list(root.manifests, 'manifests', limits).entries())
      add(references, descriptor(child, `manifests[${i}]`), 'child')
  }
  const subject =
    root.subject === undefined || root.subject === null
      ? undefined
      : descriptor(root.subject, 'subject').digest
  const annotations = annotationsOf(root.annotations, 'annotations')
  const artifactType = typeText(root.artifactType, 'artifactType') || configType
  return {
    mediaType,
    shape,
    references: [...references.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1)),
    ...(subject !== undefined && { subject }),
    ...(artifactType !== undefined && { artifactType }),
    ...(subject !== undefined && annotations !== undefined && { annotations: JSON.stringify(annotations) }),
  }
}

function parse(bytes: Uint8Array, limits: ManifestLimits): Json {
  let source: string
  try {
    source = utf8.decode(bytes)
  } catch {
    throw invalid('it is not UTF-8')
  }
  // A decoder drops a leading byte order mark; the stored bytes would keep it and clients fail on them.
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    throw invalid('it begins with a byte order mark; remove it')
  scanJson(source, limits, SHAPE)
  let root: unknown
  try {
    root = JSON.parse(source)
  } catch (error) {
    throw invalid(`it is not JSON: ${(error as Error).message}`)
  }
  if (!isObject(root)) throw invalid('it is not a JSON object')
  return root
}

function mediaTypeOf(root: Json, contentType: string | undefined): string {
  const own = typeText(root.mediaType, 'mediaType')
  const pushed = contentType?.toLowerCase()
  if (pushed && SCHEMA1_TYPES.has(pushed)) throw unknownType(pushed)
  if (own && pushed && own !== pushed) {
    throw invalid(
      `its mediaType is ${shown(own)}, but it was pushed with Content-Type ${shown(pushed)}; they must be equal`,
    )
  }
  const type = own || pushed
  if (!type) throw invalid('neither a Content-Type nor a mediaType says what it is')
  if (!own && MANIFEST_TYPES[type] !== undefined && type !== OCI_MANIFEST && type !== OCI_INDEX) {
    throw invalid(`it has no mediaType; a manifest of type ${type} must name it`)
  }
  return type
}

function unknownType(type: string) {
  return SCHEMA1_TYPES.has(type)
    ? invalid(
        `it is a schema 1 manifest (${type}), which is no longer supported; push the image with Docker 1.10 or later`,
      )
    : invalid(`its type ${shown(type)} is not one of ${Object.keys(MANIFEST_TYPES).join(', ')}`)
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly foreign: boolean
}

function descriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw invalid(`${where} is ${shown(value)}; it must be a descriptor`)
  const mediaType = typeText(value.mediaType, `${where}.mediaType`)
  if (!mediaType) throw invalid(`${where} has no mediaType`)
  const size = value.size
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`${where}.size is ${shown(size)}; it must be a whole number of bytes, zero or more`)
  }
  const digest = digestAt(value.digest, where)
  const urls = value.urls
  if (
    urls !== undefined &&
    urls !== null &&
    !(Array.isArray(urls) && urls.every((url) => typeof url === 'string'))
  ) {
    throw invalid(`${where}.urls must be a list of strings`)
  }
  annotationsOf(value.annotations, `${where}.annotations`)
  checkData(value.data, digest, size, where)
  return {
    mediaType,
    digest,
    size,
    foreign: isForeignLayer(mediaType) || (Array.isArray(urls) && urls.length > 0),
  }
}

function digestAt(value: unknown, where: string): Digest {
  if (typeof value !== 'string') throw invalid(`${where}.digest is ${shown(value)}; it must be a digest`)
  try {
    return parseDigest(value)
  } catch (error) {
    throw isRefusal(error) ? invalid(`${where}: ${error.message}`) : error
  }
}

/** Embedded content must be what the digest says (image-spec descriptor.md, `data`). */
function checkData(data: unknown, digest: Digest, size: number, where: string): void {
  if (data === undefined || data === null) return
  if (typeof data !== 'string') throw invalid(`${where}.data must be base64 text`)
  const bytes = Buffer.from(data, 'base64')
  // Decoders differ in what they pass over; only what every one of them takes is embedded content.
  if (bytes.toString('base64') !== data) throw invalid(`${where}.data is not base64 text with its padding`)
  if (bytes.byteLength !== size || digestOf(bytes, algorithmOf(digest)) !== digest) {
    throw invalid(`${where}.data is not the content of ${digest} (${size} bytes); correct it or leave it out`)
  }
}

function add(references: Map<Digest, ManifestReference>, found: Descriptor, kind: 'blob' | 'child'): void {
  const known = references.get(found.digest)
  if (known !== undefined && known.size !== found.size) {
    throw refuse(
      'size-invalid',
      `manifest invalid: ${found.digest} is listed with ${known.size} and with ${found.size} bytes`,
    )
  }
  const foreign = found.foreign && (known === undefined || known.foreign)
  references.set(found.digest, { digest: found.digest, size: found.size, kind, foreign })
}

function list(value: unknown, where: string, limits: ManifestLimits): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw invalid(`${where} is ${shown(value)}; it must be a list`)
  if (value.length > limits.maxDescriptors) {
    throw invalid(`${where} has ${value.length} entries; at most ${limits.maxDescriptors} are allowed`)
  }
  return value
}

function annotationsOf(value: unknown, where: string): Json | undefined {
  if (value === undefined || value === null) return undefined
  if (!isObject(value)) throw invalid(`${where} is ${shown(value)}; it must be an object of strings`)
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== 'string')
      throw invalid(`${where}[${shown(key)}] is ${shown(entry)}; it must be a string`)
  }
  return value
}

/** A media type. Control characters and lone surrogates, which a database would refuse or alter, are in none. */
function typeText(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw invalid(`${where} is ${shown(value)}; it must be a string`)
  if (/[\u0000-\u001f\u007f]/.test(value) || !value.isWellFormed())
    throw invalid(`${where} is ${shown(value)}; a media type has no control characters and no broken Unicode`)
  return value
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? 'missing'
  return json.length > 80 ? `${json.slice(0, 80)}…` : json
}

function invalid(sentence: string) {
  return refuse('manifest-invalid', `manifest invalid: ${sentence}`)
}
