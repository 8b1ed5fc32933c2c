import { describe, expect, test } from 'bun:test'
import { bodyOf } from '../../src/core/body.ts'
import { REFUSALS, type RefusalKind, refuse } from '../../src/core/errors.ts'
import type { UploadId } from '../../src/core/names.ts'
import type { Blob, BlobContent, Registry } from '../../src/core/registry.ts'
import { STATUS } from '../../src/oci/status.ts'
import { testContext } from '../suite/content.ts'
import { requestOf } from './exchange.ts'
import { fakeRegistry } from './fake-registry.ts'
import {
  BLOB,
  CONFIG,
  get,
  head,
  IMAGE,
  LAYERS,
  patch,
  post,
  pushBlob,
  pushManifest,
  put,
} from './fixtures.ts'
import { ask, handlerOver, jsonOf, REPO_VARIABLES } from './stub.ts'

/** Answers that no set-up through the wire brings about: a registry's refusals, storage elsewhere, limits. */

const ID = '01234567-89ab-cdef-0123-456789abcdef' as UploadId

describe('refusals', () => {
  test('every kind is told by its status, its code and its sentence', async () => {
    for (const kind of Object.keys(REFUSALS) as RefusalKind[]) {
      const handler = handlerOver({
        resolveManifest: async () => {
          throw refuse(kind, 'a sentence that says what was wrong')
        },
        getManifest: async () => {
          throw refuse(kind, 'a sentence that says what was wrong')
        },
      })
      const answer = await ask(handler, get('/v2/{repo}/manifests/latest'))
      expect(answer.status).toBe(STATUS[kind])
      expect(jsonOf(answer)).toEqual({
        errors: [{ code: REFUSALS[kind], message: 'a sentence that says what was wrong' }],
      })
      const { status, headers, body } = await ask(handler, head('/v2/{repo}/manifests/latest'))
      expect({ status, headers, body }).toEqual({
        status: answer.status,
        headers: answer.headers,
        body: null,
      })
    }
  })

  test('the failure map', () => {
    expect(STATUS).toMatchObject({
      'storage-full': 507,
      unavailable: 503,
      'precondition-failed': 412,
      'upload-offset': 416,
      'range-unsatisfiable': 416,
      'range-refused': 400,
      'still-referenced': 405,
      'read-only': 405,
      'too-many-uploads': 429,
      'body-too-slow': 408,
      denied: 403,
      unauthorized: 401,
    })
  })

  test('G8 429 and 503 say when to come back, in seconds', async () => {
    for (const kind of ['too-many-uploads', 'unavailable'] as const) {
      const openUpload = (retryAfter?: number) => async () => {
        throw refuse(kind, 'there is too much', retryAfter === undefined ? {} : { retryAfter })
      }
      const told = await ask(handlerOver({ openUpload: openUpload(60) }), post('/v2/{repo}/blobs/uploads/'))
      expect(told.headers['Retry-After']).toBe('60')
      const untold = await ask(handlerOver({ openUpload: openUpload() }), post('/v2/{repo}/blobs/uploads/'))
      expect(untold.headers['Retry-After']).toMatch(/^[1-9]\d*$/)
    }
  })

  test('a write to a read-only registry is 405 with what is left', async () => {
    const pushManifestRefused = async () => {
      throw refuse('read-only', 'this registry is read-only')
    }
    const answer = await ask(
      handlerOver({ pushManifest: pushManifestRefused }),
      pushManifest(IMAGE, 'latest'),
    )
    expect(answer.status).toBe(405)
    expect(answer.headers.Allow).toBe('GET, HEAD')
    expect(jsonOf(answer)).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] })
  })

  test('RS-1 a body that is given up half-way closes the connection', async () => {
    const handler = handlerOver({
      appendUpload: async (_ctx, _repo, _id, body) => {
        for await (const _ of body) throw refuse('body-too-slow', 'the body came too slowly')
        throw new Error('no body')
      },
    })
    const answer = await ask(handler, patch(`/v2/{repo}/blobs/uploads/${ID}`, BLOB.bytes))
    expect(answer).toMatchObject({ status: 408, close: true })
  })

  test('a body that was read to its announced end leaves the connection open', async () => {
    const answer = await ask(
      handlerOver({}),
      post(`/v2/{repo}/blobs/uploads/?digest=${CONFIG.digest}`, BLOB.bytes),
    )
    expect(answer.status).toBe(400)
    expect(answer.close).toBeUndefined()
  })

  test('so does one whose reader counted to that end', async () => {
    const handler = handlerOver({
      appendUpload: async (_ctx, _repo, _id, body) => {
        let size = 0
        for await (const chunk of body)
          if ((size += chunk.byteLength) === body.length)
            throw refuse('upload-invalid', 'all read, but unwanted')
        throw new Error('the body ended early')
      },
    })
    const answer = await ask(handler, patch(`/v2/{repo}/blobs/uploads/${ID}`, BLOB.bytes))
    expect(answer.status).toBe(400)
    expect(answer.close).toBeUndefined()
  })

  test('what is no refusal goes through to the edge', async () => {
    const handler = handlerOver({
      getManifest: async () => {
        throw new TypeError('a bug')
      },
    })
    const request = requestOf(get('/v2/{repo}/manifests/latest'), REPO_VARIABLES)
    await expect(handler(request, testContext())).rejects.toThrow(new TypeError('a bug'))
  })
})

