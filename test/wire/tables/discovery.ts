import type { Asked } from '../exchange.ts'
import { BLOB, del, get, IMAGE, LAYERS, PUSHED, pushBlob, pushManifest, put } from '../fixtures.ts'
import type { Row } from '../row.ts'

const LIST = '/v2/{repo}/tags/list'
const TAGS = ['10', '9', 'A', 'B', '_x', 'a', 'b', 'v1.0']
const GIVEN = [
  ...LAYERS,
  put(
    `/v2/{repo}/manifests/${IMAGE.digest}?${[...TAGS]
      .reverse()
      .map((tag) => `tag=${tag}`)
      .join('&')}`,
    IMAGE.bytes,
    { 'Content-Type': IMAGE.type },
  ),
]

/** A repository is in the catalogue once it has had a manifest. */
function pushedTo(repo: string): Asked[] {
  return PUSHED.map((each) => ({ ...each, path: each.path.replace('{repo}', repo) }))
}

function tags(...names: string[]): object {
  return { name: '{repo}', tags: names }
}

const pages: Row[] = (
  [
    ['n=3', ['10', '9', 'A'], 'n=3&last=A'],
    ['n=3&last=A', ['B', '_x', 'a'], 'n=3&last=a'],
    ['n=3&last=a', ['b', 'v1.0'], null],
    ['n=8', TAGS, null],
    ['n=9', TAGS, null],
    ['n=0', [], null],
    ['n=5000', TAGS, null],
    ['n=99999999999999999999999', TAGS, null],
    ['n=', TAGS, null],
    ['last=', TAGS, null],
    ['last=_x', ['a', 'b', 'v1.0'], null],
    ['last=AAA', ['B', '_x', 'a', 'b', 'v1.0'], null],
    ['last=zzz', [], null],
    ['last=%C3%BC', [], null],
    ['n=2&last=b', ['v1.0'], null],
  ] as const
).map(([query, names, link]) => ({
  id: 'T4',
  title: `tags/list?${query}`,
  given: GIVEN,
  request: get(`${LIST}?${query}`),
  expect: {
    status: 200,
    json: tags(...names),
    headers: { Link: link && `<${LIST}?${link}>; rel="next"` },
  },
}))

const badPages: Row[] = [
  'n=-1',
  'n=x',
  'n=1.5',
  'n=1e3',
  'n=+1',
  'n=0x10',
  'last=a%00',
  `last=${'x'.repeat(513)}`,
].flatMap((query) => [
  {
    id: 'T4',
    title: `tags/list?${query.slice(0, 12)} is refused`,
    given: GIVEN,
    request: get(`${LIST}?${query}`),
    expect: { status: 400, code: 'UNSUPPORTED' },
  },
  {
    id: 'T5',
    title: `_catalog?${query.slice(0, 12)} is refused`,
    request: get(`/v2/_catalog?${query}`),
    expect: { status: 400, code: 'UNSUPPORTED' },
  },
])

/** `{before}` sorts right before the row's own repositories, `{first}` before its one-part name. */
const THREE = ['{repo}', '{other}', '{third}'].flatMap(pushedTo)

const hit = (name: string) => ({
  name,
  description: '',
  star_count: 0,
  pull_count: 0,
  is_official: false,
  is_automated: false,
  is_trusted: false,
})

