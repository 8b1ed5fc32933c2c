import { type Digest, digestOf } from '../../src/core/digest.ts'
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../src/core/media-types.ts'

/** Manifests as real tools push them, each with what makes it worth a row (PROTOCOL M6, M14, M15, 10.5). */

export interface Sample {
  readonly title: string
  /** The Content-Type it is pushed with; undefined for none. */
  readonly type: string | undefined
  readonly text: string
  /** What the reader has to find in it. */
  readonly finds: {
    readonly shape: 'image' | 'index'
    readonly references: number
    readonly foreign?: number
    readonly subject?: Digest
    readonly artifactType?: string
  }
}

/** The digest of a made-up content, and its size. */
export const content = (name: string) => ({ digest: digestOf(name), size: Buffer.byteLength(name) })
export const sha512 = (name: string) => ({ digest: digestOf(name, 'sha512'), size: Buffer.byteLength(name) })

type Fields = Record<string, unknown>
export const descriptor = (mediaType: string, name: string, more: Fields = {}) => ({
  mediaType,
  ...content(name),
  ...more,
})

export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
export const EMPTY = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  ...content('{}'),
}
const CONFIG = descriptor(OCI_CONFIG, 'config')
const LAYER = descriptor(OCI_LAYER, 'layer')
const SUBJECT = descriptor(OCI_MANIFEST, 'subject')

export const image = (fields: Fields = {}): Fields => ({
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: CONFIG,
  layers: [LAYER],
  ...fields,
})
export const index = (fields: Fields = {}): Fields => ({
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [descriptor(OCI_MANIFEST, 'child', { platform: { os: 'linux', architecture: 'amd64' } })],
  ...fields,
})
const dockerImage = (fields: Fields = {}) =>
  image({
    mediaType: DOCKER_MANIFEST,
    config: descriptor(DOCKER_CONFIG, 'config'),
    layers: [descriptor(DOCKER_LAYER, 'layer')],
    ...fields,
  })

const sample = (title: string, fields: Fields, finds: Sample['finds'], type?: string | null): Sample => ({
  title,
  type: type === null ? undefined : (type ?? (fields.mediaType as string)),
  text: JSON.stringify(fields),
  finds,
})

const found = (references: number, more: Partial<Sample['finds']> = {}): Sample['finds'] => ({
  shape: 'image',
  references,
  artifactType: OCI_CONFIG,
  ...more,
})
const listed = (references: number, more: Partial<Sample['finds']> = {}): Sample['finds'] => ({
  shape: 'index',
  references,
  ...more,
})

/** A config of each type that tools are known to write. */
const CONFIG_TYPES = [
  DOCKER_CONFIG,
  'application/vnd.docker.plugin.v1+json',
  OCI_CONFIG,
  'application/vnd.oci.empty.v1+json',
  'application/vnd.cncf.helm.config.v1+json',
  'application/vnd.wasm.config.v0+json',
  'application/vnd.buildkit.cacheconfig.v0',
  'application/vnd.dev.cosign.artifact.sbom.v1+json',
  'application/octet-stream',
]

const LAYER_TYPES = [
  'application/vnd.docker.image.rootfs.diff.tar',
  DOCKER_LAYER,
  'application/vnd.oci.image.layer.v1.tar',
  OCI_LAYER,
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.oci.image.layer.v1.tar+encrypted',
  'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
  'application/wasm',
  'application/vnd.in-toto+json',
  'application/vnd.dsse.envelope.v1+json',
  'application/vnd.dev.cosign.simplesigning.v1+json',
  'text/plain',
  'x',
]

const FOREIGN_TYPES = [
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
]

const URLS = ['https://store.example.com/layer']

