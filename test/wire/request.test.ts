import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { isRefusal } from '../../src/core/errors.ts'
import { wireHandler } from '../../src/oci/handler.ts'
import { locate } from '../../src/oci/path.ts'
import { formatQuery, parameter, parameters } from '../../src/oci/query.ts'
import { type Operation, parseOperation } from '../../src/oci/request.ts'
import { urlOf } from '../../src/oci/url.ts'
import { operations, spellings } from './arbitraries.ts'
import { send } from './exchange.ts'
import { fakeRegistry } from './fake-registry.ts'
import { DEFAULT_WIRE_LIMITS } from './limits.ts'

function parse(method: string, url: string): Operation | undefined {
  const at = url.indexOf('?')
  const place = locate(at < 0 ? url : url.slice(0, at))
  return place && parseOperation(place, method, at < 0 ? '' : url.slice(at + 1))
}

describe('request', () => {
  test('G5 every operation is read back from its URL', () => {
    fc.assert(
      fc.property(operations, (operation) => {
        expect(parse(operation.method, urlOf(operation))).toEqual(operation)
      }),
      { numRuns: 2000 },
    )
  })

  test('a path may be percent-encoded in every character but the slash', () => {
    fc.assert(
      fc.property(operations, (operation) => {
        const [path = '', query = ''] = urlOf(operation).split('?')
        const encoded = path.replace(
          /[^/]/g,
          (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
        )
        // The four words that are compared as they are need no decoding to be told apart from a repository.
        const start = path.startsWith('/v2/') ? `/v2/${encoded.slice('/%76%32/'.length)}` : path
        expect(parse(operation.method, query === '' ? start : `${start}?${query}`)).toEqual(operation)
      }),
    )
  })

  test('SE any text gives an operation, a refusal or nothing', () => {
    const methods = fc.constantFrom('GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'get', '', '__proto__')
    const pieces = fc.constantFrom(
      ...[
        '/v2/',
        'a',
        '/',
        '/blobs/',
        'uploads',
        '/manifests/',
        '/tags/list',
        '%2f',
        '%',
        '..',
        ':',
        'sha256:',
        '_',
      ],
      ...[
        '?n=',
        '&last=',
        '?tag=',
        '&',
        '=',
        '%ff',
        '+',
        '\u0000',
        'ü',
        '\ud800',
        '/referrers/',
        'sha512:00',
      ],
    )
    const texts = fc.oneof(
      fc.array(fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 4 }))).map((all) => all.join('')),
      fc.tuple(spellings, fc.string()).map(([name, rest]) => `/v2/${name}/${rest}`),
    )
    fc.assert(
      fc.property(methods, texts, (method, url) => {
        try {
          parse(method, url)
        } catch (error) {
          if (!isRefusal(error)) throw error
        }
      }),
      { numRuns: 5000 },
    )
  })

  test('SE any request is answered below 500', async () => {
    const handler = wireHandler(fakeRegistry(), { limits: DEFAULT_WIRE_LIMITS })
    const headers = fc.dictionary(
      fc.constantFrom(
        'range',
        'content-range',
        'if-match',
        'if-none-match',
        'if-range',
        'content-type',
        'accept',
      ),
      fc.oneof(
        fc.string(),
        fc.constantFrom('bytes=0-', 'bytes=-', '0-0', '*', '"', 'W/', ',,,', '0-9007199254740993'),
      ),
    )
    await fc.assert(
      fc.asyncProperty(operations, headers, fc.uint8Array(), async (operation, headers, body) => {
        const answer = await send(handler, {
          method: operation.method,
          path: urlOf(operation),
          headers,
          body,
        })
        expect(answer?.status).toBeGreaterThanOrEqual(200)
        expect(answer?.status).toBeLessThan(500)
      }),
      { numRuns: 2000 },
    )
  })

  test('a name of one part is one of the library, whatever its spelling', () => {
    fc.assert(
      fc.property(spellings, (spelling) => {
        const operation = parse('GET', `/v2/${spelling}/tags/list`)
        expect(operation).toMatchObject({
          route: 'tags',
          spelling,
          repo: spelling.includes('/') ? spelling : `library/${spelling}`,
        })
      }),
    )
  })
})

describe('query', () => {
  test('what is formatted is read back', () => {
    const names = fc.stringMatching(/^[a-z-]{1,10}$/)
    fc.assert(
      fc.property(
        fc.dictionary(names, fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 })),
        (values) => {
          const query = formatQuery(values)
          for (const [name, list] of Object.entries(values)) {
            expect(parameters(query, name)).toEqual(list)
            expect(parameter(query, name)).toBe(list[0] as string)
          }
        },
      ),
    )
  })

  test('it agrees with URLSearchParams on what is well encoded', () => {
    const query = fc
      .array(fc.constantFrom('a', 'b', '=', '&', '+', '%20', '%61', '%3D', '%26', '%C3%BC'))
      .map((all) => all.join(''))
    fc.assert(
      fc.property(query, (text) => {
        const model = new URLSearchParams(text)
        for (const name of ['a', 'b', 'ab', 'c']) expect(parameters(text, name)).toEqual(model.getAll(name))
      }),
      { numRuns: 2000 },
    )
  })
})
