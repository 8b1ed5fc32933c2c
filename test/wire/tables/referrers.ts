import { OCI_INDEX, OCI_MANIFEST } from '../../../src/core/media-types.ts'
import {
  ABSENT,
  artifact,
  CONFIG,
  del,
  descriptor,
  EMPTY_TYPE,
  get,
  IMAGE,
  image,
  manifest,
  PUSHED,
  pushManifest,
  referrer,
} from '../fixtures.ts'
import type { Row } from '../row.ts'

const URL = `/v2/{repo}/referrers/${IMAGE.digest}`
const SBOM_TYPE = 'application/spdx+json'
const SIGNATURE_TYPE = 'application/vnd.example.signature'

const SBOM = artifact(IMAGE, {
  artifactType: SBOM_TYPE,
  annotations: { made: 'today', ü: '"quoted" \\ \u2028' },
})
const SIGNATURE = artifact(IMAGE, { artifactType: SIGNATURE_TYPE })
/** No artifactType: an image is listed under its config's type, an index under none (R3). */
const UNTYPED = image({ subject: descriptor(IMAGE, OCI_MANIFEST), config: descriptor(CONFIG, EMPTY_TYPE) })
const UNTYPED_INDEX = manifest(OCI_INDEX, { manifests: [], subject: descriptor(IMAGE, OCI_MANIFEST) })

const SHOWN = {
  sbom: referrer(SBOM, {
    artifactType: SBOM_TYPE,
    annotations: { made: 'today', ü: '"quoted" \\ \u2028' },
  }),
  signature: referrer(SIGNATURE, { artifactType: SIGNATURE_TYPE }),
  untyped: referrer(UNTYPED, { artifactType: EMPTY_TYPE }),
  untypedIndex: referrer(UNTYPED_INDEX),
}

/** As lists are: by digest. */
function inOrder(...shown: object[]): object[] {
  return (shown as { digest: string }[]).sort((a, b) => (a.digest < b.digest ? -1 : 1))
}

function index(manifests: object[]): object {
  return { schemaVersion: 2, mediaType: OCI_INDEX, manifests }
}

const ALL = inOrder(...Object.values(SHOWN))
const GIVEN = [...PUSHED, ...[SBOM, SIGNATURE, UNTYPED, UNTYPED_INDEX].map((each) => pushManifest(each))]
const EXACT = { 'Content-Type': OCI_INDEX }

const filtered: Row[] = (
  [
    ['a type', `artifactType=${encodeURIComponent(SBOM_TYPE)}`, [SHOWN.sbom]],
    ['a type with a plus that was not encoded', `artifactType=${SBOM_TYPE}`, [SHOWN.sbom]],
    ['the type of a config', `artifactType=${encodeURIComponent(EMPTY_TYPE)}`, [SHOWN.untyped]],
    [
      'either of two types',
      `artifactType=${encodeURIComponent(SBOM_TYPE)}&artifactType=${SIGNATURE_TYPE}`,
      inOrder(SHOWN.sbom, SHOWN.signature),
    ],
    ['no type', 'artifactType=', [SHOWN.untypedIndex]],
    ['a type that nothing has', 'artifactType=text/none', []],
  ] as const
).map(([title, query, shown]) => ({
  id: 'R5',
  title: `a filter by ${title}`,
  given: GIVEN,
  request: get(`${URL}?${query}`),
  expect: {
    status: 200,
    json: index([...shown]),
    headers: { ...EXACT, 'OCI-Filters-Applied': 'artifactType' },
  },
}))

const digests = ALL.map((each) => (each as { digest: string }).digest)

export const REFERRERS: readonly Row[] = [
  {
    id: 'R1',
    title: 'a repository that never was has none',
    request: get(`/v2/{repo}/referrers/${ABSENT.digest}`),
    expect: { status: 200, json: index([]), headers: { ...EXACT, Link: null, 'OCI-Filters-Applied': null } },
  },
  {
    id: 'R1',
    title: 'a subject that never was has none',
    given: PUSHED,
    request: get(`/v2/{repo}/referrers/${ABSENT.digest}`),
    expect: { status: 200, json: index([]), headers: EXACT },
  },
  ...['sha256:short', 'latest', `sha256:${'A'.repeat(64)}`].map((digest) => ({
    id: 'R2',
    title: `a malformed digest is refused: ${digest.slice(0, 16)}`,
    request: get(`/v2/{repo}/referrers/${digest}`),
    expect: { status: 400, code: 'DIGEST_INVALID' },
  })),
  {
    id: 'R3',
    title: 'every referrer is listed with its type and annotations',
    given: GIVEN,
    request: get(URL),
    expect: { status: 200, json: index(ALL), headers: { ...EXACT, 'OCI-Filters-Applied': null, Link: null } },
  },
  {
    id: 'R4',
    title: 'n cuts a page and links to the next, filter and all',
    given: GIVEN,
    request: get(`${URL}?n=2`),
    expect: {
      status: 200,
      json: index(ALL.slice(0, 2)),
      headers: {
        Link: `<${URL}?n=2&last=${encodeURIComponent(digests[1] as string)}>; rel="next"`,
      },
    },
    after: [
      {
        request: get(`${URL}?n=2&last=${encodeURIComponent(digests[1] as string)}`),
        expect: { status: 200, json: index(ALL.slice(2)), headers: { Link: null } },
      },
    ],
  },
  {
    id: 'R4',
    title: 'last must be a digest',
    request: get(`${URL}?last=x`),
    expect: { status: 400, code: 'UNSUPPORTED' },
  },
  ...filtered,
  {
    id: 'R7',
    title: 'a deleted referrer is gone at once',
    given: [...PUSHED, pushManifest(SBOM), del(`/v2/{repo}/manifests/${SBOM.digest}`)],
    request: get(URL),
    expect: { status: 200, json: index([]) },
  },
  {
    id: 'R7',
    title: 'referrers stay when their subject goes',
    given: [...PUSHED, pushManifest(SIGNATURE), del(`/v2/{repo}/manifests/${IMAGE.digest}`)],
    request: get(URL),
    expect: { status: 200, json: index([SHOWN.signature]) },
  },
  {
    id: 'R7',
    title: 'referrers of another repository are not listed',
    given: [
      ...PUSHED,
      ...PUSHED.map((each) => ({ ...each, path: each.path.replace('{repo}', '{other}') })),
    ].concat(pushManifest(SBOM, SBOM.digest, '{other}')),
    request: get(URL),
    expect: { status: 200, json: index([]) },
  },
]
