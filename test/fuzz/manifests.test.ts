import { afterAll, beforeAll, expect, test } from 'bun:test'
import fc from 'fast-check'
import { digestOf } from '../../src/core/digest.ts'
import { errorCode } from '../http/raw.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { AMBIGUOUS } from '../unit/ambiguous-manifests.ts'
import { content, SAMPLES } from '../unit/manifest-corpus.ts'
import { mutatedManifests } from '../unit/manifest-mutations.ts'
import { patience, runs } from './runs.ts'
import { Target } from './target.ts'

/** Manifests, good and broken, pushed for real: stored byte for byte or refused without a trace (M2, SE-9). */

const PUSHES = { SQLite: 3000, PostgreSQL: 1500 } as const

for (const database of ['SQLite', 'PostgreSQL'] as const) {
  const programs = database === 'PostgreSQL' ? (['initdb', 'postgres'] as const) : []
  describeNeeding({ programs }, `manifests over ${database}`, () => {
    const repo = 'fuzz/manifests'
    let target: Target
    beforeAll(async () => {
      // What a mutated manifest lists is hardly ever there.
      target = await Target.start(database, { BERTH_SPARSE: 'all' })
      await target.rest()
    }, 60_000)
    afterAll(() => target[Symbol.asyncDispose]())

    const push = (bytes: Uint8Array, type: string | undefined, reference: string, into = repo) =>
      target.ask(
        'PUT',
        `/v2/${into}/manifests/${reference}`,
        type === undefined ? [] : [`Content-Type: ${type}`],
        bytes,
      )

    const pull = (reference: string, from = repo) => target.ask('GET', `/v2/${from}/manifests/${reference}`)

    test('the corpus is stored as it came, and told as it was pushed', async () => {
      for (const [i, { title, type, text }] of SAMPLES.entries()) {
        const bytes = Buffer.from(text)
        expect([title, (await push(bytes, type, `s${i}`)).status]).toEqual([title, 201])
        for (const reference of [`s${i}`, digestOf(bytes)]) {
          const pulled = await pull(reference)
          expect([title, pulled.body.equals(bytes)]).toEqual([title, true])
          expect([title, pulled.headers.get('docker-content-digest')]).toEqual([title, digestOf(bytes)])
          if (type !== undefined)
            expect([title, pulled.headers.get('content-type')]).toEqual([title, type.toLowerCase()])
        }
      }
    }, 60_000)

    test('what is ambiguous is refused, and leaves nothing', async () => {
      for (const { title, type, bytes } of AMBIGUOUS) {
        const answer = await push(bytes, type, 'latest', 'fuzz/ambiguous')
        expect([title, answer.status]).toEqual([title, 400])
        expect([title, ['MANIFEST_INVALID', 'SIZE_INVALID'].includes(errorCode(answer))]).toEqual([
          title,
          true,
        ])
        expect([title, (await pull(digestOf(bytes), 'fuzz/ambiguous')).status]).toEqual([title, 404])
      }
      expect((await target.ask('GET', '/v2/fuzz/ambiguous/tags/list')).status).toBe(404)
    }, 60_000)

    test(
      'mutated ones are stored as they came or refused without a trace',
      async () => {
        const seen = { stored: 0, refused: 0 }
        await fc.assert(
          fc.asyncProperty(mutatedManifests, async ({ bytes, type }) => {
            const before = await pull('mutated')
            const known = (await pull(digestOf(bytes))).status === 200
            const answer = await push(bytes, type, 'mutated')
            const after = await pull('mutated')
            if (answer.status === 201) {
              seen.stored++
              expect(after.body.equals(bytes)).toBe(true)
              expect(after.headers.get('docker-content-digest')).toBe(digestOf(bytes))
            } else {
              seen.refused++
              expect(answer.status).toBe(400)
              expect(['MANIFEST_INVALID', 'SIZE_INVALID']).toContain(errorCode(answer))
              expect([after.status, after.body]).toEqual([before.status, before.body])
              expect((await pull(digestOf(bytes))).status).toBe(known ? 200 : 404)
            }
          }),
          runs(PUSHES[database]),
        )
        expect(Math.min(seen.stored, seen.refused)).toBeGreaterThan(PUSHES[database] / 20)
      },
      patience(150_000),
    )

    test('who refers to the subject that all of them know is listed in JSON (R3)', async () => {
      let listed = 0
      for (let next: string | undefined = `/v2/${repo}/referrers/${content('subject').digest}?n=50`; next; ) {
        const answer = await target.ask('GET', next)
        expect(answer.status).toBe(200)
        const { manifests } = JSON.parse(answer.body.toString()) as {
          manifests: { digest: string; size: number }[]
        }
        for (const { digest, size } of manifests) {
          const pulled = await pull(digest)
          expect([pulled.status, pulled.body.byteLength]).toEqual([200, size])
        }
        listed += manifests.length
        next = /<([^>]*)>/.exec(answer.headers.get('link') ?? '')?.[1]
      }
      expect(listed).toBeGreaterThan(5)
    }, 60_000)

    test('at the end the rest is as it was', async () => {
      const listing = await target.listing()
      const tags = [...SAMPLES.map((_, i) => `s${i}`), 'mutated'].sort()
      await target.expectUnharmed({ [target.repo]: target.tags, [repo]: tags })
      expect(listing[repo]).toEqual(tags)
    }, 60_000)
  })
}
