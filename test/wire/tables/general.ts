import { BLOB, del, get, head, IMAGE, LAYERS, PUSHED, patch, post, pushManifest, put } from '../fixtures.ts'
import type { Row } from '../row.ts'

const LONG_NAME = 'a'.repeat(256)

const badNames: Row[] = [
  ['upper case', '/v2/Library/app/tags/list'],
  ['leading dash', '/v2/-a/tags/list'],
  ['trailing dot', '/v2/a./tags/list'],
  ['three underscores', '/v2/a___b/tags/list'],
  ['two dots', '/v2/a..b/tags/list'],
  ['empty part', '/v2/a//b/tags/list'],
  ['no name at all', '/v2//tags/list'],
  ['no name and no slash', '/v2/tags/list'],
  ['dots that climb', '/v2/a/../b/tags/list'],
  ['encoded dots that climb', '/v2/a/%2e%2e/b/tags/list'],
  ['encoded slash', '/v2/a%2fb/tags/list'],
  ['encoded slash in upper case', '/v2/a%2Fb/tags/list'],
  ['encoded backslash', '/v2/a%5cb/tags/list'],
  ['NUL', '/v2/a%00b/tags/list'],
  ['double encoding', '/v2/a%252fb/tags/list'],
  ['line break', '/v2/a%0d%0ab/tags/list'],
  ['look-alike letter', '/v2/%D0%B0pp/tags/list'],
  ['256 characters', `/v2/${LONG_NAME}/tags/list`],
  ['33 parts', `/v2/${Array(33).fill('a').join('/')}/tags/list`],
].map(([title = '', path = '']) => ({
  id: 'G1',
  title: `a bad name is refused: ${title}`,
  request: get(path),
  expect: { status: 400, code: 'NAME_INVALID' },
}))

const wrongMethods: Row[] = [
  { request: post('/v2/'), allow: 'GET, HEAD' },
  { request: post('/v2/{repo}/tags/list'), allow: 'GET, HEAD' },
  { request: del('/v2/_catalog'), allow: 'GET, HEAD' },
  { request: put(`/v2/{repo}/referrers/${BLOB.digest}`), allow: 'GET, HEAD' },
  { request: put(`/v2/{repo}/blobs/${BLOB.digest}`, BLOB.bytes), allow: 'GET, HEAD, DELETE' },
  { request: post('/v2/{repo}/manifests/latest'), allow: 'GET, HEAD, PUT, DELETE' },
  { request: get('/v2/{repo}/blobs/uploads/'), allow: 'POST' },
  {
    request: post('/v2/{repo}/blobs/uploads/01234567-89ab-cdef-0123-456789abcdef'),
    allow: 'GET, HEAD, PATCH, PUT, DELETE',
  },
  { request: { method: 'OPTIONS', path: '/v2/' }, allow: 'GET, HEAD' },
  { request: patch('/v1/search', BLOB.bytes), allow: 'GET, HEAD' },
].map(({ request, allow }) => ({
  id: 'G6',
  title: `${request.method} is not for ${request.path}`,
  request,
  expect: { status: 405, code: 'UNSUPPORTED', headers: { Allow: allow } },
}))

const unknownPaths: Row[] = [
  '/v2/x',
  '/v2/x/y',
  '/v2/x/tags',
  '/v2/x/tags/other',
  '/v2/x/tags/list/',
  '/v2/x/uploads/',
  '/v2/_docker/x',
  '/v2/_catalog/',
  '/v2/_oci/ext',
].map((path) => ({
  id: 'G13',
  title: `nothing is at ${path}`,
  request: get(path),
  expect: { status: 404, code: 'UNSUPPORTED' },
}))

const protocolWords: Row[] = [
  'blobs',
  'manifests',
  'tags',
  'referrers',
  'uploads',
  'list',
  'blobs/uploads',
].map((word) => ({
  id: 'G5',
  title: `a repository may be named ${word}`,
  given: LAYERS.map((each) => ({ ...each, path: each.path.replace('{repo}', `{repo}/${word}`) })),
  request: pushManifest(IMAGE, 'list', `{repo}/${word}`),
  expect: { status: 201, headers: { Location: `/v2/{repo}/${word}/manifests/list` } },
  after: [
    { request: get(`/v2/{repo}/${word}/manifests/list`), expect: { status: 200, body: IMAGE.bytes } },
    {
      request: get(`/v2/{repo}/${word}/tags/list`),
      expect: { status: 200, json: { name: `{repo}/${word}`, tags: ['list'] } },
    },
    { request: get(`/v2/{repo}/${word}/blobs/${BLOB.digest}`), expect: { status: 200, body: BLOB.bytes } },
    { request: get(`/v2/{repo}/${word}/referrers/${IMAGE.digest}`), expect: { status: 200 } },
  ],
}))

const onePart = PUSHED.map((each) => ({ ...each, path: each.path.replace('{repo}', '{name}') }))

