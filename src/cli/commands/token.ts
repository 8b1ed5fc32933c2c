import type { Command } from 'commander'
import { accountOr, remote } from '../command.ts'
import { lastUse, scopesText, when } from '../output.ts'
import { type Allowance, collect, collectAllowances, parseExpiry } from '../parse.ts'

const USER = ['--user <name>', 'whose it is; you, unless told'] as const

/** `berth token …` */
export function tokenCommands(group: Command): void {
  remote<{ scope: Allowance[]; expires?: string; from?: string[]; user?: string }>(
    group
      .command('add')
      .description('make a personal access token and print it')
      .argument('<name>', 'what to call it')
      .requiredOption(
        '--scope <pattern:verbs>',
        'what it may do at most, such as acme/*:pull,push; may come again',
        collectAllowances,
      )
      .option('--expires <when>', 'when it ends: 90d, 2027-01-31; never unless told', parseExpiry)
      .option('--from <network>', 'address or network it may be used from; may come again', collect)
      .option(...USER),
    async (session, { scope, expires, from, user: named }, name: string) => {
      const user = await accountOr(session, named, '--user')
      const made = await session.api.call('POST /users/{user}/tokens', {
        path: { user },
        body: {
          name,
          scopes: scope.map(({ to, verbs }) => ({ pattern: to, verbs })),
          ...(from !== undefined && { networks: from }),
          ...(expires !== undefined && { expiresAt: expires }),
        },
      })
      session.out.secret(
        made,
        made.secret,
        `made token ${made.id} of ${user}, good until ${when(made.expiresAt, 'it is revoked')}, shown this once:`,
      )
    },
  )

  remote<{ user?: string }>(
    group
      .command('list')
      .alias('ls')
      .description('list personal access tokens')
      .option(...USER),
    async (session, { user: named }) => {
      const user = await accountOr(session, named, '--user')
      const { items } = await session.api.call('GET /users/{user}/tokens', { path: { user } })
      session.out.list(items, [
        ['ID', ({ id }) => String(id)],
        ['NAME', ({ name }) => name],
        ['SCOPES', ({ scopes }) => scopesText(scopes)],
        ['FROM', ({ networks }) => networks.join(' ')],
        ['ENDS', ({ expiresAt }) => when(expiresAt, 'never')],
        ['LAST USED', (token) => lastUse(token.lastUsed)],
      ])
    },
  )

  remote<{ user?: string }>(
    group
      .command('revoke')
      .alias('rm')
      .description('end a personal access token')
      .argument('<id>')
      .option(...USER),
    async (session, { user: named }, id: string) => {
      const user = await accountOr(session, named, '--user')
      await session.api.call('DELETE /users/{user}/tokens/{id}', { path: { user, id } })
      session.out.done(`revoked token ${id} of ${user}`)
    },
  )
}
