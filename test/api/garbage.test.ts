import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseRepoName } from '../../src/core/names.ts'
import { openPostgres } from '../../src/store/meta/postgres.ts'
import { patience, runs } from '../fuzz/runs.ts'
import { image, pushed } from '../suite/metadata/fixture.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { apiOver, NOBODY, OPERATES, openApi, type TestApi } from './fixture.ts'
import { ENDPOINTS, type Json, NAMES, sampleBody, sendAny } from './samples.ts'

/** Every endpoint, whatever comes to it, over a database. */
function garbage(open: () => Promise<TestApi>): void {
  let api: TestApi
  beforeAll(async () => {
    api = await open()
    const alice = await api.user('alice')
    await api.call('POST /organisations', { as: alice, body: { name: 'acme' } })
    await pushed(api.store, parseRepoName('acme/web'), image())
  }, 60_000)
  afterAll(() => api[Symbol.asyncDispose](), 60_000)

  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>
  const name = fc.oneof(
    fc.constantFrom(
      'alice',
      'acme',
      'acme/web',
      'nobody',
      '1',
      '..',
      '%00',
      '%2F',
      '%',
      'a%',
      '-',
      "'",
      '*',
      '😀',
      '\u202e',
    ),
    fc.string({ maxLength: 20 }).map(encodeURIComponent),
    fc.stringMatching(/^[a-z0-9/+._-]{1,300}$/),
  )
  const names = fc.record(
    Object.fromEntries(
      Object.keys(NAMES).map((key) => [
        key,
        fc.oneof({ weight: 4, arbitrary: fc.constant(NAMES[key] as string) }, name),
      ]),
    ),
  )
  const mutated = (sample: { [member: string]: Json }) =>
    fc.oneof(
      json.map((value) => JSON.stringify(value)),
      fc.string(),
      fc
        .dictionary(fc.constantFrom(...Object.keys(sample)), json)
        .map((members) => JSON.stringify({ ...sample, ...members })),
      fc
        .dictionary(
          fc.constantFrom(...Object.keys(sample)),
          fc.oneof(
            fc.string({ unit: 'binary', maxLength: 300 }),
            fc.constantFrom(
              '\0',
              '\ud800',
              'x'.repeat(3000),
              '2030-01-01T00:00:00Z',
              '+275760-09-13T00:00:00.001Z',
            ),
          ),
        )
        .map((members) => JSON.stringify({ ...sample, ...members })),
    )

  for (const [endpoint, route] of ENDPOINTS) {
    test(
      `${endpoint} never answers 5xx`,
      async () => {
        const texts = route.body === undefined ? fc.constant(undefined) : mutated(sampleBody(route))
        const query = fc.oneof(
          { weight: 4, arbitrary: fc.constant('') },
          fc
            .dictionary(
              fc.constantFrom(
                'limit',
                'after',
                'filter',
                'q',
                'page',
                'subject',
                'verb',
                'repository',
                'since',
                'actor',
                'x',
              ),
              fc.oneof(
                fc.string(),
                fc.constantFrom('1', 'pull', 'acme/web', 'user:alice', '2020-01-01T00:00:00Z'),
              ),
            )
            .map((members) => `?${new URLSearchParams(members)}`),
        )
        const errors = () => api.log.filter((line) => line.startsWith('error'))
        const before = errors().length
        await fc.assert(
          fc.asyncProperty(
            names,
            texts,
            query,
            fc.constantFrom(OPERATES, OPERATES, OPERATES, NOBODY),
            async (path, text, search, who) => {
              const response = await sendAny(api, endpoint, text, who, path, search)
              const told = await response.text()
              if (response.status >= 500) throw new Error(`${response.status}: ${told}`)
            },
          ),
          runs(60),
        )
        expect(errors().slice(before)).toEqual([])
      },
      patience(20_000),
    )
  }
}

const SETTINGS = { maxApiBody: '4096' }

describe('whatever comes, on the embedded database', () => garbage(() => openApi(SETTINGS)))

describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'whatever comes, on PostgreSQL', () =>
  garbage(async () => {
    await using stack = new AsyncDisposableStack()
    const { url } = stack.use(await startPostgres())
    const store = await openPostgres(url)
    stack.defer(() => store.close())
    const api = stack.use(apiOver(store, SETTINGS))
    const owned = stack.move()
    return { ...api, [Symbol.asyncDispose]: () => owned.disposeAsync() }
  }),
)
