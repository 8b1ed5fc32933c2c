import type { Asked } from '../exchange.ts'
import { BLOB, del, get, head, IMAGE, PUSHED, patch, post, pushManifest, put, START } from '../fixtures.ts'
import type { Expected, Row } from '../row.ts'
import { basic, bearer, PUBLIC } from '../stub-auth.ts'

const REALM = 'Bearer realm="http://registry.test/token",service="berth.test"'
const UUID = '01234567-89ab-cdef-0123-456789abcdef'
const SESSION = `/v2/{repo}/blobs/uploads/${UUID}`
const PRIVATE = 'private, no-cache'

const as = (credentials: { Authorization: string }, asked: Asked): Asked => ({
  ...asked,
  headers: { ...asked.headers, ...credentials },
})

/** 401 with this challenge. */
function challenged(rest: string): Expected {
  return {
    status: 401,
    code: 'UNAUTHORIZED',
    headers: { 'WWW-Authenticate': REALM + rest, 'Cache-Control': PRIVATE },
  }
}

const scoped = (scope: string) => challenged(`,scope="${scope}"`)
const ADMITTED: Expected = { status: 200, headers: { 'WWW-Authenticate': null } }

/** What each request of a stranger is asked for. */
const strangers: Row[] = (
  [
    [get('/v2/{repo}/manifests/latest'), 'repository:{repo}:pull'],
    [get(`/v2/{repo}/manifests/${IMAGE.digest}`), 'repository:{repo}:pull'],
    [get(`/v2/{repo}/blobs/${BLOB.digest}`), 'repository:{repo}:pull'],
    [get('/v2/{repo}/tags/list'), 'repository:{repo}:pull'],
    [get('/v2/{repo}/tags/list?n=0'), 'repository:{repo}:pull'],
    [get(`/v2/{repo}/referrers/${IMAGE.digest}`), 'repository:{repo}:pull'],
    [get(`/v2/{repo}/referrers/${IMAGE.digest}?n=0`), 'repository:{repo}:pull'],
    [pushManifest(IMAGE, 'latest'), 'repository:{repo}:pull,push'],
    [START, 'repository:{repo}:pull,push'],
    [post(`/v2/{repo}/blobs/uploads/?digest=${BLOB.digest}`, BLOB.bytes), 'repository:{repo}:pull,push'],
    [get(SESSION), 'repository:{repo}:pull,push'],
    [patch(SESSION, BLOB.bytes), 'repository:{repo}:pull,push'],
    [put(`${SESSION}?digest=${BLOB.digest}`, BLOB.bytes), 'repository:{repo}:pull,push'],
    [del(SESSION), 'repository:{repo}:pull,push'],
    [del(`/v2/{repo}/blobs/${BLOB.digest}`), 'repository:{repo}:delete'],
    [del('/v2/{repo}/manifests/latest'), 'repository:{repo}:delete'],
    [get('/v2/_catalog'), 'registry:catalog:*'],
    [get('/v2/_catalog?n=0'), 'registry:catalog:*'],
    [
      post(`/v2/{repo}/blobs/uploads/?mount=${BLOB.digest}&from={encodedother}`),
      'repository:{repo}:pull,push repository:{other}:pull',
    ],
    [
      post(`/v2/{repo}/blobs/uploads/?mount=${BLOB.digest}&from=hello`),
      'repository:{repo}:pull,push repository:library/hello:pull',
    ],
    [post(`/v2/{repo}/blobs/uploads/?mount=${BLOB.digest}`), 'repository:{repo}:pull,push'],
    [post(`/v2/{repo}/blobs/uploads/?mount=${BLOB.digest}&from={repo}`), 'repository:{repo}:pull,push'],
  ] as const
).map(([request, scope]) => ({
  id: '10.2',
  title: `a stranger is asked for a token: ${request.method} ${request.path}`,
  request,
  expect: scoped(scope),
}))

const spellings: Row[] = ['{name}', 'library/{name}'].map((name) => ({
  id: 'G5',
  title: `the scope names the repository as the path does: ${name}`,
  request: get(`/v2/${name}/tags/list`),
  expect: scoped(`repository:${name}:pull`),
}))

