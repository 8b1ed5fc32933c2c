import { z } from 'zod'
import { Name, PageQuery, pageOf, Text, Time, Version } from './common.ts'
import { OWNER, onRepository, route } from './route.ts'

/** Patterns of one list of immutable tags. */
export const MAX_TAG_PATTERNS = 50

const TagPatterns = z
  .array(z.string().min(1).max(129))
  .max(MAX_TAG_PATTERNS)
  .meta({ description: 'Tags that are pushed once: v* is every one that begins so, !v*-rc* excepts some' })

export const TagEvent = z.strictObject({
  id: z.int(),
  tag: Name,
  at: Time,
  kind: z.enum(['push', 'delete', 'restore', 'manifest-delete']),
  from: z.string().nullable().meta({ description: 'Where the tag pointed before; null: it was new' }),
  to: z.string().nullable().meta({ description: 'Where it pointed then; null: it went' }),
  restorable: z.boolean().meta({ description: 'Whether what it left is still here' }),
  actor: Name.optional().meta({ description: 'Told to who may push' }),
  credential: z.int().optional().meta({ description: 'Told to who administers the repository' }),
  address: z.string().optional().meta({ description: 'Told to who administers the repository' }),
  agent: z.string().optional().meta({ description: 'Told to who administers the repository' }),
})
export const DeletedRepository = z.strictObject({
  id: z.int(),
  name: Name,
  deletedAt: Time,
  until: Time.meta({ description: 'Until when it can be restored' }),
})
export const ImmutableTags = z.strictObject({
  patterns: TagPatterns.meta({ description: 'What holds' }),
  own: TagPatterns.nullable().meta({ description: 'The repository’s; null: as the namespace has it' }),
  namespace: TagPatterns.meta({ description: 'The namespace’s' }),
  version: Version,
})
export const NamespaceImmutableTags = z.strictObject({ patterns: TagPatterns, version: Version })
export const ProtectedManifest = z.strictObject({ digest: z.string(), reason: Text, since: Time })
const NamedRepository = z.strictObject({ name: Name })

export const LIFECYCLE = {
  'GET /repositories/{repository}/-/history': route({
    summary: 'Changes of all tags, newest first',
    access: onRepository('pull'),
    query: PageQuery,
    result: pageOf(TagEvent),
  }),
  'GET /repositories/{repository}/-/tags/{tag}/history': route({
    summary: 'Changes of a tag, newest first, also of one that went',
    access: onRepository('pull'),
    query: PageQuery,
    result: pageOf(TagEvent),
  }),
  'POST /repositories/{repository}/-/tags/{tag}/restore': route({
    summary: 'Set a tag to what a change of it left, or with side "to" to what it made',
    access: onRepository('push'),
    body: z.strictObject({ event: z.int().min(1), side: z.enum(['from', 'to']).optional() }),
    result: z.strictObject({
      name: Name,
      digest: z.string(),
      changed: z.boolean().meta({ description: 'false: it pointed there already' }),
    }),
  }),
  'GET /repositories/{repository}/-/deleted-tags': route({
    summary: 'Tags that went and can be restored, with the change that took them',
    access: onRepository('pull'),
    query: PageQuery,
    result: pageOf(TagEvent),
  }),

  'DELETE /repositories/{repository}': route({
    summary: 'Delete a repository; it can be restored for some time',
    access: onRepository('admin'),
  }),
  'POST /repositories/{repository}/-/rename': route({
    summary: 'Rename or move a repository; its old name leads to it. Needs admin on the new name, too',
    access: onRepository('admin'),
    body: z.strictObject({ to: z.string().max(512) }),
    result: NamedRepository,
  }),
  'GET /namespaces/{namespace}/deleted-repositories': route({
    summary: 'Deleted repositories that can be restored, by name',
    access: OWNER,
    result: pageOf(DeletedRepository),
  }),
  'POST /namespaces/{namespace}/deleted-repositories/{id}/restore': route({
    summary: 'Restore a deleted repository, under its old name or another of the namespace',
    access: OWNER,
    body: z.strictObject({ name: z.string().max(512).optional() }).optional(),
    result: NamedRepository,
  }),

  'GET /repositories/{repository}/-/immutable-tags': route({
    summary: 'Which tags nobody moves or deletes',
    access: onRepository('pull'),
    result: ImmutableTags,
  }),
  'PUT /repositories/{repository}/-/immutable-tags': route({
    summary: 'Say which tags nobody moves or deletes; null: as the namespace has it',
    access: onRepository('admin'),
    versioned: true,
    body: z.strictObject({ patterns: TagPatterns.nullable() }),
    result: ImmutableTags,
  }),
  'GET /namespaces/{namespace}/immutable-tags': route({
    summary: 'Immutable tags of repositories that have no patterns of their own',
    access: OWNER,
    result: NamespaceImmutableTags,
  }),
  'PUT /namespaces/{namespace}/immutable-tags': route({
    summary: 'Set the immutable tags of repositories that have no patterns of their own',
    access: OWNER,
    versioned: true,
    body: z.strictObject({ patterns: TagPatterns }),
    result: NamespaceImmutableTags,
  }),

  'GET /repositories/{repository}/-/protected-manifests': route({
    summary: 'Manifests that are protected against deletion, oldest first',
    access: onRepository('pull'),
    result: pageOf(ProtectedManifest),
  }),
  'PUT /repositories/{repository}/-/protected-manifests/{digest}': route({
    summary: 'Protect a manifest against deletion',
    access: onRepository('admin'),
    body: z.strictObject({ reason: Text.optional() }).optional(),
  }),
  'DELETE /repositories/{repository}/-/protected-manifests/{digest}': route({
    summary: 'Let a protected manifest go',
    access: onRepository('admin'),
  }),
} as const
