import type { AuditRow } from '../../store/meta/access-store.ts'
import type { SITE } from '../contract/site.ts'
import type { ApiParts, Handlers } from '../handler.ts'
import { openApiDocument } from '../openapi.ts'
import { pageByIdRequest, pageResult } from '../paging.ts'
import { referencePage } from '../reference-page.ts'
import { said, timeText } from '../values.ts'
import { noNamespace } from './namespace-names.ts'

/** What belongs to the site as a whole: its audit, and what tells of this interface. */
export const SITE_HANDLERS: Handlers<keyof typeof SITE> = {
  async 'GET /audit'({ query }, { store }) {
    return list(query, store)
  },

  async 'GET /namespaces/{namespace}/audit'({ path: { namespace }, query }, { store }) {
    const found = await store.findNamespace(namespace)
    if (found === undefined) throw noNamespace(namespace)
    return list({ ...query, namespace }, store, found.createdAt)
  },

  async 'GET /openapi.json'() {
    return openApiDocument()
  },

  async 'GET /'() {
    return referencePage()
  },
}

interface AuditQuery {
  readonly namespace?: string | undefined
  readonly actor?: string | undefined
  readonly action?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly limit?: number | undefined
  readonly after?: string | undefined
}

/** `begins`: what is older is not told. A name that is free may become somebody else's, for whom it is not. */
async function list(query: AuditQuery, store: ApiParts['store'], begins = Number.NEGATIVE_INFINITY) {
  const { namespace, actor, action, since, until } = query
  const from = Math.max(timeOf(since) ?? begins, begins)
  const filter = said({
    namespace,
    actor,
    action,
    since: Number.isFinite(from) ? from : undefined,
    until: timeOf(until),
  })
  const page = await store.listAudit(filter, pageByIdRequest(query))
  return pageResult(page, told, ({ id }) => String(id))
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}

function told(row: AuditRow) {
  const { id, at, actor, action, target, namespace, result, address, agent, requestId, detail } = row
  return {
    id,
    at: timeText(at),
    actor,
    action,
    target,
    ...(namespace !== undefined && { namespace }),
    result,
    address,
    agent,
    requestId,
    ...(detail !== undefined && { detail: JSON.parse(detail) as Record<string, unknown> }),
  }
}
