import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { digestOf } from '../../src/core/digest.ts'
import { RawConnection, request } from '../http/raw.ts'
import { patience, runs } from './runs.ts'
import { type Listing, Target } from './target.ts'

/** Ranges of what is read and of what is sent: every answer fits the bytes that there are. */

let target: Target
let listing: Listing
beforeAll(async () => {
  target = await Target.start('SQLite', {
    BERTH_MAX_UPLOADS_PER_REPO: '1000000',
    BERTH_MAX_UPLOADS_PER_OWNER: '1000000',
  })
  await target.rest()
  listing = await target.listing()
}, 60_000)
afterAll(() => target[Symbol.asyncDispose]())

/** Numbers as they stand in headers: near the edges, far beyond them, and none at all. */
const numbers = (...near: readonly number[]) =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(...near.flatMap((each) => [each - 1, each, each + 1]).map(String)),
    },
    { weight: 2, arbitrary: fc.nat(200).map(String) },
    fc.constantFrom(
      '',
      '-0',
      '-1',
      '+1',
      '00',
      '1.5',
      '1e3',
      '0x10',
      '9007199254740991',
      '9007199254740993',
      '18446744073709551616',
      '9'.repeat(400),
      'x',
      ' ',
      '٣',
      '*',
    ),
  )

const blanks = fc.constantFrom('', '', '', ' ', '\t', '  ')

describe('Range (P6, P7)', () => {
  /** Parses a multipart/byteranges body into its parts: where each begins and what it holds. */
  function partsOf(body: Buffer, contentType: string): { start: number; bytes: Buffer }[] {
    const boundary = /boundary=(\S+)$/.exec(contentType)?.[1] ?? ''
    const parts: { start: number; bytes: Buffer }[] = []
    let at = body.indexOf(`--${boundary}\r\n`)
    while (at >= 0) {
      const head = body.indexOf('\r\n\r\n', at)
      const [, start = '', end = ''] =
        /content-range: bytes (\d+)-(\d+)\//i.exec(body.toString('latin1', at, head)) ?? []
      const length = Number(end) - Number(start) + 1
      parts.push({ start: Number(start), bytes: body.subarray(head + 4, head + 4 + length) })
      at = body.indexOf(`--${boundary}\r\n`, head + 4 + length)
    }
    expect(body.toString('latin1').endsWith(`\r\n--${boundary}--\r\n`)).toBe(true)
    return parts
  }

  test(
    'of every shape',
    async () => {
      const bytes = Buffer.from(target.blob.bytes)
      const spec = fc.oneof(
        {
          weight: 6,
          arbitrary: fc
            .tuple(numbers(0, bytes.byteLength), numbers(0, bytes.byteLength))
            .map((pair) => pair.join('-')),
        },
        fc
          .tuple(numbers(0), fc.constantFrom('', '-', '--', ' - ', '/'), numbers(bytes.byteLength))
          .map((parts) => parts.join('')),
      )
      const header = fc
        .tuple(
          fc.constantFrom('bytes=', 'bytes=', 'bytes=', 'Bytes=', 'bytes =', 'bytes', 'items=', '', '='),
          fc.array(fc.tuple(blanks, spec, blanks), { maxLength: 6 }),
        )
        .map(([unit, specs]) => unit + specs.map((parts) => parts.join('')).join(','))
      const seen = new Map<number, number>()
      await fc.assert(
        fc.asyncProperty(header, async (range) => {
          const answer = await target.ask('GET', `/v2/${target.repo}/blobs/${target.blob.digest}`, [
            `Range: ${range}`,
          ])
          seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
          if (answer.status === 200) expect(answer.body.equals(bytes)).toBe(true)
          else if (answer.status === 206) {
            const type = answer.headers.get('content-type') ?? ''
            const single = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers.get('content-range') ?? '')
            const parts = single
              ? [{ start: Number(single[1]), bytes: answer.body }]
              : partsOf(answer.body, type)
            if (single) expect(answer.body.byteLength).toBe(Number(single[2]) - Number(single[1]) + 1)
            expect(parts.length).toBeGreaterThan(0)
            for (const { start, bytes: part } of parts)
              expect(part.equals(bytes.subarray(start, start + part.byteLength))).toBe(true)
          } else {
            expect([400, 416]).toContain(answer.status)
            if (answer.status === 416)
              expect(answer.headers.get('content-range')).toBe(`bytes */${bytes.byteLength}`)
          }
        }),
        runs(6000),
      )
      for (const status of [200, 206, 416]) expect(seen.get(status) ?? 0).toBeGreaterThan(50)
    },
    patience(120_000),
  )
})

