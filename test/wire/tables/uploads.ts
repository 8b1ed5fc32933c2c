import {
  ABSENT,
  BLOB,
  BLOB512,
  type Content,
  EMPTY,
  get,
  head,
  patch,
  post,
  pushBlob,
  put,
  START,
} from '../fixtures.ts'
import type { Row } from '../row.ts'

const POST = '/v2/{repo}/blobs/uploads/'
const LOCATION = `/v2/{repo}/blobs/${BLOB.digest}`
const CREATED = {
  status: 201,
  headers: { Location: LOCATION, 'Docker-Content-Digest': BLOB.digest, 'Content-Length': '0' },
}
const PULLABLE = [{ request: get(LOCATION), expect: { status: 200, body: BLOB.bytes } }]
const WRONG = `?digest=${ABSENT.digest}`
const INVALID = { status: 400, code: 'DIGEST_INVALID' }
const INVISIBLE = [
  { request: head(`/v2/{repo}/blobs/${ABSENT.digest}`), expect: { status: 404 } },
  { request: head(LOCATION), expect: { status: 404 } },
]

/** The ways to push a blob, each ending in the request that closes it. */
function ways(blob: Content, digest: string = blob.digest): Row[] {
  const { bytes } = blob
  const half = bytes.byteLength >> 1
  const [a, b] = [bytes.subarray(0, half), bytes.subarray(half)]
  const close = `{upload}?digest=${digest}`
  const rows: Omit<Row, 'expect' | 'id'>[] = [
    { title: 'POST alone', request: post(`${POST}?digest=${digest}`, bytes) },
    { title: 'POST, PUT', given: [START], request: put(close, bytes) },
    { title: 'POST, chunked PUT', given: [START], request: { ...put(close, bytes), chunked: 300 } },
    {
      title: 'POST, stream, PUT',
      given: [START, { ...patch('{upload}', bytes), chunked: 300 }],
      request: put(close),
    },
  ]
  if (half > 0) {
    const rangeA = { 'Content-Range': `0-${half - 1}` }
    const rangeB = { 'Content-Range': `${half}-${bytes.byteLength - 1}` }
    rows.push(
      {
        title: 'POST, two chunks, PUT',
        given: [START, patch('{upload}', a, rangeA), patch('{upload}', b, rangeB)],
        request: put(close),
      },
      {
        title: 'POST, chunk, PUT with the last chunk',
        given: [START, patch('{upload}', a, rangeA)],
        request: put(close, b, rangeB),
      },
      {
        title: 'POST, chunk, PUT with the rest and no range',
        given: [START, patch('{upload}', a)],
        request: put(close, b),
      },
    )
  }
  return rows.map((row) => ({ id: '', expect: { status: 0 }, ...row }))
}

const pushed = ways(BLOB).map((row) => ({ ...row, id: 'B2', expect: CREATED, after: PULLABLE }))

const pushed512 = ways(BLOB512).map((row) => ({
  ...row,
  id: 'B11',
  title: `sha512 unannounced: ${row.title}`,
  expect: { status: 201, headers: { 'Docker-Content-Digest': BLOB512.digest } },
  after: [{ request: get(`/v2/{repo}/blobs/${BLOB512.digest}`), expect: { status: 200, body: BLOB.bytes } }],
}))

const mismatched = ways(BLOB, ABSENT.digest).map((row) => ({
  ...row,
  id: 'B12',
  title: `a digest that does not fit is refused: ${row.title}`,
  expect: INVALID,
  after: INVISIBLE,
}))

const empty = ways(EMPTY).map((row) => ({
  ...row,
  id: 'B17',
  title: `an empty blob: ${row.title}`,
  expect: { status: 201 },
  after: [
    {
      request: head(`/v2/{repo}/blobs/${EMPTY.digest}`),
      expect: { status: 200, headers: { 'Content-Length': '0' } },
    },
    { request: get(`/v2/{repo}/blobs/${EMPTY.digest}`), expect: { status: 200, body: '' } },
  ],
}))

const STARTED = {
  status: 202,
  headers: {
    Location:
      /^\/v2\/wire\/r\d+\/app\/blobs\/uploads\/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    Range: '0-0',
    'Docker-Upload-UUID': /^[0-9a-f-]{36}$/,
    'Content-Length': '0',
  },
}

