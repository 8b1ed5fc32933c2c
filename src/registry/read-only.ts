import { refuse } from '../core/errors.ts'
import type { Registry } from '../core/registry.ts'

/** Refuses every change of a registry; reads pass. A guarding filter: every operation is named. */
export function readOnly(inner: Registry): Registry {
  const refused = async () => {
    throw refuse(
      'read-only',
      'this registry is read-only; push to the one it is a copy of, or ask its operator',
    )
  }
  return {
    resolveBlob: (ctx, repo, digest, options) => inner.resolveBlob(ctx, repo, digest, options),
    getBlob: (ctx, repo, digest) => inner.getBlob(ctx, repo, digest),
    resolveManifest: (ctx, repo, reference) => inner.resolveManifest(ctx, repo, reference),
    getManifest: (ctx, repo, reference) => inner.getManifest(ctx, repo, reference),
    repositories: (ctx, page, visible) => inner.repositories(ctx, page, visible),
    tags: (ctx, repo, page) => inner.tags(ctx, repo, page),
    referrers: (ctx, repo, subject, page) => inner.referrers(ctx, repo, subject, page),
    search: (ctx, request, visible) => inner.search(ctx, request, visible),
    openUpload: refused,
    statUpload: refused,
    appendUpload: refused,
    commitUpload: refused,
    abortUpload: refused,
    mountBlob: refused,
    pushManifest: refused,
    deleteBlob: refused,
    deleteManifest: refused,
    deleteTag: refused,
  }
}
