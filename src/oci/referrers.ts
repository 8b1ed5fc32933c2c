import type { Context } from '../core/context.ts'
import type { Digest } from '../core/digest.ts'
import { tryParseDigest } from '../core/digest.ts'
import { refuse } from '../core/errors.ts'
import { OCI_INDEX } from '../core/media-types.ts'
import type { Referrer, Registry } from '../core/registry.ts'
import type { WireLimits } from './limits.ts'
import { linkNext } from './link.ts'
import type { WireReply } from './message.ts'
import { json } from './replies.ts'
import type { ReferrersOperation } from './request.ts'
import { urlOf } from './url.ts'

const HEAD = `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[`
const TAIL = ']}'
/** Descriptors read at first, and at most at once: each may carry annotations of a whole manifest's size. */
const FIRST_READ = 16
const LARGEST_READ = 256

interface Filled {
  readonly text: string
  /** Behind which the next page begins; undefined when all is told. */
  readonly next: Digest | undefined
}

/** GET of what refers to a subject (end-12), 200 also where nothing is known of it (R1); pages are cut by bytes (R4). */
export function referrersHandler(registry: Registry, limits: WireLimits) {
  /** Reads as much as fits, a batch at a time, each sized by what the ones before it weighed. */
  async function fill(operation: ReferrersOperation, ctx: Context, count: number): Promise<Filled> {
    const parts: string[] = []
    let bytes = HEAD.length + TAIL.length
    let last: string | undefined = operation.page.last
    // Also for `n=0` the registry is asked: it may not be for everyone.
    for (let read = Math.min(FIRST_READ, count); ; ) {
      const page = await registry.referrers(ctx, operation.repo, operation.subject, {
        limit: read,
        ...(last !== undefined && { last }),
        ...(operation.artifactTypes !== undefined && { artifactTypes: operation.artifactTypes }),
      })
      for (const referrer of page.items) {
        const part = descriptor(referrer)
        bytes += Buffer.byteLength(part) + 1
        // The first one is always told: a page that stays empty would never end.
        if (bytes > limits.referrersPageBytes && parts.length > 0)
          return { text: parts.join(','), next: last as Digest }
        parts.push(part)
        last = referrer.digest
      }
      if (count === 0) return { text: '', next: undefined }
      const full = parts.length >= count || bytes >= limits.referrersPageBytes
      if (!page.more || page.items.length === 0 || full)
        return { text: parts.join(','), next: page.more ? (last as Digest) : undefined }
      const fitting = Math.floor((limits.referrersPageBytes - bytes) / (bytes / parts.length))
      read = Math.min(LARGEST_READ, count - parts.length, Math.max(1, fitting))
    }
  }

  return async (operation: ReferrersOperation, ctx: Context): Promise<WireReply> => {
    const { n = limits.maxPage, last } = operation.page
    if (last !== undefined && tryParseDigest(last) === undefined)
      throw refuse('page-invalid', 'last is not a digest; use the last one of the page before')
    const count = Math.min(n, limits.maxPage)
    const { text, next } = await fill(operation, ctx, count)
    const asked = operation.page.n === undefined ? undefined : count
    return json('referrers', HEAD + text + TAIL, {
      'Content-Type': OCI_INDEX,
      ...(operation.artifactTypes !== undefined && { 'OCI-Filters-Applied': 'artifactType' }),
      ...(next !== undefined &&
        linkNext(urlOf({ ...operation, page: { ...(asked !== undefined && { n: asked }), last: next } }))),
    })
  }
}

/** A descriptor as JSON; the annotations are JSON text already (R3). */
function descriptor(referrer: Referrer): string {
  const { mediaType, digest, size, artifactType, annotations } = referrer
  const text = JSON.stringify({ mediaType, digest, size, ...(artifactType && { artifactType }) })
  return annotations === undefined ? text : `${text.slice(0, -1)},"annotations":${annotations}}`
}
