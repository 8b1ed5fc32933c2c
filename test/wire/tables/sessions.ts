import { ABSENT, BLOB, del, get, head, OTHER_ABSENT, patch, put, START } from '../fixtures.ts'
import type { Row } from '../row.ts'

const FIRST = BLOB.bytes.subarray(0, 1024)
const SECOND = BLOB.bytes.subarray(1024)
const RANGE_1 = { 'Content-Range': '0-1023' }
const RANGE_2 = { 'Content-Range': '1024-2047' }
const CLOSE = `{upload}?digest=${BLOB.digest}`
const STARTED_ONE = [START, patch('{upload}', FIRST, RANGE_1)]

const UNKNOWN = { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' }
const STANDING = {
  Location: '/v2/{repo}/blobs/uploads/{uuid}',
  Range: '0-1023',
  'Docker-Upload-UUID': '{uuid}',
}
const MISPLACED = { status: 416, code: 'BLOB_UPLOAD_INVALID', headers: STANDING }
const GOES_ON = [
  { request: get('{upload}'), expect: { status: 204, headers: STANDING } },
  { request: patch('{upload}', SECOND, RANGE_2), expect: { status: 202, headers: { Range: '0-2047' } } },
  { request: put(CLOSE), expect: { status: 201 } },
]

const malformed: Row[] = [
  '0-',
  '-5',
  '5-3',
  'x-y',
  '0-1-2',
  '',
  'bytes */5',
  '0-9007199254740993',
  '0 - 1023',
].map((range) => ({
  id: 'B4',
  title: `Content-Range ${JSON.stringify(range)} is refused`,
  given: [START],
  request: patch('{upload}', FIRST, { 'Content-Range': range }),
  expect: { status: 400, code: 'BLOB_UPLOAD_INVALID' },
  after: [{ request: get('{upload}'), expect: { status: 204, headers: { Range: '0-0' } } }],
}))

const tolerated: Row[] = ['0-1023', 'bytes 0-1023/*', 'bytes 0-1023/2048', 'bytes=0-1023', ' 0-1023 '].map(
  (range) => ({
    id: 'B4',
    title: `Content-Range ${JSON.stringify(range)} is read`,
    given: [START],
    request: patch('{upload}', FIRST, { 'Content-Range': range }),
    expect: { status: 202, headers: STANDING },
  }),
)

const mismatched: Row[] = [
  { title: 'a body longer than its range', request: patch('{upload}', BLOB.bytes, RANGE_1) },
  {
    title: 'a body shorter than its range',
    request: patch('{upload}', FIRST, { 'Content-Range': '0-2047' }),
  },
  {
    title: 'a chunked body longer than its range',
    request: { ...patch('{upload}', BLOB.bytes, RANGE_1), chunked: 512 },
  },
  {
    title: 'a chunked body shorter than its range',
    request: { ...patch('{upload}', FIRST, { 'Content-Range': '0-2047' }), chunked: 512 },
  },
  { title: 'a last chunk longer than its range', request: put(CLOSE, BLOB.bytes, RANGE_1) },
  { title: 'a close with a range and no body', request: put(CLOSE, undefined, RANGE_1) },
].map((row) => ({ id: 'B4', given: [START], expect: { status: 400, code: 'SIZE_INVALID' }, ...row }))

export const SESSIONS: readonly Row[] = [
  {
    id: 'B4',
    title: 'a chunk is acknowledged with where the session stands',
    given: [START],
    request: patch('{upload}', FIRST, RANGE_1),
    expect: { status: 202, headers: { ...STANDING, 'Content-Length': '0' } },
  },
  ...tolerated,
  ...malformed,
  ...mismatched,
  {
    id: 'B5',
    title: 'a chunk behind the offset is 416, with the way on',
    given: STARTED_ONE,
    request: patch('{upload}', SECOND, { 'Content-Range': '2048-3071' }),
    expect: MISPLACED,
    after: GOES_ON,
  },
  {
    id: 'B5',
    title: 'bytes that were received before are 416',
    given: STARTED_ONE,
    request: patch('{upload}', FIRST, RANGE_1),
    expect: MISPLACED,
    after: GOES_ON,
  },
  {
    id: 'B5',
    title: 'a first chunk that does not start at 0 is 416 at 0-0',
    given: [START],
    request: patch('{upload}', SECOND, RANGE_2),
    expect: { ...MISPLACED, headers: { ...STANDING, Range: '0-0' } },
  },
  {
    id: 'B6',
    title: 'the session survives a last chunk at the wrong offset',
    given: STARTED_ONE,
    request: put(CLOSE, FIRST, { 'Content-Range': '2048-3071' }),
    expect: MISPLACED,
    after: [
      { request: get(CLOSE), expect: { status: 204, headers: STANDING } },
      { request: put(CLOSE, SECOND, RANGE_2), expect: { status: 201 } },
    ],
  },
  {
    id: 'B5',
    title: 'a misplaced chunk without end closes the connection',
    given: [START],
    request: { ...patch('{upload}', SECOND, RANGE_2), chunked: 256 },
    expect: { status: 416, code: 'BLOB_UPLOAD_INVALID', close: true },
    after: [{ request: get('{upload}'), expect: { status: 204 } }],
  },
  {
    id: 'B7',
    title: 'a session without bytes stands at 0-0',
    given: [START],
    request: get('{upload}'),
    expect: { status: 204, headers: { ...STANDING, Range: '0-0' } },
  },
  {
    id: 'B7',
    title: 'a session tells its last byte',
    given: STARTED_ONE,
    request: get('{upload}'),
    expect: { status: 204, headers: STANDING },
  },
  {
    id: 'B8',
    title: 'a stream without range and length is appended',
    given: [START, { ...patch('{upload}', FIRST), chunked: 100 }],
    request: { ...patch('{upload}', SECOND), chunked: 100 },
    expect: { status: 202, headers: { Range: '0-2047' } },
    after: [{ request: put(CLOSE), expect: { status: 201 } }],
  },
  {
    id: 'B8',
    title: 'a stream of nothing changes nothing',
    given: [START],
    request: { ...patch('{upload}', new Uint8Array()), chunked: 100 },
    expect: { status: 202, headers: { Range: '0-0' } },
  },
  {
    id: 'B10',
    title: 'no minimum of a chunk is asked for',
    request: START,
    expect: { status: 202, headers: { 'OCI-Chunk-Min-Length': null } },
  },
  {
    id: 'B13',
    title: 'a cancelled session is gone',
    given: STARTED_ONE,
    request: del('{upload}'),
    expect: { status: 204 },
    after: [
      { request: get('{upload}'), expect: UNKNOWN },
      { request: patch('{upload}', SECOND, RANGE_2), expect: UNKNOWN },
      { request: put(CLOSE, SECOND), expect: UNKNOWN },
      { request: del('{upload}'), expect: UNKNOWN },
    ],
  },
  {
    id: 'end-13',
    title: 'a session that never was is unknown',
    request: get('/v2/{repo}/blobs/uploads/01234567-89ab-cdef-0123-456789abcdef'),
    expect: UNKNOWN,
  },
  {
    id: 'end-13',
    title: 'what is no UUID is no session',
    request: get('/v2/{repo}/blobs/uploads/..%5c..%5cetc'),
    expect: UNKNOWN,
  },
  {
    id: 'SE-1',
    title: 'a session of another repository is unknown',
    given: [START],
    request: get('/v2/{other}/blobs/uploads/{uuid}'),
    expect: UNKNOWN,
    after: [{ request: patch('/v2/{other}/blobs/uploads/{uuid}', FIRST), expect: UNKNOWN }],
  },
  {
    id: 'B23',
    title: 'a repeated close is answered again',
    given: [START, put(CLOSE, BLOB.bytes)],
    request: put(CLOSE, BLOB.bytes),
    expect: { status: 201, headers: { 'Docker-Content-Digest': BLOB.digest } },
    after: [{ request: put(CLOSE), expect: { status: 201 } }],
  },
  {
    id: 'B23',
    title: 'a repeated close under another digest is unknown',
    given: [START, put(CLOSE, BLOB.bytes)],
    request: put(`{upload}?digest=${OTHER_ABSENT.digest}`),
    expect: UNKNOWN,
  },
  {
    id: 'B23',
    title: 'a closed session takes no more',
    given: [START, put(CLOSE, BLOB.bytes)],
    request: patch('{upload}', FIRST),
    expect: UNKNOWN,
    after: [{ request: get('{upload}'), expect: UNKNOWN }],
  },
  {
    id: 'B9',
    title: 'a close by the wrong bytes leaves nothing to see',
    given: STARTED_ONE,
    request: put(`{upload}?digest=${ABSENT.digest}`, SECOND, RANGE_2),
    expect: { status: 400, code: 'DIGEST_INVALID' },
    after: [{ request: head(`/v2/{repo}/blobs/${ABSENT.digest}`), expect: { status: 404 } }],
  },
]
