import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../../src/core/media-types.ts'
import {
  ABSENT,
  BLOB,
  BLOB512,
  DOCKER_IMAGE,
  DOCKER_INDEX,
  EMPTY,
  get,
  head,
  IMAGE,
  IMAGE_B,
  IMAGE512,
  INDEX,
  LAYERS,
  PUSHED,
  pushBlob,
  pushManifest,
} from '../fixtures.ts'
import type { Row } from '../row.ts'

const BLOB_URL = `/v2/{repo}/blobs/${BLOB.digest}`
const WITH_BLOB = [pushBlob(BLOB)]

function slice(start: number, end: number): Uint8Array {
  return BLOB.bytes.subarray(start, end)
}

const ranges: Row[] = (
  [
    ['500-1499', 500, 1500],
    ['500-', 500, 2048],
    ['-500', 1548, 2048],
    ['2000-5000', 2000, 2048],
    ['0-0', 0, 1],
    ['2047-2047', 2047, 2048],
    ['-5000', 0, 2048],
    ['0-99999999999999999999999', 0, 2048],
    ['10-19,', 10, 20],
    [' 0 - 5 ', 0, 6],
  ] as const
).map(([range, start, end]) => ({
  id: 'P6',
  title: `bytes=${range}`,
  given: WITH_BLOB,
  request: get(BLOB_URL, { Range: `bytes=${range}` }),
  expect: {
    status: 206,
    body: slice(start, end),
    headers: {
      'Content-Range': `bytes ${start}-${end - 1}/2048`,
      'Content-Length': String(end - start),
      'Docker-Content-Digest': BLOB.digest,
      'Accept-Ranges': 'bytes',
    },
  },
}))

const unsatisfiable: Row[] = [
  '500-0',
  '5000-10000',
  '2048-',
  '-0',
  '18446744073709551616-',
  '500-0,9999-',
].map((range) => ({
  id: 'P6',
  title: `bytes=${range} cannot be had`,
  given: WITH_BLOB,
  request: get(BLOB_URL, { Range: `bytes=${range}` }),
  expect: { status: 416, code: 'BLOB_UPLOAD_INVALID', headers: { 'Content-Range': 'bytes */2048' } },
}))

const ignored: Row[] = ['bytes=', 'bytes=-', 'bytes=a-b', 'lines=0-5', 'bytes 0-5', 'bytes=0-5,x'].map(
  (range) => ({
    id: 'P6',
    title: `${range} is no range: the whole is sent`,
    given: WITH_BLOB,
    request: get(BLOB_URL, { Range: range }),
    expect: { status: 200, body: BLOB.bytes, headers: { 'Content-Range': null } },
  }),
)

const BLOB_HEADERS = {
  'Content-Type': 'application/octet-stream',
  'Content-Length': '2048',
  'Docker-Content-Digest': BLOB.digest,
  ETag: `"${BLOB.digest}"`,
  'Accept-Ranges': 'bytes',
  'Cache-Control': /max-age=31536000/,
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Content-Disposition': 'attachment',
}

const accepts: Row[] = [
  [OCI_MANIFEST],
  [DOCKER_MANIFEST],
  ['text/html'],
  ['*/*'],
  [`${DOCKER_LIST}, ${OCI_INDEX};q=0.5, */*;q=0.1`],
].map(([accept = '']) => ({
  id: 'P5',
  title: `Accept: ${accept.slice(0, 60)} gets what is stored`,
  given: PUSHED,
  request: get('/v2/{repo}/manifests/latest', { Accept: accept }),
  expect: { status: 200, body: IMAGE.bytes, headers: { 'Content-Type': OCI_MANIFEST } },
}))

const fresh: Row[] = (
  [
    [`"${IMAGE.digest}"`, 304],
    [`W/"${IMAGE.digest}"`, 304],
    [`"x", "${IMAGE.digest}"`, 304],
    ['*', 304],
    [`"${IMAGE_B.digest}"`, 200],
    [IMAGE.digest, 200],
  ] as const
).map(([tag, status]) => ({
  id: 'P8',
  title: `If-None-Match: ${tag.slice(0, 20)} is ${status}`,
  given: PUSHED,
  request: get('/v2/{repo}/manifests/latest', { 'If-None-Match': tag }),
  expect: { status, headers: { ETag: `"${IMAGE.digest}"`, 'Docker-Content-Digest': IMAGE.digest } },
}))

