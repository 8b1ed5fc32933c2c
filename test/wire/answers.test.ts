import { describe, expect, test } from 'bun:test'
import { bodyOf } from '../../src/core/body.ts'
import type { Digest } from '../../src/core/digest.ts'
import { REFUSALS, type RefusalKind, refuse } from '../../src/core/errors.ts'
import { parseRepoName, parseTag, type UploadId } from '../../src/core/names.ts'
import type { Blob, BlobContent, Registry } from '../../src/core/registry.ts'
import { wireHandler } from '../../src/oci/handler.ts'
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../../src/oci/limits.ts'
import { STATUS } from '../../src/oci/status.ts'
import { type Answer, type Asked, contextOf, requestOf, send } from './exchange.ts'
import { fakeRegistry } from './fake-registry.ts'
import {
  artifact,
  BLOB,
  CONFIG,
  get,
  head,
  IMAGE,
  LAYERS,
  PUSHED,
  patch,
  post,
  pushBlob,
  pushManifest,
  put,
} from './fixtures.ts'

/** Answers that no set-up through the wire brings about: a registry's refusals, storage elsewhere, lists beyond a page. */

const REPO = parseRepoName('wire/answers')
const REPO_VARIABLES = { repo: REPO }
const ID = '01234567-89ab-cdef-0123-456789abcdef' as UploadId

function handlerOver(changes: Partial<Registry>, limits: Partial<WireLimits> = {}, base = fakeRegistry()) {
  return wireHandler({ ...base, ...changes }, { limits: { ...DEFAULT_WIRE_LIMITS, ...limits } })
}

async function ask(handler: ReturnType<typeof handlerOver>, asked: Asked): Promise<Answer> {
  const answer = await send(handler, asked, REPO_VARIABLES)
  if (answer === undefined) throw new Error(`no answer to ${asked.path}`)
  return answer
}

function jsonOf(answer: Answer): Record<string, unknown> {
  return JSON.parse(Buffer.from(answer.body ?? '').toString())
}

function nextOf(answer: Answer): string | undefined {
  return /^<([^>]+)>; rel="next"$/.exec(answer.headers.Link ?? '')?.[1]
}

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
    await expect(handler(request, contextOf())).rejects.toThrow(new TypeError('a bug'))
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
    const reply = await file(requestOf(get(url, { Range: 'bytes=5-9' }), REPO_VARIABLES), contextOf())
    expect(reply?.body).toEqual({ kind: 'file', path: '/blobs/x', span: { start: 5, end: 10 } })
  })
})

describe('lists', () => {
  const NAMES = Array.from({ length: 25 }, (_, i) => parseTag(`t${String(i).padStart(2, '0')}`))

  function listing(asked: number[] = []): Partial<Registry> {
    return {
      tags: async (_ctx, _repo, { limit, last = '' }) => {
        asked.push(limit)
        const behind = NAMES.filter((name) => name > last)
        return { items: behind.slice(0, limit), more: behind.length > limit }
      },
    }
  }

  test('T3 a long list is streamed page by page, the same list', async () => {
    for (const streamPage of [1, 7, 24, 25, 26]) {
      const asked: number[] = []
      const answer = await ask(handlerOver(listing(asked), { streamPage }), get('/v2/{repo}/tags/list'))
      expect(jsonOf(answer)).toEqual({ name: REPO, tags: NAMES })
      expect(asked).toEqual(Array(Math.ceil(NAMES.length / streamPage)).fill(streamPage))
      expect(answer.headers['Content-Length']).toBe(
        streamPage < 25 ? undefined : String(answer.body?.byteLength),
      )
      expect(answer.headers.Link).toBeUndefined()
    }
  })

  test('T3 HEAD of a long list reads one page', async () => {
    const asked: number[] = []
    const answer = await ask(handlerOver(listing(asked), { streamPage: 5 }), head('/v2/{repo}/tags/list'))
    expect(answer).toMatchObject({ status: 200, body: null })
    expect(asked).toEqual([5])
  })

  test('T3 a list whose tags go while it is streamed ends well', async () => {
    let calls = 0
    const tags: Registry['tags'] = async () =>
      calls++ === 0 ? { items: NAMES.slice(0, 2), more: true } : { items: [], more: false }
    const answer = await ask(handlerOver({ tags }), get('/v2/{repo}/tags/list'))
    expect(jsonOf(answer)).toEqual({ name: REPO, tags: NAMES.slice(0, 2) })
  })

  test('T4 links lead through the whole list, n clamped to the limit', async () => {
    const handler = handlerOver(listing(), { maxPage: 4 })
    const seen: unknown[] = []
    let pages = 0
    for (let next: string | undefined = '/v2/{repo}/tags/list?n=9999'; next !== undefined; pages++) {
      const answer = await ask(handler, get(next))
      seen.push(...(jsonOf(answer).tags as unknown[]))
      next = nextOf(answer)
    }
    expect(seen).toEqual(NAMES)
    expect(pages).toBe(7)
  })

  test('T5 the catalogue has 100 a page by itself, and at most the limit', async () => {
    const asked: number[] = []
    const repositories: Registry['repositories'] = async (_ctx, { limit }) => {
      asked.push(limit)
      return { items: [REPO], more: true }
    }
    const handler = handlerOver({ repositories })
    expect(nextOf(await ask(handler, get('/v2/_catalog')))).toBe(
      `/v2/_catalog?n=100&last=${encodeURIComponent(REPO)}`,
    )
    await ask(handler, get('/v2/_catalog?n=1000'))
    await ask(handler, get('/v2/_catalog?n=1001'))
    expect(asked).toEqual([100, 1000, 1000])
  })
})

