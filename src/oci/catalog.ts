import type { Context } from '../core/context.ts'
import type { Registry } from '../core/registry.ts'
import type { WireLimits } from './limits.ts'
import { linkNext } from './link.ts'
import type { WireReply } from './message.ts'
import { json } from './replies.ts'
import type { Operation } from './request.ts'
import { urlOf } from './url.ts'

type CatalogOperation = Extract<Operation, { route: 'catalog' }>

/** GET of the repositories, by their full names (T5). */
export function catalogHandler(registry: Registry, limits: WireLimits) {
  return async (operation: CatalogOperation, ctx: Context): Promise<WireReply> => {
    const { n = limits.catalogPage, last } = operation.page
    // Also for `n=0` the registry is asked: it may not be for everyone.
    const limit = Math.min(n, limits.maxPage)
    const page = await registry.repositories(ctx, { limit, ...(last !== undefined && { last }) })
    const next = page.more ? page.items.at(-1) : undefined
    return json(
      'catalog',
      JSON.stringify({ repositories: page.items }),
      next && linkNext(urlOf({ ...operation, page: { n: limit, last: next } })),
    )
  }
}