export const PULL: readonly Row[] = [
  {
    id: 'P1',
    title: 'a manifest comes byte for byte, by tag',
    given: PUSHED,
    request: get('/v2/{repo}/manifests/latest'),
    expect: {
      status: 200,
      body: IMAGE.bytes,
      headers: {
        'Content-Type': OCI_MANIFEST,
        'Docker-Content-Digest': IMAGE.digest,
        ETag: `"${IMAGE.digest}"`,
        'Cache-Control': 'no-cache',
        'X-Content-Type-Options': 'nosniff',
        'Content-Security-Policy': "default-src 'none'; sandbox",
        'Content-Disposition': 'attachment',
      },
    },
  },
  {
    id: 'P1',
    title: 'a manifest comes byte for byte, by digest',
    given: PUSHED,
    request: get(`/v2/{repo}/manifests/${IMAGE.digest}`),
    expect: { status: 200, body: IMAGE.bytes, headers: { 'Cache-Control': /max-age=31536000/ } },
  },
  ...[DOCKER_INDEX, INDEX].map((index) => ({
    id: 'P1',
    title: `a list keeps its type: ${index.type}`,
    given: [...LAYERS, pushManifest(DOCKER_IMAGE), pushManifest(IMAGE), pushManifest(index, 'list')],
    request: get('/v2/{repo}/manifests/list'),
    expect: { status: 200, body: index.bytes, headers: { 'Content-Type': index.type } },
  })),
  {
    id: 'P2',
    title: 'a manifest pushed by its sha512 digest shows that digest',
    given: [...LAYERS, pushManifest(IMAGE512)],
    request: head(`/v2/{repo}/manifests/${IMAGE512.digest}`),
    expect: { status: 200, headers: { 'Docker-Content-Digest': IMAGE512.digest } },
  },
  {
    id: 'P2',
    title: 'a tag set by a push under sha512 shows that digest',
    given: [...LAYERS, pushManifest(IMAGE512, `${IMAGE512.digest}?tag=one`)],
    request: head('/v2/{repo}/manifests/one'),
    expect: { status: 200, headers: { 'Docker-Content-Digest': IMAGE512.digest } },
  },
  {
    id: 'P2',
    title: 'a blob pushed by its sha512 digest shows that digest',
    given: [pushBlob(BLOB512)],
    request: get(`/v2/{repo}/blobs/${BLOB512.digest}`),
    expect: { status: 200, body: BLOB.bytes, headers: { 'Docker-Content-Digest': BLOB512.digest } },
  },
  {
    id: 'P3',
    title: 'HEAD of a manifest tells type, size and digest',
    given: PUSHED,
    request: head('/v2/{repo}/manifests/latest'),
    expect: {
      status: 200,
      headers: {
        'Content-Type': OCI_MANIFEST,
        'Content-Length': String(IMAGE.bytes.byteLength),
        'Docker-Content-Digest': IMAGE.digest,
      },
    },
  },
  {
    id: 'P3',
    title: 'HEAD of a blob tells all that GET does',
    given: WITH_BLOB,
    request: head(BLOB_URL),
    expect: { status: 200, headers: BLOB_HEADERS },
  },
  {
    id: 'P3',
    title: 'HEAD takes no ranges',
    given: WITH_BLOB,
    request: head(BLOB_URL, { Range: 'bytes=0-9' }),
    expect: { status: 200, headers: { 'Content-Length': '2048', 'Content-Range': null } },
  },
  {
    id: 'P4',
    title: 'an absent blob is 404',
    request: get(`/v2/{repo}/blobs/${ABSENT.digest}`),
    expect: { status: 404, code: 'BLOB_UNKNOWN' },
  },
  {
    id: 'P4',
    title: 'an absent blob is 404 for HEAD',
    given: WITH_BLOB,
    request: head(`/v2/{repo}/blobs/${ABSENT.digest}`),
    expect: { status: 404 },
  },
  {
    id: 'P4',
    title: 'a blob of another repository is 404',
    given: [pushBlob(BLOB, '{other}')],
    request: get(BLOB_URL),
    expect: { status: 404, code: 'BLOB_UNKNOWN' },
  },
  {
    id: 'P4',
    title: 'an absent tag is 404',
    given: PUSHED,
    request: get('/v2/{repo}/manifests/none'),
    expect: { status: 404, code: 'MANIFEST_UNKNOWN' },
  },
  {
    id: 'P4',
    title: 'an absent manifest is 404',
    given: PUSHED,
    request: get(`/v2/{repo}/manifests/${ABSENT.digest}`),
    expect: { status: 404, code: 'MANIFEST_UNKNOWN' },
  },
  {
    id: 'P4',
    title: 'a malformed digest is 400',
    request: get('/v2/{repo}/manifests/sha256:baddigeststring'),
    expect: { status: 400, code: 'DIGEST_INVALID' },
  },
  ...accepts,
  {
    id: 'P10',
    title: 'a blob comes as octets that no browser runs',
    given: WITH_BLOB,
    request: get(BLOB_URL),
    expect: { status: 200, body: BLOB.bytes, headers: BLOB_HEADERS },
  },
  ...ranges,
  ...unsatisfiable,
  ...ignored,
  {
    id: 'P6',
    title: 'a range of an empty blob cannot be had',
    given: [pushBlob(EMPTY)],
    request: get(`/v2/{repo}/blobs/${EMPTY.digest}`, { Range: 'bytes=0-' }),
    expect: { status: 416, code: 'BLOB_UPLOAD_INVALID', headers: { 'Content-Range': 'bytes */0' } },
  },
  {
    id: 'P7',
    title: 'several ranges come as parts',
    given: WITH_BLOB,
    request: get(BLOB_URL, { Range: 'bytes=0-9,2000-2005' }),
    expect: {
      status: 206,
      headers: {
        'Content-Type': /^multipart\/byteranges; boundary=[-0-9a-f]+$/,
        'Content-Range': null,
        'Docker-Content-Digest': BLOB.digest,
      },
    },
  },
  {
    id: 'P7',
    title: 'several ranges of which one is there come as parts too',
    given: WITH_BLOB,
    request: get(BLOB_URL, { Range: 'bytes=0-9,9000-' }),
    expect: { status: 206, headers: { 'Content-Type': /^multipart\/byteranges/, 'Content-Range': null } },
  },
  {
    id: 'P7',
    title: '1,024 ranges are answered',
    given: WITH_BLOB,
    request: get(BLOB_URL, { Range: `bytes=${Array(1024).fill('5-5').join(',')}` }),
    expect: { status: 206, headers: { 'Content-Type': /^multipart\/byteranges/ } },
  },
  {
    id: 'P7',
    title: '1,025 ranges are refused with the 400 that podman halves them on',
    given: WITH_BLOB,
    request: get(BLOB_URL, { Range: `bytes=${Array(1025).fill('5-5').join(',')}` }),
    expect: { status: 400, code: 'UNSUPPORTED' },
  },
  {
    id: 'P7',
    title: 'ranges of twice the size are answered',
    given: WITH_BLOB,
    request: get(BLOB_URL, { Range: 'bytes=0-,0-' }),
    expect: { status: 206 },
  },
  {
    id: 'P7',
    title: 'ranges of over twice the size are refused',
    given: WITH_BLOB,
    request: get(BLOB_URL, { Range: 'bytes=0-,0-,0-0' }),
    expect: { status: 400, code: 'UNSUPPORTED' },
  },
  {
    id: 'P7',
    title: 'If-Range with the entity tag keeps the range',
    given: WITH_BLOB,
    request: get(BLOB_URL, { Range: 'bytes=0-9', 'If-Range': `"${BLOB.digest}"` }),
    expect: { status: 206, body: slice(0, 10) },
  },
  ...[`"${ABSENT.digest}"`, `W/"${BLOB.digest}"`, 'Wed, 21 Oct 2015 07:28:00 GMT'].map((tag) => ({
    id: 'P7',
    title: `If-Range: ${tag.slice(0, 14)} makes the whole the answer`,
    given: WITH_BLOB,
    request: get(BLOB_URL, { Range: 'bytes=0-9', 'If-Range': tag }),
    expect: { status: 200, body: BLOB.bytes },
  })),
  ...fresh,
  {
    id: 'P8',
    title: 'If-None-Match of a blob that is held is 304',
    given: WITH_BLOB,
    request: get(BLOB_URL, { 'If-None-Match': `"${BLOB.digest}"` }),
    expect: { status: 304, headers: { ETag: `"${BLOB.digest}"` } },
  },
  {
    id: 'P8',
    title: 'If-None-Match of a blob that is not there is 404',
    request: get(`/v2/{repo}/blobs/${ABSENT.digest}`, { 'If-None-Match': `"${ABSENT.digest}"` }),
    expect: { status: 404, code: 'BLOB_UNKNOWN' },
  },
  {
    id: 'P8',
    title: 'If-Match of other content is 412',
    given: PUSHED,
    request: get('/v2/{repo}/manifests/latest', { 'If-Match': `"${IMAGE_B.digest}"` }),
    expect: { status: 412, code: 'DENIED' },
  },
  {
    id: 'P8',
    title: 'If-Match of a weak tag is 412',
    given: PUSHED,
    request: get('/v2/{repo}/manifests/latest', { 'If-Match': `W/"${IMAGE.digest}"` }),
    expect: { status: 412, code: 'DENIED' },
  },
  {
    id: 'P8',
    title: 'If-Match of the content is no hindrance',
    given: PUSHED,
    request: get('/v2/{repo}/manifests/latest', { 'If-Match': `"x", "${IMAGE.digest}"` }),
    expect: { status: 200, body: IMAGE.bytes },
  },
  {
    id: 'PROTOCOL 8',
    title: 'a proxied pull may name its source',
    given: PUSHED,
    request: get('/v2/{repo}/manifests/latest?ns=docker.io'),
    expect: { status: 200, body: IMAGE.bytes, headers: { 'OCI-Namespace': null } },
  },
]