export const DISCOVERY: readonly Row[] = [
  {
    id: 'T1',
    title: 'a repository that never was is unknown',
    request: get(LIST),
    expect: { status: 404, code: 'NAME_UNKNOWN' },
  },
  {
    id: 'T1',
    title: 'so it is for n=0',
    request: get(`${LIST}?n=0`),
    expect: { status: 404, code: 'NAME_UNKNOWN' },
  },
  {
    id: 'T1',
    title: 'no tags are an empty list',
    given: [...LAYERS, pushManifest(IMAGE)],
    request: get(LIST),
    expect: { status: 200, json: tags(), headers: { 'Content-Type': 'application/json' } },
  },
  {
    id: 'T1',
    title: 'a repository whose last tag went has an empty list',
    given: [...PUSHED, del('/v2/{repo}/manifests/latest')],
    request: get(LIST),
    expect: { status: 200, json: tags() },
  },
  {
    id: 'T2',
    title: 'tags stand in byte order, all of them without n',
    given: GIVEN,
    request: get(LIST),
    expect: { status: 200, json: tags(...TAGS), headers: { Link: null } },
  },
  ...pages,
  ...badPages,
  {
    id: 'T4',
    title: 'the link of a one-part name keeps its spelling',
    given: GIVEN.map((each) => ({ ...each, path: each.path.replace('{repo}', '{name}') })),
    request: get('/v2/{name}/tags/list?n=1'),
    expect: {
      status: 200,
      json: { name: '{name}', tags: ['10'] },
      headers: { Link: '</v2/{name}/tags/list?n=1&last=10>; rel="next"' },
    },
  },
  {
    id: 'T5',
    title: 'the catalogue pages by n and last, in byte order',
    given: THREE,
    request: get('/v2/_catalog?n=2&last={before}'),
    expect: {
      status: 200,
      json: { repositories: ['{repo}', '{other}'] },
      headers: {
        Link: '</v2/_catalog?n=2&last={encodedother}>; rel="next"',
        'Content-Type': 'application/json',
      },
    },
    after: [
      {
        request: get('/v2/_catalog?n=1&last={other}'),
        expect: { status: 200, json: { repositories: ['{third}'] } },
      },
    ],
  },
  {
    id: 'T5',
    title: 'blobs alone make no repository of the catalogue',
    given: [...pushedTo('{third}'), pushBlob(BLOB), pushBlob(BLOB, '{other}')],
    request: get('/v2/_catalog?n=1&last={before}'),
    expect: { status: 200, json: { repositories: ['{third}'] } },
  },
  {
    id: 'T5',
    title: 'the catalogue shows one-part names in full',
    given: pushedTo('{name}'),
    request: get('/v2/_catalog?n=1&last={first}'),
    expect: { status: 200, json: { repositories: ['library/{name}'] } },
  },
  {
    id: 'T5',
    title: 'n=0 is an empty catalogue',
    request: get('/v2/_catalog?n=0'),
    expect: { status: 200, json: { repositories: [] } },
  },
  {
    id: '10.4',
    title: 'docker search may ping',
    request: get('/v1/_ping'),
    expect: { status: 200, json: { standalone: true }, headers: { 'X-Docker-Registry-Standalone': 'true' } },
  },
  {
    id: '10.4',
    title: 'a search finds a repository by its name',
    given: PUSHED,
    request: get('/v1/search?q={repo}', { 'X-Docker-Token': 'true' }),
    expect: {
      status: 200,
      json: {
        query: '{repo}',
        num_results: 1,
        num_pages: 1,
        page: 1,
        page_size: 25,
        results: [hit('{repo}')],
      },
      headers: { 'Content-Type': 'application/json' },
    },
  },
  {
    id: '10.4',
    title: 'a search that finds nothing',
    request: get('/v1/search?q=no-such+thing&n=10'),
    expect: {
      status: 200,
      json: { query: 'no-such thing', num_results: 0, num_pages: 0, page: 1, page_size: 10, results: [] },
    },
  },
  {
    id: '10.4',
    title: 'a page behind the last is empty',
    given: PUSHED,
    request: get('/v1/search?q={repo}&n=1&page=2'),
    expect: {
      status: 200,
      json: { query: '{repo}', num_results: 1, num_pages: 1, page: 2, page_size: 1, results: [] },
    },
  },
  {
    id: '10.4',
    title: 'n above 100 is 100, page 0 the first',
    given: PUSHED,
    request: get('/v1/search?q={repo}&n=1000&page=0'),
    expect: {
      status: 200,
      json: {
        query: '{repo}',
        num_results: 1,
        num_pages: 1,
        page: 1,
        page_size: 100,
        results: [hit('{repo}')],
      },
    },
  },
  ...['q=x&n=-1', 'q=x&n=x', 'q=x&page=x', 'q=%00', 'q=%', `q=${'x'.repeat(257)}`].map((query) => ({
    id: '10.4',
    title: `search?${query.slice(0, 12)} is refused`,
    request: get(`/v1/search?${query}`),
    expect: { status: 400, code: 'UNSUPPORTED' },
  })),
]
