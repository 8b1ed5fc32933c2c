import { z } from 'zod'
import { BUNDLES, type Bundle, VERBS, type Verb } from '../../core/verbs.ts'

/* Pieces that many schemas share. Objects are strict: what is not listed is refused, not ignored. */

export const MAX_PAGE = 1000
export const PAGE = 50
export const MAX_TEXT = 1000
export const MAX_README = 256 * 1024
/** Of one credential. */
export const MAX_SCOPES = 50
export const MAX_NETWORKS = 50
/** Of one user. */
export const MAX_STARS = 10_000
/** Of one namespace: every repository it gets has as many. */
export const MAX_DEFAULT_GRANTS = 50

export const Time = z.iso.datetime().meta({ description: 'RFC 3339, UTC' })
export const Name = z.string().min(1).max(255)
export const Text = z.string().max(MAX_TEXT)
/** What is given as one's e-mail address; '' for none. Whether mail arrives there, only mail can tell. */
export const Email = Text.refine((text) => text === '' || /^[^\s@]+@[^\s@]+$/.test(text), {
  error: 'is no e-mail address; write it as ada@example.com',
})
export const Visibility = z.enum(['public', 'private'])
export const VerbName = z.enum(Object.keys(VERBS) as [Verb, ...Verb[]])
export const Verbs = z
  .array(z.enum([...Object.keys(VERBS), ...Object.keys(BUNDLES)] as [Verb | Bundle, ...(Verb | Bundle)[]]))
  .min(1)
  .max(8)
  .meta({
    description: 'Verbs, or bundles of them: read (pull), write (pull, push, create-tag), admin (everything)',
  })
export const Pattern = z.string().min(1).max(255).meta({
  description:
    'A repository, or a pattern of at most four wildcards: acme/* (one level), acme/** (all below), ** (every one)',
})
export const Subject = z.string().min(1).max(255).meta({
  description: 'user:NAME, robot:OWNER+NAME, team:ORGANISATION/NAME, everyone (signed in) or anyone',
})
export const Version = z.int().meta({ description: 'For If-Match, as "VERSION"' })
export const ExpiresAt = Time.nullable().meta({ description: 'null: never' })

/** Bounds of a credential. */
export const Scopes = z
  .array(z.strictObject({ pattern: Pattern, verbs: Verbs }))
  .min(1)
  .max(MAX_SCOPES)
  .meta({ description: 'What it may do at most; its account’s rights are the other bound' })
export const Networks = z
  .array(z.string().min(1).max(64))
  .max(MAX_NETWORKS)
  .meta({ description: 'Addresses or CIDR networks it may be used from; empty: any' })

/** Query of every list. */
export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(PAGE).optional(),
  after: z.string().max(512).optional().meta({ description: '`next` of the page before' }),
})

/** A list: its items, and where the next page begins. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({
    items: z.array(item),
    next: z.string().optional().meta({ description: '`after` of the next page; absent on the last' }),
  })

/** Errors (RFC 9457). */
export const Problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  requestId: z.string(),
  errors: z.array(z.strictObject({ at: z.string(), message: z.string() })).optional(),
})
export type Problem = z.infer<typeof Problem>
