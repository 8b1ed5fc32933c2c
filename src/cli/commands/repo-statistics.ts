import type { Command } from 'commander'
import { accountOr, allOf, remote, withLimit } from '../command.ts'
import { repositoryOf } from '../parse.ts'
import { UsageError } from '../usage-error.ts'

interface PullOptions {
  readonly from?: string
  readonly to?: string
  readonly csv?: boolean
  readonly json?: boolean
  readonly limit?: number
}

/** `berth repo pulls|star|unstar|stars` */
export function statisticsCommands(group: Command): void {
  remote<PullOptions>(
    withLimit(
      group
        .command('pulls')
        .description('how a repository is used, by day, tag and platform')
        .argument('<repository>')
        .option('--from <day>', 'first day, such as 2027-01-31; 30 days unless told')
        .option('--to <day>', 'last day; today unless told')
        .option('--csv', 'print comma-separated values'),
    ),
    async ({ api, out }, { from, to, csv, json, limit }, given: string) => {
      if (csv && json) throw new UsageError('say --csv or --json, not both')
      const path = { repository: repositoryOf(given) }
      const span = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
      let totals = { pulls: 0, looks: 0, referrers: 0 }
      const rows = await allOf(async (page) => {
        const result = await api.call('GET /repositories/{repository}/-/pulls', {
          path,
          query: { ...page, ...span },
        })
        totals = result.totals
        return result
      }, limit)
      const columns = [
        ['DAY', ({ day }) => day],
        ['TAG', ({ tag }) => tag ?? ''],
        ['PLATFORM', ({ platform }) => platform ?? ''],
        ['PULLS', ({ pulls }) => String(pulls)],
        ['LOOKS', ({ looks }) => String(looks)],
        ['REFERRERS', ({ referrers }) => String(referrers)],
      ] satisfies Parameters<typeof out.list<(typeof rows)[number]>>[1]
      if (csv) {
        out.csv(rows, columns)
        return
      }
      out.list(rows, columns)
      const { pulls, looks, referrers } = totals
      out.note(`in all ${pulls} pulls, ${looks} looks, ${referrers} uses of referrers`)
    },
  )

  remote(
    group.command('star').description('star repositories').argument('<repository...>'),
    async ({ api, out }, _, given: string[]) => {
      for (const repository of given.map(repositoryOf)) {
        await api.call('PUT /repositories/{repository}/-/star', { path: { repository } })
        out.done(`starred ${repository}`)
      }
    },
  )

  remote(
    group.command('unstar').description('take stars back').argument('<repository...>'),
    async ({ api, out }, _, given: string[]) => {
      for (const repository of given.map(repositoryOf)) {
        await api.call('DELETE /repositories/{repository}/-/star', { path: { repository } })
        out.done(`took the star of ${repository} back`)
      }
    },
  )

  remote<{ user?: string; limit?: number }>(
    withLimit(
      group
        .command('stars')
        .description('list the repositories that you have starred')
        .option('--user <name>', 'that someone else has starred'),
    ),
    async (session, { user, limit }) => {
      const path = { user: await accountOr(session, user, '--user') }
      const names = await allOf(
        (query) => session.api.call('GET /users/{user}/stars', { path, query }),
        limit,
      )
      session.out.list(names, [['REPOSITORY', (name) => name]])
    },
  )
}