export const SAMPLES: readonly Sample[] = [
  sample('OCI image', image(), found(2)),
  sample('OCI image without its own mediaType', image({ mediaType: undefined }), found(2), OCI_MANIFEST),
  sample('OCI image pushed without Content-Type', image(), found(2), null),
  sample('OCI image, type in capitals', image(), found(2), OCI_MANIFEST.toUpperCase()),
  sample('OCI index', index(), listed(1)),
  sample('OCI index without its own mediaType', index({ mediaType: undefined }), listed(1), OCI_INDEX),
  sample('Docker image', dockerImage(), found(2, { artifactType: DOCKER_CONFIG })),
  sample('Docker list', index({ mediaType: DOCKER_LIST }), listed(1)),
  sample('no layers', image({ layers: [] }), found(1)),
  sample('layers: null', image({ layers: null }), found(1)),
  sample('no list of layers', image({ layers: undefined }), found(1)),
  sample('empty index', index({ manifests: [] }), listed(0)),
  sample('manifests: null', index({ manifests: null }), listed(0)),
  sample('nested index', index({ manifests: [descriptor(OCI_INDEX, 'inner')] }), listed(1)),
  sample(
    'index of image, index and artifact',
    index({
      manifests: [
        descriptor(OCI_MANIFEST, 'a'),
        descriptor(OCI_INDEX, 'b'),
        descriptor(OCI_MANIFEST, 'c', { artifactType: 'application/x' }),
      ],
    }),
    listed(3),
  ),
  sample(
    'several platforms of one child',
    index({
      manifests: [
        descriptor(OCI_MANIFEST, 'a', { platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }),
        descriptor(OCI_MANIFEST, 'a', { platform: { os: 'linux', architecture: 'arm', variant: 'v6' } }),
      ],
    }),
    listed(1),
  ),
  sample(
    'attestation by BuildKit',
    index({
      manifests: [
        descriptor(OCI_MANIFEST, 'a'),
        descriptor(OCI_MANIFEST, 'attestation', {
          annotations: {
            'vnd.docker.reference.digest': content('a').digest,
            'vnd.docker.reference.type': 'attestation-manifest',
          },
          platform: { os: 'unknown', architecture: 'unknown' },
        }),
      ],
    }),
    listed(2),
  ),
  sample(
    'BuildKit cache: an index of blobs (M15)',
    index({
      manifests: [
        descriptor(OCI_LAYER, 'l1'),
        descriptor('application/vnd.buildkit.cacheconfig.v0', 'cache'),
      ],
    }),
    listed(2),
  ),
  sample(
    'BuildKit cache as a Docker list (M15)',
    index({ mediaType: DOCKER_LIST, manifests: [descriptor(DOCKER_LAYER, 'l1')] }),
    listed(1),
  ),
  sample('the same layer twice', image({ layers: [LAYER, LAYER, LAYER] }), found(2)),
  sample('a layer that is the config', image({ layers: [descriptor(OCI_LAYER, 'config')] }), found(1)),
  sample(
    'sha512 throughout',
    image({ config: { mediaType: OCI_CONFIG, ...sha512('c') }, layers: [] }),
    found(1),
  ),
  sample(
    'artifact with the empty config and its embedded data',
    image({
      artifactType: 'application/vnd.example+type',
      config: { ...EMPTY, data: 'e30=' },
      layers: [EMPTY],
    }),
    found(1, { artifactType: 'application/vnd.example+type' }),
  ),
  sample(
    'artifact without layers',
    image({ artifactType: 'application/x', config: EMPTY, layers: [] }),
    found(1, { artifactType: 'application/x' }),
  ),
  sample(
    'empty artifactType counts as none (R3)',
    image({ artifactType: '', subject: SUBJECT }),
    found(2, { subject: SUBJECT.digest }),
  ),
  sample(
    'embedded data of some size',
    image({
      layers: [
        descriptor('text/plain', 'x'.repeat(5000), {
          data: Buffer.from('x'.repeat(5000)).toString('base64'),
        }),
      ],
    }),
    found(2),
  ),
  sample(
    'embedded data of no bytes',
    image({ layers: [descriptor('text/plain', '', { data: '' })] }),
    found(2),
  ),
  sample('image with a subject', image({ subject: SUBJECT }), found(2, { subject: SUBJECT.digest })),
  sample('subject: null', image({ subject: null }), found(2)),
  sample(
    'signature with a subject and a type',
    image({ subject: SUBJECT, artifactType: 'application/vnd.cncf.notary.signature' }),
    found(2, { subject: SUBJECT.digest, artifactType: 'application/vnd.cncf.notary.signature' }),
  ),
  sample(
    'index with subject and artifactType',
    index({ subject: SUBJECT, artifactType: 'application/x' }),
    listed(1, { subject: SUBJECT.digest, artifactType: 'application/x' }),
  ),
  sample('index with a subject only', index({ subject: SUBJECT }), listed(1, { subject: SUBJECT.digest })),
  sample(
    'unknown fields at every level',
    {
      ...image({
        config: { ...CONFIG, 'org.example': { deep: [1, { a: null }] } },
        layers: [{ ...LAYER, extra: true }],
      }),
      newField: 'x',
      another: [1.5, -2e3, true, null],
    },
    found(2),
  ),
  sample('an unknown field named size, no whole number', { ...image(), size: 1.5 }, found(2)),
  sample(
    'annotations at every level',
    image({
      annotations: { 'org.opencontainers.image.title': 'x', '': '', ü: '☃ \u0000 \ud83d\ude00' },
      config: { ...CONFIG, annotations: { a: 'b' } },
      layers: [{ ...LAYER, annotations: {} }],
    }),
    found(2),
  ),
  sample('annotations: null', image({ annotations: null }), found(2)),
  sample('layer with an empty list of urls', image({ layers: [{ ...LAYER, urls: [] }] }), found(2)),
  sample(
    'layer of the common type with urls',
    image({ layers: [{ ...LAYER, urls: URLS }] }),
    found(2, { foreign: 1 }),
  ),
  sample(
    'a layer both here and elsewhere is here',
    image({ layers: [{ ...LAYER, urls: URLS }, LAYER] }),
    found(2),
  ),
  sample('blob of no bytes', image({ layers: [descriptor(OCI_LAYER, '')] }), found(2)),
  sample(
    'the largest whole number',
    image({ layers: [{ ...LAYER, size: Number.MAX_SAFE_INTEGER }] }),
    found(2),
  ),
  sample(
    'large: 3.9 MB of annotations',
    image({
      annotations: Object.fromEntries(Array.from({ length: 390 }, (_, i) => [`a${i}`, 'x'.repeat(10_000)])),
    }),
    found(2),
  ),
  ...CONFIG_TYPES.map((type) =>
    sample(`config ${type}`, image({ config: descriptor(type, 'config') }), found(2, { artifactType: type })),
  ),
  ...LAYER_TYPES.map((type) =>
    sample(`layer ${type}`, image({ layers: [descriptor(type, 'layer')] }), found(2)),
  ),
  ...FOREIGN_TYPES.map((type) =>
    sample(
      `layer ${type}`,
      image({ layers: [descriptor(type, 'layer', { urls: URLS })] }),
      found(2, { foreign: 1 }),
    ),
  ),
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'].map(
    (key): Sample => ({
      title: `annotation ${key} (SE-23)`,
      type: OCI_MANIFEST,
      text: JSON.stringify(image({ annotations: 0 })).replace(
        '"annotations":0',
        `"annotations":{"${key}":"x"}`,
      ),
      finds: found(2),
    }),
  ),
  {
    title: 'unknown field __proto__ (SE-23)',
    type: OCI_MANIFEST,
    text: JSON.stringify(image()).replace('{', '{"__proto__":{"manifests":[],"mediaType":"x"},'),
    finds: found(2),
  },
  {
    title: 'blanks, tabs and line ends between tokens',
    type: OCI_MANIFEST,
    text: `\r\n\t ${JSON.stringify(image(), null, '\t')} \n`,
    finds: found(2),
  },
  {
    title: 'keys written with escapes',
    type: OCI_MANIFEST,
    text: JSON.stringify(image()).replace('"layers"', '"\\u006cayers"'),
    finds: found(2),
  },
]
