import { z } from 'zod'
import {
  ExpiresAt,
  MAX_DEFAULT_GRANTS,
  Name,
  PageQuery,
  Pattern,
  pageOf,
  Subject,
  Text,
  Time,
  VerbName,
  Verbs,
  Version,
  Visibility,
} from './common.ts'
import { Key, LastUse, MadeKey, NewKey } from './people.ts'
import { OWNER, onRepository, route } from './route.ts'

/** Ten years. */
export const MAX_UNDO_SECONDS = 315_360_000

export const Namespace = z.strictObject({
  name: Name,
  owner: z.strictObject({ kind: z.enum(['user', 'organisation']), name: Name }).nullable(),
  defaultVisibility: Visibility.meta({ description: 'Of repositories that a push makes' }),
  undoSeconds: z.int().nullable().meta({
    description: 'How long tags and repositories can be restored; null: as long as the site says',
  }),
  createdAt: Time,
  version: Version,
})

export const Grant = z.strictObject({
  id: z.int(),
  subject: Subject,
  pattern: Pattern,
  verbs: z.array(VerbName),
  createdAt: Time,
})
export const NewGrant = z.strictObject({ subject: Subject, pattern: Pattern, verbs: Verbs })
export const DefaultGrants = z.strictObject({
  grants: z.array(z.strictObject({ subject: Subject, verbs: z.array(VerbName) })),
  version: Version.meta({ description: 'Of the namespace; for If-Match, as "VERSION"' }),
})

export const Robot = z.strictObject({
  name: Name.meta({ description: 'OWNER+NAME: what it logs in as' }),
  description: Text,
  disabled: z.boolean(),
  createdAt: Time,
  version: Version,
})
export const Secret = z.strictObject({
  id: z.int(),
  createdAt: Time,
  expiresAt: ExpiresAt,
  lastUsed: LastUse,
})
export const MadeSecret = Secret.extend({ secret: z.string().meta({ description: 'Shown this once' }) })

export const NAMESPACES = {
  'GET /namespaces/{namespace}': route({ summary: 'A namespace', access: OWNER, result: Namespace }),
  'PATCH /namespaces/{namespace}': route({
    summary: 'Change what new repositories of the namespace are, and how long changes can be undone',
    access: OWNER,
    versioned: true,
    body: z.strictObject({
      defaultVisibility: Visibility.optional(),
      undoSeconds: z.int().min(0).max(MAX_UNDO_SECONDS).nullable().optional(),
    }),
    result: Namespace,
  }),
  'GET /namespaces/{namespace}/grants': route({
    summary: 'Grants, by their numbers',
    access: OWNER,
    query: PageQuery,
    result: pageOf(Grant),
  }),
  'POST /namespaces/{namespace}/grants': route({
    summary: 'Give a subject exactly these verbs on a pattern',
    access: OWNER,
    body: NewGrant,
    result: Grant,
    status: 201,
  }),
  'DELETE /namespaces/{namespace}/grants/{id}': route({ summary: 'Take a grant back', access: OWNER }),
  'GET /namespaces/{namespace}/default-grants': route({
    summary: 'Grants that every new repository begins with',
    access: OWNER,
    result: DefaultGrants,
  }),
  'PUT /namespaces/{namespace}/default-grants': route({
    summary: 'Set the grants that every new repository begins with',
    access: OWNER,
    versioned: true,
    body: z.strictObject({
      grants: z.array(z.strictObject({ subject: Subject, verbs: Verbs })).max(MAX_DEFAULT_GRANTS),
    }),
    result: DefaultGrants,
  }),

  'GET /namespaces/{namespace}/robots': route({
    summary: 'Robot accounts of a user or an organisation',
    access: OWNER,
    result: pageOf(Robot),
  }),
  'POST /namespaces/{namespace}/robots': route({
    summary: 'Make a robot account',
    access: OWNER,
    lasting: true,
    body: z.strictObject({ name: z.string().max(255), description: Text.optional() }),
    result: Robot.extend({ secret: z.string().meta({ description: 'Shown this once' }) }),
    status: 201,
  }),
  'GET /namespaces/{namespace}/robots/{robot}': route({
    summary: 'A robot; {robot} is its name without the owner',
    access: OWNER,
    result: Robot,
  }),
  'PATCH /namespaces/{namespace}/robots/{robot}': route({
    summary: 'Change a robot',
    access: OWNER,
    versioned: true,
    body: z.strictObject({ description: Text.optional(), disabled: z.boolean().optional() }),
    result: Robot,
  }),
  'DELETE /namespaces/{namespace}/robots/{robot}': route({ summary: 'Delete a robot', access: OWNER }),
  'GET /namespaces/{namespace}/robots/{robot}/secrets': route({
    summary: 'Secrets of a robot',
    access: OWNER,
    result: pageOf(Secret),
  }),
  'POST /namespaces/{namespace}/robots/{robot}/secrets': route({
    summary: 'A new secret; the one before goes on working, an older one ends',
    access: OWNER,
    lasting: true,
    body: z.strictObject({ expiresAt: Time.optional() }).optional(),
    result: MadeSecret,
    status: 201,
  }),
  'DELETE /namespaces/{namespace}/robots/{robot}/secrets/{id}': route({
    summary: 'Revoke a secret',
    access: OWNER,
  }),
  'GET /namespaces/{namespace}/robots/{robot}/keys': route({
    summary: 'Keys of a robot',
    access: OWNER,
    result: pageOf(Key),
  }),
  'POST /namespaces/{namespace}/robots/{robot}/keys': route({
    summary: 'Make a key, or register its public half',
    access: OWNER,
    lasting: true,
    body: NewKey,
    result: MadeKey,
    status: 201,
  }),
  'DELETE /namespaces/{namespace}/robots/{robot}/keys/{id}': route({
    summary: 'Revoke a key',
    access: OWNER,
  }),

  'GET /repositories/{repository}/-/grants': route({
    summary: 'Grants that concern this repository, by their numbers',
    access: onRepository('admin'),
    query: PageQuery,
    result: pageOf(Grant),
  }),
  'POST /repositories/{repository}/-/grants': route({
    summary: 'Give a subject exactly these verbs on this repository',
    access: onRepository('admin'),
    body: NewGrant.omit({ pattern: true }),
    result: Grant,
    status: 201,
  }),
  'DELETE /repositories/{repository}/-/grants/{id}': route({
    summary: 'Take back a grant on this repository alone',
    access: onRepository('admin'),
  }),
} as const
