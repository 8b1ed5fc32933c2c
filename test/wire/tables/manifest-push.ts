import { OCI_INDEX, OCI_MANIFEST } from '../../../src/core/media-types.ts'
import {
  ABSENT,
  artifact,
  BLOB,
  CONFIG,
  content,
  DOCKER_IMAGE,
  descriptor,
  EMPTY_TYPE,
  get,
  head,
  IMAGE,
  IMAGE_B,
  IMAGE512,
  INDEX,
  image,
  LAYERS,
  type ManifestContent,
  manifest,
  NESTED,
  OTHER_ABSENT,
  PUSHED,
  pushBlob,
  pushManifest,
  put,
} from '../fixtures.ts'
import type { Row } from '../row.ts'

const INVALID = { status: 400, code: 'MANIFEST_INVALID' }
const NOTHING_STORED = [
  { request: head('/v2/{repo}/manifests/latest'), expect: { status: 404 } },
  { request: head(`/v2/{repo}/manifests/${IMAGE.digest}`), expect: { status: 404 } },
]

function raw(text: string, type = OCI_MANIFEST): ManifestContent {
  return { ...content(text), type }
}

const LAYER = 'application/vnd.oci.image.layer.v1.tar'
const CACHE = manifest(OCI_INDEX, {
  manifests: [descriptor(BLOB, LAYER), descriptor(CONFIG, 'application/vnd.buildkit.cacheconfig.v0')],
})

