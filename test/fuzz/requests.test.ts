import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describeNeeding } from '../testbed/needs.ts'
import { patience, runs } from './runs.ts'
import { type Database, type Listing, Target } from './target.ts'
import {
  digests,
  headerValues,
  names,
  queries,
  queryValues,
  references,
  segments,
  uploadIds,
} from './texts.ts'

/** Requests of every kind but with bodies that matter: whatever is asked, it is answered, and nothing changes (C7). */

const CANARY = 'canary-in-a-file'

/** What every property of a group is run against. PostgreSQL differs in texts and numbers only, and gets fewer. */
const SHARE: Record<Database, number> = { SQLite: 4, PostgreSQL: 1 }

for (const database of ['SQLite', 'PostgreSQL'] as const) {
  const programs = database === 'PostgreSQL' ? (['initdb', 'postgres'] as const) : []
  describeNeeding({ programs }, `requests over ${database}`, () => {
    let target: Target
    let listing: Listing
    const count = <T>(all: number) => runs<T>(all * SHARE[database])

    beforeAll(async () => {
      target = await Target.start(database, {
        BERTH_MAX_UPLOADS_PER_REPO: '1000000',
        BERTH_MAX_UPLOADS_PER_OWNER: '1000000',
      })
      writeFileSync(join(target.berth.data, 'secret'), CANARY)
      writeFileSync(join(target.berth.data, '../secret'), CANARY)
      await target.rest()
      listing = await target.listing()
    }, 60_000)
    afterAll(() => target[Symbol.asyncDispose]())

    const reads = fc.constantFrom('GET', 'HEAD')
    /** Everything that cannot change what is there, when it has no body and its names are not the base's. */
    const methods = fc.constantFrom(
      'GET',
      'HEAD',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'PROPFIND',
    )

    test(
      'names on every route',
      async () => {
        const routes = fc.oneof(
          fc.constantFrom('/tags/list', '/blobs/uploads/', '/blobs/uploads', '', '/'),
          references.map((each) => `/manifests/${each}`),
          digests.map((each) => `/blobs/${each}`),
          digests.map((each) => `/referrers/${each}`),
          uploadIds.map((each) => `/blobs/uploads/${each}`),
          segments.map((each) => `/${each}`),
        )
        await fc.assert(
          fc.asyncProperty(methods, names, routes, async (method, name, route) => {
            const { status } = await target.ask(method, `/v2/${name}${route}`)
            // 201 would be content, and there is none without a body; only a name that is one opens an upload.
            expect(status).not.toBe(201)
          }),
          count(3000),
        )
      },
      patience(120_000),
    )

    test(
      'references and digests of a repository that is there',
      async () => {
        const places = fc.oneof(
          references.map((each) => `manifests/${each}`),
          digests.map((each) => `blobs/${each}`),
          digests.map((each) => `referrers/${each}`),
          uploadIds.map((each) => `blobs/uploads/${each}`),
        )
        await fc.assert(
          fc.asyncProperty(reads, places, async (method, place) => {
            const { status } = await target.ask(method, `/v2/${target.repo}/${place}`)
            expect([200, 204, 301, 304, 400, 404, 405, 414]).toContain(status)
          }),
          count(1500),
        )
      },
      patience(120_000),
    )

    test(
      'queries of lists, referrers and searches',
      async () => {
        const places = fc.constantFrom(
          '/v2/_catalog',
          `/v2/${target.repo}/tags/list`,
          `/v2/${target.repo}/referrers/${target.manifest.digest}`,
          '/v1/search',
          '/v2/',
          '/v1/_ping',
          `/v2/${target.repo}/manifests/latest`,
          '/livez',
        )
        await fc.assert(
          fc.asyncProperty(reads, places, queries, async (method, place, query) => {
            const { status } = await target.ask(method, `${place}?${query}`)
            expect([200, 400, 414]).toContain(status)
          }),
          count(3000),
        )
      },
      patience(120_000),
    )

    test(
      'each parameter where it is read',
      async () => {
        const repo = target.repo
        const places: [path: string, parameter: string][] = [
          ['/v2/_catalog', 'n'],
          ['/v2/_catalog', 'last'],
          [`/v2/${repo}/tags/list`, 'n'],
          [`/v2/${repo}/tags/list`, 'last'],
          [`/v2/${repo}/referrers/${target.manifest.digest}`, 'artifactType'],
          [`/v2/${repo}/referrers/${target.manifest.digest}`, 'last'],
          ['/v1/search', 'q'],
          ['/v1/search', 'n'],
          ['/v1/search', 'page'],
        ]
        await fc.assert(
          fc.asyncProperty(fc.constantFrom(...places), queryValues, async ([path, parameter], value) => {
            const answer = await target.ask('GET', `${path}?${parameter}=${value}`)
            expect([200, 400, 414]).toContain(answer.status)
            if (answer.status === 200) JSON.parse(answer.body.toString())
          }),
          count(2000),
        )
      },
      patience(120_000),
    )

    test(
      'parameters of pushes',
      async () => {
        const repo = 'fuzz/pushes'
        const asks = fc.oneof(
          queries.map((query) => ['POST', `/v2/${repo}/blobs/uploads/?${query}`] as const),
          queryValues.map((value) => ['POST', `/v2/${repo}/blobs/uploads/?digest=${value}`] as const),
          queryValues.map(
            (value) => ['POST', `/v2/${repo}/blobs/uploads/?digest-algorithm=${value}`] as const,
          ),
          queryValues.map(
            (value) => ['POST', `/v2/${repo}/blobs/uploads/?mount=${value}&from=${target.repo}`] as const,
          ),
          names.map(
            (from) =>
              ['POST', `/v2/${repo}/blobs/uploads/?mount=${target.manifest.digest}&from=${from}`] as const,
          ),
          fc
            .tuple(uploadIds, queryValues)
            .map(([id, value]) => ['PUT', `/v2/${repo}/blobs/uploads/${id}?digest=${value}`] as const),
          fc
            .tuple(digests, queries)
            .map(([digest, query]) => ['PUT', `/v2/${repo}/manifests/${digest}?${query}`] as const),
        )
        await fc.assert(
          fc.asyncProperty(asks, async ([method, path]) => {
            // The digest of nothing is one that a push without a body has.
            if (path.includes('e3b0c442') || path.includes('cf83e135')) return
            const { status } = await target.ask(method, path)
            expect([202, 400, 404, 405, 414]).toContain(status)
          }),
          count(1500),
        )
      },
      patience(120_000),
    )

    test(
      'a thousand tags at once',
      async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(queryValues, { minLength: 51, maxLength: 1000 }), async (values) => {
            const query = values.map((value) => `tag=${value.slice(0, 12)}`).join('&')
            const { status } = await target.ask(
              'PUT',
              `/v2/fuzz/pushes/manifests/${target.manifest.digest}?${query}`,
              [`Content-Type: ${target.manifest.mediaType}`],
            )
            expect([400, 414]).toContain(status)
          }),
          count(50),
        )
      },
      patience(120_000),
    )

    test(
      'headers that are none of our business change nothing',
      async () => {
        const ignored = fc.constantFrom(
          'Accept',
          'Authorization',
          'Cookie',
          'Accept-Encoding',
          'User-Agent',
          'X-Forwarded-For',
          'X-Forwarded-Proto',
          'X-Forwarded-Host',
          'Forwarded',
          'Content-Type',
          'Origin',
          'Referer',
          'If-Modified-Since',
          'TE',
          'Via',
          'X-Request-Id',
          'Docker-Content-Digest',
          'Accept-Language',
          'Max-Forwards',
        )
        const lines = fc.array(fc.tuple(ignored, headerValues), { minLength: 1, maxLength: 6 })
        await fc.assert(
          fc.asyncProperty(lines, async (headers) => {
            const answer = await target.ask(
              'GET',
              `/v2/${target.repo}/manifests/latest`,
              headers.map((pair) => pair.join(': ')),
            )
            expect(answer.status).toBe(200)
            expect(answer.body.equals(target.manifest.bytes)).toBe(true)
          }),
          count(1000),
        )
      },
      patience(120_000),
    )

    test(
      'conditions: what is there, is not new, or is refused',
      async () => {
        const etag = `"${target.manifest.digest}"`
        const values = fc.oneof(
          headerValues,
          fc.constantFrom(etag, `W/${etag}`, `"x", ${etag}`, etag.slice(1), etag.toUpperCase(), '*'),
        )
        const headers = fc.constantFrom('If-Match', 'If-None-Match', 'If-Range', 'If-Unmodified-Since')
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.tuple(headers, values), { maxLength: 3 }),
            reads,
            async (lines, method) => {
              const answer = await target.ask(
                method,
                `/v2/${target.repo}/manifests/latest`,
                lines.map((pair) => pair.join(': ')),
              )
              expect([200, 304, 412]).toContain(answer.status)
            },
          ),
          count(700),
        )
      },
      patience(120_000),
    )

    test(
      'methods, on every route',
      async () => {
        const token = fc.constantFrom(
          'GET',
          'HEAD',
          'POST',
          'PUT',
          'PATCH',
          'DELETE',
          'OPTIONS',
          'TRACE',
          'CONNECT',
          'PROPFIND',
          'MKCOL',
          'LOCK',
          'SEARCH',
          'PURGE',
        )
        const unknown = `/v2/fuzz/unknown`
        const paths = fc.constantFrom(
          '/v2/',
          '/v2',
          '/v2/_catalog',
          '/v2/_oci/ext/discover',
          '/v1/_ping',
          '/v1/search',
          `${unknown}/tags/list`,
          `${unknown}/manifests/x`,
          `${unknown}/blobs/${target.blob.digest}`,
          `${unknown}/blobs/uploads/`,
          `${unknown}/blobs/uploads/${crypto.randomUUID()}`,
          `${unknown}/referrers/${target.blob.digest}`,
          '/livez',
          '/readyz',
          '/metrics',
          '/',
        )
        await fc.assert(
          fc.asyncProperty(token, paths, async (method, path) => {
            const answer = await target.ask(method, path)
            if (answer.status === 405) expect(answer.headers.get('allow')).toMatch(/^[A-Z]+(, [A-Z]+)*$/)
          }),
          count(400),
        )
      },
      patience(120_000),
    )

    /** SE-10: ways out of a folder, in every coding that some server once took. */
    test(
      'paths that lead out of the store lead nowhere',
      async () => {
        const ups = [
          '..',
          '%2e%2e',
          '.%2e',
          '%2E.',
          '..%2f..',
          '..%5c..',
          '..\\..',
          '%252e%252e',
          '..%00',
          '..;',
          '%c0%ae%c0%ae',
          '..%c0%af..',
          '%u002e%u002e',
          '....//',
          '.../...',
          '..%ef%bc%8f..',
          '%2e%2e%2f%2e%2e',
          '..%01',
          '..%20',
          '..%09',
        ]
        const goals = ['secret', 'berth.db', 'blobs', 'etc/passwd', 'proc/self/environ', '%73ecret']
        const starts = [
          '/v2/',
          '/v2/fuzz/base/blobs/',
          '/v2/fuzz/base/manifests/',
          '/v2/fuzz/base/blobs/uploads/',
          '/v2/fuzz/',
          '/',
          '/v2/fuzz/base/tags/',
          '//',
          '/v2//',
        ]
        const strings: string[] = []
        for (const start of starts) {
          for (const up of ups) {
            for (const goal of goals) {
              for (const depth of [1, 3]) strings.push(`${start}${`${up}/`.repeat(depth)}${goal}`)
            }
          }
        }
        expect(strings.length).toBeGreaterThan(2000)
        for (const path of database === 'SQLite' ? strings : strings.slice(0, 300)) {
          const answer = await target.ask('GET', path)
          expect([path, [400, 404].includes(answer.status)]).toEqual([path, true])
          expect(answer.body.includes(CANARY)).toBe(false)
        }
      },
      patience(120_000),
    )

    test('at the end everything is as it was', () => target.expectUnharmed(listing), 60_000)
  })
}