/** A session of its own; returns its path. */
async function open(repo = 'fuzz/sessions'): Promise<string> {
  const answer = await target.ask('POST', `/v2/${repo}/blobs/uploads/`)
  return answer.headers.get('location') as string
}

/** Bytes that a session holds. */
async function held(location: string): Promise<number> {
  const range = (await target.ask('GET', location)).headers.get('range')
  const last = Number(range?.slice(2))
  // `0-0` stands for none and for one byte (B7).
  return last === 0 ? Number.NaN : last + 1
}

describe('Content-Range (B4, B5)', () => {
  test(
    'of every shape: a session holds what was acknowledged, and nothing else',
    async () => {
      const step = fc.record({
        unit: fc.constantFrom('', '', '', 'bytes ', 'bytes=', 'Bytes ', 'items '),
        first: numbers(0, 100),
        separator: fc.constantFrom('-', '-', '-', '--', ' - ', ''),
        last: numbers(0, 100),
        total: fc.constantFrom('', '', '/*', '/100', '/x', '/'),
        kind: fc.constantFrom('right', 'shifted', 'wild'),
        shift: fc.constantFrom(-2, -1, 1, 2, 1000),
        size: fc.integer({ min: 1, max: 150 }),
      })
      const seen = new Map<number, number>()
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
          const location = await open()
          const content: Buffer[] = []
          for (const { unit, first, separator, last, total, kind, shift, size } of steps) {
            const bytes = randomBytes(size)
            const offset = Buffer.concat(content).byteLength
            const start = kind === 'shifted' ? Math.max(0, offset + shift) : offset
            const wild = `${unit}${first}${separator}${last}${total}`
            const range = kind === 'wild' ? wild : `${start}-${start + size - 1}`
            const answer = await target.ask('PATCH', location, [`Content-Range: ${range}`], bytes)
            seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
            expect([202, 400, 416]).toContain(answer.status)
            if (answer.status === 202) content.push(bytes)
            if (answer.status === 416) expect(answer.headers.get('range')).toBeDefined()
          }
          const whole = Buffer.concat(content)
          if (whole.byteLength > 1) expect(await held(location)).toBe(whole.byteLength)
          const closed = await target.ask('PUT', `${location}?digest=${digestOf(whole)}`)
          expect(closed.status).toBe(201)
        }),
        runs(800),
      )
      for (const status of [202, 400, 416]) expect(seen.get(status) ?? 0).toBeGreaterThan(50)
    },
    patience(120_000),
  )
})

describe('Content-Length', () => {
  test(
    'that promises more than comes: what came is kept, and never taken for the whole',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 16, max: 3000 }),
          fc.integer({ min: 1, max: 2000 }),
          fc.boolean(),
          async (sent, lacking, closing) => {
            const location = await open('fuzz/cut')
            const bytes = randomBytes(sent)
            const digest = digestOf(bytes)
            await using connection = await RawConnection.connect(target.berth.host)
            const [method, path] = closing ? ['PUT', `${location}?digest=${digest}`] : ['PATCH', location]
            await connection.send(request(method, path, [`Content-Length: ${sent + lacking}`]))
            await connection.send(bytes)
            connection.halfClose()
            const answer = await connection.answer()
            if (answer !== undefined) expect(answer.status).toBe(400)
            await connection.closed()
            expect((await target.ask('HEAD', `/v2/fuzz/cut/blobs/${digest}`)).status).toBe(404)
            expect(await settled(location)).toBe(sent)
          },
        ),
        runs(150),
      )
    },
    patience(120_000),
  )

  /** What a session holds once the server has noticed that the sender is gone. */
  async function settled(location: string): Promise<number> {
    for (let tries = 0; tries < 200; tries++) {
      const now = await held(location)
      if (!Number.isNaN(now)) return now
      await Bun.sleep(10)
    }
    return held(location)
  }

  test(
    'that promises less than comes: the rest is the next request, and refused',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 2, max: 500 }),
          fc.integer({ min: 1, max: 500 }),
          async (length, more) => {
            const location = await open()
            await using connection = await RawConnection.connect(target.berth.host)
            // Letters, so that no byte of it can begin a request.
            await connection.send(
              request(
                'PATCH',
                location,
                [`Content-Length: ${length}`],
                `${'x'.repeat(length + more)}\r\n\r\n`,
              ),
            )
            const answer = await connection.answer()
            if (answer !== undefined) expect([202, 400]).toContain(answer.status)
            await connection.rest()
            // The runtime may give up both for what stands behind; it takes none of that for a part of the first.
            const now = await held(location)
            if (answer?.status === 202) expect(now).toBe(length)
            else expect(now > length).toBe(false)
          },
        ),
        runs(150),
      )
    },
    patience(120_000),
  )
})

test('at the end everything is as it was', () => target.expectUnharmed(listing), 60_000)
