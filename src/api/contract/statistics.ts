import { z } from 'zod'
import { Name, PageQuery, pageOf } from './common.ts'
import { onRepository, route, SELF } from './route.ts'

/** Days that one answer may be about. */
export const MAX_PULL_DAYS = 400
/** Days that it is about unless told, the last one included. */
export const PULL_DAYS = 30

export const Day = z.iso.date().meta({ description: 'YYYY-MM-DD, UTC' })

export const UseCounts = z.strictObject({
  pulls: z.int().meta({ description: 'Images and other artifacts that were given out' }),
  looks: z.int().meta({ description: 'HEADs, GETs of an index, and what clients got that do not count' }),
  referrers: z.int().meta({ description: 'Lists of referrers, and signatures and SBOMs that were got' }),
})
export const PullRow = UseCounts.extend({
  day: Day,
  tag: z.string().nullable().meta({ description: 'null: by digest' }),
  platform: z.string().nullable().meta({ description: 'null: not known' }),
})

export const STATISTICS = {
  'GET /repositories/{repository}/-/pulls': route({
    summary: `How a repository is used, by day, tag and platform: within ${MAX_PULL_DAYS} days, the last ${PULL_DAYS} unless told; as CSV, all at once`,
    access: onRepository('pull'),
    query: PageQuery.extend({
      from: Day.optional(),
      to: Day.optional(),
      format: z.enum(['json', 'csv']).optional(),
    }),
    result: pageOf(PullRow).extend({ from: Day, to: Day, totals: UseCounts }),
  }),
  'PUT /repositories/{repository}/-/star': route({
    summary: 'Star a repository',
    access: onRepository('pull'),
  }),
  'DELETE /repositories/{repository}/-/star': route({
    summary: 'Take the star of a repository back',
    access: onRepository('pull'),
  }),
  'GET /users/{user}/stars': route({
    summary: 'Repositories that a user has starred, and whoever asks may pull',
    access: SELF,
    query: PageQuery,
    result: pageOf(Name),
  }),
} as const
