import type { Body } from '../core/body.ts'
import { collect, toStream } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import { algorithmOf, type Digest, digestOf, parseDigest } from '../core/digest.ts'
import { isRefusal, type RefusalKind, refuse } from '../core/errors.ts'
import { MANIFEST_TYPES } from '../core/media-types.ts'
import {
  parseRepoName,
  parseTag,
  type Reference,
  type RepoName,
  type Tag,
  tryParseUploadId,
  type UploadId,
} from '../core/names.ts'
import type {
  Expectation,
  ManifestInfo,
  Page,
  PageRequest,
  Referrer,
  Registry,
  SearchHit,
} from '../core/registry.ts'
import { offsetOf, refusalOf } from './client/refusals.ts'
import { verified } from './client/verify.ts'

export interface ClientOptions {
  /** `http://HOST:PORT` of the registry. */
  readonly base: string
  readonly fetch?: typeof fetch
  /** Most bytes of a manifest or a list that is read. */
  readonly maxDocumentBytes?: number
}

const ACCEPT = [...Object.keys(MANIFEST_TYPES), '*/*'].join(', ')
/** Pieces of a body whose length is not known, when an offset has to be told with each. */
const CHUNK = 8 * 1024 * 1024
const MAX_DOCUMENT = 32 * 1024 * 1024

interface Call {
  readonly method: string
  readonly ok: readonly number[]
  readonly absent: RefusalKind
  readonly headers?: Record<string, string>
  readonly body?: Uint8Array | Body
  readonly id?: UploadId
}

