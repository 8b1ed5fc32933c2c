import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../src/core/media-types.ts'
import { descriptor, EMPTY, image, index, OCI_CONFIG, OCI_LAYER } from './manifest-corpus.ts'

/** Manifests that two readers could take differently, or that no client could use (SE-9, M3, M12, M13). */
export interface Ambiguous {
  readonly title: string
  readonly type: string | undefined
  readonly bytes: Uint8Array
}

const row = (
  title: string,
  source: string | Uint8Array | object,
  type: string | null = OCI_MANIFEST,
): Ambiguous => ({
  title,
  type: type ?? undefined,
  bytes:
    source instanceof Uint8Array
      ? source
      : Buffer.from(typeof source === 'string' ? source : JSON.stringify(source)),
})

const IMAGE = JSON.stringify(image())
const INDEX = JSON.stringify(index())
const LAYER = descriptor(OCI_LAYER, 'layer')
const CONFIG = descriptor(OCI_CONFIG, 'config')

/** The image with something put in front of its first field. */
const first = (fields: string) => IMAGE.replace('{', `{${fields},`)
/** The image with a field more in its first layer. */
const inLayer = (fields: string) => IMAGE.replace('"layers":[{', `"layers":[{${fields},`)
const inConfig = (fields: string) => IMAGE.replace('"config":{', `"config":{${fields},`)
const withSize = (size: string) => IMAGE.replace(/("layers":\[\{.*?"size":)\d+/, `$1${size}`)
const withLayer = (fields: object) => image({ layers: [{ ...LAYER, ...fields }] })
const nested = (depth: number) => first(`"x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}`)

/** A known field in the spellings that Go takes for it: case, the Kelvin sign, the long s. */
const VARIANTS = [
  'Layers',
  'LAYERS',
  'layerS',
  'layer\u017f',
  'Manifests',
  'manife\u017fts',
  'manifest\u017f',
  'Config',
  'MediaType',
  'mediatype',
  'SchemaVersion',
  '\u017fchemaVersion',
  'Subject',
  '\u017fubject',
  'ArtifactType',
  'artifacttype',
  'Annotations',
  'annotation\u017f',
  'Blobs',
]
const DESCRIPTOR_VARIANTS = [
  'Digest',
  'dige\u017ft',
  'Size',
  '\u017fize',
  'MEDIATYPE',
  'Urls',
  'url\u017f',
  'Data',
  'Platform',
  'Annotations',
]

export const AMBIGUOUS: readonly Ambiguous[] = [
  ...VARIANTS.map((key) => row(`field ${key} beside the true ones`, first(`${JSON.stringify(key)}:[]`))),
  ...VARIANTS.map((key) =>
    row(
      `field ${key} written with escapes`,
      first(`"${[...key].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}":[]`),
    ),
  ),
  ...DESCRIPTOR_VARIANTS.map((key) => row(`field ${key} in a layer`, inLayer(`${JSON.stringify(key)}:"x"`))),
  ...DESCRIPTOR_VARIANTS.map((key) =>
    row(`field ${key} in the config`, inConfig(`${JSON.stringify(key)}:"x"`)),
  ),
  ...['schemaVersion', 'mediaType', 'config', 'layers'].map((key) =>
    row(`field ${key} twice`, IMAGE.replace(/\}$/, `,${JSON.stringify(key)}:null}`)),
  ),
  row('field manifests twice', INDEX.replace(/\}$/, ',"manifests":[]}'), OCI_INDEX),
  row('an unknown field twice', first('"x":1,"x":2')),
  row('a field twice, once with escapes', IMAGE.replace(/\}$/, ',"\\u006cayers":[]}')),
  row('digest twice in a layer', inLayer(`"digest":${JSON.stringify(CONFIG.digest)}`)),
  row('size twice in the config', inConfig('"size":1')),
  row(
    'size twice in the subject',
    JSON.stringify(image({ subject: 0 })).replace(
      '"subject":0',
      `"subject":${JSON.stringify(LAYER).replace('{', '{"size":1,')}`,
    ),
  ),
  row('digest twice in a child', INDEX.replace('"manifests":[{', `"manifests":[{"digest":"x",`), OCI_INDEX),
  row('layers and manifests', image({ manifests: [] })),
  row('layers and manifests in an index', index({ layers: [] }), OCI_INDEX),
  row('layers: null beside manifests', index({ layers: null }), OCI_INDEX),
  row('an image that has manifests', image({ layers: undefined, manifests: [] })),
  row('an index that has layers', index({ manifests: undefined, layers: [] }), OCI_INDEX),
  row('an index without manifests', index({ manifests: undefined }), OCI_INDEX),
  row('an index pushed as an image', index(), OCI_MANIFEST),
  row('an image pushed as an index', image(), OCI_INDEX),
  row('an OCI image pushed as a Docker one', image(), DOCKER_MANIFEST),
  row('an index without mediaType pushed as an image', index({ mediaType: undefined }), OCI_MANIFEST),
  row('an image without mediaType pushed as an index', image({ mediaType: undefined }), OCI_INDEX),
  row('a Docker image without mediaType', image({ mediaType: undefined }), DOCKER_MANIFEST),
  row('a Docker list without mediaType', index({ mediaType: undefined }), DOCKER_LIST),
  row('mediaType in capitals', image({ mediaType: OCI_MANIFEST.toUpperCase() })),
  row('mediaType with a blank', image({ mediaType: `${OCI_MANIFEST} ` })),
  row('mediaType that is no text', image({ mediaType: 2 })),
  row('no type anywhere', image({ mediaType: undefined }), null),
  row('an unknown type', image({ mediaType: 'application/json' }), 'application/json'),
  row('the type __proto__', image({ mediaType: '__proto__' }), '__proto__'),
  row('the type constructor', image({ mediaType: 'constructor' }), 'constructor'),
  row(
    'the artifact manifest that was withdrawn',
    { mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: [] },
    'application/vnd.oci.artifact.manifest.v1+json',
  ),
  row(
    'schema 1',
    { schemaVersion: 1, name: 'x', tag: 'y', fsLayers: [], history: [] },
    'application/vnd.docker.distribution.manifest.v1+json',
  ),
  row(
    'schema 1, signed',
    { schemaVersion: 1, signatures: [] },
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
  ),
  row('schema 1 by its type only', image(), 'application/vnd.docker.distribution.manifest.v1+json'),
  row('schema 1 without a type', { schemaVersion: 1, name: 'x' }, null),
  ...[1, 3, '2', null, true, [2], {}].map((version) =>
    row(`schemaVersion ${JSON.stringify(version)}`, image({ schemaVersion: version })),
  ),
  row('schemaVersion 2.0', IMAGE.replace('"schemaVersion":2', '"schemaVersion":2.0')),
  row('no schemaVersion', image({ schemaVersion: undefined })),
  ...[
    '-1',
    '1.5',
    '1e999',
    '-1e999',
    '9007199254740992',
    '9007199254740993',
    '18446744073709551616',
    '"5"',
    'null',
    'true',
    '[]',
    '1e3',
    '5.0',
    '5E0',
  ].map((size) => row(`size ${size}`, withSize(size))),
  row('no size', withLayer({ size: undefined })),
  ...[
    'sha256:abc',
    'sha256:',
    'md5:d41d8cd98f00b204e9800998ecf8427e',
    '',
    'x',
    '../../etc/passwd',
    `sha256:${'A'.repeat(64)}`,
    `SHA256:${'a'.repeat(64)}`,
    `sha256:${'a'.repeat(65)}`,
    `sha512:${'a'.repeat(64)}`,
  ].map((digest) =>
    row(`digest ${JSON.stringify(digest.slice(0, 20))}, ${digest.length} long`, withLayer({ digest })),
  ),
  ...[null, 5, {}, []].map((digest) => row(`digest ${JSON.stringify(digest)}`, withLayer({ digest }))),
  row('one digest with two sizes', image({ layers: [LAYER, { ...LAYER, size: 1 }] })),
  row('a layer without mediaType', withLayer({ mediaType: undefined })),
  row('a layer with an empty mediaType', withLayer({ mediaType: '' })),
  row('a mediaType with a line end', withLayer({ mediaType: 'text/plain\r\nX: y' })),
  row('a mediaType with NUL', withLayer({ mediaType: 'text/plain\0' })),
  row('an artifactType with NUL', image({ artifactType: 'application/x\0y' })),
  row('an artifactType with half a surrogate pair', first('"artifactType":"application/\\ud800"')),
  row('an artifactType that is a number', image({ artifactType: 5 })),
  ...[null, 'x', 5, [], [LAYER]].map((config) =>
    row(`config ${JSON.stringify(config).slice(0, 12)}`, image({ config })),
  ),
  row('no config', image({ config: undefined })),
  ...['x', 5, {}, { 0: LAYER }].map((layers) =>
    row(`layers ${JSON.stringify(layers).slice(0, 12)}`, image({ layers })),
  ),
  ...[null, 'x', 5, [], [LAYER]].map((layer) =>
    row(`a layer ${JSON.stringify(layer).slice(0, 12)}`, image({ layers: [layer] })),
  ),
  ...['x', 5, [], {}, { digest: 'x' }].map((subject) =>
    row(`subject ${JSON.stringify(subject)}`, image({ subject })),
  ),
  ...['x', 5, [], { a: 1 }, { a: null }, { a: {} }, { a: ['b'] }].map((annotations) =>
    row(`annotations ${JSON.stringify(annotations)}`, image({ annotations })),
  ),
  row('annotations of a layer that are no text', withLayer({ annotations: { a: 1 } })),
  ...['x', {}, [1], [null], [['x']]].map((urls) => row(`urls ${JSON.stringify(urls)}`, withLayer({ urls }))),
  ...['e30', 'e30=!', 'e31=', 'e30 =', '%%%', 'e30=\n', 'eyB9', '', 5, {}].map((data) =>
    row(`data ${JSON.stringify(data)} for {}`, image({ config: { ...EMPTY, data } })),
  ),
  row('data whose size is another', image({ config: { ...EMPTY, size: 3, data: 'e30=' } })),
  row('not JSON', 'x'),
  row('no bytes', ''),
  row('blanks only', ' \n'),
  row('cut off', IMAGE.slice(0, -1)),
  row('two documents', `${IMAGE}${IMAGE}`),
  row('text behind the document', `${IMAGE} x`),
  row('a comment', IMAGE.replace('{', '{/* */')),
  row('a comma too many', IMAGE.replace(/\}$/, ',}')),
  row('a comma too many in a list', IMAGE.replace(']', ',]')),
  row('single quotes', IMAGE.replaceAll('"', "'")),
  row('a control character in a text', first('"x":"a\u0001"')),
  row('NaN', first('"x":NaN')),
  row('a number with a leading zero', withSize('05')),
  row('a hexadecimal number', withSize('0x5')),
  row('a plus sign', withSize('+5')),
  ...['null', '[]', '5', '"x"', 'true', `[${IMAGE}]`].map((text) =>
    row(`no object but ${text.slice(0, 6)}`, text),
  ),
  row('a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(IMAGE)])),
  row('UTF-16', Buffer.from(IMAGE, 'utf16le')),
  row(
    'bytes that are no UTF-8',
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff, 0xfe]), Buffer.from(`",${IMAGE.slice(1)}`)]),
  ),
  row(
    'UTF-8 cut in the middle',
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xe2, 0x98]), Buffer.from(`",${IMAGE.slice(1)}`)]),
  ),
  row(
    'a surrogate in UTF-8',
    Buffer.concat([
      Buffer.from('{"x":"'),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from(`",${IMAGE.slice(1)}`),
    ]),
  ),
  row(
    'an overlong slash',
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xc0, 0xaf]), Buffer.from(`",${IMAGE.slice(1)}`)]),
  ),
  row('nested 33 deep', nested(33)),
  row('nested 100,000 deep', nested(100_000)),
  row('open brackets without end', '['.repeat(1_000_000)),
  row('open braces without end', '{"a":'.repeat(500_000)),
  row('closing brackets only', ']'.repeat(1_000_000)),
]
