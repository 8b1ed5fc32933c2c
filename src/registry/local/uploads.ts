import { randomUUID } from 'node:crypto'
import type { Body } from '../../core/body.ts'
import { causeOf } from '../../core/cause.ts'
import type { Context } from '../../core/context.ts'
import { type Algorithm, algorithmOf, type Digest, finishHash, newHash } from '../../core/digest.ts'
import { isRefusal, refuse } from '../../core/errors.ts'
import { failpoint } from '../../core/failpoint.ts'
import type { ObjectKey, RepoName, UploadId } from '../../core/names.ts'
import type { BlobInfo, Registry } from '../../core/registry.ts'
import type { FinishUpload, UploadRow } from '../../store/meta/store.ts'
import { HashCache } from './hash-cache.ts'
import { MeteredBody } from './metered-body.ts'
import type { LocalOptions } from './options.ts'

type Uploads = Pick<Registry, 'openUpload' | 'statUpload' | 'appendUpload' | 'commitUpload' | 'abortUpload'>

const HASHES_KEPT = 10_000

/**
 * Upload sessions over a blob store and the metadata: the row is written before any byte, bytes are durable before the row says
 * so, and the digest's row comes last (rule U; RELIABILITY order: bytes, then database, then the answer).
 */
export function localUploads({ blobs, meta, clock, limits, shortcut, audit }: LocalOptions): Uploads {
  const hashes = new HashCache(blobs, HASHES_KEPT)
  const writing = new Set<UploadId>()

  const unknown = (id: UploadId) =>
    refuse(
      'upload-unknown',
      `there is no upload ${id} in this repository; it was finished, cancelled or expired – start a new one`,
    )

  async function find(ctx: Context, repo: RepoName, id: UploadId): Promise<UploadRow> {
    const row = await meta.findUpload(repo, id, ctx.actor.id, clock.now())
    if (row === undefined) throw unknown(id)
    return row
  }

  function misplaced(row: UploadRow, asked: number | undefined) {
    const sentence =
      asked === undefined
        ? `another request is writing to this upload, which holds ${row.offset} bytes; ask for its status and go on from there`
        : `the chunk starts at byte ${asked}, but the upload stands at ${row.offset}; go on from there`
    return refuse('upload-offset', sentence, { upload: { id: row.id, offset: row.offset } })
  }

  /** One writer per session (CO-7): the second is told where the session stands, as if its offset were wrong. */
  async function exclusively<T>(
    ctx: Context,
    repo: RepoName,
    id: UploadId,
    work: (row: UploadRow) => Promise<T>,
  ): Promise<T> {
    if (writing.has(id)) throw misplaced(await find(ctx, repo, id), undefined)
    writing.add(id)
    try {
      return await work(await find(ctx, repo, id))
    } finally {
      writing.delete(id)
    }
  }

  async function advance(id: UploadId, from: number, to: number): Promise<void> {
    if (from === to) return
    await failpoint('upload.before-advance')
    if (!(await meta.advanceUpload({ id, from, to, expiresAt: clock.now() + limits.uploadTtl })))
      throw unknown(id)
    await failpoint('upload.after-advance')
  }

  /** Moves a session's end while its bytes come: a checkpoint may be further away than that. */
  function renewing(id: UploadId, recorded: () => number): AsyncDisposable {
    let last: Promise<unknown> = Promise.resolve()
    const timer = setInterval(() => {
      const at = recorded()
      const expiresAt = clock.now() + limits.uploadTtl
      // What fails here fails for the caller, too, at its next step.
      last = meta.advanceUpload({ id, from: at, to: at, expiresAt }).catch(() => false)
    }, limits.uploadTtl / 2)
    return {
      async [Symbol.asyncDispose]() {
        clearInterval(timer)
        await last
      },
    }
  }

  interface Appended {
    readonly hash: ReturnType<typeof newHash>
    /** Bytes in the store, all durable. */
    readonly size: number
    /** What the row says; behind `size` until the caller advances or finishes it. */
    readonly recorded: number
  }

  /** Writes a body behind the row's offset. When the body breaks, what arrived is recorded before the error goes on. */
  async function append(row: UploadRow, body: Body, algorithm: Algorithm): Promise<Appended> {
    const hash = await hashes.take(row, algorithm)
    const metered = new MeteredBody(body, hash, limits.maxBlobBytes - row.offset)
    let recorded = row.offset
    await using _ = renewing(row.id, () => recorded)
    const size = await blobs.append(row.key, row.offset, metered, {
      size: body.length,
      onDurable: async (length) => {
        await advance(row.id, recorded, length)
        recorded = length
      },
    })
    await failpoint('upload.after-append')
    if (metered.error !== undefined) {
      if (isBrokenLine(metered.error)) {
        await advance(row.id, recorded, size)
        hashes.put(row.id, algorithm, size, hash)
      } else {
        await advance(row.id, recorded, row.offset)
      }
      throw metered.error
    }
    return { hash, size, recorded }
  }

  /** The object that already holds a digest, where it is whole; `broken` names one that is not (CO-2). */
  async function existing(
    digest: Digest,
  ): Promise<{ whole?: { key: ObjectKey; size: number }; broken?: ObjectKey }> {
    const found = await meta.findObject(digest)
    if (found === undefined) return {}
    return (await blobs.stat(found.key)) === found.size ? { whole: found } : { broken: found.key }
  }

  /** Closes the session; undefined where the object to be reused is no longer the digest's. */
  async function finish(
    row: UploadRow,
    digest: Digest,
    size: number,
    how: Pick<FinishUpload, 'reuse' | 'replace'>,
  ): Promise<BlobInfo | undefined> {
    const now = clock.now()
    await failpoint('upload.before-finish')
    const { outcome } = await meta.finishUpload({
      id: row.id,
      digest,
      size,
      now,
      grace: limits.lease,
      deleteAfter: now + limits.tombstoneDelay,
      expiresAt: now + limits.uploadTtl,
      ...how,
    })
    if (outcome === 'gone') throw unknown(row.id)
    if (outcome === 'vanished') return undefined
    await failpoint('upload.after-finish')
    hashes.drop(row.id)
    return { digest, size }
  }

  function mismatch(actual: Digest, wanted: Digest) {
    return refuse(
      'digest-mismatch',
      `the content has digest ${actual}, not ${wanted}; nothing was stored under either`,
    )
  }

  function vanished(digest: Digest) {
    return refuse(
      'unavailable',
      `blob ${digest} was being collected while it was pushed again; try once more`,
      { retryAfter: 1 },
    )
  }

  /**
   * A whole body whose digest is already stored: hash it, write nothing; the finishing transaction checks that the row still stands. Where
   * the object was collected meanwhile, another may have come in its place; without one the body is needed again, and it is read.
   */
  async function commitKnown(
    row: UploadRow,
    digest: Digest,
    body: Body,
    known: { key: ObjectKey; size: number },
  ): Promise<BlobInfo> {
    const algorithm = algorithmOf(digest)
    const hash = newHash(algorithm)
    const metered = new MeteredBody(body, hash, limits.maxBlobBytes)
    await metered.drain()
    if (metered.error !== undefined) throw metered.error
    const actual = finishHash(algorithm, hash)
    if (actual !== digest) throw mismatch(actual, digest)
    for (let object: typeof known | undefined = known; object; object = (await existing(digest)).whole) {
      const finished = await finish(row, digest, object.size, { reuse: object.key })
      if (finished !== undefined) return finished
    }
    throw vanished(digest)
  }

  async function commit(
    row: UploadRow,
    digest: Digest,
    last: { body: Body; offset?: number } | undefined,
  ): Promise<BlobInfo> {
    if (last?.offset !== undefined && last.offset !== row.offset) throw misplaced(row, last.offset)
    const stored = await existing(digest)
    if (
      stored.whole &&
      row.offset === 0 &&
      last &&
      (last.body.length ?? stored.whole.size) === stored.whole.size &&
      (shortcut === 'anywhere' || (await meta.findBlob(row.repo, digest)) !== undefined)
    ) {
      return commitKnown(row, digest, last.body, stored.whole)
    }
    const algorithm = algorithmOf(digest)
    let size = row.offset
    let recorded = row.offset
    let hash: ReturnType<typeof newHash>
    if (last !== undefined || row.offset === 0) {
      const appended = await append(row, last?.body ?? EMPTY, algorithm)
      hash = appended.hash
      size = appended.size
      recorded = appended.recorded
    } else {
      hash = await hashes.take(row, algorithm)
    }
    const actual = finishHash(algorithm, hash)
    if (actual !== digest) {
      // The session stands where it stood: the next chunk is written over this one.
      await advance(row.id, recorded, row.offset)
      throw mismatch(actual, digest)
    }
    await blobs.seal(row.key, size)
    await failpoint('upload.after-seal')
    const finished = await finish(row, digest, size, stored.broken ? { replace: stored.broken } : {})
    if (finished === undefined) throw vanished(digest)
    return finished
  }

  return {
    async openUpload(ctx, repo, options) {
      await blobs.reserve()
      const id = randomUUID() as UploadId
      const now = clock.now()
      await failpoint('upload.before-intent')
      const opened = await meta.openUpload({
        id,
        repo,
        owner: ctx.actor.id,
        key: blobs.begin(),
        algorithm: options?.algorithm ?? 'sha256',
        now,
        expiresAt: now + limits.uploadTtl,
        maxPerRepo: limits.maxUploadsPerRepo,
        maxPerOwner: limits.maxUploadsPerOwner,
        ...(audit && { cause: causeOf(ctx, now) }),
      })
      if (opened !== 'opened') {
        const [whose, limit] =
          opened === 'repo-limit'
            ? [repo, limits.maxUploadsPerRepo]
            : ['this account', limits.maxUploadsPerOwner]
        throw refuse(
          'too-many-uploads',
          `${whose} has ${limit} unfinished uploads, the limit; finish or cancel some`,
          { retryAfter: 60 },
        )
      }
      await failpoint('upload.after-intent')
      return { id, offset: 0 }
    },

    async statUpload(ctx, repo, id) {
      const row = await find(ctx, repo, id)
      if (row.state !== 'open') throw unknown(id)
      return { id, offset: row.offset }
    },

    appendUpload: (ctx, repo, id, body, offset) =>
      exclusively(ctx, repo, id, async (row) => {
        if (row.state !== 'open') throw unknown(id)
        if (offset !== undefined && offset !== row.offset) throw misplaced(row, offset)
        const { hash, size, recorded } = await append(row, body, row.algorithm)
        await advance(id, recorded, size)
        hashes.put(id, row.algorithm, size, hash)
        return { id, offset: size }
      }),

    commitUpload: (ctx, repo, id, digest, last) =>
      exclusively(ctx, repo, id, async (row) => {
        if (row.committed !== undefined) {
          // A client that lost the first answer repeats the close (B23); it is true as long as the blob is there.
          if (row.committed.digest !== digest) throw unknown(id)
          if (!(await meta.extendLease(repo, digest, clock.now() + limits.lease))) throw unknown(id)
          return row.committed
        }
        return commit(row, digest, last)
      }),

    async abortUpload(ctx, repo, id) {
      await find(ctx, repo, id)
      const now = clock.now()
      if (!(await meta.abortUpload({ id, now, deleteAfter: now + limits.tombstoneDelay }))) throw unknown(id)
      await failpoint('upload.after-abort')
      hashes.drop(id)
    },
  }
}

/** The sender went away or stalled: what came of a chunk is good. Anything else was wrong with the chunk itself. */
function isBrokenLine(error: unknown): boolean {
  return isRefusal(error, 'body-incomplete') || isRefusal(error, 'body-too-slow')
}

const EMPTY: Body = {
  length: 0,
  async *[Symbol.asyncIterator]() {},
}