/** What the token was for does not matter where it is not good, nor does it say the operation: the answer does. */
const badTokens: Row[] = (
  [
    [get('/v2/'), ''],
    [get('/v2/_oci/ext/discover'), ''],
    [get('/v2/{repo}/manifests/latest'), ',scope="repository:{repo}:pull"'],
    [head('/v2/{name}/manifests/latest'), ',scope="repository:{name}:pull"'],
    [pushManifest(IMAGE, 'latest'), ',scope="repository:{repo}:pull,push"'],
    [del('/v2/{repo}/manifests/latest'), ',scope="repository:{repo}:delete"'],
    [del(SESSION), ',scope="repository:{repo}:pull,push"'],
    [get('/v2/_catalog'), ',scope="registry:catalog:*"'],
    [get('/v1/search?q=x'), ',scope="registry:catalog:search"'],
  ] as const
).map(([request, scope]) => ({
  id: '10.2',
  title: `a token that is not good: ${request.method} ${request.path}`,
  request: as(bearer('expired'), request),
  expect: challenged(
    `${scope},error="invalid_token",error_description="the token is 'expired' - or was never one?"`,
  ),
}))

export const AUTHORIZATION: readonly Row[] = [
  {
    id: '10.1',
    title: 'the base asks strangers for a token, without a scope',
    request: get('/v2/'),
    expect: challenged(''),
  },
  { id: '10.1', title: 'also without the last slash', request: get('/v2'), expect: challenged('') },
  {
    id: '10.1',
    title: 'also HEAD of it, without a body',
    request: head('/v2/'),
    expect: { ...challenged(''), code: 'UNAUTHORIZED' },
  },
  {
    id: '10.1',
    title: 'so does the list of extensions',
    request: get('/v2/_oci/ext/discover'),
    expect: challenged(''),
  },
  {
    id: '10.1',
    title: 'an empty Basic is a stranger’s',
    request: as(basic('', ''), get('/v2/')),
    expect: challenged(''),
  },
  ...[bearer('alice'), bearer('nobody'), bearer('alice-for-nothing'), basic('alice')].map((credentials) => ({
    id: '10.1',
    title: `the base lets in ${credentials.Authorization}`,
    request: as(credentials, get('/v2/')),
    expect: { ...ADMITTED, json: {} },
    after: [{ request: as(credentials, get('/v2/_oci/ext/discover')), expect: ADMITTED }],
  })),
  {
    id: '10.1',
    title: 'Basic with a wrong password',
    request: as(basic('alice', 'wrong'), get('/v2/')),
    expect: challenged(',error="invalid_token",error_description="these credentials are not good"'),
  },
  ...[get('/v2/'), get('/v2/_oci/ext/discover')].map((request) => ({
    id: '10.1',
    title: `a token whose credential is gone opens nothing: ${request.path}`,
    request: as(bearer('gone'), request),
    expect: challenged(',error="invalid_token",error_description="these credentials are not good"'),
  })),
  ...strangers,
  ...spellings,
  ...badTokens,
  {
    id: '10.2',
    title: 'a token for too little names what it lacks',
    request: as(bearer('alice-for-nothing'), get('/v2/{repo}/tags/list')),
    expect: {
      status: 401,
      code: 'UNAUTHORIZED',
      headers: {
        'WWW-Authenticate': `${REALM},scope="repository:{repo}:pull",error="insufficient_scope",error_description="account:1 may not pull here"`,
      },
    },
  },
  {
    id: '10.4',
    title: 'podman comes to the catalogue with a token for nothing and learns which it needs',
    request: as(bearer('alice-for-nothing'), get('/v2/_catalog')),
    expect: {
      status: 401,
      code: 'UNAUTHORIZED',
      headers: { 'WWW-Authenticate': /,scope="registry:catalog:\*",error="insufficient_scope",/ },
    },
    after: [{ request: as(bearer('alice-for-the-catalogue'), get('/v2/_catalog')), expect: ADMITTED }],
  },
  {
    id: '10.4',
    title: 'anyone may search',
    request: get('/v1/search?q=x'),
    expect: { ...ADMITTED, headers: { 'Cache-Control': PRIVATE } },
  },
  {
    id: '10.4',
    title: 'the ping of docker search asks nobody who they are',
    request: as(bearer('expired'), get('/v1/_ping')),
    expect: ADMITTED,
  },
  {
    id: '10.2',
    title: 'who lacks the right is told so, without a challenge',
    request: as(bearer('bob'), pushManifest(IMAGE, 'latest')),
    expect: { status: 403, code: 'DENIED', headers: { 'WWW-Authenticate': null } },
  },
  {
    id: 'RS-7',
    title: 'a stranger’s manifest is not read',
    request: put('/v2/{repo}/manifests/latest', Buffer.alloc(100_000), { 'Content-Type': IMAGE.type }),
    expect: { ...scoped('repository:{repo}:pull,push'), close: true },
  },
  {
    id: 'RS-7',
    title: 'nor is a chunk without end',
    request: { ...patch(SESSION, Buffer.alloc(100_000)), chunked: 512 },
    expect: { ...scoped('repository:{repo}:pull,push'), close: true },
  },
  {
    id: 'RS-7',
    title: 'nor what is pushed with a bad token',
    request: as(bearer('expired'), {
      ...post(`/v2/{repo}/blobs/uploads/?digest=${BLOB.digest}`, Buffer.alloc(100_000)),
      chunked: 512,
    }),
    expect: { status: 401, code: 'UNAUTHORIZED', close: true },
  },
  {
    id: 'SE-3',
    title: 'several Authorization headers are none',
    request: get('/v2/', { Authorization: 'Bearer alice, Basic Og==' }),
    expect: { status: 400, code: 'UNSUPPORTED', headers: { 'WWW-Authenticate': null } },
  },
  {
    id: 'SE-14',
    title: 'too many failed logins are told when to come back',
    request: as(basic('stormy'), get('/v2/')),
    expect: { status: 429, code: 'TOOMANYREQUESTS', headers: { 'Retry-After': '7' } },
  },
  {
    id: 'P8',
    title: 'content is for nobody’s cache but the client’s own',
    given: PUSHED.map((asked) => as(bearer('alice'), asked)),
    request: as(bearer('bob'), get(`/v2/{repo}/blobs/${BLOB.digest}`)),
    expect: { status: 200, headers: { 'Cache-Control': 'private, max-age=31536000, immutable' } },
    after: [
      {
        request: as(bearer('bob'), get('/v2/{repo}/manifests/latest')),
        expect: { status: 200, headers: { 'Cache-Control': PRIVATE } },
      },
      {
        request: as(
          bearer('bob'),
          get('/v2/{repo}/manifests/latest', { 'If-None-Match': `"${IMAGE.digest}"` }),
        ),
        expect: { status: 304, headers: { 'Cache-Control': PRIVATE } },
      },
      {
        request: as(bearer('bob'), get('/v2/{repo}/tags/list')),
        expect: { status: 200, headers: { 'Cache-Control': PRIVATE } },
      },
      {
        request: as(bearer('bob'), get('/v2/{repo}/manifests/none')),
        expect: { status: 404, code: 'MANIFEST_UNKNOWN', headers: { 'Cache-Control': PRIVATE } },
      },
    ],
  },
  {
    id: '10.1',
    title: 'a stranger pulls what is public without a token, if it knows how',
    given: PUSHED.map((asked) =>
      as(bearer('alice'), { ...asked, path: asked.path.replace('{repo}', PUBLIC) }),
    ),
    request: get(`/v2/${PUBLIC}/manifests/latest`),
    expect: { status: 200, body: IMAGE.bytes },
  },
  {
    id: 'G6',
    title: 'what nobody could ask for is refused before anyone is asked who they are',
    request: get('/v2/UPPER/tags/list'),
    expect: { status: 400, code: 'NAME_INVALID' },
    after: [
      { request: post('/v2/'), expect: { status: 405, code: 'UNSUPPORTED' } },
      { request: get('/v2/a/b/c'), expect: { status: 404, code: 'UNSUPPORTED' } },
    ],
  },
]