const accepted: Row[] = (
  [
    ['no layers', image({ layers: [] })],
    ['an index of nothing', manifest(OCI_INDEX, { manifests: [] })],
    ['an artifact', image({ artifactType: 'application/x.thing', config: descriptor(CONFIG, EMPTY_TYPE) })],
    ['a layer of any type', image({ layers: [descriptor(BLOB, 'text/x-whatever')] })],
    ['unknown fields', image({ 'x-more': { deep: [1, { a: null }] } })],
    ['embedded data', image({ layers: [{ ...descriptor(CONFIG, LAYER), data: 'e30=' }] })],
    [
      'a layer from elsewhere that was never pushed',
      image({
        layers: [
          {
            ...descriptor(ABSENT, 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'),
            urls: ['https://store.example.com/layer'],
          },
        ],
      }),
    ],
    ['a cache index whose children are blobs', CACHE],
    ['a docker schema 2 manifest', DOCKER_IMAGE],
    ['a subject that is not there', artifact({ ...ABSENT, type: OCI_MANIFEST })],
    ['3.9 MB of annotations', image({ annotations: { large: 'x'.repeat(3_900_000) } })],
  ] as const
).map(([title, pushed]) => ({
  id: 'M6',
  title: `taken: ${title}`,
  given: LAYERS,
  request: pushManifest(pushed, 'latest'),
  expect: { status: 201, headers: { 'Docker-Content-Digest': pushed.digest } },
  after: [{ request: get('/v2/{repo}/manifests/latest'), expect: { status: 200, body: pushed.bytes } }],
}))

const refused: Row[] = (
  [
    ['M3', 'a mediaType that is not the Content-Type', { ...IMAGE, type: OCI_INDEX }],
    ['M12', 'layers and manifests together', image({ manifests: [] })],
    ['M12', 'schemaVersion 1', image({ schemaVersion: 1 })],
    ['M12', 'a key twice', raw(IMAGE.bytes.toString().replace('{', '{"layers":[],'))],
    ['M12', 'a key that differs by case', image({ Layers: [] })],
    ['M13', 'a negative size', image({ layers: [{ ...descriptor(BLOB, LAYER), size: -1 }] })],
    ['M14', 'schema 1', { ...IMAGE, type: 'application/vnd.docker.distribution.manifest.v1+json' }],
    ['M14', 'an unknown type', raw('{"schemaVersion":2}', 'text/plain')],
    ['RS-3', 'what is no JSON', raw('{')],
    ['RS-3', 'nothing', raw('')],
    ['RS-3', 'depth without end', raw('['.repeat(100_000))],
    ['RS-3', 'broken UTF-8', { ...content(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), type: OCI_MANIFEST }],
  ] as const
).map(([id, title, pushed]) => ({
  id,
  title: `refused: ${title}`,
  given: LAYERS,
  request: pushManifest(pushed, 'latest'),
  expect: INVALID,
  after: NOTHING_STORED,
}))

const conditions: Row[] = (
  [
    ['If-None-Match: * on a free tag', 'fresh', { 'If-None-Match': '*' }, 201],
    ['If-None-Match: * on a tag that is set', 'latest', { 'If-None-Match': '*' }, 412],
    ['If-Match: * on a tag that is set', 'latest', { 'If-Match': '*' }, 201],
    ['If-Match: * on a free tag', 'fresh', { 'If-Match': '*' }, 412],
    ['If-Match with the digest there', 'latest', { 'If-Match': `"${IMAGE.digest}"` }, 201],
    ['If-Match with it in a list', 'latest', { 'If-Match': `"x", "${IMAGE.digest}"` }, 201],
    ['If-Match with another digest', 'latest', { 'If-Match': `"${IMAGE_B.digest}"` }, 412],
    ['If-Match with a weak tag', 'latest', { 'If-Match': `W/"${IMAGE.digest}"` }, 412],
    ['If-Match with what is no digest', 'latest', { 'If-Match': '"x"' }, 412],
  ] as const
).map(([title, tag, headers, status]) => {
  const request = pushManifest(IMAGE_B, tag)
  const code = status === 412 ? { code: 'DENIED' } : {}
  return {
    id: 'M11',
    title,
    given: PUSHED,
    request: { ...request, headers: { ...request.headers, ...headers } },
    expect: { status, ...code },
  }
})

function tags(count: number): string {
  return Array.from({ length: count }, (_, i) => `tag=t${i}`).join('&')
}

function names(count: number): string {
  return Array.from({ length: count }, (_, i) => `t${i}`).join(', ')
}

const BY_DIGEST = `/v2/{repo}/manifests/${IMAGE.digest}`
const TYPED = { 'Content-Type': IMAGE.type }

export const MANIFEST_PUSH: readonly Row[] = [
  {
    id: 'M1',
    title: 'a push by tag tells where to pull and the digest',
    given: LAYERS,
    request: pushManifest(IMAGE, 'latest'),
    expect: {
      status: 201,
      headers: {
        Location: '/v2/{repo}/manifests/latest',
        'Docker-Content-Digest': IMAGE.digest,
        'Content-Length': '0',
        'OCI-Subject': null,
        'OCI-Tag': null,
      },
    },
    after: [{ request: get('/v2/{repo}/manifests/latest'), expect: { status: 200, body: IMAGE.bytes } }],
  },
  {
    id: 'M1',
    title: 'a push by digest, chunked',
    given: LAYERS,
    request: { ...pushManifest(IMAGE), chunked: 50 },
    expect: { status: 201, headers: { Location: BY_DIGEST, 'Docker-Content-Digest': IMAGE.digest } },
    after: [{ request: get(BY_DIGEST), expect: { status: 200, body: IMAGE.bytes } }],
  },
  {
    id: 'M1',
    title: 'a push by sha512',
    given: LAYERS,
    request: pushManifest(IMAGE512),
    expect: { status: 201, headers: { 'Docker-Content-Digest': IMAGE512.digest } },
  },
  {
    id: 'M2',
    title: 'blanks and order of the bytes are kept',
    given: LAYERS,
    request: pushManifest(
      raw(` ${JSON.stringify(JSON.parse(IMAGE.bytes.toString()), null, 3)}\n\n`),
      'latest',
    ),
    expect: { status: 201 },
    after: [
      {
        request: get('/v2/{repo}/manifests/latest'),
        expect: {
          status: 200,
          body: ` ${JSON.stringify(JSON.parse(IMAGE.bytes.toString()), null, 3)}\n\n`,
        },
      },
    ],
  },
  {
    id: 'M3',
    title: 'parameters of the Content-Type are ignored',
    given: LAYERS,
    request: put('/v2/{repo}/manifests/latest', IMAGE.bytes, {
      'Content-Type': `${OCI_MANIFEST}; charset=utf-8`,
    }),
    expect: { status: 201 },
    after: [
      {
        request: head('/v2/{repo}/manifests/latest'),
        expect: { status: 200, headers: { 'Content-Type': OCI_MANIFEST } },
      },
    ],
  },
  {
    id: 'M3',
    title: 'without a Content-Type the mediaType counts',
    given: LAYERS,
    request: put('/v2/{repo}/manifests/latest', IMAGE.bytes),
    expect: { status: 201 },
    after: [
      {
        request: head('/v2/{repo}/manifests/latest'),
        expect: { status: 200, headers: { 'Content-Type': OCI_MANIFEST } },
      },
    ],
  },
  {
    id: 'M3',
    title: 'without either it is refused',
    given: LAYERS,
    request: put('/v2/{repo}/manifests/latest', Buffer.from('{"schemaVersion":2,"manifests":[]}')),
    expect: INVALID,
  },
  {
    id: 'M4',
    title: 'a digest that the body has not is refused',
    given: LAYERS,
    request: put(BY_DIGEST, Buffer.concat([IMAGE.bytes, Buffer.from('  ')]), TYPED),
    expect: { status: 400, code: 'DIGEST_INVALID' },
    after: NOTHING_STORED,
  },
  {
    id: 'M4',
    title: 'a malformed digest is refused',
    given: LAYERS,
    request: pushManifest(IMAGE, 'sha256:baddigeststring'),
    expect: { status: 400, code: 'DIGEST_INVALID' },
  },
  {
    id: 'M5',
    title: 'every missing object has its error',
    given: [pushBlob(CONFIG)],
    request: pushManifest(
      image({ layers: [descriptor(ABSENT, LAYER), descriptor(OTHER_ABSENT, LAYER)] }),
      'latest',
    ),
    expect: { status: 400, code: 'MANIFEST_BLOB_UNKNOWN', errors: 2 },
    after: NOTHING_STORED,
  },
  ...accepted,
  ...refused,
  {
    id: 'M6',
    title: 'taken: nested indexes',
    given: [...PUSHED, pushManifest(INDEX)],
    request: pushManifest(NESTED, 'nested'),
    expect: { status: 201 },
  },
  {
    id: 'M7',
    title: 'a manifest above 4 MiB is refused without reading it',
    given: LAYERS,
    request: pushManifest(image({ annotations: { large: 'x'.repeat(4 * 1024 * 1024) } }), 'latest'),
    expect: { status: 413, code: 'SIZE_INVALID', close: true },
    after: NOTHING_STORED,
  },
  {
    id: 'M7',
    title: 'so is one that does not announce its length',
    given: LAYERS,
    request: {
      ...pushManifest(image({ annotations: { large: 'x'.repeat(4 * 1024 * 1024) } }), 'latest'),
      chunked: 65_536,
    },
    expect: { status: 413, code: 'SIZE_INVALID', close: true },
    after: NOTHING_STORED,
  },
  {
    id: 'M8',
    title: 'the subject of an artifact is echoed',
    given: PUSHED,
    request: pushManifest(artifact(IMAGE)),
    expect: { status: 201, headers: { 'OCI-Subject': IMAGE.digest } },
  },
  {
    id: 'M8',
    title: 'the subject of an index is echoed',
    given: PUSHED,
    request: pushManifest(manifest(OCI_INDEX, { manifests: [], subject: descriptor(IMAGE, OCI_MANIFEST) })),
    expect: { status: 201, headers: { 'OCI-Subject': IMAGE.digest } },
  },
  {
    id: 'M9',
    title: 'a push by digest sets several tags',
    given: LAYERS,
    request: put(`${BY_DIGEST}?tag=one&tag=two`, IMAGE.bytes, TYPED),
    expect: { status: 201, headers: { 'OCI-Tag': 'one, two', Location: BY_DIGEST } },
    after: [
      {
        request: get('/v2/{repo}/tags/list'),
        expect: { status: 200, json: { name: '{repo}', tags: ['one', 'two'] } },
      },
      {
        request: head('/v2/{repo}/manifests/two'),
        expect: { status: 200, headers: { 'Docker-Content-Digest': IMAGE.digest } },
      },
    ],
  },
  {
    id: 'M9',
    title: '50 tags are set',
    given: LAYERS,
    request: put(`${BY_DIGEST}?${tags(50)}`, IMAGE.bytes, TYPED),
    expect: { status: 201, headers: { 'OCI-Tag': names(50) } },
  },
  {
    id: 'M9',
    title: '51 tags are too many',
    given: LAYERS,
    request: put(`${BY_DIGEST}?${tags(51)}`, IMAGE.bytes, TYPED),
    expect: { status: 414, code: 'UNSUPPORTED' },
    after: NOTHING_STORED,
  },
  {
    id: 'M9',
    title: 'a tag said twice is one',
    given: LAYERS,
    request: put(`${BY_DIGEST}?tag=one&tag=two&tag=one`, IMAGE.bytes, TYPED),
    expect: { status: 201, headers: { 'OCI-Tag': 'one, two' } },
  },
  ...['tag=', 'tag=good&tag=-bad', 'tag=a%2Fb', 'tag=a+b'].map((query) => ({
    id: 'M9',
    title: `?${query} is no tag: nothing is stored`,
    given: LAYERS,
    request: put(`${BY_DIGEST}?${query}`, IMAGE.bytes, TYPED),
    expect: INVALID,
    after: [...NOTHING_STORED, { request: head('/v2/{repo}/manifests/good'), expect: { status: 404 } }],
  })),
  {
    id: 'M9',
    title: 'tags beside a tag are refused',
    given: LAYERS,
    request: put('/v2/{repo}/manifests/latest?tag=one', IMAGE.bytes, TYPED),
    expect: { status: 400, code: 'UNSUPPORTED' },
    after: NOTHING_STORED,
  },
  {
    id: 'M10',
    title: 'a tag that is pushed again points to the new manifest at once',
    given: PUSHED,
    request: pushManifest(IMAGE_B, 'latest'),
    expect: { status: 201 },
    after: [
      {
        request: head('/v2/{repo}/manifests/latest'),
        expect: { status: 200, headers: { 'Docker-Content-Digest': IMAGE_B.digest } },
      },
      { request: get(BY_DIGEST), expect: { status: 200, body: IMAGE.bytes } },
    ],
  },
  ...conditions,
  {
    id: 'M11',
    title: 'If-None-Match and If-Match together are refused',
    given: PUSHED,
    request: put('/v2/{repo}/manifests/fresh', IMAGE_B.bytes, {
      ...TYPED,
      'If-None-Match': '*',
      'If-Match': '*',
    }),
    expect: { status: 400, code: 'UNSUPPORTED' },
  },
  {
    id: 'M11',
    title: 'If-None-Match with a digest cannot be kept, so that it is refused',
    given: PUSHED,
    request: put('/v2/{repo}/manifests/latest', IMAGE_B.bytes, {
      ...TYPED,
      'If-None-Match': `"${IMAGE.digest}"`,
    }),
    expect: { status: 400, code: 'UNSUPPORTED' },
    after: [{ request: get('/v2/{repo}/manifests/latest'), expect: { status: 200, body: IMAGE.bytes } }],
  },
]
