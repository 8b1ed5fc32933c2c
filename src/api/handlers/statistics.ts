import type { Context } from '../../core/context.ts'
import { refuse } from '../../core/errors.ts'
import { parseRepoName, type RepoName } from '../../core/names.ts'
import type { PullDay } from '../../store/meta/lifecycle-store.ts'
import type { Caller } from '../caller.ts'
import { MAX_STARS } from '../contract/common.ts'
import { MAX_PULL_DAYS, PULL_DAYS, type STATISTICS } from '../contract/statistics.ts'
import type { ApiParts, Handlers } from '../handler.ts'
import { pageRequest, pageResult } from '../paging.ts'
import { conflict, Refusal } from '../problem.ts'
import { noRepository } from './repository-names.ts'

/** How repositories are used, and whom they please. */
export const STATISTICS_HANDLERS: Handlers<keyof typeof STATISTICS> = {
  async 'GET /repositories/{repository}/-/pulls'({ path, query: { from, to, format, ...query } }, parts) {
    const { store, clock } = parts
    const repo = parseRepoName(path.repository)
    const span = spanOf(from, to, clock.now())
    if (format === 'csv') {
      if (query.after !== undefined) throw wrong('after', 'a CSV is no page of a list; leave after out')
      return csvOf(repo, span, store)
    }
    const page = await store.listPulls(repo, span, pageRequest(query))
    if (page === undefined) throw noRepository(repo)
    return {
      ...pageResult(page, told, keyOf),
      from: dayText(span.from),
      to: dayText(span.to),
      totals: page.totals,
    }
  },

  async 'PUT /repositories/{repository}/-/star'({ path, caller, ctx }, parts) {
    await setStar(ctx, caller, parseRepoName(path.repository), true, parts)
    return undefined
  },

  async 'DELETE /repositories/{repository}/-/star'({ path, caller, ctx }, parts) {
    await setStar(ctx, caller, parseRepoName(path.repository), false, parts)
    return undefined
  },

  async 'GET /users/{user}/stars'({ ctx, path: { user }, query }, { guard, store }) {
    const visible = await guard.visible(ctx, 'search')
    const page = await store.listStars(user, pageRequest(query), visible)
    return pageResult(
      page,
      (name) => name,
      (name) => name,
    )
  },
}

async function setStar(
  { actor }: Context,
  { kind, whole }: Caller,
  repo: RepoName,
  starred: boolean,
  { store, clock }: Pick<ApiParts, 'store' | 'clock'>,
): Promise<void> {
  if (kind === 'anonymous')
    throw refuse('unauthorized', 'stars are given by people who are signed in; sign in')
  if (kind !== 'user' || actor.kind !== 'account' || !whole) {
    throw refuse(
      'denied',
      'stars are given by people, with their password or a token for ** with every verb; sign in as one',
    )
  }
  const star = { user: actor.name, repo, starred, now: clock.now(), max: MAX_STARS }
  const set = await store.setStar(star)
  if (set === 'absent') throw noRepository(repo)
  if (set === 'too-many')
    throw conflict(`you have given ${MAX_STARS} stars, as many as there may be; take one back first`)
}

const DAY = 86_400_000
const FIRST_DAY = 0
/** 9999-12-31. */
const LAST_DAY = 2_932_896

interface Span {
  readonly from: number
  readonly to: number
}

/** Refuses `query-invalid` for a span that is too long, or ends before it begins. */
function spanOf(from: string | undefined, to: string | undefined, now: number): Span {
  const last = to === undefined ? Math.floor(now / DAY) : dayOf(to)
  const first = from === undefined ? last - PULL_DAYS + 1 : dayOf(from)
  if (first > last)
    throw wrong('from', `${dayText(first)} is behind ${dayText(last)}; name the earlier day first`)
  if (last - first >= MAX_PULL_DAYS)
    throw wrong('from', `these are ${last - first + 1} days; ask for at most ${MAX_PULL_DAYS} at once`)
  return { from: Math.max(first, FIRST_DAY), to: Math.min(Math.max(last, FIRST_DAY), LAST_DAY) }
}

function wrong(at: string, message: string): Refusal {
  return new Refusal('query-invalid', message, [{ at, message }])
}

const dayOf = (text: string) => Math.floor(Date.parse(text) / DAY)
const dayText = (day: number) => new Date(day * DAY).toISOString().slice(0, 10)
const keyOf = ({ day, tag, platform }: PullDay) => `${day}/${tag}/${platform}`

function told({ day, tag, platform, pulls, looks, referrers }: PullDay) {
  return { day: dayText(day), tag: tag || null, platform: platform || null, pulls, looks, referrers }
}

/** Rows that are held in memory at once. */
const PIECE = 1_000

/** The whole span, piece by piece. Nothing in it needs quotes: days, tags and platforms have no commas. */
async function csvOf(repo: RepoName, span: Span, store: ApiParts['store']): Promise<Response> {
  const read = (last?: string) => store.listPulls(repo, span, { limit: PIECE, ...(last && { last }) })
  const first = await read()
  if (first === undefined) throw noRepository(repo)
  async function* lines() {
    yield 'day,tag,platform,pulls,looks,referrers\r\n'
    for (let page: typeof first | undefined = first; page !== undefined; ) {
      yield page.items.map(line).join('')
      const last: PullDay | undefined = page.items.at(-1)
      page = page.more && last !== undefined ? await read(keyOf(last)) : undefined
    }
  }
  return new Response(streamOf(lines()), {
    headers: {
      'Content-Type': 'text/csv; charset=utf-8; header=present',
      'Content-Disposition': 'attachment; filename="pulls.csv"',
    },
  })
}

function line({ day, tag, platform, pulls, looks, referrers }: PullDay): string {
  return `${[dayText(day), tag, platform, pulls, looks, referrers].join(',')}\r\n`
}

function streamOf(texts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await texts.next()
      if (done) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
    async cancel() {
      await texts.return(undefined)
    },
  })
}
