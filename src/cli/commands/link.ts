import type { Command } from 'commander'
import { remote } from '../command.ts'
import { when } from '../output.ts'

const ORGANISATION = ['--org <name>', 'of this organisation, instead of the site'] as const

/** `berth link …` */
export function linkCommands(group: Command): void {
  remote<{ org?: string }>(
    group
      .command('list')
      .alias('ls')
      .description('list open invitations')
      .option(...ORGANISATION),
    async ({ api, out }, { org }) => {
      const { items } =
        org === undefined
          ? await api.call('GET /invitations')
          : await api.call('GET /organisations/{organisation}/invitations', { path: { organisation: org } })
      out.list(items, [
        ['ID', ({ id }) => String(id)],
        [
          'FOR',
          ({ purpose, organisation, role, user }) =>
            organisation === undefined ? (user ?? purpose) : `${role ?? 'member'} of ${organisation}`,
        ],
        ['BY', ({ createdBy }) => createdBy],
        ['ENDS', ({ expiresAt }) => when(expiresAt)],
      ])
    },
  )

  remote<{ org?: string }>(
    group
      .command('revoke')
      .alias('rm')
      .description('withdraw an invitation')
      .argument('<id>')
      .option(...ORGANISATION),
    async ({ api, out }, { org }, id: string) => {
      if (org === undefined) await api.call('DELETE /invitations/{id}', { path: { id } })
      else {
        await api.call('DELETE /organisations/{organisation}/invitations/{id}', {
          path: { organisation: org, id },
        })
      }
      out.done(`withdrew invitation ${id}`)
    },
  )
}
