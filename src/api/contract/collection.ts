import { z } from 'zod'
import { Name, Time } from './common.ts'
import { ADMINISTRATOR, route } from './route.ts'

const Count = z.int()

export const Job = z.strictObject({
  name: z.string(),
  paused: z.boolean(),
  running: z.boolean().meta({ description: 'Whether a process has it now' }),
  startedAt: Time.optional(),
  finishedAt: Time.optional(),
  failure: z.string().optional().meta({ description: 'Why the last run failed' }),
  detail: z.record(z.string(), z.unknown()).optional().meta({ description: 'What the last run did' }),
})

const Collection = z.strictObject({
  waiting: z.strictObject({ manifests: Count, links: Count, blobs: Count, objects: Count }).meta({
    description:
      'Candidates: each is looked at when its time is over; objects lie in storage still. Counted up to 200000',
  }),
  oldestDue: Time.optional().meta({ description: 'Since when the oldest candidate waits for its look' }),
  collected: z
    .strictObject({ manifests: Count, links: Count, blobs: Count, bytes: Count })
    .meta({ description: 'In all' }),
  jobs: z.array(Job),
})

const Preview = z.strictObject({
  manifests: Count,
  links: Count,
  blobs: Count,
  bytes: Count,
  complete: z.boolean().meta({ description: 'false: there is more than was looked at' }),
  examples: z.array(z.strictObject({ repository: Name, digest: z.string(), size: Count })),
})

export const COLLECTION = {
  'GET /collection': route({
    summary: 'What waits to be collected, what was, and the jobs that do it',
    access: ADMINISTRATOR,
    result: Collection,
  }),
  'POST /collection/preview': route({
    summary: 'What collection would delete of what nothing keeps, were its time over now; deletes nothing',
    access: ADMINISTRATOR,
    body: z.strictObject({
      limit: z
        .int()
        .min(1)
        .max(100_000)
        .default(10_000)
        .optional()
        .meta({ description: 'Candidates of each kind that are looked at, at most' }),
    }),
    result: Preview,
  }),
  'POST /collection/run': route({
    summary: 'Asks for a round of collection now',
    access: ADMINISTRATOR,
    result: z.strictObject({
      outcome: z.enum(['started', 'finished', 'running', 'paused', 'elsewhere']).meta({
        description:
          'running: one is under way; paused: the job is; elsewhere: other processes collect, by themselves',
      }),
    }),
  }),
  'PUT /jobs/{job}': route({
    summary: 'Pauses a job of the site, or lets it go on',
    access: ADMINISTRATOR,
    body: z.strictObject({ paused: z.boolean() }),
  }),
} as const
