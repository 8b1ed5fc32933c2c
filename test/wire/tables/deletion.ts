import {
  ABSENT,
  BLOB,
  CONFIG,
  del,
  get,
  head,
  IMAGE,
  INDEX,
  LAYERS,
  PUSHED,
  pushBlob,
  pushManifest,
} from '../fixtures.ts'
import type { Row } from '../row.ts'

const BLOB_URL = `/v2/{repo}/blobs/${BLOB.digest}`
const IMAGE_URL = `/v2/{repo}/manifests/${IMAGE.digest}`
const DELETED = { status: 202, headers: { 'Content-Length': '0' } }
const REFERENCED = { status: 405, code: 'DENIED', headers: { Allow: 'GET, HEAD' } }

export const DELETION: readonly Row[] = [
  {
    id: 'D1',
    title: 'a tag goes alone',
    given: [...PUSHED, pushManifest(IMAGE, 'other')],
    request: del('/v2/{repo}/manifests/latest'),
    expect: DELETED,
    after: [
      { request: head('/v2/{repo}/manifests/latest'), expect: { status: 404 } },
      { request: get('/v2/{repo}/manifests/other'), expect: { status: 200 } },
      { request: get(IMAGE_URL), expect: { status: 200 } },
    ],
  },
  {
    id: 'D2',
    title: 'a manifest goes with all its tags',
    given: [...PUSHED, pushManifest(IMAGE, 'other')],
    request: del(IMAGE_URL),
    expect: DELETED,
    after: [
      { request: head('/v2/{repo}/manifests/latest'), expect: { status: 404 } },
      { request: head('/v2/{repo}/manifests/other'), expect: { status: 404 } },
      { request: head(IMAGE_URL), expect: { status: 404 } },
      { request: get('/v2/{repo}/tags/list'), expect: { status: 200, json: { name: '{repo}', tags: [] } } },
    ],
  },
  {
    id: 'D2',
    title: 'an absent manifest is 404',
    given: PUSHED,
    request: del(`/v2/{repo}/manifests/${ABSENT.digest}`),
    expect: { status: 404, code: 'MANIFEST_UNKNOWN' },
  },
  ...[`/v2/{repo}/manifests/${ABSENT.digest}`, '/v2/{repo}/manifests/latest', BLOB_URL].map((path) => ({
    id: 'D2',
    title: `nothing is deleted from a repository that never was: ${path.slice(11, 28)}`,
    request: del(path),
    expect: { status: 404, code: 'NAME_UNKNOWN' },
  })),
  {
    id: 'B18',
    title: 'a blob is gone at once',
    given: [pushBlob(BLOB)],
    request: del(BLOB_URL),
    expect: DELETED,
    after: [
      { request: head(BLOB_URL), expect: { status: 404 } },
      { request: get(BLOB_URL), expect: { status: 404, code: 'BLOB_UNKNOWN' } },
      { request: del(BLOB_URL), expect: { status: 404, code: 'BLOB_UNKNOWN' } },
    ],
  },
  {
    id: 'D3',
    title: 'an absent blob is 404',
    given: [pushBlob(CONFIG)],
    request: del(BLOB_URL),
    expect: { status: 404, code: 'BLOB_UNKNOWN' },
  },
  {
    id: 'D3',
    title: 'a blob that an image needs stays',
    given: PUSHED,
    request: del(BLOB_URL),
    expect: REFERENCED,
    after: [{ request: get(BLOB_URL), expect: { status: 200, body: BLOB.bytes } }],
  },
  {
    id: 'D3',
    title: 'a malformed digest is refused',
    request: del('/v2/{repo}/blobs/sha256:short'),
    expect: { status: 400, code: 'DIGEST_INVALID' },
  },
  {
    id: 'D4',
    title: 'a child that an index lists stays until the index goes',
    given: [...PUSHED, pushManifest(INDEX)],
    request: del(IMAGE_URL),
    expect: REFERENCED,
    after: [
      { request: get(IMAGE_URL), expect: { status: 200 } },
      { request: del(`/v2/{repo}/manifests/${INDEX.digest}`), expect: DELETED },
      { request: del(IMAGE_URL), expect: DELETED },
      { request: del(BLOB_URL), expect: DELETED },
    ],
  },
  {
    id: 'D5',
    title: 'a tag goes once',
    given: [...PUSHED, del('/v2/{repo}/manifests/latest')],
    request: del('/v2/{repo}/manifests/latest'),
    expect: { status: 404, code: 'MANIFEST_UNKNOWN' },
  },
  ...[{ 'If-Match': `"${IMAGE.digest}"` }, { 'If-None-Match': '*' }].map((headers) => ({
    id: 'M11',
    title: `a delete with ${Object.keys(headers)} is refused: it could not be atomic`,
    given: PUSHED,
    request: del('/v2/{repo}/manifests/latest', headers as unknown as Record<string, string>),
    expect: { status: 400, code: 'UNSUPPORTED' },
    after: [{ request: get('/v2/{repo}/manifests/latest'), expect: { status: 200 } }],
  })),
  {
    id: 'end-9',
    title: 'a deleted image can be pushed again',
    given: [...PUSHED, del(IMAGE_URL), ...LAYERS],
    request: pushManifest(IMAGE, 'latest'),
    expect: { status: 201 },
  },
]