/** A registry somewhere else, through its HTTP interface: what the network makes of the one type. */
export function clientRegistry({
  base,
  fetch: send = fetch,
  maxDocumentBytes = MAX_DOCUMENT,
}: ClientOptions): Registry {
  const root = base.replace(/\/+$/, '')
  /** Where each session goes on, as the registry said last; it may carry state of its own (B1). */
  const locations = new Map<UploadId, string>()

  async function call(
    ctx: Context,
    url: string,
    { method, ok, absent, headers, body, id }: Call,
  ): Promise<Response> {
    const response = await send(new URL(url, root).href, {
      method,
      headers: {
        ...headers,
        ...(body === undefined && method !== 'GET' && method !== 'HEAD' && { 'content-length': '0' }),
      },
      ...(body !== undefined && {
        body: body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : toStream(body),
      }),
      signal: ctx.signal,
    })
    if (!ok.includes(response.status)) throw await refusalOf(response, absent, id)
    const location = response.headers.get('location')
    if (id !== undefined && location !== null) locations.set(id, location)
    return response
  }

  const manifestPath = (repo: RepoName, reference: Reference) =>
    `/v2/${repo}/manifests/${'tag' in reference ? reference.tag : reference.digest}`
  const uploadPath = (repo: RepoName, id: UploadId) => locations.get(id) ?? `/v2/${repo}/blobs/uploads/${id}`

  async function document(response: Response): Promise<Uint8Array> {
    const length = response.headers.get('content-length')
    const body = {
      ...(length !== null && { length: Number(length) }),
      [Symbol.asyncIterator]: () => chunksOf(response),
    }
    return collect(body, maxDocumentBytes, 'unavailable', 'the upstream’s answer')
  }

  const json = async (response: Response) =>
    JSON.parse(Buffer.from(await document(response)).toString()) as Record<string, unknown>

  function manifestInfo(response: Response, repo: RepoName, reference: Reference): ManifestInfo {
    const told = response.headers.get('docker-content-digest')
    const digest = told !== null ? parseDigest(told) : 'digest' in reference ? reference.digest : undefined
    if (digest === undefined) throw new Error(`the upstream did not tell the digest of ${repo}`)
    return {
      digest,
      mediaType: (response.headers.get('content-type') ?? '').replace(/;.*/, '').trim(),
      size: Number(response.headers.get('content-length')),
    }
  }

  async function* pieces(body: Body): AsyncGenerator<Uint8Array> {
    let waiting: Uint8Array[] = []
    let size = 0
    for await (const chunk of body) {
      waiting.push(chunk)
      size += chunk.byteLength
      if (size < CHUNK) continue
      yield Buffer.concat(waiting)
      waiting = []
      size = 0
    }
    if (size > 0) yield Buffer.concat(waiting)
  }

  async function patch(
    ctx: Context,
    repo: RepoName,
    id: UploadId,
    body: Uint8Array | Body,
    offset: number | undefined,
    length: number | undefined,
  ) {
    const range =
      offset !== undefined && length !== undefined && length > 0
        ? { 'content-range': `${offset}-${offset + length - 1}` }
        : {}
    const response = await call(ctx, uploadPath(repo, id), {
      method: 'PATCH',
      ok: [202],
      absent: 'upload-unknown',
      headers: { 'content-type': 'application/octet-stream', ...range },
      body,
      id,
    })
    // At one byte and at none a registry tells 0-0; what was sent tells them apart.
    const told = offsetOf(response)
    return { id, offset: told === 0 && length === 1 ? 1 : told }
  }

  async function list<T>(
    ctx: Context,
    url: string,
    field: string,
    absent: RefusalKind,
    map: (item: never) => T,
  ): Promise<Page<T>> {
    const response = await call(ctx, url, { method: 'GET', ok: [200], absent })
    const items = (await json(response))[field]
    if (!Array.isArray(items)) throw new Error(`the upstream’s list has no ${field}`)
    return {
      items: items.map((item) => map(item as never)),
      more: /rel="?next"?/.test(response.headers.get('link') ?? ''),
    }
  }

  return {
    async resolveBlob(ctx, repo, digest) {
      const response = await call(ctx, `/v2/${repo}/blobs/${digest}`, {
        method: 'HEAD',
        ok: [200],
        absent: 'blob-unknown',
      })
      return { digest, size: Number(response.headers.get('content-length')) }
    },

    async getBlob(ctx, repo, digest) {
      const { size } = await this.resolveBlob(ctx, repo, digest)
      return {
        digest,
        size,
        async content(span) {
          const whole = span === undefined || (span.start === 0 && span.end === size)
          const start = span?.start ?? 0
          const end = span?.end ?? size
          if (start === end) return { kind: 'bytes', bytes: new Uint8Array() }
          const response = await call(ctx, `/v2/${repo}/blobs/${digest}`, {
            method: 'GET',
            ok: [whole ? 200 : 206],
            absent: 'blob-unknown',
            ...(!whole && { headers: { range: `bytes=${start}-${end - 1}` } }),
          })
          return {
            kind: 'stream',
            stream: verified(chunksOf(response), end - start, whole ? digest : undefined),
          }
        },
      }
    },

    async resolveManifest(ctx, repo, reference) {
      const response = await call(ctx, manifestPath(repo, reference), {
        method: 'HEAD',
        ok: [200],
        absent: 'manifest-unknown',
        headers: { accept: ACCEPT },
      })
      return manifestInfo(response, repo, reference)
    },

    async getManifest(ctx, repo, reference) {
      const response = await call(ctx, manifestPath(repo, reference), {
        method: 'GET',
        ok: [200],
        absent: 'manifest-unknown',
        headers: { accept: ACCEPT },
      })
      const info = manifestInfo(response, repo, reference)
      const bytes = await document(response)
      if (digestOf(bytes, algorithmOf(info.digest)) !== info.digest)
        throw new Error(`the upstream sent other content than ${info.digest}`)
      return { ...info, size: bytes.byteLength, bytes }
    },

    async openUpload(ctx, repo, options) {
      const query = options?.algorithm === undefined ? '' : `?digest-algorithm=${options.algorithm}`
      const response = await call(ctx, `/v2/${repo}/blobs/uploads/${query}`, {
        method: 'POST',
        ok: [202],
        absent: 'name-unknown',
      })
      const location = response.headers.get('location') ?? ''
      const told =
        response.headers.get('docker-upload-uuid') ??
        location
          .replace(/[?#].*/, '')
          .split('/')
          .pop() ??
        ''
      const id = tryParseUploadId(told)
      if (id === undefined) throw new Error('the upstream did not tell the id of the upload')
      locations.set(id, location)
      return { id, offset: 0 }
    },

    async statUpload(ctx, repo, id) {
      const response = await call(ctx, uploadPath(repo, id), {
        method: 'GET',
        ok: [204],
        absent: 'upload-unknown',
        id,
      })
      return { id, offset: offsetOf(response) }
    },

    async appendUpload(ctx, repo, id, body, offset) {
      if (offset === undefined || body.length !== undefined)
        return patch(ctx, repo, id, body, offset, body.length)
      let status = { id, offset }
      for await (const piece of pieces(body))
        status = await patch(ctx, repo, id, piece, status.offset, piece.byteLength)
      return status
    },

    async commitUpload(ctx, repo, id, digest, last) {
      let body = last?.body as Uint8Array | Body | undefined
      let length = last?.body.length
      if (last?.offset !== undefined && length === undefined) {
        // An offset is told with an end; so the last chunk must be had first.
        body = await collect(last.body, maxDocumentBytes, 'blob-too-large', 'the last chunk')
        length = body.byteLength
      }
      const range =
        last?.offset !== undefined && length !== undefined && length > 0
          ? { 'content-range': `${last.offset}-${last.offset + length - 1}` }
          : {}
      const location = uploadPath(repo, id)
      await call(
        ctx,
        `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`,
        {
          method: 'PUT',
          ok: [201],
          absent: 'upload-unknown',
          headers: { 'content-type': 'application/octet-stream', ...range },
          ...(body !== undefined && { body }),
        },
      ).catch((error: unknown) => {
        if (isRefusal(error, 'upload-offset'))
          throw refuse('upload-offset', error.message, {
            upload: { id, offset: error.detail.upload?.offset ?? 0 },
          })
        throw error
      })
      locations.delete(id)
      return this.resolveBlob(ctx, repo, digest)
    },

    async abortUpload(ctx, repo, id) {
      await call(ctx, uploadPath(repo, id), { method: 'DELETE', ok: [202, 204], absent: 'upload-unknown' })
      locations.delete(id)
    },

    async mountBlob(ctx, repo, digest, from) {
      const query = `mount=${encodeURIComponent(digest)}${from === undefined ? '' : `&from=${encodeURIComponent(from)}`}`
      const response = await call(ctx, `/v2/${repo}/blobs/uploads/?${query}`, {
        method: 'POST',
        ok: [201, 202],
        absent: 'name-unknown',
      })
      if (response.status === 201) return this.resolveBlob(ctx, repo, digest)
      // It opened an upload instead, which nobody asked for.
      const location = response.headers.get('location')
      if (location !== null)
        await call(ctx, location, { method: 'DELETE', ok: [202, 204, 404, 405], absent: 'upload-unknown' })
      return undefined
    },

    async pushManifest(ctx, repo, bytes, options) {
      const [only, ...others] = options.tags
      const byTag = options.digest === undefined && only !== undefined && others.length === 0
      const digest = options.digest ?? digestOf(bytes)
      const tags =
        byTag || options.tags.length === 0 ? '' : `?${options.tags.map((tag) => `tag=${tag}`).join('&')}`
      const response = await call(ctx, `${manifestPath(repo, byTag ? { tag: only } : { digest })}${tags}`, {
        method: 'PUT',
        ok: [201],
        absent: 'manifest-unknown',
        headers: {
          ...(options.mediaType !== undefined && { 'content-type': options.mediaType }),
          ...conditions(options.expect),
        },
        body: bytes,
      })
      const subject = response.headers.get('oci-subject')
      return {
        digest: parseDigest(response.headers.get('docker-content-digest') ?? digest),
        ...(subject !== null && { subject: parseDigest(subject) }),
      }
    },

    async deleteBlob(ctx, repo, digest) {
      await call(ctx, `/v2/${repo}/blobs/${digest}`, { method: 'DELETE', ok: [202], absent: 'blob-unknown' })
    },

    async deleteManifest(ctx, repo, digest) {
      await call(ctx, manifestPath(repo, { digest }), {
        method: 'DELETE',
        ok: [202],
        absent: 'manifest-unknown',
      })
    },

    async deleteTag(ctx, repo, tag) {
      await call(ctx, manifestPath(repo, { tag }), {
        method: 'DELETE',
        ok: [202],
        absent: 'manifest-unknown',
      })
    },

    repositories: (ctx, page) =>
      list(
        ctx,
        `/v2/_catalog?${pageQuery(page)}`,
        'repositories',
        'name-unknown',
        (name: string): RepoName => parseRepoName(name),
      ),

    tags: (ctx, repo, page) =>
      list(
        ctx,
        `/v2/${repo}/tags/list?${pageQuery(page)}`,
        'tags',
        'name-unknown',
        (tag: string): Tag => parseTag(tag),
      ),

    referrers: (ctx, repo, subject, page) => {
      const types = (page.artifactTypes ?? [])
        .map((type) => `&artifactType=${encodeURIComponent(type)}`)
        .join('')
      return list(
        ctx,
        `/v2/${repo}/referrers/${subject}?${pageQuery(page)}${types}`,
        'manifests',
        'manifest-unknown',
        referrer,
      )
    },

    async search(ctx, { query, limit, offset }) {
      const page = Math.floor(offset / Math.max(1, limit)) + 1
      const response = await call(ctx, `/v1/search?q=${encodeURIComponent(query)}&n=${limit}&page=${page}`, {
        method: 'GET',
        ok: [200],
        absent: 'name-unknown',
      })
      const found = await json(response)
      return { hits: (found.results as Record<string, unknown>[]).map(hit), total: Number(found.num_results) }
    },
  }
}

function pageQuery({ limit, last }: PageRequest): string {
  return `n=${limit}${last === undefined ? '' : `&last=${encodeURIComponent(last)}`}`
}

function conditions(expect: Expectation | undefined): Record<string, string> {
  if (expect === undefined) return {}
  if ('absent' in expect) return { 'if-none-match': '*' }
  if ('present' in expect) return { 'if-match': '*' }
  return { 'if-match': expect.digests.map((digest: Digest) => `"${digest}"`).join(', ') }
}

function referrer(item: Record<string, unknown>): Referrer {
  return {
    mediaType: String(item.mediaType),
    digest: parseDigest(String(item.digest)),
    size: Number(item.size),
    ...(typeof item.artifactType === 'string' && { artifactType: item.artifactType }),
    ...(item.annotations !== undefined && { annotations: JSON.stringify(item.annotations) }),
  }
}

function hit(item: Record<string, unknown>): SearchHit {
  return {
    name: parseRepoName(String(item.name)),
    description: String(item.description ?? ''),
    stars: Number(item.star_count ?? 0),
    official: item.is_official === true,
  }
}

async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  if (response.body === null) return
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) yield chunk
}
