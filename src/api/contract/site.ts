import { z } from 'zod'
import { AUDIT_ACTIONS } from '../../core/audit-actions.ts'
import { Name, PageQuery, pageOf, Time } from './common.ts'
import { ADMINISTRATOR, ANYONE, OWNER, route } from './route.ts'

export const AuditEntry = z.strictObject({
  id: z.int(),
  at: Time,
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  namespace: Name.optional(),
  result: z.enum(['done', 'refused']),
  address: z.string(),
  agent: z.string(),
  requestId: z.string(),
  detail: z.record(z.string(), z.unknown()).optional(),
})

const AuditQuery = PageQuery.extend({
  actor: z.string().max(255).optional(),
  action: z.enum(AUDIT_ACTIONS).optional(),
  since: Time.optional(),
  until: Time.optional(),
})

export const SITE = {
  'GET /audit': route({
    summary: 'Who did what, newest first',
    access: ADMINISTRATOR,
    query: AuditQuery.extend({ namespace: Name.optional() }),
    result: pageOf(AuditEntry),
  }),
  'GET /namespaces/{namespace}/audit': route({
    summary: 'Who did what in a namespace, newest first',
    access: OWNER,
    query: AuditQuery,
    result: pageOf(AuditEntry),
  }),
  'GET /openapi.json': route({
    summary: 'This interface as an OpenAPI 3.1 document',
    access: ANYONE,
    result: z.unknown(),
  }),
  'GET /': route({ summary: 'This interface as a page to read', access: ANYONE, produces: 'text/html' }),
} as const
