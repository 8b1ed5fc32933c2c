import { z } from 'zod'
import { MAX_README, Name, PageQuery, pageOf, Text, Time, VerbName, Version, Visibility } from './common.ts'
import { ANYONE, onRepository, route, SIGNED_IN } from './route.ts'

export const Repository = z.strictObject({
  name: Name,
  description: Text,
  visibility: Visibility,
  official: z.boolean(),
  stars: z.int(),
  pulls: z.int().meta({ description: 'Since it was made' }),
  createdAt: Time,
  updatedAt: Time,
  published: z.boolean().meta({ description: 'Whether anything was ever pushed' }),
  version: Version,
})
export const OneRepository = Repository.extend({
  readme: z.string(),
  verbs: z.array(VerbName).meta({ description: 'What whoever asks may do here' }),
})
const LastPulled = Time.nullable().meta({ description: 'null: never' })

export const Tag = z.strictObject({
  name: Name,
  digest: z.string(),
  mediaType: z.string(),
  size: z.int().meta({ description: 'Bytes of the manifest' }),
  updatedAt: Time,
  lastPulled: LastPulled,
})
export const Manifest = z.strictObject({
  digest: z.string(),
  mediaType: z.string(),
  artifactType: z.string().optional(),
  size: z.int(),
  blobBytes: z.int().meta({ description: 'Bytes of the blobs it lists' }),
  createdAt: Time,
  lastPulled: LastPulled,
})
export const Explanation = z.strictObject({
  allowed: z.boolean(),
  subject: z.string(),
  verb: VerbName,
  repository: Name,
  reason: z.string().meta({ description: 'A sentence' }),
  because: z.record(z.string(), z.unknown()).meta({ description: 'The source that decides, for programs' }),
})

export const REPOSITORIES = {
  'GET /repositories': route({
    summary: 'Repositories that whoever asks may pull',
    access: ANYONE,
    query: PageQuery.extend({ namespace: Name.optional() }),
    result: pageOf(Repository),
  }),
  'POST /repositories': route({
    summary: 'Make an empty repository; needs push on its name',
    access: SIGNED_IN,
    body: z.strictObject({
      name: z.string().max(512),
      visibility: Visibility.optional(),
      description: Text.optional(),
    }),
    result: OneRepository,
    status: 201,
  }),
  'GET /repositories/{repository}': route({
    summary: 'A repository',
    access: onRepository('pull'),
    result: OneRepository,
  }),
  'PATCH /repositories/{repository}': route({
    summary: 'Change a repository',
    access: onRepository('admin'),
    versioned: true,
    body: z.strictObject({
      visibility: Visibility.optional(),
      description: Text.optional(),
      readme: z.string().max(MAX_README).optional(),
    }),
    result: OneRepository,
  }),
  'GET /repositories/{repository}/-/tags': route({
    summary: 'Tags',
    access: onRepository('pull'),
    query: PageQuery.extend({ filter: z.string().max(128).optional() }),
    result: pageOf(Tag),
  }),
  'GET /repositories/{repository}/-/tags/{tag}': route({
    summary: 'A tag',
    access: onRepository('pull'),
    result: Tag,
  }),
  'DELETE /repositories/{repository}/-/tags/{tag}': route({
    summary: 'Delete a tag',
    access: onRepository('delete'),
  }),
  'GET /repositories/{repository}/-/manifests': route({
    summary: 'Manifests',
    access: onRepository('pull'),
    query: PageQuery,
    result: pageOf(Manifest),
  }),
  'GET /repositories/{repository}/-/manifests/{digest}': route({
    summary: 'A manifest as it was pushed',
    access: onRepository('pull'),
    result: z.unknown(),
  }),
  'DELETE /repositories/{repository}/-/manifests/{digest}': route({
    summary: 'Delete a manifest and every tag on it',
    access: onRepository('delete'),
  }),
  'GET /search': route({
    summary: 'Search repositories by name and description',
    access: ANYONE,
    query: z.strictObject({
      q: z.string().max(256),
      limit: z.coerce.number().int().min(1).max(100).optional(),
      page: z.coerce.number().int().min(1).max(1000).optional(),
    }),
    result: z.strictObject({
      items: z.array(
        z.strictObject({
          name: Name,
          description: Text,
          stars: z.int(),
          pulls: z.int(),
          official: z.boolean(),
        }),
      ),
      total: z.int(),
    }),
  }),
  'GET /access': route({
    summary:
      'Which right decides what a subject may do, or why none does; about others by who administers the repository',
    access: SIGNED_IN,
    query: z.strictObject({
      subject: z.string().max(255).optional(),
      verb: VerbName,
      repository: z.string().max(512),
    }),
    result: Explanation,
  }),
} as const