describe('referrers by bytes', () => {
  const subject = IMAGE
  const sizes = [
    10, 3000, 10, 900, 900, 900, 10, 5000, 10, 10, 700, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
  ]
  const all = sizes.map((size, i) =>
    artifact(subject, { annotations: { i: String(i), fill: 'x'.repeat(size) } }),
  )

  test('R4 no page is larger than the limit unless one referrer alone is, and links lead through all', async () => {
    const base = fakeRegistry()
    const pusher = handlerOver({}, {}, base)
    for (const asked of [...PUSHED, ...all.map((each) => pushManifest(each))])
      expect((await ask(pusher, asked)).status).toBeLessThan(300)
    const limit = 4096
    const reads: number[] = []
    const counting: Partial<Registry> = {
      referrers: (ctx, repo, of, page) => {
        reads.push(page.limit)
        return base.referrers(ctx, repo, of, page)
      },
    }
    const handler = handlerOver(counting, { referrersPageBytes: limit }, base)
    const seen: string[] = []
    for (let next: string | undefined = `/v2/{repo}/referrers/${subject.digest}`; next !== undefined; ) {
      const answer: Answer = await ask(handler, get(next))
      const manifests = jsonOf(answer).manifests as { digest: string }[]
      expect(manifests.length).toBeGreaterThan(0)
      if (manifests.length > 1) expect(answer.body?.byteLength).toBeLessThanOrEqual(limit)
      seen.push(...manifests.map((each) => each.digest))
      next = nextOf(answer)
    }
    expect(seen).toEqual(all.map((each) => each.digest as string).sort())
    expect(Math.max(...reads)).toBeLessThanOrEqual(16)
  })

  test('R4 no more is read than is likely to fit', async () => {
    const reads: number[] = []
    let read = 0
    const referrers: Registry['referrers'] = async (_ctx, _repo, _subject, { limit }) => {
      reads.push(limit)
      const items = Array.from({ length: limit }, () => ({
        mediaType: 'x/y',
        digest: `sha256:${String(read++).padStart(64, '0')}` as Digest,
        size: 1,
        annotations: `{"fill":"${'x'.repeat(1000)}"}`,
      }))
      return { items, more: true }
    }
    const handler = handlerOver({ referrers }, { referrersPageBytes: 40_000 })
    const answer = await ask(handler, get(`/v2/{repo}/referrers/${subject.digest}`))
    expect(answer.body?.byteLength).toBeLessThanOrEqual(40_000)
    expect(reads[0]).toBe(16)
    expect(read).toBeLessThan(40)
  })

  test('R4 a page has at most the limit of referrers, however small', async () => {
    let read = 0
    const referrers: Registry['referrers'] = async (_ctx, _repo, _subject, { limit }) => {
      const items = Array.from({ length: limit }, () => ({
        mediaType: 'x/y',
        digest: `sha256:${String(read++).padStart(64, '0')}` as Digest,
        size: 1,
      }))
      return { items, more: true }
    }
    const answer = await ask(handlerOver({ referrers }), get(`/v2/{repo}/referrers/${subject.digest}`))
    const manifests = jsonOf(answer).manifests as { digest: string }[]
    expect(manifests).toHaveLength(1000)
    expect(nextOf(answer)).toContain(`last=${encodeURIComponent(manifests.at(-1)?.digest as string)}`)
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
