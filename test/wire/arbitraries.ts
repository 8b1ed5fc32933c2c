import fc from 'fast-check'
import { ALGORITHMS, type Algorithm, type Digest } from '../../src/core/digest.ts'
import { parseRepoName, parseTag, type Reference, type Tag, type UploadId } from '../../src/core/names.ts'
import type { ListPage } from '../../src/oci/page.ts'
import type { InRepo, Operation } from '../../src/oci/request.ts'

/** Everything that a URL can carry, for round trips. */

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
const separator = fc.constantFrom('.', '_', '__', '-', '---')
const part = fc
  .tuple(word, fc.array(fc.tuple(separator, word), { maxLength: 2 }))
  .map(([first, more]) => first + more.map((each) => each.join('')).join(''))
/** The protocol's own words are repositories' words, too (G5). */
const anyPart = fc.oneof(
  part,
  fc.constantFrom('blobs', 'uploads', 'manifests', 'tags', 'list', 'referrers', 'v2'),
)

export const spellings = fc.array(anyPart, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))

export const tags: fc.Arbitrary<Tag> = fc
  .oneof(fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/), fc.constantFrom('uploads', 'list'))
  .map(parseTag)

const algorithms = fc.constantFrom<Algorithm>('sha256', 'sha512')

export const digests: fc.Arbitrary<Digest> = algorithms.chain((algorithm) => {
  const hex = fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'),
    minLength: ALGORITHMS[algorithm],
    maxLength: ALGORITHMS[algorithm],
  })
  return hex.map((text) => `${algorithm}:${text}` as Digest)
})

const references: fc.Arbitrary<Reference> = fc.oneof(
  tags.map((tag) => ({ tag })),
  digests.map((digest) => ({ digest })),
)

/** Text as a query may hold it: anything but control characters. */
const texts = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .filter((text) => !/[\u0000-\u001f\u007f]/.test(text))

const optional = { requiredKeys: [] as [] }
const pages: fc.Arbitrary<ListPage> = fc.record({ n: fc.maxSafeNat(), last: texts }, optional)

const inRepo: fc.Arbitrary<InRepo> = spellings.map((spelling) => ({
  repo: parseRepoName(spelling),
  spelling,
}))
const read = fc.constantFrom('GET' as const, 'HEAD' as const)

function merged<A extends object, B extends object>(
  a: fc.Arbitrary<A>,
  b: fc.Arbitrary<B>,
): fc.Arbitrary<A & B> {
  return fc.tuple(a, b).map(([x, y]) => ({ ...x, ...y }))
}

export const operations: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    route: fc.constantFrom('base' as const, 'discover' as const, 'v1-ping' as const),
    method: read,
  }),
  fc.record({ route: fc.constant('catalog' as const), method: read, page: pages }),
  fc.record({
    route: fc.constant('search' as const),
    method: read,
    search: fc.record(
      { term: texts.map((text) => text.trim()), n: fc.maxSafeNat(), page: fc.maxSafeNat() },
      { requiredKeys: ['term'] },
    ),
  }),
  merged(
    inRepo,
    fc.record({
      route: fc.constant('blob' as const),
      method: fc.constantFrom('GET' as const, 'HEAD' as const, 'DELETE' as const),
      digest: digests,
    }),
  ),
  merged(
    inRepo,
    fc.record({
      route: fc.constant('manifest' as const),
      method: fc.constantFrom('GET' as const, 'HEAD' as const, 'DELETE' as const),
      reference: references,
    }),
  ),
  merged(
    inRepo,
    fc.record({
      route: fc.constant('manifest' as const),
      method: fc.constant('PUT' as const),
      reference: digests.map((digest) => ({ digest })),
      tags: fc.uniqueArray(tags, { maxLength: 5 }),
    }),
  ),
  merged(
    inRepo,
    fc.record(
      {
        route: fc.constant('uploads' as const),
        method: fc.constant('POST' as const),
        digest: digests,
        algorithm: algorithms,
        mount: fc.record(
          { digest: digests, from: spellings.map(parseRepoName) },
          { requiredKeys: ['digest'] },
        ),
      },
      { requiredKeys: ['route', 'method'] },
    ),
  ),
  merged(
    inRepo,
    fc.record({
      route: fc.constant('upload' as const),
      method: fc.constantFrom('GET' as const, 'HEAD' as const, 'PATCH' as const, 'DELETE' as const),
      id: fc.uuid().map((id) => id as UploadId),
    }),
  ),
  merged(
    inRepo,
    fc.record({
      route: fc.constant('upload' as const),
      method: fc.constant('PUT' as const),
      id: fc.uuid().map((id) => id as UploadId),
      digest: digests,
    }),
  ),
  merged(inRepo, fc.record({ route: fc.constant('tags' as const), method: read, page: pages })),
  merged(
    inRepo,
    fc.record(
      {
        route: fc.constant('referrers' as const),
        method: read,
        subject: digests,
        // No blanks: a media type has none, and they are read as plus signs (R5).
        artifactTypes: fc.array(
          texts.map((text) => text.replaceAll(' ', '')),
          { minLength: 1, maxLength: 3 },
        ),
        page: pages,
      },
      { requiredKeys: ['route', 'method', 'subject', 'page'] },
    ),
  ),
)
