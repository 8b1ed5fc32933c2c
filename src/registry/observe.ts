import type { Context } from '../core/context.ts'
import type { Reference } from '../core/names.ts'
import type { Registry } from '../core/registry.ts'
import type { UseLedger } from './use-ledger.ts'

export interface ObserveOptions {
  readonly ledger: Pick<UseLedger, 'note'>
  /** Tells by its User-Agent whether a client does not count: what it gets was only looked at. */
  readonly isUncounted: (agent: string) => boolean
}

/**
 * Notes how manifests are used: GET is a pull, HEAD a look, lists of referrers are apart. What is refused or not there is not noted, so that
 * nobody fills the ledger with what does not exist. Asks the registry nothing but what was asked.
 */
export function observe(inner: Registry, { ledger, isUncounted }: ObserveOptions): Registry {
  const tagOf = (reference: Reference) => ('tag' in reference ? reference.tag : undefined)
  const kindOfGet = (ctx: Context) => (isUncounted(ctx.agent) ? 'look' : 'pull')

  return {
    ...inner,
    async resolveManifest(ctx, repo, reference, options) {
      const info = await inner.resolveManifest(ctx, repo, reference, options)
      ledger.note('look', repo, tagOf(reference), info.digest)
      return info
    },
    async getManifest(ctx, repo, reference, options) {
      const manifest = await inner.getManifest(ctx, repo, reference, options)
      ledger.note(kindOfGet(ctx), repo, tagOf(reference), manifest.digest)
      return manifest
    },
    async referrers(ctx, repo, subject, request) {
      const page = await inner.referrers(ctx, repo, subject, request)
      // A list is asked for in pages; one that is empty may be about anything.
      if (request.last === undefined && page.items.length > 0)
        ledger.note('referrers', repo, undefined, subject)
      return page
    },
  }
}