export const UPLOADS: readonly Row[] = [
  { id: 'B1', title: 'a session has a path-absolute Location with a UUID', request: START, expect: STARTED },
  {
    id: 'B1',
    title: 'also without the last slash',
    request: post('/v2/{repo}/blobs/uploads'),
    expect: STARTED,
  },
  ...pushed,
  {
    id: 'end-4a',
    title: 'a body without a digest is no blob: a session starts empty',
    request: post(POST, BLOB.bytes),
    expect: STARTED,
    after: [{ request: get('{upload}'), expect: { status: 204, headers: { Range: '0-0' } } }],
  },
  {
    id: 'B2',
    title: 'a close without a digest is refused, the session stays',
    given: [START],
    request: put('{upload}', BLOB.bytes),
    expect: INVALID,
    after: [{ request: get('{upload}'), expect: { status: 204 } }],
  },
  {
    id: 'B2',
    title: 'an encoded digest is read',
    given: [START],
    request: put(`{upload}?digest=${encodeURIComponent(BLOB.digest)}`, BLOB.bytes),
    expect: CREATED,
  },
  {
    id: 'B2',
    title: 'a digest behind another parameter is read',
    given: [START],
    request: put(`{upload}?_state=x&digest=${BLOB.digest}`, BLOB.bytes),
    expect: CREATED,
  },
  {
    id: 'G4',
    title: 'a malformed digest is refused on POST',
    request: post(`${POST}?digest=sha256:short`, BLOB.bytes),
    expect: INVALID,
  },
  {
    id: 'G4',
    title: 'a malformed digest is refused on PUT',
    given: [START],
    request: put('{upload}?digest=sha256:short', BLOB.bytes),
    expect: INVALID,
  },
  {
    id: 'G4',
    title: 'an unknown algorithm is refused',
    given: [START],
    request: put('{upload}?digest=md5:d41d8cd98f00b204e9800998ecf8427e', BLOB.bytes),
    expect: INVALID,
  },
  {
    id: 'B11',
    title: 'an announced sha512 is taken',
    given: [post(`${POST}?digest-algorithm=sha512`)],
    request: put(`{upload}?digest=${BLOB512.digest}`, BLOB.bytes),
    expect: { status: 201, headers: { 'Docker-Content-Digest': BLOB512.digest } },
  },
  {
    id: 'B11',
    title: 'a session announced for sha512 can be closed by sha256',
    given: [post(`${POST}?digest-algorithm=sha512`)],
    request: put(`{upload}?digest=${BLOB.digest}`, BLOB.bytes),
    expect: CREATED,
  },
  {
    id: 'B11',
    title: 'an announced algorithm that is unknown is refused',
    request: post(`${POST}?digest-algorithm=md5`),
    expect: INVALID,
  },
  {
    id: 'B11',
    title: 'an algorithm named after a property of objects is unknown',
    request: post(`${POST}?digest-algorithm=constructor`),
    expect: INVALID,
  },
  ...pushed512,
  ...mismatched,
  {
    id: 'B12',
    title: 'the session survives a digest that does not fit',
    given: [START, patch('{upload}', BLOB.bytes)],
    request: put(`{upload}${WRONG}`),
    expect: INVALID,
    after: [{ request: put(`{upload}?digest=${BLOB.digest}`), expect: CREATED }],
  },
  {
    id: 'B15',
    title: 'a mount takes a blob from another repository',
    given: [pushBlob(BLOB, '{other}')],
    request: post(`${POST}?mount=${BLOB.digest}&from={other}`),
    expect: CREATED,
    after: PULLABLE,
  },
  {
    id: 'B15',
    title: 'a mount out of a one-part name, encoded',
    given: [pushBlob(BLOB, '{name}')],
    request: post(`${POST}?from=library%2F{name}&mount=${encodeURIComponent(BLOB.digest)}`),
    expect: CREATED,
  },
  {
    id: 'B15',
    title: 'a mount out of the short spelling of a one-part name',
    given: [pushBlob(BLOB, 'library/{name}')],
    request: post(`${POST}?mount=${BLOB.digest}&from={name}`),
    expect: CREATED,
  },
  {
    id: 'B15',
    title: 'a mount of what is nowhere becomes an upload',
    given: [pushBlob(BLOB, '{other}')],
    request: post(`${POST}?mount=${ABSENT.digest}&from={other}`),
    expect: STARTED,
    after: [{ request: put(`{upload}?digest=${BLOB.digest}`, BLOB.bytes), expect: CREATED }],
  },
  {
    id: 'B15',
    title: 'a mount out of a repository that has it not becomes an upload',
    given: [pushBlob(BLOB, '{other}')],
    request: post(`${POST}?mount=${BLOB.digest}&from={third}`),
    expect: STARTED,
  },
  {
    id: 'B15',
    title: 'a mount out of what cannot be a repository becomes an upload',
    given: [pushBlob(BLOB, '{other}')],
    request: post(`${POST}?mount=${BLOB.digest}&from=NOT/A%00NAME`),
    expect: STARTED,
  },
  {
    id: 'B15',
    title: 'a mount of a malformed digest is refused',
    request: post(`${POST}?mount=sha256:short&from={other}`),
    expect: INVALID,
  },
  {
    id: 'B16',
    title: 'a mount without from finds the blob',
    given: [pushBlob(BLOB, '{other}')],
    request: post(`${POST}?mount=${BLOB.digest}`),
    expect: CREATED,
    after: PULLABLE,
  },
  {
    id: 'B16',
    title: 'a mount without from of what is nowhere becomes an upload',
    request: post(`${POST}?mount=${ABSENT.digest}`),
    expect: STARTED,
  },
  ...empty,
  {
    id: 'B19',
    title: 'HEAD right after the close finds the blob',
    given: [START],
    request: put(`{upload}?digest=${BLOB.digest}`, BLOB.bytes),
    expect: CREATED,
    after: [{ request: head(LOCATION), expect: { status: 200, headers: { 'Content-Length': '2048' } } }],
  },
  {
    id: 'B21',
    title: 'no Content-Type of a body is insisted on',
    given: [START, patch('{upload}', BLOB.bytes, { 'Content-Type': 'text/plain' })],
    request: put(`{upload}?digest=${BLOB.digest}`, undefined, { 'Content-Type': 'application/json' }),
    expect: CREATED,
  },
  {
    id: 'PROTOCOL 8',
    title: 'an upload may name a source, too',
    request: post(`${POST}?ns=docker.io`),
    expect: STARTED,
  },
]