export const GENERAL: readonly Row[] = [
  {
    id: 'end-1',
    title: 'says that it is a registry',
    request: get('/v2/'),
    expect: { status: 200, json: {}, headers: { 'Content-Type': 'application/json' } },
  },
  {
    id: 'end-1',
    title: 'also without the last slash',
    request: get('/v2'),
    expect: { status: 200, json: {} },
  },
  {
    id: 'T6',
    title: 'lists its extensions',
    request: get('/v2/_oci/ext/discover'),
    expect: { status: 200, headers: { 'Content-Type': 'application/json' } },
  },
  ...badNames,
  {
    id: 'G1',
    title: 'a name of 32 parts and 255 characters is taken',
    request: get(`/v2/${['a'.repeat(193), ...Array(31).fill('b')].join('/')}/tags/list`),
    expect: { status: 404, code: 'NAME_UNKNOWN' },
  },
  {
    id: 'G2',
    title: 'a bad tag is refused',
    request: get('/v2/{repo}/manifests/-bad'),
    expect: { status: 400, code: 'MANIFEST_INVALID' },
  },
  {
    id: 'G2',
    title: 'a tag of 129 characters is refused',
    request: pushManifest(IMAGE, 'x'.repeat(129)),
    expect: { status: 400, code: 'MANIFEST_INVALID' },
  },
  {
    id: 'G2',
    title: 'a tag of 128 characters is taken',
    given: LAYERS,
    request: pushManifest(IMAGE, 'x'.repeat(128)),
    expect: { status: 201 },
  },
  ...[
    `sha256:${'0'.repeat(63)}`,
    `sha256:${'0'.repeat(65)}`,
    `sha256:${'A'.repeat(64)}`,
    `SHA256:${'0'.repeat(64)}`,
    `sha512:${'0'.repeat(64)}`,
    `md5:${'0'.repeat(32)}`,
    'sha256:',
    'sha256:../../etc/passwd'.replaceAll('/', '%5c'),
    'sha256',
  ].map((digest) => ({
    id: 'G3',
    title: `a bad digest is refused: ${digest.slice(0, 24)}`,
    request: get(`/v2/{repo}/blobs/${digest}`),
    expect: { status: 400, code: 'DIGEST_INVALID' },
  })),
  {
    id: 'G3',
    title: 'an encoded colon is a colon',
    given: LAYERS,
    request: get(`/v2/{repo}/blobs/${BLOB.digest.replace(':', '%3A')}`),
    expect: { status: 200, body: BLOB.bytes },
  },
  ...protocolWords,
  {
    id: 'G5',
    title: 'a one-part name is one of the library',
    given: onePart,
    request: get('/v2/library/{name}/manifests/latest'),
    expect: { status: 200, body: IMAGE.bytes },
    after: [
      {
        request: get('/v2/library/{name}/tags/list'),
        expect: { status: 200, json: { name: 'library/{name}', tags: ['latest'] } },
      },
    ],
  },
  {
    id: 'G5',
    title: 'tags/list echoes the spelling that was asked',
    given: onePart,
    request: get('/v2/{name}/tags/list'),
    expect: { status: 200, json: { name: '{name}', tags: ['latest'] } },
  },
  {
    id: 'G5',
    title: 'Location echoes the spelling that was asked',
    request: post('/v2/{name}/blobs/uploads/'),
    expect: { status: 202, headers: { Location: '/v2/{name}/blobs/uploads/{uuid}' } },
    after: [{ request: get('/v2/library/{name}/blobs/uploads/{uuid}'), expect: { status: 204 } }],
  },
  ...wrongMethods,
  ...unknownPaths,
  {
    id: 'G6',
    title: 'broken percent-encoding in the path is refused',
    request: get('/v2/{repo}/manifests/%zz'),
    expect: { status: 400, code: 'UNSUPPORTED' },
  },
  {
    id: 'G6',
    title: 'broken percent-encoding in the query is refused',
    request: get('/v2/{repo}/tags/list?last=%ff'),
    expect: { status: 400, code: 'UNSUPPORTED' },
  },
  {
    id: 'G6',
    title: 'a URL of over 16 KiB is refused',
    request: get(`/v2/{repo}/tags/list?x=${'y'.repeat(16_400)}`),
    expect: { status: 414, code: 'UNSUPPORTED' },
  },
  {
    id: 'G9',
    title: 'HEAD of nothing has the headers of its error',
    request: head('/v2/{repo}/manifests/none'),
    expect: { status: 404, headers: { 'Content-Type': 'application/json' } },
  },
  {
    id: 'RS-7',
    title: 'a refusal before a large body closes the connection',
    request: put('/v2/{repo}/blobs/uploads/01234567-89ab-cdef-0123-456789abcdef', Buffer.alloc(100_000)),
    expect: { status: 400, code: 'DIGEST_INVALID', close: true },
  },
  {
    id: 'RS-7',
    title: 'a refusal before a body without length closes the connection',
    request: { ...post('/v2/UPPER/blobs/uploads/', BLOB.bytes), chunked: 512 },
    expect: { status: 400, code: 'NAME_INVALID', close: true },
  },
  {
    id: 'RS-7',
    title: 'a refusal before a small body does not',
    request: post('/v2/UPPER/blobs/uploads/', BLOB.bytes),
    expect: { status: 400, code: 'NAME_INVALID', close: false },
  },
]
