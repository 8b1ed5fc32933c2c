import { describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { bodyOf, collect } from '../../src/core/body.ts'
import type { Digest } from '../../src/core/digest.ts'
import { isRefusal } from '../../src/core/errors.ts'
import type { Blob, BlobContent, Span } from '../../src/core/registry.ts'
import { byteRanges } from '../../src/oci/byteranges.ts'
import { parseContentRange } from '../../src/oci/content-range.ts'
import { parseRange } from '../../src/oci/range.ts'
import { tempFolder } from '../testbed/temp.ts'

const LIMITS = { maxRanges: 8, maxRangeFactor: 2 }

type Outcome = { spans: Span[]; several: boolean } | 'whole' | 'unsatisfiable' | 'refused'

function outcome(header: string, size: number): Outcome {
  try {
    const asked = parseRange(header, size, LIMITS)
    return asked ? { spans: [...asked.spans], several: asked.several } : 'whole'
  } catch (error) {
    if (isRefusal(error, 'range-unsatisfiable')) return 'unsatisfiable'
    if (isRefusal(error, 'range-refused')) return 'refused'
    throw error
  }
}

interface Spec {
  readonly first: number | undefined
  readonly last: number | undefined
}

/** Which bytes a range names, found by asking each byte. */
function bytesOf({ first, last }: Spec, size: number): number[] {
  const all = Array.from({ length: size }, (_, at) => at)
  if (first === undefined) return all.slice(size - Math.min(size, last ?? 0))
  return all.filter((at) => at >= first && at <= (last ?? size))
}

const specs: fc.Arbitrary<Spec> = fc
  .record({
    first: fc.option(fc.nat(40), { nil: undefined }),
    last: fc.option(fc.nat(40), { nil: undefined }),
  })
  .filter(({ first, last }) => first !== undefined || last !== undefined)

describe('range', () => {
  test('P6 P7 it agrees with a model that asks every byte', () => {
    fc.assert(
      fc.property(fc.array(specs, { minLength: 1, maxLength: 10 }), fc.nat(30), (list, size) => {
        const header = `bytes=${list.map(({ first, last }) => `${first ?? ''}-${last ?? ''}`).join(', ')}`
        const wanted = list.map((spec) => bytesOf(spec, size)).filter((bytes) => bytes.length > 0)
        const total = wanted.reduce((sum, bytes) => sum + bytes.length, 0)
        const got = outcome(header, size)
        if (list.length > LIMITS.maxRanges) expect(got).toBe('refused')
        else if (wanted.length === 0) expect(got).toBe('unsatisfiable')
        else if (total > 2 * size) expect(got).toBe('refused')
        else
          expect(got).toEqual({
            several: list.length > 1,
            spans: wanted.map((bytes) => ({ start: bytes[0] as number, end: (bytes.at(-1) as number) + 1 })),
          })
      }),
      { numRuns: 5000 },
    )
  })

  test('any text is ranges, nothing or a refusal', () => {
    const text = fc.oneof(
      fc.string().map((rest) => `bytes=${rest}`),
      fc
        .array(fc.constantFrom('bytes=', '-', '0', '9', ',', ' ', '1'.repeat(400), 'e', '.', '\t'))
        .map((all) => all.join('')),
    )
    fc.assert(
      fc.property(text, fc.maxSafeNat(), (header, size) => {
        const got = outcome(header, size)
        if (typeof got === 'string') return
        for (const { start, end } of got.spans) {
          expect(start).toBeGreaterThanOrEqual(0)
          expect(end).toBeGreaterThan(start)
          expect(end).toBeLessThanOrEqual(size)
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('content range', () => {
  test('B4 what is written is read back, in both forms', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.nat(2 ** 31), (start, length) => {
        const last = start + length
        const span = { start, end: last + 1 }
        for (const form of [
          `${start}-${last}`,
          `bytes ${start}-${last}/*`,
          `bytes ${start}-${last}/${last + 1}`,
        ])
          expect(parseContentRange(form)).toEqual(span)
        if (length > 0) expect(() => parseContentRange(`${last}-${start}`)).toThrow('Content-Range')
      }),
    )
  })

  test('any other text is refused', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .array(fc.constantFrom('0', '7', '-', ' ', '/', '*', 'bytes ', '9'.repeat(20)))
        .map((all) => all.join('')),
    )
    fc.assert(
      fc.property(text, (header) => {
        const [, first = '', last = ''] =
          /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(header.trim()) ?? []
        const good = first !== '' && BigInt(last) >= BigInt(first) && BigInt(last) < Number.MAX_SAFE_INTEGER
        try {
          expect(parseContentRange(header)).toEqual({ start: Number(first), end: Number(last) + 1 })
          expect(good).toBe(true)
        } catch (error) {
          if (!isRefusal(error, 'upload-invalid')) throw error
          expect(good).toBe(false)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

/** Reads a multipart body as a client does: by its boundary. */
function partsOf(contentType: string, body: Buffer): { range: string; bytes: Buffer }[] {
  const boundary = /boundary=(.+)$/.exec(contentType)?.[1]
  const parts: { range: string; bytes: Buffer }[] = []
  let at = 0
  expect(body.subarray(0, 2).toString()).toBe('--')
  for (;;) {
    const opening = `--${boundary}`
    expect(body.subarray(at, at + opening.length).toString()).toBe(opening)
    at += opening.length
    if (body.subarray(at).toString() === '--\r\n') return parts
    const headEnd = body.indexOf('\r\n\r\n', at)
    const head = body.subarray(at, headEnd).toString()
    expect(head).toContain('\r\nContent-Type: application/octet-stream')
    const [, range = '', first = '', last = ''] = /Content-Range: (bytes (\d+)-(\d+)\/\d+)/.exec(head) ?? []
    const start = headEnd + 4
    const end = start + Number(last) - Number(first) + 1
    parts.push({ range, bytes: body.subarray(start, end) })
    expect(body.subarray(end, end + 2).toString()).toBe('\r\n')
    at = end + 2
  }
}

function blobFrom(bytes: Uint8Array, open: (span: Span) => BlobContent): Blob {
  const content = async (span: Span = { start: 0, end: bytes.byteLength }) => open(span)
  return { digest: 'sha256:x' as Digest, size: bytes.byteLength, content }
}

async function roundTrip(blob: Blob, bytes: Buffer, spans: readonly Span[]): Promise<void> {
  const { contentType, length, stream } = byteRanges(blob, spans, await blob.content(spans[0]))
  const body = Buffer.from(await collect(bodyFrom(stream), 2 ** 30, 'blob-too-large', 'the body'))
  expect(body.byteLength).toBe(length)
  const parts = partsOf(contentType, body)
  expect(parts.map((part) => part.range)).toEqual(
    spans.map(({ start, end }) => `bytes ${start}-${end - 1}/${bytes.byteLength}`),
  )
  for (const [i, { start, end }] of spans.entries())
    expect(parts[i]?.bytes).toEqual(bytes.subarray(start, end))
}

function bodyFrom(stream: AsyncIterable<Uint8Array>) {
  return { [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator]() }
}

const BYTES = Buffer.from(Array.from({ length: 1_000_003 }, (_, i) => (i * 31 + (i >> 8)) & 0xff))

const SPANS: readonly Span[] = [
  { start: 0, end: 1 },
  { start: 999_000, end: 1_000_003 },
  { start: 5, end: 700_000 },
  { start: 4, end: 6 },
]

describe('byteranges', () => {
  test('P7 parts of bytes at hand', () =>
    roundTrip(
      blobFrom(BYTES, ({ start, end }) => ({ kind: 'bytes', bytes: BYTES.subarray(start, end) })),
      BYTES,
      SPANS,
    ))

  test('P7 parts of streams', () =>
    roundTrip(
      blobFrom(BYTES, ({ start, end }) => ({ kind: 'stream', stream: bodyOf(BYTES.subarray(start, end)) })),
      BYTES,
      SPANS,
    ))

  test('P7 parts of a file, a thousand small ones among them', async () => {
    await using folder = await tempFolder()
    const path = join(folder.path, 'blob')
    await writeFile(path, BYTES)
    const blob = blobFrom(BYTES, (span) => ({ kind: 'file', path, span }))
    await roundTrip(blob, BYTES, SPANS)
    await roundTrip(
      blob,
      BYTES,
      Array.from({ length: 1000 }, (_, i) => ({ start: i * 900, end: i * 900 + (i % 7) + 1 })),
    )
  })

  test('a file that is shorter than it should be breaks the stream', async () => {
    await using folder = await tempFolder()
    const path = join(folder.path, 'blob')
    await writeFile(path, BYTES.subarray(0, 1000))
    const blob = blobFrom(BYTES, (span) => ({ kind: 'file', path, span }))
    await expect(roundTrip(blob, BYTES, SPANS)).rejects.toThrow('before the span that was promised')
  })
})
