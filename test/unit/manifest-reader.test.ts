import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { tryParseDigest } from '../../src/core/digest.ts'
import { isRefusal, RegistryError } from '../../src/core/errors.ts'
import { type ManifestLimits, readManifest } from '../../src/core/manifest-reader.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../src/core/media-types.ts'
import { runs } from '../fuzz/runs.ts'
import { AMBIGUOUS } from './ambiguous-manifests.ts'
import { descriptor, image, index, OCI_LAYER, SAMPLES } from './manifest-corpus.ts'
import { mutatedManifests } from './manifest-mutations.ts'

const LIMITS: ManifestLimits = { maxDepth: 32, maxTokens: 100_000, maxDescriptors: 10_000 }

const read = (
  source: string | Uint8Array | object,
  type: string | undefined = OCI_MANIFEST,
  limits = LIMITS,
) =>
  readManifest(
    source instanceof Uint8Array
      ? source
      : Buffer.from(typeof source === 'string' ? source : JSON.stringify(source)),
    type,
    limits,
  )

/** The refusal of a manifest; fails when there is none. */
function refusalOf(source: string | Uint8Array | object, type?: string, limits = LIMITS): RegistryError {
  try {
    read(source, type, limits)
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
  throw new Error('the manifest was taken')
}

describe('manifests as tools write them (M6, M14, M15)', () => {
  test('the corpus is as large as it should be', () => expect(SAMPLES.length).toBeGreaterThanOrEqual(60))

  test.each(SAMPLES.map((sample) => [sample.title, sample] as const))(
    'takes %s',
    (_, { text, type, finds }) => {
      const facts = readManifest(Buffer.from(text), type, LIMITS)
      expect(facts.shape).toBe(finds.shape)
      expect(facts.references).toHaveLength(finds.references)
      expect(facts.references.filter((each) => each.foreign)).toHaveLength(finds.foreign ?? 0)
      expect(facts.subject).toBe(finds.subject as typeof facts.subject)
      expect(facts.artifactType).toBe(finds.artifactType as typeof facts.artifactType)
    },
  )

  test('lists references in the order of their digests, which is the order of locks', () => {
    const layers = Array.from({ length: 50 }, (_, i) => descriptor(OCI_LAYER, `layer ${i}`))
    const digests = read(image({ layers })).references.map((each) => each.digest)
    expect(digests).toEqual([...digests].sort())
  })

  test('keeps the annotations of what refers to a subject, whatever they are called (R3, SE-23)', () => {
    const annotations = '{"__proto__":"a","constructor":"b","x":"\\ud800\\u0000"}'
    const text = JSON.stringify(image({ subject: descriptor(OCI_MANIFEST, 's'), annotations: 0 })).replace(
      '"annotations":0',
      `"annotations":${annotations}`,
    )
    expect(read(text).annotations).toBe(annotations)
  })

  test('keeps no annotations of what refers to nothing', () =>
    expect(read(image({ annotations: { a: 'b' } })).annotations).toBeUndefined())
})

describe('manifests that mean two things, or nothing (M3, M12, M13, SE-9)', () => {
  test('the corpus is as large as it should be', () => expect(AMBIGUOUS.length).toBeGreaterThanOrEqual(200))

  test.each(AMBIGUOUS.map((row) => [row.title, row] as const))('refuses %s', (_, { bytes, type }) => {
    const { kind, message } = refusalOf(bytes, type ?? '')
    expect(['manifest-invalid', 'size-invalid']).toContain(kind)
    expect(message.length).toBeLessThan(1000)
  })
})

describe('limits (RS-3)', () => {
  /** An image whose unknown field is nested so that the whole is `depth` deep. */
  const nested = (depth: number) => ({
    ...image(),
    x: JSON.parse(`${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}`),
  })

  test('depth', () => {
    expect(read(nested(32)).shape).toBe('image')
    expect(refusalOf(nested(33)).message).toContain('32 levels')
  })

  test('tokens', () => {
    // Every bracket, text and number is one: the image without the list, the list's brackets, its numbers.
    const base = { ...image(), x: [] }
    const tokens = (JSON.stringify(base).match(/[[\]{}]|"(?:[^"\\]|\\.)*"|[0-9]+/g) ?? []).length
    const full = (count: number) => ({ ...base, x: Array(count - tokens).fill(1) })
    expect(read(full(1000), OCI_MANIFEST, { ...LIMITS, maxTokens: 1000 }).shape).toBe('image')
    expect(refusalOf(full(1001), OCI_MANIFEST, { ...LIMITS, maxTokens: 1000 }).message).toContain(
      '1000 JSON tokens',
    )
  })

  const limits = { ...LIMITS, maxDescriptors: 10 }
  const many = (count: number) => Array.from({ length: count }, (_, i) => descriptor(OCI_LAYER, `${i}`))

  test('layers', () => {
    expect(read(image({ layers: many(10) }), OCI_MANIFEST, limits).references).toHaveLength(11)
    expect(refusalOf(image({ layers: many(11) }), OCI_MANIFEST, limits).message).toContain('at most 10')
  })

  test('children', () => {
    expect(read(index({ manifests: many(10) }), OCI_INDEX, limits).references).toHaveLength(10)
    expect(refusalOf(index({ manifests: many(11) }), OCI_INDEX, limits).message).toContain('at most 10')
  })
})

test('whatever is done to a manifest, it is read or refused, never a bug (C7)', () => {
  const seen = { read: 0, refused: 0 }
  fc.assert(
    fc.property(mutatedManifests, ({ bytes, type }) => {
      try {
        const { references, annotations } = readManifest(bytes, type, LIMITS)
        for (const { digest, size } of references) {
          expect(tryParseDigest(digest)).toBe(digest)
          expect(size).toBeGreaterThanOrEqual(0)
        }
        expect(typeof JSON.parse(annotations ?? '{}')).toBe('object')
        seen.read++
      } catch (error) {
        expect(error).toBeInstanceOf(RegistryError)
        seen.refused++
      }
    }),
    runs(3000),
  )
  // Neither way may be the only one, else the mutations have become too tame or too wild.
  expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(300)
}, 60_000)

test('bytes of no kind at all are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (bytes, type) => {
      expect(() => readManifest(bytes, type, LIMITS)).toThrow(RegistryError)
    }),
    runs(1000),
  )
}, 60_000)