describe('one request, one session', () => {
  test('B3 a POST that fails leaves no session behind', async () => {
    const aborted: string[] = []
    const base = fakeRegistry()
    const handler = handlerOver(
      {
        openUpload: async () => ({ id: ID, offset: 0 }),
        commitUpload: async () => {
          throw refuse('digest-mismatch', 'the content has another digest')
        },
        abortUpload: async (_ctx, _repo, id) => {
          aborted.push(id)
          throw refuse('unavailable', 'this fails too')
        },
      },
      {},
      base,
    )
    expect((await ask(handler, pushBlob(BLOB))).status).toBe(400)
    expect(aborted).toEqual([ID])
  })

  test('B11 the algorithm of the digest is announced with a POST that brings it', async () => {
    const announced: unknown[] = []
    const handler = handlerOver({
      openUpload: async (_ctx, _repo, options) => {
        announced.push(options)
        return { id: ID, offset: 0 }
      },
    })
    await ask(handler, post('/v2/{repo}/blobs/uploads/'))
    await ask(handler, post('/v2/{repo}/blobs/uploads/?digest-algorithm=sha512'))
    await ask(handler, post(`/v2/{repo}/blobs/uploads/?digest=sha512:${'0'.repeat(128)}`))
    expect(announced).toEqual([undefined, { algorithm: 'sha512' }, { algorithm: 'sha512' }])
  })

  test('B9 a close without a body hands none down', async () => {
    const seen: unknown[] = []
    const handler = handlerOver({
      commitUpload: async (_ctx, _repo, _id, digest, last) => {
        seen.push(last)
        return { digest, size: 0 }
      },
    })
    await ask(handler, put(`/v2/{repo}/blobs/uploads/${ID}?digest=${BLOB.digest}`))
    expect(seen).toEqual([undefined])
  })
})

describe('storage elsewhere', () => {
  const elsewhere: Registry['getBlob'] = async (_ctx, _repo, digest): Promise<Blob> => ({
    digest,
    size: BLOB.bytes.byteLength,
    content: async (): Promise<BlobContent> => ({ kind: 'redirect', url: 'https://s3.example.com/x?sig=1' }),
  })
  const resolveBlob: Registry['resolveBlob'] = async (_ctx, _repo, digest) => ({ digest, size: 2048 })
  const handler = handlerOver({ getBlob: elsewhere, resolveBlob })
  const url = `/v2/{repo}/blobs/${BLOB.digest}`

  test('P9 GET is sent there, whatever its ranges', async () => {
    for (const headers of [{}, { Range: 'bytes=0-9' }, { Range: 'bytes=0-9,20-29' }] as Record<
      string,
      string
    >[]) {
      const answer = await ask(handler, get(url, headers))
      expect(answer).toMatchObject({ status: 307, body: null })
      expect(answer.headers).toMatchObject({
        Location: 'https://s3.example.com/x?sig=1',
        'Content-Length': '0',
        'Docker-Content-Digest': BLOB.digest,
      })
    }
  })

  test('P9 HEAD is answered here', async () => {
    const answer = await ask(handler, head(url))
    expect(answer).toMatchObject({ status: 200, body: null })
    expect(answer.headers['Content-Length']).toBe('2048')
  })

  test('P6 a stream and a file are handed on with their length', async () => {
    const stream = handlerOver({
      getBlob: async (_ctx, _repo, digest) => ({
        digest,
        size: 2048,
        content: async (span) => ({
          kind: 'stream',
          stream: bodyOf(BLOB.bytes.subarray(span?.start, span?.end)),
        }),
      }),
    })
    const whole = await ask(stream, get(url))
    expect(whole).toMatchObject({ status: 200, headers: { 'Content-Length': '2048' } })
    expect(whole.body).toEqual(Buffer.from(BLOB.bytes))
    const part = await ask(stream, get(url, { Range: 'bytes=5-9' }))
    expect(part).toMatchObject({ status: 206, headers: { 'Content-Length': '5' } })
    expect(part.body).toEqual(Buffer.from(BLOB.bytes.subarray(5, 10)))
  })

  test('a file is left to the edge, with its span', async () => {
    const file = handlerOver({
      getBlob: async (_ctx, _repo, digest) => ({
        digest,
        size: 2048,
        content: async (span = { start: 0, end: 2048 }) => ({ kind: 'file', path: '/blobs/x', span }),
      }),
    })
    const reply = await file(requestOf(get(url, { Range: 'bytes=5-9' }), REPO_VARIABLES), testContext())
    expect(reply?.body).toEqual({ kind: 'file', path: '/blobs/x', span: { start: 5, end: 10 } })
  })
})

describe('limits', () => {
  test('M7 a manifest of exactly the limit is taken, one byte more is not', async () => {
    const handler = handlerOver({}, { maxManifestBytes: IMAGE.bytes.byteLength })
    for (const asked of LAYERS) await ask(handler, asked)
    expect((await ask(handler, pushManifest(IMAGE, 'latest'))).status).toBe(201)
    const longer = { ...IMAGE, bytes: Buffer.concat([IMAGE.bytes, Buffer.from(' ')]) }
    expect((await ask(handler, pushManifest(longer, 'latest'))).status).toBe(413)
  })

  test('a URL of exactly the limit is read, one character more is not', async () => {
    const url = '/v2/wire/a/tags/list?n=1'
    const handler = (maxUrlLength: number) => handlerOver({}, { maxUrlLength })
    expect((await ask(handler(url.length - 1), get(url))).status).toBe(404)
    expect((await ask(handler(url.length - 2), get(url))).status).toBe(414)
  })

  test('RS-7 a body of exactly the limit may be left unread, one byte more closes', async () => {
    const handler = handlerOver({}, { maxUnreadBody: 10 })
    const asked = (size: number) => post('/v2/{repo}/blobs/uploads/', new Uint8Array(size))
    expect((await ask(handler, asked(10))).close).toBeUndefined()
    expect((await ask(handler, asked(11))).close).toBe(true)
  })
})
